//! A normalisation fitted on an input, as the network sees it.

use em_data::{Fitting, Normalization};
use em_io::{Volume, Voxels};

use super::{PixelMatch, sample};
use crate::{ModelCard, Result};

/// Fits a normalisation of the kind of the training's.
pub(super) fn refitted(
    card: &ModelCard,
    volume: &Volume,
    pixels: Option<PixelMatch>,
) -> Result<Normalization> {
    let fitting = card.fitting.clone().unwrap_or_else(|| Fitting::of(card.normalization.kind()));
    let seen = sample::middles(volume, pixels.map_or([1.0; 2], |pixels| pixels.factors()))?;
    let seen: Vec<Voxels> = match pixels {
        None => seen,
        Some(pixels) => seen.iter().map(|section| pixels.of_grey_values(section)).collect(),
    };
    Ok(fitting.fit(&seen, card.tile_size)?)
}
