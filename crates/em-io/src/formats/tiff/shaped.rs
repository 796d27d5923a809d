//! What tifffile and scikit-image say of an array in the tag `ImageDescription`: its shape, and its
//! axes where they were named, as JSON.
//!
//! tifffile takes an array of 3 or 4 sections for the colours of one page, unless told otherwise.
//! The shape tells that they came first, which colours of pictures do not.

use super::axes::{Axes, Axis};
use super::page::{Others, Page, Pixels};
use serde::Deserialize;

/// The shape of the array that was saved.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Shaped {
    shape: Vec<usize>,
    #[serde(default)]
    axes: Option<String>,
    /// Whether one directory stands for all planes, which lie behind each other.
    #[serde(default)]
    pub truncated: bool,
}

/// The axes of an array's planes, and whether the samples of a page are the last of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Planes {
    pub axes: Axes,
    pub samples_are_planes: bool,
}

impl Shaped {
    /// Reads `{"shape": [5, 16, 16], "axes": "ZYX"}`, or `shape=(5, 16, 16)` of versions before 2018.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('{') {
            return serde_json::from_str(text).ok().filter(|shaped: &Self| !shaped.shape.is_empty());
        }
        let numbers = text.strip_prefix("shape=(")?.split_once(')')?.0;
        let shape = numbers.split(',').map(str::trim).filter(|number| !number.is_empty());
        Some(Self {
            shape: shape.map(str::parse).collect::<Result<_, _>>().ok()?,
            axes: None,
            truncated: false,
        })
    }

    /// Tells what the planes are, of pages like `page`; `None` where the shape is not that of such pages.
    pub(super) fn planes(&self, page: &Page) -> Option<Planes> {
        let [height, width] = page.size;
        let mut axes = self.named();
        // The axis of a pixel's samples, where there is one.
        let samples = if page.samples > 1 && page.planar {
            let (_, lengths): (Vec<_>, Vec<_>) = axes.iter().copied().unzip();
            let [.., samples, y, x] = lengths[..] else { return None };
            ([samples, y, x] == [page.samples, height, width]).then_some(())?;
            axes.truncate(axes.len() - 2);
            axes.pop()
        } else {
            let last = axes.pop_if(|(_, length)| page.samples > 1 || *length == 1 && width > 1);
            let (x, y) = (axes.pop()?, axes.pop()?);
            ([y.1, x.1] == page.size && last.is_none_or(|last| last.1 == page.samples)).then_some(())?;
            last.filter(|_| page.samples > 1)
        };
        let is_alone = axes.iter().all(|(_, length)| *length == 1);
        let is_plane = samples.is_some_and(|(letter, _)| match (letter, &page.pixels) {
            (_, Pixels::One { others: Others::Planes, .. }) => true,
            // Colours that come first, without others beside them, were sections.
            (Some('C' | 'S'), _) => false,
            (Some(_), Pixels::Colour) => page.planar,
            (None, Pixels::Colour) => page.planar && is_alone,
            _ => false,
        });
        if is_plane && let Some((letter, length)) = samples {
            let letter = if page.planar { letter } else { letter.or(Some('C')) };
            axes.push((letter, length));
        }
        Some(Planes { axes: named(&axes), samples_are_planes: is_plane })
    }

    /// Returns each axis with its letter, where there are letters for all.
    fn named(&self) -> Vec<(Option<char>, usize)> {
        let letters: Vec<_> = self.axes.iter().flat_map(|axes| axes.chars()).collect();
        let letter = |at: usize| letters.get(at).copied().filter(|_| letters.len() == self.shape.len());
        self.shape.iter().enumerate().map(|(at, &length)| (letter(at), length)).collect()
    }
}

/// Gives axes their meaning by their letters. Those without are, as tifffile takes them when it
/// writes for ImageJ or OME, sections; before channels; behind points in time.
fn named(axes: &[(Option<char>, usize)]) -> Axes {
    let unnamed: Vec<usize> = axes
        .iter()
        .enumerate()
        .filter(|(_, axis)| axis.0.is_none() && axis.1 > 1)
        .map(|(at, _)| at)
        .collect();
    let by_place = |at: usize| match unnamed.iter().rev().position(|&other| other == at) {
        None => Axis::Section,
        Some(0) if unnamed.len() == 1 => Axis::Section,
        Some(0) => Axis::Channel,
        Some(1) => Axis::Section,
        Some(2) => Axis::Time,
        Some(_) => Axis::Other,
    };
    let meaning = |at: usize, letter: Option<char>| match letter {
        Some('Z') => Axis::Section,
        Some('C' | 'S') => Axis::Channel,
        Some('T') => Axis::Time,
        Some(_) => Axis::Other,
        None => by_place(at),
    };
    Axes(axes.iter().enumerate().map(|(at, &(letter, length))| (meaning(at, letter), length)).collect())
}
