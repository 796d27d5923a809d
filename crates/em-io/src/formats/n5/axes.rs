//! Which axes of a dataset are z, y and x, and which are channels and time.

use crate::error::Result;
use crate::formats::axes::Axes;
use crate::formats::json::metadata;
use crate::{OpenOptions, Part};
use serde_json::Value;
use std::path::Path;

/// Finds z, y and x among the axes of a dataset, x last, of which those of length 1 say nothing.
///
/// Three longer ones, or two, are they. Of more, their names tell which are channels and time; without names the
/// slowest of four is channels. `path` is what was asked for.
pub(super) fn find(
    path: &Path,
    file: &Path,
    shape: &[usize],
    attributes: &Value,
    options: OpenOptions,
) -> Result<Axes> {
    if let Some(axes) = Axes::by_length(shape) {
        Part::ALL.into_iter().try_for_each(|part| options.pick(path, part, 1, String::new).map(drop))?;
        return Ok(axes);
    }
    let mut long: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis] > 1).collect();
    let names = names(attributes, shape);
    let named = |all: [&str; 2]| {
        let is_it = |name: &String| all.iter().any(|of| name.eq_ignore_ascii_case(of));
        names.as_ref().and_then(|names| names.iter().position(is_it)).filter(|&axis| shape[axis] > 1)
    };
    let channel = match &names {
        Some(_) => named(["c", "channel"]),
        None => long.first().copied().filter(|_| long.len() == 4),
    };
    let time = named(["t", "time"]);
    let mut at = vec![0; shape.len()];
    for (part, axis, several) in
        [(Part::Channel, channel, "channels"), (Part::Time, time, "time points"), (Part::Volume, None, "")]
    {
        let count = axis.map_or(1, |axis| shape[axis]);
        let picked = options.pick(path, part, count, || format!("{count} {several}"))?;
        if let Some(axis) = axis {
            at[axis] = picked;
            long.retain(|&other| other != axis);
        }
    }
    let space = match *long.as_slice() {
        [z, y, x] => [Some(z), Some(y), Some(x)],
        [y, x] => [None, Some(y), Some(x)],
        _ => {
            let found = format!("{} axes longer than 1 beside channels and time", long.len());
            return Err(metadata(file, found, "x, y and z"));
        }
    };
    Ok(Axes::named(shape, space, at))
}

/// Returns the names of all axes, x last: those of `axes` in either order, or those that N5 for ImageJ means by
/// the numbers of its channels, slices and frames, of which it leaves single ones out.
fn names(attributes: &Value, shape: &[usize]) -> Option<Vec<String>> {
    let listed = attributes["axes"].as_array().map(|names| {
        names.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    });
    let of_imagej = || {
        let is_several = |key: &str| attributes[key].as_u64().map(|count| count > 1);
        let several = [
            ("c", is_several("numChannels")?),
            ("z", is_several("numSlices")?),
            ("t", is_several("numFrames")?),
        ];
        let others = several.into_iter().filter(|(_, is_several)| *is_several).map(|(name, _)| name);
        Some(["x", "y"].into_iter().chain(others).map(str::to_owned).collect::<Vec<_>>())
    };
    let mut names = listed.or_else(of_imagej).filter(|names| names.len() == shape.len())?;
    let place = |of: &str| names.iter().position(|name| name.eq_ignore_ascii_case(of));
    if place("x").zip(place("y")).is_some_and(|(x, y)| x < y) {
        names.reverse();
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use serde_json::json;

    fn find(shape: &[usize], attributes: &Value, options: OpenOptions) -> Result<Axes> {
        super::find(Path::new("a.n5"), Path::new("a.n5/attributes.json"), shape, attributes, options)
    }

    #[test]
    fn channels_and_time_are_known_by_their_names_in_either_order() {
        let second = OpenOptions { channel: Some(1), time: Some(2), ..OpenOptions::default() };
        let imagej = json!({"numChannels": 2, "numSlices": 7, "numFrames": 3});
        for attributes in
            [json!({"axes": ["x", "y", "c", "z", "t"]}), json!({"axes": ["t", "z", "c", "y", "x"]}), imagej]
        {
            let axes = find(&[3, 7, 2, 8, 9], &attributes, second).unwrap();
            assert_eq!((axes.shape(), axes.place()), ([7, 8, 9], [2, 0, 1, 0, 0].as_slice()), "{attributes}");
        }
        let error =
            find(&[3, 7, 2, 8, 9], &json!({"axes": ["x", "y", "c", "z", "t"]}), OpenOptions::default());
        assert!(matches!(error, Err(Error::SeveralParts { part: Part::Channel, count: 2, .. })));
        assert!(find(&[3, 7, 2, 8, 9], &json!({}), second).is_err());
    }

    #[test]
    fn channels_may_be_the_fastest_axis() {
        let second = OpenOptions { channel: Some(1), ..OpenOptions::default() };
        for axes in [json!(["c", "x", "y", "z"]), json!(["z", "y", "x", "c"])] {
            let found = find(&[7, 8, 9, 2], &json!({"axes": axes}), second).unwrap();
            assert_eq!((found.shape(), found.place()), ([7, 8, 9], [0, 0, 0, 1].as_slice()), "{axes}");
        }
    }

    #[test]
    fn without_names_the_slowest_of_four_is_channels() {
        let second = OpenOptions { channel: Some(1), ..OpenOptions::default() };
        let axes = find(&[2, 7, 1, 8, 9], &json!({}), second).unwrap();
        assert_eq!((axes.shape(), axes.place()), ([7, 8, 9], [1, 0, 0, 0, 0].as_slice()));
        let time = OpenOptions { time: Some(1), ..OpenOptions::default() };
        assert!(matches!(find(&[7, 8, 9], &json!({}), time), Err(Error::NoSuchPart { .. })));
    }
}
