//! What the original notebook did before its first training step, in memory and without libtorch:
//! 256 x 256 tiles, each column divided by its L2 norm, masks of 0 and 1, a random 90/10 split.
//!
//! ```sh
//! cargo run --release -p em-data --example prepare -- RAW.tif LABEL.tif
//! ```

use std::error::Error;
use std::iter::successors;
use std::process::ExitCode;

use em_data::{Normalization, Region, Split, SplitConfig, SplitKind};
use em_io::{Mask, Voxels};
use ndarray::{Array2, Array3, s};
use rayon::prelude::*;

/// Edge of a tile in voxels.
const TILE_SIZE: usize = 256;

/// A normalised tile and its mask, `[y, x]`.
type Pair = (Array2<f32>, Array2<f32>);

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(raw), Some(label)) = (arguments.next(), arguments.next()) else {
        return Err("usage: prepare RAW.tif LABEL.tif".into());
    };
    let raw = match em_io::open(raw)?.read_all()? {
        Voxels::U8(voxels) => voxels.mapv(f32::from),
        other => other.to_f32(),
    };
    let mask = Mask::read(label)?.into_inner();
    let shape = [raw.dim().0, raw.dim().1, raw.dim().2];
    let config = SplitConfig { kind: SplitKind::RandomTiles, validation_fraction: 0.1, ..Default::default() };
    let split = Split::new(&config, &[shape], TILE_SIZE, 0)?;
    let (train, validation) = (pairs(&raw, &mask, &split.train), pairs(&raw, &mask, &split.validation));
    let sum: f32 = train.iter().chain(&validation).map(|(tile, mask)| tile.sum() + mask.sum()).sum();
    println!(
        "{} training and {} validation tiles, sum of all values {sum:.1}",
        train.len(),
        validation.len()
    );
    Ok(())
}

/// A `main` that returns an error prints its `Debug` form; this one prints the message and its causes.
fn main() -> ExitCode {
    let Err(error) = run() else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    successors(error.source(), |&cause| cause.source()).for_each(|cause| eprintln!("  because: {cause}"));
    ExitCode::FAILURE
}

fn pairs(raw: &Array3<f32>, mask: &Array3<bool>, regions: &[Region]) -> Vec<Pair> {
    let normalization = Normalization::L2Axis1 { tile_size: TILE_SIZE };
    let pair = |region: &Region| {
        let mut tile = region.slice(raw.view()).slice(s![0, .., ..]).to_owned();
        normalization.apply(tile.view_mut());
        let mask = region.slice(mask.view()).slice(s![0, .., ..]).mapv(|on| if on { 1.0 } else { 0.0 });
        (tile, mask)
    };
    regions.par_iter().map(pair).collect()
}
