//! Pictures: curves of a training, its tiles, histograms of objects, and panels of image, label, prediction and errors.
//!
//! They are for slides and print: words and lines are read where a picture fills a screen.

pub mod bins;
mod chart;
mod contrast;
mod cover;
mod curves;
mod histogram;
mod overlay;
mod page;
mod panel;
mod scale_bar;
mod scales;
mod sheet;
mod text;
mod ticks;

pub(crate) use contrast::Contrast;
pub use cover::cover;
pub use curves::{Chart, Curve, curves};
pub use histogram::{Histogram, histograms};
pub use panel::{Panel, panel};
pub use scales::{ScaledCrop, TriedSize, scales};
pub use sheet::sheet;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use crate::{Error, Result};

/// Encodes a picture as PNG.
///
/// Differences of neighbours, by which PNG usually packs better, are noise in electron micrographs: without
/// them a panel takes a third.
pub fn png(picture: &image::RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::NoFilter);
    picture.write_with_encoder(encoder).map_err(failed)?;
    Ok(bytes)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Drawing(error.to_string())
}
