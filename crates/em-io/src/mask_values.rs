//! What the values of a mask may be: the one rule, and the one message where they are others.

use crate::error::Error;
use crate::{Voxel, Voxels, match_voxels};
use ndarray::{ArrayView2, Axis};
use std::path::Path;

/// The most values that an error lists.
const LISTED_VALUES: usize = 8;

/// Tells whether values are those of a mask: 0 in the background, and either 255 or 1 in the
/// foreground.
///
/// It looks at the sections of a volume one after another, or at some of them each on a thread of
/// its own, to be [merged](Self::merge) in their order.
///
/// ```
/// use em_io::{MaskValues, Voxels};
/// use ndarray::array;
///
/// let sections = Voxels::from(array![[[0_u8, 255]], [[255, 255]], [[1, 0]]]);
/// let mut rule = MaskValues::default();
/// rule.add_section(&sections, 0);
/// rule.add_section(&sections, 1);
/// assert!(rule.is_mask());
/// rule.add_section(&sections, 2);
/// assert!(!rule.is_mask());
/// assert_eq!(
///     rule.error(None, 2).to_string(),
///     "the label volume holds the values 0, 1, 255 (page 2), expected only 0 and 255, or only 0 and 1"
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MaskValues {
    /// The distinct values in rising order with their texts, as many as are listed and one more.
    values: Vec<(f64, String)>,
}

impl MaskValues {
    /// The values of a mask, for messages.
    pub const EXPECTED: &'static str = "only 0 and 255, or only 0 and 1";

    /// Looks at section `z` of a block.
    ///
    /// # Panics
    ///
    /// If the block has no such section.
    pub fn add_section(&mut self, voxels: &Voxels, z: usize) {
        match voxels {
            Voxels::U8(array) => self.add_bytes(array.index_axis(Axis(0), z)),
            other => {
                match_voxels!(other, array => self.add_runs(array.index_axis(Axis(0), z).iter().copied()))
            }
        }
    }

    /// Looks at one value.
    pub fn add_value(&mut self, value: f64) {
        let float = value as f32;
        // 0.1 as a 32-bit float has more digits as a 64-bit one.
        let text = || if f64::from(float) == value { float.to_string() } else { value.to_string() };
        self.add(value, text);
    }

    /// Looks at what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        other.values.iter().for_each(|(value, text)| self.add(*value, || text.clone()));
    }

    /// Tells whether all values so far are those of a mask.
    pub fn is_mask(&self) -> bool {
        let only = |foreground| self.values().all(|value| value == 0.0 || value == foreground);
        only(255.0) || only(1.0)
    }

    /// Returns the distinct values so far in rising order, up to 9 of them: more are not kept.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.values.iter().map(|(value, _)| *value)
    }

    /// Returns the distinct values as text, up to 8 of them, and `...` where there are more.
    pub fn listed(&self) -> Vec<String> {
        let listed = self.values.iter().take(LISTED_VALUES).map(|(_, text)| text.clone());
        let more = (self.values.len() > LISTED_VALUES).then(|| "...".to_owned());
        listed.chain(more).collect()
    }

    /// Says that a label is no mask, as the values up to and on `page` show.
    pub fn error(&self, path: Option<&Path>, page: usize) -> Error {
        Error::NotAMask { path: path.map(Path::to_path_buf), page, values: self.listed() }
    }

    fn add_bytes(&mut self, section: ArrayView2<'_, u8>) {
        let (mut least, mut most, mut is_grey) = (u8::MAX, 0, false);
        for row in section.rows() {
            // A row is gone through without an early end, in vector instructions.
            (least, most, is_grey) = row.iter().fold((least, most, is_grey), |(least, most, is_grey), &v| {
                (least.min(v), most.max(v), is_grey | (v != 0 && v != u8::MAX))
            });
        }
        if section.is_empty() {
            return;
        }
        if most <= 1 || !is_grey {
            // There are no values between these two.
            return [least, most].into_iter().for_each(|value| self.add_value(value.into()));
        }
        let mut seen = [false; 256];
        section.iter().for_each(|&value| seen[usize::from(value)] = true);
        (0..=u8::MAX)
            .filter(|&value| seen[usize::from(value)])
            .for_each(|value| self.add_value(value.into()));
    }

    /// Labels are long runs of one value, of which the first is looked up.
    fn add_runs<T: Voxel>(&mut self, voxels: impl Iterator<Item = T>) {
        let mut last = None;
        for voxel in voxels {
            if last != Some(voxel) {
                self.add(voxel.to_f64(), || voxel.to_string());
                last = Some(voxel);
            }
        }
    }

    /// Keeps a value; 64-bit integers that are one number as a float are told apart by their texts.
    fn add(&mut self, value: f64, text: impl FnOnce() -> String) {
        // -0.0 is a 0 that would sort, and print, apart from it.
        let is_zero = value == 0.0;
        let value = if is_zero { 0.0 } else { value };
        if self.values.len() > LISTED_VALUES && self.values.last().is_some_and(|(last, _)| *last < value) {
            return;
        }
        let text = if is_zero { "0".to_owned() } else { text() };
        let order = |(known, shown): &(f64, String)| known.total_cmp(&value).then_with(|| shown.cmp(&text));
        if let Err(place) = self.values.binary_search_by(order) {
            self.values.insert(place, (value, text));
            self.values.truncate(LISTED_VALUES + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array3, array};

    fn rule_of(voxels: impl Into<Voxels>) -> MaskValues {
        let voxels = voxels.into();
        let mut rule = MaskValues::default();
        (0..voxels.shape()[0]).for_each(|z| rule.add_section(&voxels, z));
        rule
    }

    #[test]
    fn both_conventions_are_masks_in_every_type_and_mixtures_are_none() {
        for mask in [
            Voxels::from(array![[[0_u8, 255, 255]]]),
            array![[[1_u8, 1]], [[0, 1]]].into(),
            array![[[0_u8, 0]]].into(),
            array![[[255_u8, 255]]].into(),
            array![[[0_u64, 255]]].into(),
            array![[[-0.0_f32, 1.0, 0.0]]].into(),
            Array3::<u8>::zeros((1, 0, 4)).into(),
        ] {
            assert!(rule_of(mask.clone()).is_mask(), "{mask:?}");
        }
        for grey in [
            Voxels::from(array![[[0_u8, 1, 255]]]),
            array![[[1_u8]], [[255]]].into(),
            array![[[2_u8, 0]]].into(),
            array![[[254_u8, 255]]].into(),
            array![[[f32::NAN]]].into(),
            array![[[0.5_f32]]].into(),
            array![[[-1_i8]]].into(),
            array![[[u64::MAX]]].into(),
        ] {
            assert!(!rule_of(grey.clone()).is_mask(), "{grey:?}");
        }
    }

    #[test]
    fn the_lowest_values_are_listed_in_order_as_their_type_shows_them() {
        let many = rule_of(Array3::from_shape_fn((1, 1, 20), |(_, _, x)| 19 - x as u8));
        assert_eq!(many.listed(), ["0", "1", "2", "3", "4", "5", "6", "7", "..."]);
        assert_eq!(many.values().count(), 9);
        let late = rule_of(Array3::from_shape_fn((1, 1, 20), |(_, _, x)| 19 - x as i16));
        assert_eq!(late.listed(), many.listed());
        let large = rule_of(array![[[u64::MAX, u64::MAX - 1, 0, u64::MAX]]]);
        assert_eq!(large.listed(), ["0", "18446744073709551614", "18446744073709551615"]);
        assert_eq!(rule_of(array![[[0.1_f32, -0.0]]]).listed(), ["0", "0.1"]);
        let mut values = MaskValues::default();
        [0.1_f32.into(), 0.1, 255.0, -0.0].into_iter().for_each(|value| values.add_value(value));
        assert_eq!(values.listed(), ["0", "0.1", "0.1", "255"]);
    }

    #[test]
    fn sections_on_threads_of_their_own_are_merged() {
        let (mut bytes, ones) = (rule_of(array![[[0_u8, 255]]]), rule_of(array![[[1_u8, 0]]]));
        assert!(bytes.is_mask() && ones.is_mask());
        bytes.merge(&ones);
        assert!(!bytes.is_mask());
        assert_eq!(bytes, rule_of(array![[[0_u8, 255]], [[1, 0]]]));
    }
}
