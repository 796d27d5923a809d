//! What the axes of an image are, by their names and types, and which volume within them is read.

use super::array::ArrayMeta;
use super::metadata;
use crate::error::Result;
use crate::formats::axes::Axes;
use crate::formats::json::check_size;
use crate::limits::VOXEL_SIZE_NM;
use crate::{OpenOptions, Part};
use std::path::Path;

/// The axes that are read, for error messages.
const READABLE: &str = "x and y, and at most z, c and t beside them";

/// What an axis is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Time,
    Channel,
    /// Of z, y and x the one with this index.
    Space(usize),
    /// An axis of space whose name is neither of them.
    Unnamed,
    Other,
}

/// One axis of an image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub name: String,
    pub kind: Kind,
    /// The distance from one voxel to the next in nm, where it is given.
    pub nm: Option<f64>,
}

impl Axis {
    /// Describes an axis by its name and, where that is none of the usual, by its type.
    pub(super) fn new(name: &str, of_type: Option<&str>, nm: Option<f64>) -> Self {
        let kind = match (name.to_lowercase().as_str(), of_type) {
            ("z", _) => Kind::Space(0),
            ("y", _) => Kind::Space(1),
            ("x", _) => Kind::Space(2),
            ("t" | "time", _) | (_, Some("time")) => Kind::Time,
            ("c" | "channel", _) | (_, Some("channel")) => Kind::Channel,
            (_, Some("space")) => Kind::Unnamed,
            _ => Kind::Other,
        };
        Self { name: name.to_owned(), kind, nm }
    }

    /// Returns axes of these names, which say nothing of the size of voxels.
    pub(super) fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        names.into_iter().map(|name| Self::new(name, None, None)).collect()
    }
}

/// The volume that is read of an array.
#[derive(Debug)]
pub(super) struct Place {
    pub axes: Axes,
    pub voxel_size_nm: Option<[f64; 3]>,
    pub notes: Vec<String>,
}

/// Finds the volume of an array whose axes have names; `path` is what was asked for.
pub(super) fn place(path: &Path, meta: &ArrayMeta, axes: &[Axis], options: OpenOptions) -> Result<Place> {
    let lengths = &meta.shape;
    if axes.len() != lengths.len() {
        let found = format!("{} axes and an array of {}", axes.len(), lengths.len());
        return Err(metadata(&meta.file, found, "the same number"));
    }
    let mut space = axes_of_space(meta, axes)?;
    let mut notes = Vec::new();
    let of_kind = |kind| axes.iter().position(|axis| axis.kind == kind);
    let time = of_kind(Kind::Time);
    let count = |axis: Option<usize>| axis.map_or(1, |axis| lengths[axis]);
    let mut at = vec![0; lengths.len()];
    // A stack that was saved as a series in time is one of sections, unless one is picked.
    let is_series = options.time.is_none() && count(time) > 1 && count(space[0]) == 1;
    if is_series {
        space[0] = time;
        notes.push("time points read as sections".into());
    }
    for (part, axis, several) in [
        (Part::Channel, of_kind(Kind::Channel), "channels"),
        (Part::Time, time.filter(|_| !is_series), "time points"),
        (Part::Volume, None, "volumes"),
    ] {
        let count = count(axis);
        let picked = options.pick(path, part, count, || format!("{count} {several}"))?;
        if let Some(axis) = axis {
            at[axis] = picked;
        }
    }
    let axes_read = Axes::named(lengths, space, at);
    check_size(path, axes_read.shape())?;
    let voxel_size_nm = voxel_size_nm(axes, space, &mut notes);
    Ok(Place { axes: axes_read, voxel_size_nm, notes })
}

/// Finds the volume of an array whose axes have no names.
pub(super) fn place_by_length(path: &Path, meta: &ArrayMeta, options: OpenOptions) -> Result<Place> {
    let Some(axes) = Axes::by_length(&meta.shape) else {
        let found = format!("an array of {} axes without a name", meta.shape.len());
        return Err(metadata(&meta.file, found, "3 (z, y, x), or an OME-Zarr image"));
    };
    for part in Part::ALL {
        options.pick(path, part, 1, String::new)?;
    }
    check_size(path, axes.shape())?;
    let notes = axes.note().into_iter().collect();
    Ok(Place { axes, voxel_size_nm: None, notes })
}

/// Returns the axes that are z, y and x. There may be no z.
fn axes_of_space(meta: &ArrayMeta, axes: &[Axis]) -> Result<[Option<usize>; 3]> {
    let bad = || {
        let names: Vec<_> = axes.iter().map(|axis| axis.name.as_str()).collect();
        metadata(&meta.file, format!("the axes {}", names.join(", ")), READABLE)
    };
    let mut space = [None; 3];
    let unnamed: Vec<usize> = (0..axes.len()).filter(|&index| axes[index].kind == Kind::Unnamed).collect();
    let is_named = axes.iter().any(|axis| matches!(axis.kind, Kind::Space(_)));
    if !is_named && unnamed.len() <= 3 {
        // Axes of space of any name are z, y, x in the order that OME-NGFF recommends.
        for (side, &axis) in space.iter_mut().rev().zip(unnamed.iter().rev()) {
            *side = Some(axis);
        }
    }
    let (mut has_time, mut has_channel) = (false, false);
    for (index, axis) in axes.iter().enumerate() {
        let taken = match axis.kind {
            Kind::Space(side) => space[side].replace(index).is_some(),
            Kind::Time => std::mem::replace(&mut has_time, true),
            Kind::Channel => std::mem::replace(&mut has_channel, true),
            Kind::Unnamed => is_named && meta.shape[index] != 1,
            Kind::Other => meta.shape[index] != 1,
        };
        if taken {
            return Err(bad());
        }
    }
    if space[1].is_none() || space[2].is_none() { Err(bad()) } else { Ok(space) }
}

/// Takes the distances along z, y and x; it is `None` where one is missing or is none that a voxel has.
fn voxel_size_nm(axes: &[Axis], space: [Option<usize>; 3], notes: &mut Vec<String>) -> Option<[f64; 3]> {
    let [z, y, x] = space.map(|axis| axis.and_then(|axis| axes[axis].nm));
    let stored = [z?, y?, x?];
    let size = stored.map(f64::abs);
    if !size.iter().all(|length| VOXEL_SIZE_NM.contains(length)) {
        return None;
    }
    if stored != size {
        notes.push("a negative scale is taken for a length".into());
    }
    Some(size)
}

#[cfg(test)]
mod tests {
    use super::super::array::tests::meta;
    use super::*;
    use crate::{Error, Roi};

    fn find(names: &[&str], shape: &[usize], options: OpenOptions) -> Result<Place> {
        place(
            Path::new("a.zarr"),
            &meta(shape, &vec![1; shape.len()]),
            &Axis::of_names(names.iter().copied()),
            options,
        )
    }

    fn shape(names: &[&str], shape: &[usize]) -> Option<[usize; 3]> {
        find(names, shape, OpenOptions::default()).ok().map(|place| place.axes.shape())
    }

    #[test]
    fn axes_are_found_in_any_order_and_number() {
        assert_eq!(shape(&["z", "y", "x"], &[7, 8, 9]), Some([7, 8, 9]));
        assert_eq!(shape(&["x", "y", "z"], &[9, 8, 7]), Some([7, 8, 9]));
        assert_eq!(shape(&["X", "Y"], &[9, 8]), Some([1, 8, 9]));
        assert_eq!(shape(&["t", "c", "z", "y", "x"], &[1, 1, 7, 8, 9]), Some([7, 8, 9]));
        assert_eq!(shape(&["z", "y", "x", "c"], &[7, 8, 9, 1]), Some([7, 8, 9]));
        assert_eq!(shape(&["c", "y", "x"], &[1, 8, 9]), Some([1, 8, 9]));
        assert_eq!(shape(&["angle", "y", "x"], &[1, 8, 9]), Some([1, 8, 9]));
        for (names, lengths) in [
            (["z", "y", "y"], [7, 8, 9]),
            (["angle", "y", "x"], [2, 8, 9]),
            (["z", "c", "x"], [7, 1, 9]),
            (["t", "time", "x"], [1, 8, 9]),
        ] {
            assert_eq!(shape(&names, &lengths), None, "{names:?}");
        }
    }

    #[test]
    fn axes_of_space_with_names_of_their_own_are_taken_in_order() {
        let axes = ["depth", "rows", "columns"].map(|name| Axis::new(name, Some("space"), Some(4.0)));
        let place =
            place(Path::new("a.zarr"), &meta(&[7, 8, 9], &[1; 3]), &axes, OpenOptions::default()).unwrap();
        assert_eq!((place.axes.shape(), place.voxel_size_nm), ([7, 8, 9], Some([4.0; 3])));
    }

    #[test]
    fn a_series_without_z_is_a_stack_unless_one_is_picked() {
        for names in [["t", "z", "y", "x"], ["t", "c", "y", "x"]] {
            let place = find(&names, &[5, 1, 8, 9], OpenOptions::default()).unwrap();
            assert_eq!(place.axes.shape(), [5, 8, 9]);
            assert_eq!(place.notes, ["time points read as sections"]);
            let picked = OpenOptions { time: Some(3), ..OpenOptions::default() };
            let place = find(&names, &[5, 1, 8, 9], picked).unwrap();
            assert_eq!(place.axes.shape(), [1, 8, 9]);
            assert_eq!(place.axes.ranges(Roi::whole([1, 8, 9]))[0], 3..4);
        }
    }

    #[test]
    fn one_of_several_channels_and_times_is_picked() {
        let names = ["z", "c", "t", "y", "x"];
        let shape = [4, 2, 3, 8, 9];
        let open =
            |channel, time| find(&names, &shape, OpenOptions { channel, time, ..OpenOptions::default() });
        let place = open(Some(1), Some(2)).unwrap();
        assert_eq!(place.axes.ranges(Roi::whole([4, 8, 9])), [0..4, 1..2, 2..3, 0..8, 0..9]);
        let error = |channel, time| open(channel, time).unwrap_err();
        assert!(matches!(error(None, Some(0)), Error::SeveralParts { part: Part::Channel, count: 2, .. }));
        assert!(matches!(error(Some(0), None), Error::SeveralParts { part: Part::Time, count: 3, .. }));
        assert!(matches!(error(Some(2), Some(0)), Error::NoSuchPart { part: Part::Channel, .. }));
        let volume = OpenOptions { volume: Some(1), ..OpenOptions::default() };
        let error = find(&["z", "y", "x"], &[4, 8, 9], volume).unwrap_err();
        assert!(matches!(error, Error::NoSuchPart { part: Part::Volume, count: 1, .. }));
    }

    #[test]
    fn the_size_follows_the_axes_and_a_negative_one_is_a_length() {
        let axes = [("x", 4.0), ("y", -5.0), ("z", 40.0)].map(|(name, nm)| Axis::new(name, None, Some(nm)));
        let place =
            place(Path::new("a.zarr"), &meta(&[9, 8, 7], &[1; 3]), &axes, OpenOptions::default()).unwrap();
        assert_eq!(place.voxel_size_nm, Some([40.0, 5.0, 4.0]));
        assert_eq!(place.notes, ["a negative scale is taken for a length"]);
    }

    #[test]
    fn sides_that_no_microscope_delivers_are_refused() {
        assert_eq!(shape(&["z", "y", "x"], &[4, 4, 1 << 19]), None);
        assert_eq!(shape(&["x", "z", "y"], &[4, 1 << 21, 4]), None);
    }
}
