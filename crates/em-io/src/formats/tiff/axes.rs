//! The axes that the planes of a file lie along, and which planes are the sections of one stack.

use crate::error::{Error, Result};
use crate::{OpenOptions, Part, limits};
use std::path::Path;

/// What planes follow each other along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Section,
    Channel,
    Time,
    /// An axis without a name that we know: sections, where there is no other.
    Other,
}

/// The axes of a file's planes, the slowest first, with their lengths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Axes(pub Vec<(Axis, usize)>);

/// The planes that are read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picked {
    /// The plane of each section, counted over all axes.
    pub planes: Vec<usize>,
    /// What a user should know of the choice.
    pub notes: Vec<String>,
}

impl Axes {
    /// One axis of sections.
    pub(super) fn sections(count: usize) -> Self {
        Self(vec![(Axis::Section, count)])
    }

    /// Adds an axis that is faster than all others.
    pub(super) fn with(mut self, axis: Axis, length: usize) -> Self {
        self.0.push((axis, length));
        self
    }

    /// The number of planes.
    pub(super) fn planes(&self) -> usize {
        self.0.iter().fold(1, |planes, (_, length)| planes.saturating_mul(*length))
    }

    /// Picks one stack: one channel of one point in time.
    ///
    /// Time alone is a stack, too, with a note: many programs call sections so.
    pub(super) fn pick(&self, path: &Path, options: OpenOptions) -> Result<Picked> {
        let [slices, channels, frames, others] =
            [Axis::Section, Axis::Channel, Axis::Time, Axis::Other].map(|axis| self.length(axis));
        let found = || format!("{channels} channels, {slices} slices and {frames} frames");
        let channel = options.pick(path, Part::Channel, channels, found)?;
        let is_series = slices == 1 && others == 1 && frames > 1 && options.time.is_none();
        let time = if is_series { 0 } else { options.pick(path, Part::Time, frames, found)? };
        if slices > 1 && others > 1 {
            let expected = "slices only".into();
            return Err(not_a_stack(
                path,
                format!("{slices} slices and {others} along another axis"),
                expected,
            ));
        }
        let axis = match (is_series, others) {
            (true, _) => Axis::Time,
            (_, 1) => Axis::Section,
            _ => Axis::Other,
        };
        let sections = self.length(axis);
        limits::check_sections(path, sections)?;
        let start = channel * self.step(Axis::Channel) + time * self.step(Axis::Time);
        let planes = (0..sections).map(|section| start + self.place(axis, section)).collect();
        let mut notes = Vec::new();
        if is_series {
            notes.push("time points read as sections".into());
        }
        if channels > 1 {
            notes.push(format!("channel {channel} of {channels} (0 to {}) read", channels - 1));
        }
        if frames > 1 && !is_series {
            notes.push(format!("time point {time} of {frames} (0 to {}) read", frames - 1));
        }
        Ok(Picked { planes, notes })
    }

    fn length(&self, axis: Axis) -> usize {
        let lengths = self.0.iter().filter(|(other, _)| *other == axis).map(|(_, length)| *length);
        lengths.fold(1, usize::saturating_mul)
    }

    /// The way from a plane to the next along an axis that occurs once.
    fn step(&self, axis: Axis) -> usize {
        let behind = self.0.iter().rposition(|(other, _)| *other == axis).map_or(self.0.len(), |at| at + 1);
        self.0[behind..].iter().map(|(_, length)| *length).fold(1, usize::saturating_mul)
    }

    /// The way to a place along an axis, which several axes may be together.
    fn place(&self, axis: Axis, mut index: usize) -> usize {
        let (mut place, mut step) = (0, 1);
        for (other, length) in self.0.iter().rev() {
            if *other == axis {
                place += index % length * step;
                index /= length;
            }
            step *= length;
        }
        place
    }
}

/// An error about pages that are not one stack of sections.
pub(super) fn not_a_stack(path: &Path, found: String, expected: String) -> Error {
    Error::NotAStack { path: path.to_path_buf(), found, expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(axes: &[(Axis, usize)], options: OpenOptions) -> Result<Picked> {
        Axes(axes.to_vec()).pick(Path::new("a.tif"), options)
    }

    #[test]
    fn sections_of_one_channel_and_time_are_picked_in_any_order_of_axes() {
        use Axis::{Channel, Section, Time};
        let options = OpenOptions { channel: Some(1), time: Some(1), ..OpenOptions::default() };
        let of = |axes: &[(Axis, usize)]| pick(axes, options).unwrap().planes;
        // np.arange(12).reshape(2, 3, 2)[1, :, 1] and its like.
        assert_eq!(of(&[(Time, 2), (Section, 3), (Channel, 2)]), [7, 9, 11]);
        assert_eq!(of(&[(Channel, 2), (Section, 3), (Time, 2)]), [7, 9, 11]);
        assert_eq!(of(&[(Section, 3), (Channel, 2), (Time, 2)]), [3, 7, 11]);
    }

    #[test]
    fn channels_and_times_are_never_taken_for_sections_unasked() {
        use Axis::{Channel, Other, Section, Time};
        let refused = |axes: &[(Axis, usize)]| pick(axes, OpenOptions::default()).unwrap_err();
        assert!(matches!(refused(&[(Section, 3), (Channel, 2)]), Error::SeveralParts { count: 2, .. }));
        assert!(matches!(refused(&[(Time, 3), (Section, 2)]), Error::SeveralParts { count: 3, .. }));
        assert!(matches!(refused(&[(Section, 3), (Other, 2)]), Error::NotAStack { .. }));
        let third = OpenOptions { channel: Some(2), ..OpenOptions::default() };
        assert!(matches!(
            pick(&[(Section, 3), (Channel, 2)], third).unwrap_err(),
            Error::NoSuchPart { index: 2, count: 2, .. }
        ));
    }

    #[test]
    fn time_or_an_unknown_axis_alone_is_a_stack() {
        let series = pick(&[(Axis::Time, 3)], OpenOptions::default()).unwrap();
        assert_eq!(
            (series.planes, series.notes),
            (vec![0, 1, 2], vec!["time points read as sections".into()])
        );
        let one = OpenOptions { time: Some(2), ..OpenOptions::default() };
        assert_eq!(pick(&[(Axis::Time, 3)], one).unwrap().planes, [2]);
        let rows = [(Axis::Other, 2), (Axis::Channel, 1), (Axis::Other, 2)];
        assert_eq!(pick(&rows, OpenOptions::default()).unwrap().planes, [0, 1, 2, 3]);
    }
}
