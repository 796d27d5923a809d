//! A network as a file of other programs: ONNX, TorchScript, or a package of the BioImage Model Zoo.
//!
//! | file | owns |
//! |---|---|
//! | `export/mod.rs` | what is asked for, and the file |
//! | `export/rdf.rs` | the description in a package, `rdf.yaml`, as types |
//! | `export/describe.rs` | the description of a run's network |
//! | `export/words.rs` | what a package says in words: its README, authors and citations |
//! | `export/normalizing.rs` | the normalisation of a run as steps of the description |
//! | `export/example.rs` | what goes in and comes out, as an example to test with and to look at |
//! | `export/package.rs` | the package |
//! | `export/npy.rs` | arrays as NumPy keeps them |
//!
//! What the files compute is em-model's (`em_model::export`).

mod describe;
mod example;
mod normalizing;
mod npy;
mod package;
pub mod rdf;
mod words;

use std::path::{Path, PathBuf};

use em_data::NormalizationKind;
use em_io::OpenOptions;
use em_model::{ExportedNetwork, Interface, ModelCard, Takes};

use self::normalizing::Normalizing;
pub use self::words::{PackageWords, author, citation};
use crate::error::{Result, UserError};
use crate::target::Target;
use crate::{Observer, find_run};

/// What a network is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// ONNX.
    Onnx,
    /// A package of the BioImage Model Zoo, with ONNX and TorchScript in it.
    Bioimageio,
    /// TorchScript.
    Torchscript,
}

impl ExportFormat {
    /// Returns the format that the ending of a path stands for.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_lowercase().as_str() {
            "onnx" => Some(Self::Onnx),
            "zip" => Some(Self::Bioimageio),
            "pt" | "torchscript" => Some(Self::Torchscript),
            _ => None,
        }
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Bioimageio => "bioimageio",
            Self::Torchscript => "torchscript",
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExportRequest {
    /// The folder of a run, a file in it, or the name of a built-in network.
    pub model: PathBuf,
    /// Where the file goes.
    pub output: PathBuf,
    /// What it is; without it, what the ending of the output stands for.
    pub format: Option<ExportFormat>,
    /// Whether the network takes grey values as they are, and normalises them itself.
    pub normalize: bool,
    /// Whether to replace a file that is there.
    pub overwrite: bool,
    /// What a package says.
    pub words: PackageWords,
    /// The stack that a package's example is cut from; a generated one without it.
    pub example: Option<PathBuf>,
    /// Which stack of it is taken, where it holds several.
    pub reading: OpenOptions,
}

impl ExportRequest {
    /// Asks for a file in the format that its ending stands for.
    pub fn new(model: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            output: output.into(),
            format: None,
            normalize: false,
            overwrite: false,
            words: PackageWords::default(),
            example: None,
            reading: OpenOptions::default(),
        }
    }
}

/// What was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exported {
    /// Where the file is.
    pub path: PathBuf,
    /// What it is.
    pub format: ExportFormat,
    /// What the network takes and gives.
    pub interface: Interface,
}

/// Writes the network of a run.
///
/// # Errors
///
/// Fails if the run cannot be read, the output is there already or cannot be written, no format is known, or a
/// package lacks words that nobody but its maker knows; and with [`Error::Stopped`](crate::Error::Stopped).
pub fn export(request: &ExportRequest, observer: &mut Observer<'_>) -> Result<Exported> {
    let format = format_of(request)?;
    if format == ExportFormat::Bioimageio {
        request.words.check()?;
    } else {
        refuse_what_packages_have(request, format)?;
    }
    let run = find_run(&request.model)?;
    if ModelCard::read(&run)?.architecture.imported.is_some() {
        let message = format!("`{}` holds a network that was imported", request.model.display());
        return Err(UserError::new(message, "pass on the file that it was imported from").into());
    }
    let inputs = [run.weights(), run.card(), run.tuning()].into_iter().chain(request.example.clone());
    let inputs: Vec<PathBuf> =
        inputs.filter(|path| em_io::place::is_address(path) || path.exists()).collect();
    if request.output.is_dir() {
        let message = format!("`{}` is a folder, expected a file", request.output.display());
        return Err(UserError::new(message, "take another path for the output").into());
    }
    let target = Target::new(&inputs, &request.output, request.overwrite)?;
    let network = ExportedNetwork::load(&run)?;
    let normalizing = match format {
        ExportFormat::Bioimageio => Normalizing::of(&network, request.normalize),
        _ if request.normalize => Normalizing::Inside,
        _ => Normalizing::Fixed(network.card().normalization),
    };
    tell_what_stays_behind(&network, request.normalize, &normalizing, observer)?;
    let takes = if request.normalize { Takes::GreyValues } else { Takes::Normalized };
    let bytes = match format {
        ExportFormat::Onnx => network.onnx(takes)?,
        ExportFormat::Torchscript => network.torchscript(takes)?,
        ExportFormat::Bioimageio => package::made(&network, &normalizing, request, observer)?,
    };
    em_io::write_atomically(&target.place(), |file| file.write_all(&bytes))?;
    let path = target.path().to_owned();
    target.finish()?;
    Ok(Exported { path, format, interface: network.interface() })
}

fn format_of(request: &ExportRequest) -> Result<ExportFormat> {
    let format = request.format.or_else(|| ExportFormat::of_path(&request.output));
    let format = format.ok_or_else(|| {
        let message = format!("the ending of `{}` stands for no format", request.output.display());
        UserError::new(
            message,
            "take .onnx, .zip or .pt, or tell it with --format onnx, bioimageio or torchscript",
        )
    })?;
    if em_io::place::is_address(&request.output) {
        let message = format!("`{}` is an address, expected a file", request.output.display());
        return Err(UserError::new(message, "write it here, and copy it there").into());
    }
    Ok(format)
}

/// Refuses what only packages say or show, where something else is written.
fn refuse_what_packages_have(request: &ExportRequest, format: ExportFormat) -> Result<()> {
    let words = &request.words;
    let told = [
        ("--author", !words.authors.is_empty()),
        ("--license", words.license.is_some()),
        ("--cite", !words.cite.is_empty()),
        ("--name", words.name.is_some()),
        ("--description", words.description.is_some()),
        ("--example", request.example.is_some()),
    ];
    let Some((option, _)) = told.into_iter().find(|(_, is_told)| *is_told) else { return Ok(()) };
    let message =
        format!("{option} is about packages, and `{}` is {}", request.output.display(), format.name());
    Err(UserError::new(message, "leave it out, or write a package: a path that ends in .zip").into())
}

/// Tells of what a prediction with the run does, and a file cannot.
fn tell_what_stays_behind(
    network: &ExportedNetwork,
    normalize: bool,
    normalizing: &Normalizing,
    observer: &mut Observer<'_>,
) -> Result<()> {
    let predict = network.card().predict.clone().unwrap_or_default();
    if predict.refit_normalization {
        match normalizing {
            Normalizing::Fitted(_) if network.card().normalization.kind() == NormalizationKind::Robust => {
                observer.note(
                    "predictions with this network leave outliers out of mean and deviation; the package has those of all voxels",
                )?;
            }
            Normalizing::Fitted(_) => {}
            _ => observer.note(
                "predictions with this network fit the normalisation on each stack; the file has that of its training",
            )?,
        }
    }
    if predict.views > 1 {
        let views = predict.views;
        observer.note(&format!("predictions with this network average {views} views; the file has one"))?;
    }
    if !normalize && normalizing.is_inside() {
        observer.note("the description of a package has no step for l2-axis1: it is inside either way")?;
    }
    Ok(())
}
