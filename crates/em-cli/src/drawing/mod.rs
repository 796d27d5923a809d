//! Pictures: curves of a training, and panels of image, label, prediction and errors.

mod curves;
mod panel;
mod text;

pub use curves::{Curve, curves};
pub use panel::panel;
