//! Pictures: curves of a training, its tiles, and panels of image, label, prediction and errors.

mod curves;
mod panel;
mod sheet;
mod text;

pub use curves::{Curve, curves};
pub use panel::panel;
pub use sheet::sheet;
