//! `em-cli evaluate`: a mask against a label, pooled and per section.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_io::{Mask, Roi, Volume};
use em_metrics::ConfusionCounts;
use serde::Serialize;

use crate::error::UserError;
use crate::output;
use crate::scores::ClassScores;

/// Arguments of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// The predicted mask.
    #[arg(long, value_name = "P")]
    prediction: PathBuf,
    /// The label.
    #[arg(long, value_name = "L")]
    label: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Evaluation {
    format_version: u32,
    prediction: PathBuf,
    label: PathBuf,
    /// `[z, y, x]`.
    shape: [usize; 3],
    #[serde(flatten)]
    scores: ClassScores,
}

/// Runs the command.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let (prediction, label) = (em_io::open(&args.prediction)?, em_io::open(&args.label)?);
    let shape = prediction.shape();
    if shape != label.shape() {
        let message = format!(
            "`{}` has shape {:?} [z, y, x], expected {:?} as `{}`",
            args.prediction.display(),
            shape,
            label.shape(),
            args.label.display()
        );
        return Err(
            UserError::new(message, "a prediction is scored against the label of the same volume").into()
        );
    }
    let counts = (0..shape[0]).map(|z| section_counts(&prediction, &label, z)).collect::<Result<Vec<_>>>()?;
    let scores = ClassScores::from_sections(&counts);
    if !args.json {
        scores.print(true);
        return Ok(());
    }
    let (prediction, label) = (args.prediction.clone(), args.label.clone());
    output::json(&Evaluation { format_version: 1, prediction, label, shape, scores })
}

fn section_counts(prediction: &Volume, label: &Volume, z: usize) -> Result<ConfusionCounts> {
    let section = Roi::sections(prediction.shape(), z..z + 1);
    let (p, l) = (Mask::from_volume(prediction, section)?, Mask::from_volume(label, section)?);
    Ok(ConfusionCounts::of(p.view(), l.view())?)
}
