//! `em-cli view`: a volume and what was found in it, in three dimensions, in the browser.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::display;
use em_pipeline::view::{Kind, OverlayFile, View, ViewRequest};
use em_serve::serve_view;

use crate::arguments::{NamedFile, voxel_size};
use crate::cli::ReadingArgs;
use crate::console::{complain, observed_keeping, say};
use crate::interrupt;

/// What stays where somebody ends the program.
const KEPT: &str = "edits are kept beside their labels, and no other file is changed";

/// Arguments of `view`.
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// The image: a stack in any format that is read, or its address (https://, s3://, gs://).
    volume: PathBuf,
    /// What lies over it, as NAME=FILE: a mask, numbered objects or probabilities, as the values tell; or the folder of a measurement or a prediction. FILE alone is named after the file.
    #[arg(value_name = "NAME=FILE")]
    layers: Vec<NamedFile>,
    /// A layer that is a mask, whatever its values look like.
    #[arg(long, value_name = "NAME=FILE")]
    mask: Vec<NamedFile>,
    /// A layer of numbered objects, whatever its values look like.
    #[arg(long, value_name = "NAME=FILE")]
    objects: Vec<NamedFile>,
    /// A layer of probabilities, whatever its values look like.
    #[arg(long, value_name = "NAME=FILE")]
    probabilities: Vec<NamedFile>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Voxel size in nm, where the files do not tell it or tell it wrong.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// The port of the page; any that is free if absent.
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// Do not open a browser.
    #[arg(long)]
    no_browser: bool,
}

/// Runs the command.
pub fn run(args: &ViewArgs) -> Result<()> {
    let request = args.request();
    let view = observed_keeping(KEPT, "start the command again", |observer| View::open(&request, observer))?;
    let about = about(&view);
    let ready = |url: &str| {
        about.iter().for_each(|line| say!("{line}"));
        say!("{url}");
        if !args.no_browser && open::that_detached(url).is_err() {
            complain!("note: no browser could be opened: open the address above");
        }
        complain!("note: Ctrl-C ends the program; {KEPT}");
    };
    serve_view(view, args.port, ready, interrupt::asked)?;
    Ok(())
}

impl ViewArgs {
    fn request(&self) -> ViewRequest {
        let mut request = ViewRequest::new(&self.volume);
        request.reading = self.reading.options();
        request.voxel_size_nm = self.voxel_size;
        let kinds = [
            (&self.layers, None),
            (&self.mask, Some(Kind::Mask)),
            (&self.objects, Some(Kind::Objects)),
            (&self.probabilities, Some(Kind::Probabilities)),
        ];
        for (files, kind) in kinds {
            request.overlays.extend(files.iter().map(|file| OverlayFile::new(&file.name, &file.path, kind)));
        }
        request
    }
}

/// A line for each layer, which says what it was taken for.
fn about(view: &View) -> Vec<String> {
    let size = match view.voxel_size_nm {
        Some([z, y, x]) => format!("voxels of {z} x {y} x {x} nm"),
        None => "of unknown voxel size".into(),
    };
    let mut lines = vec![format!("`{}`: {} [z, y, x], {size}", view.name, display::shape(view.shape))];
    for layer in &view.layers[1..] {
        let voxel_type = layer.volume().voxel_type();
        lines.push(format!("{}: {}, {voxel_type}, `{}`", layer.name, layer.kind, layer.path.display()));
    }
    lines
}
