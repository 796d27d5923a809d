//! Stacks that nobody labelled: some sections of each, and what a network is sure of in them.

use std::path::Path;

use em_data::{LabelledVolume, Normalization, Region};
use em_io::{Mask, Roi, VoxelSize, Voxels};
use em_model::{Device, PixelMatch, Predictor, RunFolder};
use ndarray::{Array3, Array4, Axis, Zip};

use super::Dataset;
use crate::config::RunConfig;
use crate::error::{Result, UserError};
use crate::{Observer, Stage, open};

/// Sections that are taken of all stacks together at most, and their voxels at the network's pixels, and
/// the edge of what is taken in the middle of each: time and memory are bounded by them.
const SECTIONS: usize = 64;
const VOXELS: f64 = 12e6;
const EDGE: f64 = 1024.0;

/// A network is asked at several pixel sizes, and at its own in all mirrored and turned views: the mean is
/// better than any of the answers (docs/results.md).
const SCALES: [f64; 3] = [1.0, 0.8, 1.25];
const VIEWS: usize = 8;

/// How far a mean probability has to be above, or below, the threshold of a class to be learned as
/// foreground, or as background.
const ABOVE: f32 = 0.05;
const BELOW: f32 = 0.2;

/// What a block is called, and its voxels, `[z, y, x]`.
type NamedBlock = (String, Voxels);

/// Sections without labels.
#[derive(Debug)]
pub struct UnlabelledSet {
    /// As many sections each as the network looks at.
    blocks: Vec<NamedBlock>,
    /// Fitted on them.
    pub normalization: Normalization,
    /// Of their pixels when the network sees them.
    pub voxel_size: Option<VoxelSize>,
    /// Whether the network looks at several sections to label the one in the middle.
    sees_context: bool,
}

impl UnlabelledSet {
    /// Reads what a configuration names, at the pixels that the network learns at; `None` where it
    /// names nothing.
    pub fn read(
        config: &RunConfig,
        classes: &[String],
        learned: Option<VoxelSize>,
        observer: &mut Observer<'_>,
    ) -> Result<Option<Self>> {
        let paths = &config.data.unlabelled;
        let (mut blocks, mut voxel_size) = (Vec::new(), None);
        for path in paths {
            let (of_stack, size) = read_stack(path, config, classes, learned, paths.len(), observer)?;
            blocks.extend(of_stack);
            voxel_size = voxel_size.or(size);
        }
        if blocks.is_empty() {
            return Ok(None);
        }
        let raw: Vec<Voxels> = blocks.iter().map(|(_, raw)| raw.clone()).collect();
        let normalization = Normalization::fit(&config.normalization, &raw, config.tiling.tile_size)?;
        let sees_context = config.model.architecture(classes.len())?.context_sections > 1;
        Ok(Some(Self { blocks, normalization, voxel_size, sees_context }))
    }

    /// Returns the blocks, `[z, y, x]`.
    pub fn blocks(&self) -> impl Iterator<Item = &Voxels> {
        self.blocks.iter().map(|(_, raw)| raw)
    }

    /// Returns the sections with masks of what a network is sure of; the rest is unknown, and all of a
    /// class of which it is sure nowhere, so that nothing is unlearned.
    pub fn labelled_by(
        &self,
        teacher: &RunFolder,
        config: &RunConfig,
        device: Device,
        observer: &mut Observer<'_>,
    ) -> Result<Vec<LabelledVolume>> {
        let asked = SCALES.map(|scale| asked(teacher, config, scale, device));
        let asked = asked.into_iter().collect::<Result<Vec<_>>>()?;
        let shape = self.blocks.first().map_or([0; 3], |(_, raw)| raw.shape());
        let labelled =
            observer.stage(Stage::sections([self.blocks.len(), shape[1], shape[2]]), |observer| {
                let label = |(name, raw): &NamedBlock| {
                    let labelled = self.labelled(name, raw, &asked)?;
                    observer.advance(1)?;
                    Ok(labelled)
                };
                self.blocks.iter().map(label).collect::<Result<Vec<_>>>()
            })?;
        sure_somewhere(labelled, &asked[0].card().classes)
    }

    fn labelled(&self, name: &str, raw: &Voxels, asked: &[Predictor]) -> Result<LabelledVolume> {
        let mean = self.mean(raw, asked)?;
        let (mut masks, mut unknown) = (Vec::new(), Vec::new());
        for (number, class) in asked[0].card().classes.iter().enumerate() {
            let threshold = asked[0].rule(class)?.threshold;
            let probabilities = mean.index_axis(Axis(0), number);
            masks.push((class.clone(), Mask::new(probabilities.mapv(|p| p > threshold), None)));
            let mut unsure = probabilities.mapv(|p| p > threshold - BELOW && p < threshold + ABOVE);
            if self.sees_context {
                let middle = unsure.len_of(Axis(0)) / 2;
                let others = unsure.outer_iter_mut().enumerate().filter(|(z, _)| *z != middle);
                others.for_each(|(_, mut section)| section.fill(true));
            }
            unknown.push((class.clone(), Mask::new(unsure, None)));
        }
        let mut volume = LabelledVolume::new(name, raw.clone(), masks)?;
        for (class, unknown) in unknown {
            volume = volume.with_unknown(&class, unknown)?;
        }
        Ok(volume)
    }

    /// The mean of what is answered at all sizes, `[class, z, y, x]`.
    fn mean(&self, raw: &Voxels, asked: &[Predictor]) -> Result<Array4<f32>> {
        let grey = raw.to_f32();
        let sections = 0..raw.shape()[0];
        let mut sum: Option<Array4<f32>> = None;
        for predictor in asked {
            let normalization = self.normalization_for(predictor);
            let answer = predictor.predict_sections(grey.view(), sections.clone(), normalization)?;
            sum = Some(match sum {
                None => answer,
                Some(mut sum) => {
                    Zip::from(&mut sum).and(&answer).for_each(|sum, &p| *sum += p);
                    sum
                }
            });
        }
        let count = asked.len().max(1) as f32;
        Ok(sum.unwrap_or_default().mapv_into(|sum| sum / count))
    }

    /// The normalisation with which a network is asked: fitted on these sections where it is used so.
    pub fn normalization_for(&self, predictor: &Predictor) -> Normalization {
        let fits_anew = predictor.config().refit_normalization;
        if fits_anew { self.normalization } else { predictor.card().normalization }
    }
}

/// Makes unknown what would teach that a class is nowhere.
fn sure_somewhere(mut volumes: Vec<LabelledVolume>, classes: &[String]) -> Result<Vec<LabelledVolume>> {
    let is_sure = |volume: &LabelledVolume, class: usize| {
        let mask = volume.mask(class);
        volume.ignored(class).is_none_or(|out| Zip::from(mask).and(out).any(|&inside, &out| inside && !out))
    };
    let mut sure = 0;
    for (number, class) in classes.iter().enumerate() {
        if volumes.iter().any(|volume| is_sure(volume, number)) {
            sure += 1;
            continue;
        }
        let everywhere = |volume: LabelledVolume| {
            let all = Mask::new(Array3::from_elem(volume.shape(), true), None);
            volume.with_unknown(class, all)
        };
        volumes = volumes.into_iter().map(everywhere).collect::<em_data::Result<_>>()?;
    }
    if sure == 0 {
        let message =
            format!("the network is sure of no {} in the sections without labels", classes.join(" and no "));
        let hint = "see with `em-cli scales` whether their pixel size is right, or label a few regions";
        return Err(UserError::new(message, hint).into());
    }
    Ok(volumes)
}

/// A network for pixels that are taken to be larger, or smaller, than they are.
fn asked(teacher: &RunFolder, config: &RunConfig, scale: f64, device: Device) -> Result<Predictor> {
    let mut predict = config.predict.clone();
    predict.views = if scale == 1.0 { VIEWS } else { 1 };
    let pixels = (scale != 1.0).then(|| PixelMatch::by([scale; 2]));
    Ok(Predictor::with_config(teacher, device, predict)?.with_pixels(pixels))
}

impl Dataset {
    /// Puts what a network labelled behind what people did, and returns where it lies.
    pub fn push_labelled(&mut self, volumes: Vec<LabelledVolume>) -> Result<Vec<Region>> {
        let mut regions = Vec::new();
        for volume in volumes {
            let roi = Roi::whole(volume.shape());
            regions.push(Region { volume: self.set.volumes().len(), roi });
            self.set.push(volume)?;
        }
        Ok(regions)
    }

    /// Leaves what people labelled.
    pub fn forget_labelled(&mut self) {
        self.set.truncate(self.labelled);
    }
}

/// Reads blocks of sections from a stack, one of several, and tells the size of their voxels.
fn read_stack(
    path: &Path,
    config: &RunConfig,
    classes: &[String],
    learned: Option<VoxelSize>,
    stacks: usize,
    observer: &mut Observer<'_>,
) -> Result<(Vec<NamedBlock>, Option<VoxelSize>)> {
    let volume = open(path, observer)?;
    let size = config.data.voxel_size_nm.or(volume.voxel_size());
    let pixels = match (size, learned) {
        (Some(size), Some(learned)) => PixelMatch::new(size, learned)?,
        (None, Some(learned)) => {
            observer.warn(&format!(
                "`{}` tells no voxel size; its pixels are taken to be those of the training, {learned} [z, y, x]",
                path.display()
            ))?;
            None
        }
        (size, None) => config.data.pixels(size)?,
    };
    let network = config.model.architecture(classes.len())?;
    let depth = if network.dimensions == 3 { config.tiling.tile_depth } else { network.context_sections };
    let (shape, sections) = (volume.shape(), volume.shape()[0]);
    let factors = pixels.map_or([1.0; 2], |pixels| pixels.factors());
    // A cast from float saturates.
    let edges = factors.map(|factor| (EDGE / factor).ceil() as usize);
    let [_, height, width] = Roi::middle(shape, 0..depth, edges).shape;
    let tile = config.tiling.tile_size;
    let [seen_y, seen_x] = pixels.map_or([height, width], |pixels| pixels.network_size([height, width]));
    if sections < depth || seen_y.min(seen_x) < tile {
        return Err(UserError::new(
            format!(
                "`{}` has {sections} sections of {seen_y} x {seen_x} of the network's pixels, expected at least {depth} of {tile} x {tile}",
                path.display()
            ),
            "take a larger stack, or lower tiling.tile_size",
        )
        .into());
    }
    let affordable = (VOXELS / (seen_y * seen_x) as f64) as usize;
    let most = affordable.min(SECTIONS) / stacks.max(1) / depth;
    let blocks = most.clamp(1, sections / depth);
    let read = |number: usize| {
        let z = number * (sections - depth) / (blocks - 1).max(1);
        let raw = volume.read(Roi::middle(shape, z..z + depth, edges))?;
        let raw = pixels.map_or_else(|| raw.clone(), |pixels| pixels.of_grey_values(&raw));
        Ok((format!("{}, section {z}", path.display()), raw))
    };
    let read = (0..blocks).map(read).collect::<Result<_>>()?;
    let size = match (size, pixels) {
        (Some(size), Some(pixels)) => Some(VoxelSize::new(pixels.trained_nm(size.nm()))?),
        (size, _) => size,
    };
    Ok((read, size))
}
