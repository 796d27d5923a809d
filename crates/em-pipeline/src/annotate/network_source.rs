//! What a network suggests for a part of a section.

use std::path::PathBuf;

use em_data::Normalization;
use em_io::{Roi, Volume, VoxelSize};
use em_model::{Device, ModelCard, Predictor};
use ndarray::{Array3, Axis, s};

use super::project::Project;
use crate::error::{Result, UserError};
use crate::find_run;

/// Voxels around a part of a section that the network sees besides it.
const HALO: usize = 64;

/// A network that knows at least one class of a project, ready to suggest.
#[derive(Debug)]
pub struct NetworkSource {
    predictor: Predictor,
    normalization: Normalization,
    /// For each class of the project, which output of the network it is.
    outputs: Vec<Option<usize>>,
    /// Threshold of each class of the project.
    thresholds: Vec<f32>,
    title: String,
    digest: String,
}

impl NetworkSource {
    /// Returns which network a project has: the run in use, else the one of the start, else a built-in one
    /// that knows a class. `None` where there is none.
    pub fn plan(project: &Project) -> Option<NetworkPlan> {
        let description = project.description();
        let (path, title) = network_of(project)?;
        let (classes, voxel_size_nm) = (description.classes.clone(), description.voxel_size_nm);
        Some(NetworkPlan { path, title, classes, voxel_size_nm })
    }

    /// Returns what people call it.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the SHA-256 of its weights.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Tells which classes of the project it knows.
    pub fn knows(&self) -> Vec<bool> {
        self.outputs.iter().map(Option::is_some).collect()
    }

    /// Returns the threshold of each class of the project.
    pub fn thresholds(&self) -> &[f32] {
        &self.thresholds
    }

    /// Predicts a part of one section: probabilities `[class, y, x]` of the project's classes, 0 for those
    /// that it does not know.
    ///
    /// # Errors
    ///
    /// Fails if the stack cannot be read or memory runs out.
    pub fn suggest(&self, stack: &Volume, part: Roi) -> Result<Array3<f32>> {
        let (block, within) = self.seen(stack, part)?;
        self.predict(block.view(), part, within)
    }

    /// The same twice: as the network sees it, and as it sees the mirror image.
    ///
    /// # Errors
    ///
    /// As [`suggest`](Self::suggest).
    pub fn suggest_twice(&self, stack: &Volume, part: Roi) -> Result<[Array3<f32>; 2]> {
        let (block, within) = self.seen(stack, part)?;
        let straight = self.predict(block.view(), part, within)?;
        let width = block.len_of(Axis(2));
        let [z, y, x] = within;
        let mirrored = block.slice(s![.., .., ..;-1]);
        let mirrored = self.predict(mirrored, part, [z, y, width - x - part.shape[2]])?;
        Ok([straight, mirrored.slice_move(s![.., .., ..;-1])])
    }

    /// Reads a part of a section with what the network sees around it, and where in that it lies.
    fn seen(&self, stack: &Volume, part: Roi) -> Result<(Array3<f32>, [usize; 3])> {
        let around = [self.predictor.halo_sections(), HALO, HALO];
        let start: [usize; 3] = std::array::from_fn(|axis| part.start[axis].saturating_sub(around[axis]));
        let end = |axis: usize| (part.end()[axis] + around[axis]).min(stack.shape()[axis]);
        let block = stack.read(Roi { start, shape: std::array::from_fn(|axis| end(axis) - start[axis]) })?;
        Ok((block.to_f32(), std::array::from_fn(|axis| part.start[axis] - start[axis])))
    }

    fn predict(
        &self,
        block: ndarray::ArrayView3<'_, f32>,
        part: Roi,
        [z, y, x]: [usize; 3],
    ) -> Result<Array3<f32>> {
        let predicted = self.predictor.predict_sections(block, z..z + 1, self.normalization)?;
        let [_, height, width] = part.shape;
        let mut suggested = Array3::zeros((self.outputs.len(), height, width));
        for (output, mut suggested) in self.outputs.iter().zip(suggested.outer_iter_mut()) {
            if let Some(output) = output {
                suggested.assign(&predicted.slice(s![*output, 0, y..y + height, x..x + width]));
            }
        }
        Ok(suggested)
    }
}

/// Which network is to be loaded, and for what.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    path: PathBuf,
    title: String,
    classes: Vec<String>,
    voxel_size_nm: [f64; 3],
}

impl NetworkPlan {
    /// Loads the network.
    ///
    /// # Errors
    ///
    /// Fails if a file of the network is damaged, if it knows none of the classes, or if the stack's pixels
    /// are too far from its own.
    pub fn load(&self, stack: &Volume, device: Device) -> Result<NetworkSource> {
        let run = find_run(&self.path)?;
        let card = ModelCard::read(&run)?;
        let predictor = Predictor::with_config(&run, device, card.predict.clone().unwrap_or_default())?;
        let pixels = predictor.pixel_match(Some(VoxelSize::new(self.voxel_size_nm)?))?;
        let predictor = predictor.with_pixels(pixels);
        let output = |class: &String| card.classes.iter().position(|known| known == class);
        let outputs: Vec<Option<usize>> = self.classes.iter().map(output).collect();
        if outputs.iter().all(Option::is_none) {
            let message = format!("`{}` finds {}", self.path.display(), card.classes.join(" and "));
            let hint = format!("expected a network of {}", self.classes.join(" or "));
            return Err(UserError::new(message, hint).into());
        }
        let threshold = |class: &String| predictor.rule(class).map_or(0.5, |rule| rule.threshold);
        let thresholds = self.classes.iter().map(threshold).collect();
        let normalization = predictor.normalization(stack)?;
        let (title, digest) = (self.title.clone(), card.weights_sha256.clone().unwrap_or_default());
        Ok(NetworkSource { predictor, normalization, outputs, thresholds, title, digest })
    }
}

/// Where the network of a project lies, and what people call it.
pub(super) fn network_of(project: &Project) -> Option<(PathBuf, String)> {
    let description = project.description();
    if let Some(number) = project.in_use() {
        return Some((project.run(number).path().to_owned(), format!("training {number}")));
    }
    let built_in = |class: &String| em_models::named(class).map(|network| PathBuf::from(network.name));
    let path = description.model.clone().or_else(|| description.classes.iter().find_map(built_in))?;
    let title = match crate::built_in::named(&path) {
        Some(network) => format!("{} (built in)", network.network),
        None => path.display().to_string(),
    };
    Some((path, title))
}
