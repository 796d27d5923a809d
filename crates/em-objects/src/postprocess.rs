//! What is done to a mask after the threshold: a median of votes, no small components, no holes.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, ArrayViewMut1, Axis, Zip};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::components::inverted;
use crate::{Components, Connectivity, Error, Extent, Result};

/// The widest median window in voxels along an axis.
pub const MAX_WINDOW: usize = 63;

/// The steps that follow the threshold, in the order of their fields; the default does nothing.
///
/// ```
/// use em_objects::{Extent, Postprocess};
/// use ndarray::{Array3, s};
///
/// // A ring with a hole, and a speck that touches nothing.
/// let mut mask = Array3::from_elem((1, 5, 7), false);
/// mask.slice_mut(s![0, 0..3, 0..3]).fill(true);
/// mask[[0, 1, 1]] = false;
/// mask[[0, 4, 6]] = true;
///
/// let steps = Postprocess { minimum_voxels: 2, fill_holes: true, extent: Extent::Section, ..Default::default() };
/// assert_eq!(steps.apply(mask.clone())?.iter().filter(|&&v| v).count(), 9);
/// assert_eq!(Postprocess::default().apply(mask.clone())?, mask);
/// # Ok::<(), em_objects::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Postprocess {
    /// Whether sections are taken one by one (2D) or as a volume (3D).
    pub extent: Extent,
    /// Edge of the median window in voxels, odd; 1 leaves the median out.
    pub median_size: usize,
    /// Components of fewer voxels are removed; 0 keeps all.
    pub minimum_voxels: u64,
    /// Whether background that the foreground encloses is filled.
    pub fill_holes: bool,
}

impl Default for Postprocess {
    fn default() -> Self {
        Self { extent: Extent::Volume, median_size: 1, minimum_voxels: 0, fill_holes: false }
    }
}

impl Postprocess {
    /// Tells whether nothing is done.
    pub fn is_none(&self) -> bool {
        self.median_size <= 1 && self.minimum_voxels <= 1 && !self.fill_holes
    }

    /// Tells whether a section's result follows from that section alone.
    pub fn is_by_section(&self) -> bool {
        self.is_none() || self.extent == Extent::Section
    }

    /// Cleans a mask `[z, y, x]`.
    ///
    /// Memory: the mask, another one, and 8 bytes for each voxel where there is a median.
    ///
    /// # Errors
    ///
    /// [`Error::Window`] for an even or too large `median_size`.
    pub fn apply(&self, mask: Array3<bool>) -> Result<Array3<bool>> {
        let mut mask = mask;
        if self.median_size != 1 {
            let edge = self.median_size;
            let depth = if self.extent == Extent::Volume { edge } else { 1 };
            mask = median_filter(mask.view(), [depth, edge, edge])?;
        }
        if self.minimum_voxels > 1 {
            mask =
                remove_small_components(mask.view(), self.minimum_voxels, self.extent, Connectivity::Corners);
        }
        if self.fill_holes {
            mask = fill_holes(mask.view(), self.extent);
        }
        Ok(mask)
    }
}

/// Sets each voxel to what most voxels of the window around it are, `[z, y, x]`.
///
/// The mask is mirrored at its border, the border's voxels twice, as SciPy's `median_filter` does by default.
///
/// # Errors
///
/// [`Error::Window`] where an edge of the window is even, 0 or above [`MAX_WINDOW`].
pub fn median_filter(mask: ArrayView3<'_, bool>, window: [usize; 3]) -> Result<Array3<bool>> {
    check_window(window)?;
    if mask.is_empty() {
        // There is nothing to mirror.
        return Ok(mask.to_owned());
    }
    let mut votes = Zip::from(mask).par_map_collect(|&v| u32::from(v));
    for (axis, edge) in window.into_iter().enumerate() {
        if edge > 1 {
            Zip::from(votes.lanes_mut(Axis(axis))).par_for_each(|lane| sum_windows(lane, edge / 2));
        }
    }
    // MAX_WINDOW cubed fits in 32 bits.
    let half = (window.iter().product::<usize>() / 2) as u32;
    Ok(Zip::from(&votes).par_map_collect(|&votes| votes > half))
}

/// A window has a middle voxel, and is not too wide.
pub(crate) fn check_window(window: [usize; 3]) -> Result<()> {
    if window.iter().any(|&edge| edge % 2 == 0 || edge > MAX_WINDOW) {
        return Err(Error::Window { found: window });
    }
    Ok(())
}

/// Counts the foreground in the window of `edge` x `edge` voxels around each voxel of a section.
pub(crate) fn votes_of_section(section: ArrayView2<'_, bool>, edge: usize) -> Array2<u32> {
    let mut votes = Zip::from(section).par_map_collect(|&v| u32::from(v));
    for axis in 0..2 {
        Zip::from(votes.lanes_mut(Axis(axis))).par_for_each(|lane| sum_windows(lane, edge / 2));
    }
    votes
}

/// The voxel that stands at `place - radius` of a lane of `len` that is mirrored at its ends:
/// d c b a | a b c d | d c b a, as often as it takes: the border voxel is repeated, as by NumPy's mode
/// `symmetric` of `pad`.
pub(crate) fn mirrored_with_edge(place: usize, radius: usize, len: usize) -> usize {
    let period = 2 * len;
    let place = (place + period * radius.div_ceil(period) - radius) % period;
    place.min(period - 1 - place)
}

/// Replaces each value by the sum of itself and `radius` neighbours on both sides, mirrored at the ends.
fn sum_windows(mut lane: ArrayViewMut1<'_, u32>, radius: usize) {
    let len = lane.len();
    let extended: Vec<u32> =
        (0..len + 2 * radius).map(|place| lane[mirrored_with_edge(place, radius, len)]).collect();
    let mut sum: u32 = extended[..2 * radius].iter().sum();
    for (place, out) in lane.iter_mut().enumerate() {
        sum += extended[place + 2 * radius];
        *out = sum;
        sum -= extended[place];
    }
}

/// Removes the components of fewer than `minimum_voxels` voxels.
pub fn remove_small_components(
    mask: ArrayView3<'_, bool>,
    minimum_voxels: u64,
    extent: Extent,
    connectivity: Connectivity,
) -> Array3<bool> {
    let components = Components::of(mask, extent, connectivity);
    components.mask_of(|number| components.sizes()[number as usize - 1] >= minimum_voxels)
}

/// Fills background that touches no border of the volume, or of its section, by a path across faces.
///
/// It is SciPy's `binary_fill_holes`.
pub fn fill_holes(mask: ArrayView3<'_, bool>, extent: Extent) -> Array3<bool> {
    let background = Components::of(inverted(mask).view(), extent, Connectivity::Faces);
    let open = background.at_border(extent);
    inverted(background.mask_of(|number| open[number as usize - 1]).view())
}

#[cfg(test)]
mod tests {
    use super::*;

    // python: np.pad([0, 1, 2], 4, mode="symmetric").tolist(); np.pad([0, 1], 5, mode="symmetric").tolist()
    #[test]
    fn the_edge_is_repeated_where_a_lane_is_mirrored() {
        let padded = |len: usize, radius: usize| -> Vec<usize> {
            (0..len + 2 * radius).map(|place| mirrored_with_edge(place, radius, len)).collect()
        };
        assert_eq!(padded(3, 4), [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!(padded(2, 5), [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]);
        assert_eq!(padded(1, 2), [0; 5]);
    }
}
