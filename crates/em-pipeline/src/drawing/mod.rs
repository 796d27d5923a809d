//! Pictures: curves of a training, its tiles, histograms of objects, and panels of image, label, prediction and errors.

mod curves;
mod histogram;
mod panel;
mod scales;
mod sheet;
mod text;

pub use curves::{Curve, curves};
pub use histogram::{Histogram, histograms};
pub use panel::panel;
pub use scales::{ScaledCrop, scales};
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
