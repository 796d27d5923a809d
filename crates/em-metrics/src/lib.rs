#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod confusion;
mod error;
pub mod soft;

pub use confusion::ConfusionCounts;
pub use error::{Error, Result};
