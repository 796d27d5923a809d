//! A network of another program as a run: ONNX, TorchScript, a package of the BioImage Model Zoo, weights of
//! PyTorch.
//!
//! | file | owns |
//! |---|---|
//! | `import/mod.rs` | what is asked for, and the run |
//! | `import/file.rs` | what a file is |
//! | `import/source.rs` | the network in it, and what the file tells |
//! | `import/package/` | packages of the BioImage Model Zoo |
//! | `import/weights/` | weights of networks that are known by name |
//! | `import/words.rs` | classes and channels as they are typed |
//!
//! What a network takes and gives is found out by em-model (`em_model::import`).

mod file;
mod package;
mod source;
pub mod weights;
mod words;

use std::path::{Path, PathBuf};

use em_data::{Fitting, Normalization, NormalizationKind};
use em_io::VoxelSize;
use em_model::{
    Architecture, ClassOutput, Engine, ImportedNetwork, ModelConfig, Norm, Preset, Raw, RunFolder,
};

use self::source::{Given, Source};
pub use self::words::class_output;
use crate::error::{Context, Result, UserError};
use crate::staged::Staged;
use crate::{Observer, RunConfig};

/// The file that says what a run was imported from.
const TOLD: &str = "import.json";

/// How grey values are normalised before they go into a network.
#[derive(Clone, Debug, PartialEq)]
pub enum Normalizing {
    /// By the statistics of each stack that is predicted.
    OfEachStack(Fitting),
    /// By these numbers.
    Fixed(Normalization),
}

impl Normalizing {
    /// The normalisation of a model card.
    fn of_card(&self) -> Normalization {
        match self {
            Self::Fixed(normalization) => *normalization,
            // Numbers that nothing is computed with: each stack has its own.
            Self::OfEachStack(fitting) => match fitting.config.kind {
                NormalizationKind::Zscore => Normalization::Zscore { mean: 0.0, std: 1.0 },
                NormalizationKind::Robust => Normalization::Robust { mean: 0.0, std: 1.0 },
                NormalizationKind::MinMax => Normalization::MinMax { min: 0.0, max: 255.0 },
                NormalizationKind::Percentile => Normalization::Percentile { low: 0.0, high: 255.0 },
                NormalizationKind::Scale => Normalization::Scale { divisor: 255.0 },
                NormalizationKind::L2Axis1 => Normalization::L2Axis1 { tile_size: 256 },
            },
        }
    }

    /// How it is fitted on each stack.
    fn fitting(&self) -> Option<Fitting> {
        match self {
            Self::Fixed(_) => None,
            Self::OfEachStack(fitting) => Some(fitting.clone()),
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportRequest {
    /// The file.
    pub file: PathBuf,
    /// The folder of the run that becomes of it.
    pub output: PathBuf,
    /// Whether to replace a run that was imported there before.
    pub overwrite: bool,
    /// Names of the classes, and their channels where they are told.
    pub classes: Vec<(String, Option<ClassOutput>)>,
    /// Axes of the input, as `bcyx`.
    pub axes: Option<String>,
    /// Axes of the output, where they are others.
    pub output_axes: Option<String>,
    /// Which output is used, by number or name.
    pub tensor: Option<String>,
    /// What the numbers of the output are.
    pub values: Option<Raw>,
    /// Whether channels of the input are neighbouring sections.
    pub sees_sections: bool,
    /// How many channels the input has, where a script does not tell.
    pub in_channels: Option<usize>,
    /// How grey values are normalised.
    pub normalizing: Option<Normalizing>,
    /// Voxel size of what it was trained on.
    pub voxel_size: Option<VoxelSize>,
    /// The one size that it takes along z, y and x, where there is no other; 1 for z in 2D.
    pub size: Option<[usize; 3]>,
    /// How far it sees along z, y and x, where that is known better than it can be found out.
    pub halo: Option<[usize; 3]>,
    /// The largest edge of what goes through it at once.
    pub tile_size: Option<usize>,
    /// Which network weights are of, where the file holds them alone; guessed from their names if absent.
    pub network: Option<weights::Network>,
    /// What weights do not tell of their network.
    pub choices: weights::Choices,
}

impl ImportRequest {
    /// Asks for a run of a file, of which all else is found out or told by the file.
    pub fn new(file: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            output: output.into(),
            overwrite: false,
            classes: Vec::new(),
            axes: None,
            output_axes: None,
            tensor: None,
            values: None,
            sees_sections: false,
            in_channels: None,
            normalizing: None,
            voxel_size: None,
            size: None,
            halo: None,
            tile_size: None,
            network: None,
            choices: weights::Choices::default(),
        }
    }
}

/// Makes a run of a network.
///
/// # Errors
///
/// Fails if the file is no network that can be used, something has to be told of it, the output is there already or
/// cannot be written; and with [`Error::Stopped`](crate::Error::Stopped).
pub fn import(request: &ImportRequest, observer: &mut Observer<'_>) -> Result<ImportedNetwork> {
    let run = free_folder(request)?;
    let source = Source::read(request, observer)?;
    let wishes = source.wishes(request);
    let doing = || format!("cannot import `{}`", request.file.display());
    let network = match source.network {
        Given::File(file) => {
            observer.note("the network runs a few times on noise, to find out what it takes")?;
            em_model::import(file, &wishes).with_context(doing)?
        }
        Given::Own(architecture, tensors) => {
            em_model::import_own(architecture, tensors, &wishes).with_context(doing)?
        }
    };
    let staged = Staged::new(run.path())?;
    network.write(&RunFolder::new(staged.folder()))?;
    std::fs::write(staged.path("config.toml"), configuration(&network, run.path())?.to_toml()?)
        .context("cannot write the configuration")?;
    std::fs::write(staged.path(TOLD), format!("{:#}\n", source.told))
        .context("cannot write what was imported")?;
    let old = [run.weights(), run.card(), run.tuning(), run.config(), run.path().join(TOLD)];
    let networks = [Engine::Onnx, Engine::Torchscript].map(|engine| run.network(engine));
    staged.commit(old.into_iter().chain(networks))?;
    Ok(network)
}

/// The folder of the run, if it is free, or holds what was imported before and may be replaced.
fn free_folder(request: &ImportRequest) -> Result<RunFolder> {
    let output = em_io::place::local(&request.output)?;
    let run = RunFolder::new(&output);
    let shown = request.output.display();
    if output.exists() && !output.is_dir() {
        let message = format!("`{shown}` is a file, expected a folder for the run");
        return Err(UserError::new(message, "take another path for the output").into());
    }
    let holds_something = std::fs::read_dir(&output).is_ok_and(|mut entries| entries.next().is_some());
    if !holds_something {
        return Ok(run);
    }
    if !run.path().join(TOLD).exists() || run.state().exists() {
        let message = format!("`{shown}` exists already and holds something else");
        return Err(UserError::new(message, "take another folder for the output").into());
    }
    if !request.overwrite {
        let message = format!("`{shown}` holds a network that was imported before");
        return Err(UserError::new(message, "take another folder, or replace it with --overwrite").into());
    }
    Ok(run)
}

/// The configuration of the run, for what goes on from it.
fn configuration(network: &ImportedNetwork, run: &Path) -> Result<RunConfig> {
    let card = network.card();
    let mut config = RunConfig::default();
    config.data.classes.clone_from(&card.classes);
    match &card.fitting {
        Some(fitting) => config.normalization.clone_from(&fitting.config),
        None => config.normalization.kind = card.normalization.kind(),
    }
    config.predict = card.predict.clone().unwrap_or_default();
    let [tile_depth, tile_size] = network.training_tile();
    (config.tiling.tile_size, config.tiling.tile_depth) = (tile_size, tile_depth);
    let run = std::path::absolute(run).with_context(|| format!("`{}` is no path", run.display()))?;
    if network.found().is_some() {
        config.model.imported = Some(run.clone());
    } else {
        config.model = of_own(&card.architecture);
    }
    config.train.init = Some(run.clone());
    config.output.folder = run;
    Ok(config)
}

/// The settings of one of our own networks.
fn of_own(architecture: &Architecture) -> ModelConfig {
    ModelConfig {
        preset: if architecture.norm == Norm::None { Preset::Notebook } else { Preset::Unet },
        exclusive: architecture.exclusive,
        in_channels: Some(architecture.in_channels),
        context_sections: Some(architecture.context_sections),
        out_channels: Some(architecture.out_channels),
        filters: Some(architecture.filters.clone()),
        norm: Some(architecture.norm),
        dropout: Some(architecture.dropout.clone()),
        ..Default::default()
    }
}
