//! Scores a predicted mask against its label: the IoU of a volume, and how far it varies with the sections.
//!
//! ```sh
//! cargo run --release -p em-metrics --example score_arrays
//! ```

use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;

use em_metrics::{Bootstrap, ConfusionCounts};
use ndarray::Array3;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A volume `[z, y, x]` of discs, the radius of which grows from section to section.
fn discs(radius: f64, growth: f64) -> Array3<bool> {
    Array3::from_shape_fn((12, 64, 64), |(z, y, x)| {
        (y as f64 - 32.0).hypot(x as f64 - 32.0) < radius + growth * z as f64
    })
}

fn run() -> Result<(), Box<dyn Error>> {
    let (prediction, label) = (discs(17.0, 0.5), discs(20.0, 0.0));
    let sections = prediction.outer_iter().zip(label.outer_iter());
    let counts: Vec<ConfusionCounts> = sections
        .map(|(prediction, label)| ConfusionCounts::of(prediction, label))
        .collect::<Result<_, _>>()?;
    let iou_of = |sections: &[usize]| sections.iter().map(|&z| counts[z]).sum::<ConfusionCounts>().iou();

    let all: Vec<usize> = (0..counts.len()).collect();
    let iou = iou_of(&all).ok_or("there is no foreground")?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let interval =
        Bootstrap::default().interval(counts.len(), &mut rng, iou_of)?.ok_or("one section only")?;
    println!("IoU {iou:.4} ({:.4} to {:.4}, 95 % of resampled sections)", interval.low, interval.high);
    Ok(())
}

/// A `main` that returns an error prints its `Debug` form; this one prints the message and its causes.
fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    successors(error.source(), |&cause| cause.source()).for_each(|cause| eprintln!("  because: {cause}"));
    ExitCode::FAILURE
}
