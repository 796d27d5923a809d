//! `em-cli evaluate`: a mask against a label, per section, pooled, and as a volume.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::evaluate::{EvaluateRequest, evaluate};

use crate::arguments::{tolerance, voxel_size};
use crate::console::{self, observed, say};

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// The predicted mask, in any format, or its address.
    #[arg(long, value_name = "P")]
    prediction: PathBuf,
    /// The label, in any format, or its address.
    #[arg(long, value_name = "L")]
    label: PathBuf,
    /// The probabilities behind the mask, whose calibration is then scored: 0 to 1, or whole numbers whose largest is 1.
    #[arg(long, value_name = "Q")]
    probabilities: Option<PathBuf>,
    /// A mask of voxels that do not count, in any format.
    #[arg(long, value_name = "I")]
    ignore: Option<PathBuf>,
    /// How far a boundary may be off, in nm, or in voxels where the voxel size is unknown [default: 2 voxels].
    #[arg(long, value_name = "T", value_parser = tolerance)]
    tolerance: Option<f64>,
    /// Voxel size in nm, where the files do not tell it or tell it wrong.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Take sections as separate images: no boundaries in 3D, objects within sections, memory for one section.
    #[arg(long)]
    flat: bool,
    /// Print a row for each section.
    #[arg(long)]
    per_section: bool,
    /// Write a row for each section to this CSV file.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write what --json prints to this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let request = args.request();
    let evaluation = observed("start the command again", |observer| evaluate(&request, observer))?;
    if let Some(path) = &args.csv {
        evaluation.write_csv(path)?;
    }
    if let Some(path) = &args.output {
        evaluation.write_json(path)?;
    }
    if args.json {
        return console::json(&evaluation);
    }
    say!("{}", console::score_table(&evaluation.scores, args.per_section));
    Ok(())
}

impl EvaluateArgs {
    fn request(&self) -> EvaluateRequest {
        let mut request = EvaluateRequest::new(&self.prediction, &self.label);
        request.probabilities.clone_from(&self.probabilities);
        request.ignore.clone_from(&self.ignore);
        request.tolerance = self.tolerance;
        request.voxel_size_nm = self.voxel_size;
        request.by_section = self.flat;
        request
    }
}
