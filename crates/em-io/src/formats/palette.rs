//! Palettes of TIFF and PNG: what an index stands for.
//!
//! Label masks come with palettes, whose colours only tell classes apart; pictures of greys do, too.
//! The rule is one for both formats: a palette of 16 greys or more, in rising order, is a scale of
//! greys and its values are read; of any other the indices are.

use std::sync::Arc;

/// Names what is done to palettes of colours, for the notes of a volume.
pub(crate) const INDICES_NOTE: &str = "a palette's indices are read, not its colours";

/// The fewest greys that are a scale. Classes are rarely as many, and rarely grey.
const FEWEST_GREYS: usize = 16;

/// Returns the grey value of each index, where a palette of `[red, green, blue]` is a scale of greys.
pub(crate) fn grey_ramp(entries: &[[u8; 3]]) -> Option<Arc<[u8]>> {
    let is_grey = entries.iter().all(|[red, green, blue]| red == green && green == blue);
    let rises = entries.is_sorted_by_key(|entry| entry[0]);
    let mut values: Vec<u8> = entries.iter().map(|entry| entry[0]).collect();
    values.dedup();
    (is_grey && rises && values.len() >= FEWEST_GREYS).then(|| entries.iter().map(|entry| entry[0]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_of_greys_is_told_from_colours_of_classes() {
        let greys: Vec<[u8; 3]> = (0..=255).map(|value| [value; 3]).collect();
        assert_eq!(grey_ramp(&greys).unwrap()[7], 7);
        assert_eq!(grey_ramp(&[[0; 3], [255; 3]]), None);
        let colours: Vec<[u8; 3]> = (0..=255).map(|value| [value, value, 0]).collect();
        assert_eq!(grey_ramp(&colours), None);
        let falling: Vec<[u8; 3]> = (0..=255).rev().map(|value| [value; 3]).collect();
        assert_eq!(grey_ramp(&falling), None);
    }
}
