//! A stack with its labels: opened, then read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_data::{IGNORED, LabelledVolume, Paint, ReviewedRegion, TilingConfig, outlines, without_value};
use em_io::{Mask, MaskValues, Roi, Volume, Voxel, match_voxels};
use em_model::{ModelConfig, PixelMatch, boundary_of};
use em_objects::{Components, Connectivity, Extent};
use ndarray::Array3;

use crate::config::{LabelValues, RunConfig, SourceConfig};
use crate::error::{Result, UserError};
use crate::{Observer, open, pairing};

/// How stacks become the volumes of a training.
pub struct Reading<'a> {
    /// The classes, in the order of the network's channels.
    pub classes: &'a [String],
    /// The network, which may learn outlines.
    pub model: &'a ModelConfig,
    /// The least size of a volume along `[z, y, x]`, at the pixels of the network, where there is more
    /// of the stack: that of a tile.
    pub least: [usize; 3],
    /// Sections above and below a region that the network looks at.
    pub around: usize,
}

impl<'a> Reading<'a> {
    /// Takes from a configuration what matters.
    pub fn new(config: &'a RunConfig, classes: &'a [String]) -> Self {
        let TilingConfig { tile_size, tile_depth, .. } = config.tiling;
        let sections = match config.model.architecture(classes.len().max(1)) {
            Ok(network) if network.dimensions == 2 => network.context_sections,
            _ => 1,
        };
        Self {
            classes,
            model: &config.model,
            least: [tile_depth, tile_size, tile_size],
            around: sections / 2,
        }
    }
}

/// One stack with its labels, opened.
pub struct Stack {
    path: PathBuf,
    /// The raw volume.
    pub raw: Volume,
    /// One label per class.
    pub labels: BTreeMap<String, Volume>,
    /// The part in use.
    pub roi: Roi,
    /// The boxes inside which labels are complete; `None` where they are everywhere.
    pub regions: Option<Vec<ReviewedRegion>>,
    values: LabelValues,
}

impl Stack {
    /// Opens a stack and its labels and checks that their sizes match.
    pub fn open(source: &SourceConfig, observer: &mut Observer<'_>) -> Result<Self> {
        let raw = open(&source.raw, observer)?;
        let [start, end] = source.sections.unwrap_or([0, raw.shape()[0]]);
        if start >= end || end > raw.shape()[0] {
            return Err(UserError::new(
                format!(
                    "sections = [{start}, {end}] of `{}`, which has {} sections",
                    source.raw.display(),
                    raw.shape()[0]
                ),
                "sections are numbered from 0; the second number is one after the last",
            )
            .into());
        }
        let mut labels = BTreeMap::new();
        for (class, path) in &source.labels {
            let label = open(path, observer)?;
            pairing::check(&format!("the label `{class}`"), &raw, &label, observer)?;
            if label.shape() != raw.shape() {
                return Err(em_data::Error::LabelShape {
                    volume: source.raw.display().to_string(),
                    class: format!("{class}` in `{}", path.display()),
                    found: label.shape(),
                    expected: raw.shape(),
                }
                .into());
            }
            labels.insert(class.clone(), label);
        }
        let roi = Roi::sections(raw.shape(), start..end);
        let regions = source.regions.as_deref().map(|path| reviewed(path, raw.shape(), roi)).transpose()?;
        let (path, values) = (source.raw.clone(), source.values);
        Ok(Self { path, raw, labels, roi, regions, values })
    }

    /// Returns the raw volume and the labels, with their files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &Volume)> {
        let volumes = std::iter::once(&self.raw).chain(self.labels.values());
        volumes.map(|volume| (volume.path().unwrap_or(&self.path), volume))
    }

    /// Returns the boxes that become a volume each: the regions, or all of the part in use.
    pub fn boxes(&self) -> Vec<Roi> {
        match &self.regions {
            Some(regions) => regions.iter().map(|region| region.roi).collect(),
            None => vec![self.roi],
        }
    }

    /// Reads the stack as one volume, or each of its regions as one, with masks in the order of the
    /// classes and the outlines of each where the model learns them; all of it at other pixels where
    /// `pixels` says so.
    ///
    /// A region that is smaller than a tile is read with what lies around it, which no one labelled.
    pub fn read(&self, reading: &Reading<'_>, pixels: Option<PixelMatch>) -> Result<Vec<LabelledVolume>> {
        let name = self.path.display().to_string();
        let Some(regions) = &self.regions else {
            return Ok(vec![self.read_box(name, reading, pixels, self.roi, self.roi)?]);
        };
        let volumes = regions.iter().map(|region| {
            let grown = self.grown(region.roi, reading, pixels);
            self.read_box(format!("{name}, region {}", region.name), reading, pixels, region.roi, grown)
        });
        volumes.collect()
    }

    /// A region, with as much around it as a tile and its neighbours need and the stack has.
    fn grown(&self, region: Roi, reading: &Reading<'_>, pixels: Option<PixelMatch>) -> Roi {
        let [y, x] = pixels.map_or([1.0; 2], |pixels| pixels.factors());
        Roi::from(std::array::from_fn(|axis| {
            let (from, to) = (self.roi.start[axis], self.roi.end()[axis]);
            let factor = [1.0, y, x][axis];
            // Sizes of tiles are far below 2^52.
            let least = (reading.least[axis] as f64 / factor).ceil() as usize;
            let around = if axis == 0 { reading.around } else { 0 };
            let (mut start, mut end) = (region.start[axis], region.end()[axis]);
            let missing = least.saturating_sub(end - start);
            start = start.saturating_sub(around.max(missing / 2)).max(from);
            end = (end + around.max(missing - missing / 2)).min(to);
            // At the border of the stack the other side gives more.
            let missing = least.saturating_sub(end - start);
            end = (end + missing).min(to);
            start = start.saturating_sub(least.saturating_sub(end - start)).max(from);
            start..end
        }))
    }

    /// Reads `read`, of which `labelled` is labelled.
    fn read_box(
        &self,
        name: String,
        reading: &Reading<'_>,
        pixels: Option<PixelMatch>,
        labelled: Roi,
        read: Roi,
    ) -> Result<LabelledVolume> {
        let mut masks = Vec::new();
        let mut unknown = Vec::new();
        for class in reading.classes {
            let label = &self.labels[class];
            let size = label.voxel_size_nm();
            if self.values == LabelValues::Scribbles {
                let Scribbles { foreground, unknown: of_class } = Scribbles::read(label, read)?;
                masks.push((class.clone(), Mask::new(foreground, size)));
                unknown.push((class.clone(), Mask::new(of_class, size)));
            } else if reading.model.learns_boundaries() {
                let objects = objects(label, read)?;
                let outlines = outlines(objects.view(), reading.model.boundary_width);
                masks.push((boundary_of(class), Mask::new(outlines, size)));
                masks.push((class.clone(), Mask::new(objects.mapv(|object| object > 0), size)));
            } else {
                masks.push((class.clone(), Mask::from_volume(label, read)?));
            }
        }
        let mut raw = self.raw.read(read)?;
        let of_label = self.labels.get(IGNORED).map(|label| Mask::from_volume(label, read)).transpose()?;
        let mut ignored = either(of_label, (labelled != read).then(|| outside(labelled, read)));
        if let Some(pixels) = pixels {
            // Resampling fills gaps, which stay labelled by no one.
            ignored = either(ignored, without_value(&raw).map(|gaps| Mask::new(gaps, None)));
            raw = pixels.of_grey_values(&raw);
            for (_, mask) in masks.iter_mut().chain(&mut unknown) {
                *mask = pixels.of_mask(mask);
            }
            ignored = ignored.map(|ignored| pixels.of_mask(&ignored));
        }
        let mut volume = LabelledVolume::new(name, raw, masks)?;
        for (class, unknown) in unknown {
            volume = volume.with_unknown(&class, unknown)?;
        }
        Ok(match ignored {
            Some(ignored) => volume.with_ignored(ignored)?,
            None => volume,
        })
    }
}

/// Reads the regions of a stack, all of which lie in the part that is in use.
pub fn reviewed(path: &Path, shape: [usize; 3], used: Roi) -> Result<Vec<ReviewedRegion>> {
    let regions = ReviewedRegion::read_all(path)?;
    for region in &regions {
        region.expect_within(path, shape)?;
        if region.roi.intersection(used) != Some(region.roi) {
            let [first, end] = [used.start[0], used.end()[0]];
            let message = format!(
                "`{}` holds the region `{}`, which is not within sections = [{first}, {end}]",
                path.display(),
                region.name
            );
            return Err(UserError::new(message, "use all sections, or leave the region out").into());
        }
    }
    Ok(regions)
}

/// What of `read` does not lie in `labelled`.
fn outside(labelled: Roi, read: Roi) -> Mask {
    let [z, y, x] = labelled.ranges();
    let [z0, y0, x0] = read.start;
    let voxels = Array3::from_shape_fn(read.shape, |(dz, dy, dx)| {
        !(z.contains(&(z0 + dz)) && y.contains(&(y0 + dy)) && x.contains(&(x0 + dx)))
    });
    Mask::new(voxels, None)
}

fn either(a: Option<Mask>, b: Option<Mask>) -> Option<Mask> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Mask::new(&a.view() | &b.view(), None)),
        (a, b) => a.or(b),
    }
}

/// Strokes of a class, `[z, y, x]`.
struct Scribbles {
    foreground: Array3<bool>,
    unknown: Array3<bool>,
}

impl Scribbles {
    /// Reads a label of 0 for unknown, 1 for background and 2 for foreground.
    fn read(label: &Volume, roi: Roi) -> Result<Self> {
        let voxels = label.read(roi)?;
        let numbers: Array3<f64> = match_voxels!(&voxels, array => array.mapv(Voxel::to_f64));
        let is = |value: f64, paint: Paint| value == f64::from(u8::from(paint));
        let paints = [Paint::Unknown, Paint::Background, Paint::Foreground];
        if let Some(value) = numbers.iter().find(|&&value| !paints.iter().any(|&paint| is(value, paint))) {
            let path = label.path().unwrap_or(Path::new("memory"));
            return Err(UserError::new(
                format!("label `{}` holds {value}, expected 0, 1 and 2", path.display()),
                "with values = \"scribbles\" a label is 0 where it is unknown, 1 on background, 2 on foreground",
            )
            .into());
        }
        Ok(Self {
            foreground: numbers.mapv(|value| is(value, Paint::Foreground)),
            unknown: numbers.mapv(|value| is(value, Paint::Unknown)),
        })
    }
}

/// The objects of a label `[z, y, x]`: its numbers, or the connected parts of a mask.
fn objects(label: &Volume, roi: Roi) -> Result<Array3<u32>> {
    let voxels = label.read(roi)?;
    let mut values = MaskValues::default();
    (0..roi.shape[0]).for_each(|z| values.add_section(&voxels, z));
    let numbers: Array3<f64> = match_voxels!(&voxels, array => array.mapv(Voxel::to_f64));
    if values.is_mask() {
        let mask = numbers.mapv(|value| value > 0.0);
        return Ok(Components::of(mask.view(), Extent::Volume, Connectivity::Corners).labels());
    }
    let is_number = |value: f64| (0.0..=f64::from(u32::MAX)).contains(&value) && value.fract() == 0.0;
    if let Some(value) = numbers.iter().find(|&&value| !is_number(value)) {
        let path = label.path().unwrap_or(Path::new("memory"));
        return Err(UserError::new(
            format!("label `{}` holds {value}, expected whole numbers of objects, or a mask", path.display()),
            "with model.targets = [\"mask\", \"boundary\"] a label numbers its objects from 1, or holds 0 and 255",
        )
        .into());
    }
    // Checked to be whole and in range.
    Ok(numbers.mapv(|value| value as u32))
}
