//! What a person did, as it stands in the log: enough to make the labels again from nothing.

use std::collections::BTreeMap;

use em_data::Paint;
use em_io::Roi;
use serde::{Deserialize, Serialize};

use super::shapes::Runs;
use crate::journal::Line;

/// Where a suggestion comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceName {
    /// A trained network.
    Network,
    /// What was learned from strokes within seconds.
    Strokes,
}

/// What a person asks for.
///
/// Coordinates of points are in voxels, `[y, x]`, the middle of the first voxel at 0.5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "what the fields of an action are is said with the action")]
pub enum Request {
    /// Paints what lies within a radius of a line.
    Stroke { class: String, value: Paint, z: usize, radius: f64, points: Vec<[f64; 2]> },
    /// Paints what lies within a polygon, by the even-odd rule.
    Polygon { class: String, value: Paint, z: usize, points: Vec<[f64; 2]> },
    /// Paints what is connected with a point and about as bright, in grey levels of the page.
    Fill { class: String, value: Paint, z: usize, point: [f64; 2], tolerance: u8 },
    /// Paints the sections between two, by the shapes in them.
    Interpolate { class: String, from: usize, to: usize },
    /// Says that all labels in a box are complete.
    Region { start: [usize; 3], shape: [usize; 3] },
    /// Takes that back.
    RemoveRegion { name: String },
    /// Makes what is suggested foreground: all within a box, or one object.
    Accept {
        source: SourceName,
        class: String,
        threshold: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<Roi>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<[usize; 3]>,
    },
    /// Makes a suggested object background.
    Reject { source: SourceName, class: String, threshold: f64, object: [usize; 3] },
    /// A place was proposed, so that it is not proposed again.
    Visited { start: [usize; 3], shape: [usize; 3] },
    /// A training was started; what the network that suggested scored on the regions, where it had learned
    /// from none of them: the Dice coefficient of each class.
    Trained { run: usize, before: BTreeMap<String, f64> },
    /// A run suggests from now on, or the network of the start.
    Used { run: Option<usize> },
    /// Takes the last action back.
    Undo,
    /// Does again what was taken back last.
    Redo,
}

impl Request {
    /// Returns the class that is painted, where it is one.
    pub fn class(&self) -> Option<&str> {
        match self {
            Self::Stroke { class, .. }
            | Self::Polygon { class, .. }
            | Self::Fill { class, .. }
            | Self::Interpolate { class, .. }
            | Self::Accept { class, .. }
            | Self::Reject { class, .. } => Some(class),
            Self::Region { .. }
            | Self::RemoveRegion { .. }
            | Self::Visited { .. }
            | Self::Trained { .. }
            | Self::Used { .. }
            | Self::Undo
            | Self::Redo => None,
        }
    }

    /// Tells whether it is a note of the program, which changes no label and is not taken back.
    pub fn is_record(&self) -> bool {
        matches!(self, Self::Visited { .. } | Self::Trained { .. } | Self::Used { .. })
    }
}

impl Request {
    /// Returns what it paints.
    pub fn paints(&self) -> &[Paint] {
        match self {
            Self::Stroke { value, .. } | Self::Polygon { value, .. } | Self::Fill { value, .. } => {
                std::slice::from_ref(value)
            }
            Self::Region { .. } | Self::Reject { .. } => &[Paint::Background],
            Self::Accept { .. } | Self::Interpolate { .. } => &[Paint::Foreground],
            Self::RemoveRegion { .. }
            | Self::Visited { .. }
            | Self::Trained { .. }
            | Self::Used { .. }
            | Self::Undo
            | Self::Redo => &[],
        }
    }
}

/// A line of the log: what was asked for, and what a replay could not know by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its number, from 1.
    pub number: usize,
    /// The name that the page gave it, so that it is done once however often it is sent.
    pub id: String,
    /// Seconds since 1970, for people.
    pub time: u64,
    /// What was asked for.
    pub request: Request,
    /// What a network, a flood or an interpolation painted, section by section.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub painted: Vec<Runs>,
    /// SHA-256 of the weights of a suggestion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Line for Action {
    const NAME: &'static str = "action";

    fn number(&self) -> usize {
        self.number
    }
}
