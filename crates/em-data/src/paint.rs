//! What a voxel of a class was painted with: the values of labels that are drawn by strokes.

use serde::{Deserialize, Serialize};

/// What a painted voxel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum Paint {
    /// Nobody said anything.
    Unknown = 0,
    /// It is not of the class.
    Background = 1,
    /// It is of the class.
    Foreground = 2,
}

impl From<Paint> for u8 {
    fn from(paint: Paint) -> Self {
        paint as Self
    }
}

impl TryFrom<u8> for Paint {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, String> {
        match value {
            0 => Ok(Self::Unknown),
            1 => Ok(Self::Background),
            2 => Ok(Self::Foreground),
            _ => Err(format!("{value} is no paint, expected 0 (unknown), 1 (background) or 2 (foreground)")),
        }
    }
}
