//! `em-cli export`: a network as a file of other programs.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use em_pipeline::export::rdf::{Author, Citation};
use em_pipeline::export::{author, citation};
use em_pipeline::{ExportFormat, ExportRequest};
use serde_json::json;

use crate::cli::{EventArgs, ReadingArgs};
use crate::console::{self, observed, say, shown_path};

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The folder of a run, or the name of a built-in network (`em-cli models`).
    #[arg(value_name = "RUN|MODEL")]
    model: PathBuf,
    /// What to write; without it, the ending of the output decides: .onnx, .zip (bioimageio) or .pt (torchscript).
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Where the file goes.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Put the normalisation into the network, so that it takes grey values as they are in files.
    #[arg(long)]
    normalize: bool,
    /// Replace a file that is there.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    package: PackageArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// What a package of the BioImage Model Zoo says and shows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Packages (bioimageio)")]
struct PackageArgs {
    /// Who made the network; given several times, several people. A package needs one.
    #[arg(long, value_name = "NAME; AFFILIATION", value_parser = author)]
    author: Vec<Author>,
    /// The SPDX identifier of its licence, as CC-BY-4.0 or MIT. A package needs one.
    #[arg(long, value_name = "ID")]
    license: Option<String>,
    /// What to cite besides the paper of the U-Net; given several times, several works.
    #[arg(long, value_name = "TEXT; DOI|URL", value_parser = citation)]
    cite: Vec<Citation>,
    /// The name of the package; after its classes if absent.
    #[arg(long)]
    name: Option<String>,
    /// What it is for, in a sentence or two.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A raw stack whose middle is shown as the example; without it, generated tissue is. It is published with the package.
    #[arg(long, value_name = "STACK")]
    example: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
}

/// What a network is written as.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// ONNX, opset 17.
    Onnx,
    /// A package of the BioImage Model Zoo, with ONNX and TorchScript.
    Bioimageio,
    /// TorchScript, which is deprecated.
    Torchscript,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Onnx => Self::Onnx,
            Format::Bioimageio => Self::Bioimageio,
            Format::Torchscript => Self::Torchscript,
        }
    }
}

/// Runs the command.
pub fn run(args: &ExportArgs) -> Result<()> {
    let mut request = ExportRequest::new(&args.model, &args.output);
    request.format = args.format.map(Into::into);
    request.normalize = args.normalize;
    request.overwrite = args.overwrite;
    let package = &args.package;
    request.words.authors.clone_from(&package.author);
    request.words.license.clone_from(&package.license);
    request.words.cite.clone_from(&package.cite);
    request.words.name.clone_from(&package.name);
    request.words.description.clone_from(&package.description);
    request.example.clone_from(&package.example);
    request.reading = package.reading.options();
    let exported = observed("start the command again", |observer| em_pipeline::export(&request, observer))?;
    let interface = &exported.interface;
    if console::tells_events() {
        let (path, format) = (shown_path(&exported.path), exported.format.name());
        return console::done(&json!({ "path": path, "format": format, "interface": interface }));
    }
    let axes = interface.of_space(["z", "y", "x"]).join(", ");
    let (smallest, step) = (interface.of_space(interface.smallest), interface.of_space(interface.step));
    let values = if args.normalize { "grey values" } else { "normalised values" };
    say!("`{}` is written as {}", exported.path.display(), exported.format.name());
    say!(
        "  takes  {values} [batch, {}, {axes}], of {smallest:?} or longer by multiples of {step:?}",
        interface.sections
    );
    let margin = interface.of_space(interface.margin);
    let fewer = if margin.iter().all(|&voxels| voxels == 0) {
        String::new()
    } else {
        format!(", {margin:?} voxels fewer at each end")
    };
    say!(
        "  gives  probabilities [batch, {}, {axes}] of {}{fewer}",
        interface.classes.len(),
        interface.classes.join(", ")
    );
    Ok(())
}
