//! How small the objects are that a training was shown.

use em_data::{Region, TrainingSet};
use em_objects::{Components, Connectivity, Extent};

use crate::scores::outside;

/// The share of objects that may be smaller than what is removed as too small.
const SHARE: f64 = 0.05;

/// Sizes in voxels that all but a few objects of the training have, of which nothing smaller than that
/// may be called a speck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmallestObjects {
    /// Of components of a section.
    pub section: u64,
    /// Of components of a volume.
    pub volume: u64,
}

impl SmallestObjects {
    /// Measures the objects of a class within regions; those that the border of a region cuts are among
    /// them, so that the sizes are rather too small.
    pub fn of(set: &TrainingSet, regions: &[Region], class: usize) -> Self {
        let smallest = |extent: Extent| {
            let of_region = |region: &Region| {
                let volume = &set.volumes()[region.volume];
                let mask = region.slice(volume.mask(class));
                let known = volume.ignored(class).map(|ignored| outside(mask, region.slice(ignored)));
                let mask = known.as_ref().map_or(mask, |known| known.view());
                Components::of(mask, extent, Connectivity::Corners).sizes().to_vec()
            };
            let mut sizes: Vec<u64> = regions.iter().flat_map(of_region).collect();
            sizes.sort_unstable();
            // There are far fewer than 2^52 objects.
            sizes.get((sizes.len() as f64 * SHARE) as usize).copied().unwrap_or(0)
        };
        Self { section: smallest(Extent::Section), volume: smallest(Extent::Volume) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_data::LabelledVolume;
    use em_io::{Mask, Roi, Voxels};
    use ndarray::Array3;

    #[test]
    fn one_speck_among_many_objects_is_not_the_smallest() {
        // 25 squares of 3 x 3 voxels through two sections, and a voxel beside them.
        let mut mask =
            Array3::from_shape_fn((2, 21, 21), |(_, y, x)| y % 4 < 3 && x % 4 < 3 && y < 20 && x < 20);
        mask[[0, 20, 20]] = true;
        let masks = vec![("a".to_owned(), Mask::new(mask, None))];
        let volume = LabelledVolume::new("v", Voxels::U8(Array3::zeros((2, 21, 21))), masks).unwrap();
        let set = TrainingSet::new(vec!["a".into()], vec![volume]).unwrap();
        let of = |roi| SmallestObjects::of(&set, &[Region { volume: 0, roi }], 0);
        assert_eq!(of(Roi::whole([2, 21, 21])), SmallestObjects { section: 9, volume: 18 });
        assert_eq!(of(Roi::from([0..1, 20..21, 20..21])), SmallestObjects { section: 1, volume: 1 });
        assert_eq!(of(Roi::from([1..2, 20..21, 20..21])), SmallestObjects { section: 0, volume: 0 });
    }

    #[test]
    fn what_nobody_labelled_is_no_object() {
        // Specks in every second row, but labels are only complete around the square in the corner.
        let mask = Array3::from_shape_fn((1, 20, 20), |(_, y, x)| {
            if y < 8 && x < 8 { y < 4 && x < 4 } else { y % 2 == 0 && x % 2 == 0 }
        });
        let outside = Array3::from_shape_fn((1, 20, 20), |(_, y, x)| y >= 8 || x >= 8);
        let masks = vec![("a".to_owned(), Mask::new(mask, None))];
        let volume = LabelledVolume::new("v", Voxels::U8(Array3::zeros((1, 20, 20))), masks).unwrap();
        let volume = volume.with_ignored(Mask::new(outside, None)).unwrap();
        let set = TrainingSet::new(vec!["a".into()], vec![volume]).unwrap();
        let region = Region { volume: 0, roi: Roi::whole([1, 20, 20]) };
        assert_eq!(SmallestObjects::of(&set, &[region], 0), SmallestObjects { section: 16, volume: 16 });
    }
}
