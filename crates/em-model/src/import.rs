//! Networks of other programs as runs: ONNX and TorchScript files.
//!
//! | file | owns |
//! |---|---|
//! | `import.rs` | what is known of such a network, what is asked of it, and the run |
//! | `import/opened.rs` | the file, and running it at any size |
//! | `import/probe.rs` | what is found out by running it: sizes, what its numbers are, and all that follows |
//! | `import/reach.rs` | how far it sees, and on what grid |
//! | `import/memory.rs` | what it takes in memory, as measured |
//!
//! What runs it afterwards is in `network/imported.rs`.

mod memory;
mod opened;
mod probe;
mod reach;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use em_data::{Fitting, Normalization, settings};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use tch::Tensor;

use self::opened::Opened;
use crate::error::Computed;
use crate::network::{
    Architecture, ClassOutput, Engine, Imported, MOST_EDGE, MOST_SIZE, MOST_VOXELS, Mode, Network,
    NetworkFile, Raw, Sizes, class_probabilities,
};
use crate::run::{FORMAT_VERSION, checkpoint, problem_of_classes};
use crate::train::generator;
use crate::{Device, Error, ModelCard, PredictConfig, Result, RunFolder};

/// The file of a network.
#[derive(Clone, Debug)]
pub struct NetworkWeights {
    /// What it is.
    pub engine: Engine,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The folder in which weights lie that an ONNX file keeps beside itself.
    pub folder: Option<PathBuf>,
}

/// What is known of a network, or wanted of it; what is absent is found out by running it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Wishes {
    /// Axes of its input, as `bcyx`.
    pub axes: Option<String>,
    /// Axes of its output; those of the input where this is absent.
    pub output_axes: Option<String>,
    /// Which output is used: its number from 0, or its name in an ONNX file.
    pub output: Option<String>,
    /// How many channels its input has, where a script does not tell.
    pub in_channels: Option<usize>,
    /// What the numbers of the output are.
    pub raw: Option<Raw>,
    /// Names of the classes, and their channels. Without channels, the channels in their order; after the first,
    /// which is background, where a softmax has one more than there are classes.
    pub classes: Vec<(String, Option<ClassOutput>)>,
    /// Whether the channels of the input are neighbouring sections; the grey value is repeated in them otherwise.
    pub sees_sections: bool,
    /// The sizes that it takes along z, y and x.
    pub sizes: Option<[Sizes; 3]>,
    /// How far it sees along z, y and x.
    pub halo: Option<[usize; 3]>,
    /// How grey values are normalised.
    pub normalization: Option<Normalization>,
    /// How that is fitted on each volume, where the settings of the prediction say that it is.
    pub fitting: Option<Fitting>,
    /// How it predicts.
    pub predict: PredictConfig,
    /// Voxel size of what it was trained on in nm, `[z, y, x]`.
    pub voxel_size_nm: Option<[f64; 3]>,
}

/// What a network, or who imports it, has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lacking {
    /// How grey values are normalised.
    Normalization,
    /// Names of classes.
    Classes,
    /// Which channels the classes are.
    Channels,
    /// What the numbers of the output are.
    Values,
    /// Axes of the input.
    Axes,
    /// Axes of the output.
    OutputAxes,
    /// Which output is used.
    Output,
    /// A file with one input, the picture, in floats.
    OneInput,
    /// Whether channels are neighbouring sections.
    Sections,
    /// How far it sees.
    Halo,
    /// A file of operators that are known.
    Operators,
    /// A network beside its weights.
    Network,
    /// A size that the network takes.
    Size,
    /// Weights that are whole, and of this network.
    Weights,
    /// A file that is whole.
    Whole,
}

/// A network that can be written as a run.
#[derive(Debug)]
pub struct ImportedNetwork {
    card: ModelCard,
    weights: BTreeMap<String, Tensor>,
    outputs: Vec<String>,
    seam: Option<f64>,
    sees_all: bool,
}

/// Tensors by their names: shapes, and numbers with the last axis fastest.
pub type NamedTensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Makes a run of weights of one of our own networks.
///
/// # Errors
///
/// [`Error::Import`] where something has to be told, or the weights are not those of the network.
pub fn import_own(
    architecture: Architecture,
    tensors: NamedTensors,
    wishes: &Wishes,
) -> Result<ImportedNetwork> {
    Ok(imported_own(architecture, tensors, wishes)?)
}

fn imported_own(
    architecture: Architecture,
    tensors: NamedTensors,
    wishes: &Wishes,
) -> Computed<ImportedNetwork> {
    let normalization = checked(wishes)?;
    let (classes, outputs) = (wishes.classes.len(), architecture.out_channels);
    let exclusive = wishes.raw == Some(Raw::Softmax);
    if wishes.raw == Some(Raw::Probabilities) {
        let problem = "weights of such a network give logits, not probabilities".into();
        return Err(Error::Import { problem, lacking: Lacking::Values }.into());
    }
    if outputs > 1 && wishes.raw.is_none() {
        let problem =
            format!("the network gives logits in {outputs} channels, and nothing says what they are");
        return Err(Error::Import { problem, lacking: Lacking::Values }.into());
    }
    let first = usize::from(exclusive);
    let is_told = |number: usize, output: &Option<ClassOutput>| {
        output.as_ref().is_none_or(|output| *output == ClassOutput::channel(first + number))
    };
    let in_order = wishes.classes.iter().enumerate().all(|(number, (_, output))| is_told(number, output));
    if classes + first > outputs || !in_order {
        let problem = format!(
            "the network has {outputs} channels, and {classes} classes are named, expected its first ones in order"
        );
        return Err(Error::Import { problem, lacking: Lacking::Channels }.into());
    }
    let context_sections = if wishes.sees_sections { architecture.in_channels } else { 1 };
    let architecture = Architecture { exclusive, context_sections, ..architecture };
    settings::first(architecture.problems(classes)).map_err(Error::from)?;
    let weights = tensors.into_iter().map(|(name, (shape, values))| {
        let shape: Vec<i64> = shape.into_iter().map(|edge| edge as i64).collect();
        Ok((name, Tensor::f_from_slice(&values)?.f_view(shape.as_slice())?))
    });
    let weights = weights.collect::<Computed<BTreeMap<_, _>>>()?;
    let mut net = Network::unfilled(&architecture, Device::Cpu)?;
    if let Some(difference) = net.parameters_mut().load(&weights)? {
        let problem = format!("the weights are not those of the network: {difference}");
        return Err(Error::Import { problem, lacking: Lacking::Weights }.into());
    }
    Ok(ImportedNetwork {
        card: card(architecture, normalization, wishes),
        weights,
        outputs: Vec::new(),
        seam: None,
        sees_all: false,
    })
}

/// Makes a run's network of a file, and runs it a few times to find out what it takes.
///
/// # Errors
///
/// [`Error::Import`] where it cannot be used, or where something has to be told; and if memory runs out.
pub fn import(file: NetworkWeights, wishes: &Wishes) -> Result<ImportedNetwork> {
    Ok(imported(file, wishes)?)
}

fn imported(file: NetworkWeights, wishes: &Wishes) -> Computed<ImportedNetwork> {
    let normalization = checked(wishes)?;
    let _alone = generator::kept();
    let idle = memory::resident();
    let mut opened = Opened::new(file, wishes)?;
    let channels = opened.in_channels;
    if wishes.sees_sections && channels.is_multiple_of(2) {
        let problem =
            format!("the network takes {channels} channels, of which none is the section in the middle");
        return Err(Error::Import { problem, lacking: Lacking::Sections }.into());
    }
    let found = probe::probe(&mut opened, wishes, idle)?;
    let parameters = opened.parameters();
    let (engine, bytes) = opened.file();
    let imported = Imported {
        engine,
        network: NetworkFile::of(bytes),
        input_axes: opened.axes.clone(),
        output_axes: opened.output_axes.clone(),
        output: opened.output,
        raw: found.raw,
        classes: found.classes,
        sizes: found.sizes,
        fewer: found.fewer,
        before: found.before,
        stride: found.stride,
        halo: found.halo,
        one_at_a_time: found.one_at_a_time,
        parameters,
        trainable: opened.trainable(&found.untrained),
        untrained: found.untrained,
        bytes_per_voxel: found.bytes_per_voxel,
        training_bytes_per_voxel: found.training_bytes_per_voxel,
    };
    let context = if wishes.sees_sections { opened.in_channels } else { 1 };
    let architecture = Architecture::of_imported(opened.dimensions(), opened.in_channels, context, imported);
    settings::first(architecture.problems(wishes.classes.len())).map_err(Error::from)?;
    let card = card(architecture, normalization, wishes);
    let outputs = opened.outputs();
    let (seam, sees_all) = (found.seam, found.sees_all);
    Ok(ImportedNetwork { card, weights: opened.weights, outputs, seam, sees_all })
}

/// What has to be told of every network.
fn checked(wishes: &Wishes) -> Result<Normalization> {
    wishes.predict.check()?;
    if let Some(sizes) = &wishes.sizes {
        let edges = sizes.map(|sizes| sizes.smallest);
        let voxels = edges.iter().fold(1, |product: usize, edge| product.saturating_mul(*edge));
        if edges.iter().any(|edge| !(1..=MOST_EDGE).contains(edge)) || voxels > MOST_SIZE {
            let problem = format!("the size {edges:?} [z, y, x] is none that a network takes at once");
            return Err(Error::Import { problem, lacking: Lacking::Size });
        }
    }
    if let Some(halo) = wishes.halo.filter(|halo| halo.iter().any(|edge| *edge >= MOST_VOXELS)) {
        let problem = format!("the halo is {halo:?} [z, y, x], expected less than {MOST_VOXELS} voxels");
        return Err(Error::Import { problem, lacking: Lacking::Halo });
    }
    let names: Vec<String> = wishes.classes.iter().map(|(name, _)| name.clone()).collect();
    if let Some(problem) = problem_of_classes(&names) {
        let problem = format!("the import {problem}");
        return Err(Error::Import { problem, lacking: Lacking::Classes });
    }
    wishes.normalization.ok_or_else(|| Error::Import {
        problem: "nothing says how grey values are normalised before they go in".into(),
        lacking: Lacking::Normalization,
    })
}

/// The card of a network that no training here has made.
fn card(architecture: Architecture, normalization: Normalization, wishes: &Wishes) -> ModelCard {
    let names: Vec<String> = wishes.classes.iter().map(|(name, _)| name.clone()).collect();
    ModelCard {
        format_version: FORMAT_VERSION,
        weights_sha256: None,
        tile_size: found_tile(&architecture)[1],
        architecture,
        classes: names.clone(),
        normalization,
        fitting: wishes.fitting.clone(),
        predict: Some(wishes.predict.clone()),
        thresholds_of_version_1: BTreeMap::new(),
        training_voxels: None,
        voxel_size_nm: wishes.voxel_size_nm,
        seed: 0,
        epoch: 0,
        em_model: env!("CARGO_PKG_VERSION").into(),
        libtorch: crate::LIBTORCH_VERSION.into(),
        leaking_split: false,
        validation: names.into_iter().map(|name| (name, Default::default())).collect(),
    }
}

/// Sections and edge of a tile to train with: 128 voxels, or a box of 16 sections in 3D.
fn found_tile(architecture: &Architecture) -> [usize; 2] {
    let [depth, edge] = if architecture.dimensions == 3 { [16, 64] } else { [1, 128] };
    architecture.imported.as_ref().map_or([depth, edge], |imported| imported.training_tile(depth, edge))
}

impl ImportedNetwork {
    /// Returns what is known of the network.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Returns what was found out of it; `None` of one of our own.
    pub fn found(&self) -> Option<&Imported> {
        self.card.architecture.imported.as_deref()
    }

    /// Returns the names of the outputs that the file's network has, numbers where they have none; none of one of our
    /// own.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Returns a tile to train with: its sections and its edge.
    pub fn training_tile(&self) -> [usize; 2] {
        found_tile(&self.card.architecture)
    }

    /// Returns how far the probabilities of a tile were from those of the whole, at most; `None` where no whole
    /// was wide enough to tell.
    pub fn seam(&self) -> Option<f64> {
        self.seam
    }

    /// Returns whether each voxel depends on all that goes through the network at once, as under norms of a tile.
    pub fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// Computes probabilities `[batch, class, (z,) y, x]` of an input `[batch, channel, (z,) y, x]` that is
    /// normalised already, on the processor.
    ///
    /// # Errors
    ///
    /// Fails if the network does not take it.
    pub fn probabilities(&self, input: ArrayViewD<'_, f32>) -> Result<ArrayD<f32>> {
        Ok(self.computed(input)?)
    }

    fn computed(&self, input: ArrayViewD<'_, f32>) -> Computed<ArrayD<f32>> {
        let _guard = tch::no_grad_guard();
        let mut net = Network::unfilled(&self.card.architecture, Device::Cpu)?;
        if let Some(difference) = net.parameters_mut().load(&self.weights)? {
            return Err(Error::Torch(difference).into());
        }
        let flat: Vec<f32> = input.iter().copied().collect();
        let shape: Vec<i64> = input.shape().iter().map(|&edge| edge as i64).collect();
        let logits = net.forward(&Tensor::f_from_slice(&flat)?.f_view(shape.as_slice())?, Mode::Inference)?;
        let output = class_probabilities(&logits, self.card.classes.len() as i64, false)?;
        let shape: Vec<usize> = output.size().iter().map(|&edge| edge as usize).collect();
        let flat = Vec::try_from(output.f_contiguous()?.f_view(-1)?)?;
        Ok(ArrayD::from_shape_vec(IxDyn(&shape), flat).expect("a tensor has as many numbers as its shape"))
    }

    /// Writes the network as a run: weights, the network's own file, and the card, which comes last.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be written.
    pub fn write(&self, run: &RunFolder) -> Result<()> {
        let weights_sha256 = Some(checkpoint::write_weights(run, &self.weights)?);
        ModelCard { weights_sha256, ..self.card.clone() }.write(run)
    }
}
