//! Pictures: curves of a training, its tiles, histograms of objects, and panels of image, label, prediction and errors.
//!
//! They are for slides and print: words and lines are read where a picture fills a screen.

mod bins;
mod chart;
mod contrast;
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

pub use curves::{Chart, Curve, curves};
pub use histogram::{Histogram, histograms};
pub use panel::{Panel, panel};
pub use scales::{ScaledCrop, TriedSize, scales};
pub use sheet::sheet;

use crate::{Error, Result};

/// Encodes a picture as PNG.
pub fn png(picture: &image::RgbImage) -> Result<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).map_err(failed)?;
    Ok(bytes.into_inner())
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Drawing(error.to_string())
}
