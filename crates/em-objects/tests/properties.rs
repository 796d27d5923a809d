//! What holds for every mask, and the settings that are refused.

use em_objects::postprocess::{fill_holes, median_filter, remove_small_components};
use em_objects::{Components, Connectivity, Error, Extent, Postprocess, VolumeCleaner};
use ndarray::{Array3, s};
use proptest::collection::vec;
use proptest::prelude::*;

fn masks() -> impl Strategy<Value = Array3<bool>> {
    (1_usize..5, 1_usize..7, 1_usize..9).prop_flat_map(|shape| {
        vec(any::<bool>(), shape.0 * shape.1 * shape.2)
            .prop_map(move |voxels| Array3::from_shape_vec(shape, voxels).expect("one value per voxel"))
    })
}

fn connectivities() -> impl Strategy<Value = Connectivity> {
    prop_oneof![Just(Connectivity::Faces), Just(Connectivity::Edges), Just(Connectivity::Corners)]
}

proptest! {
    #[test]
    fn a_view_of_any_layout_has_the_same_components(mask in masks(), connectivity in connectivities()) {
        let of = |view| Components::of(view, Extent::Volume, connectivity).labels();
        let fortran = mask.t().as_standard_layout().into_owned();
        prop_assert_eq!(of(mask.view()), of(fortran.t()));
        let backward = mask.slice(s![.., .., ..;-1]).as_standard_layout().into_owned();
        prop_assert_eq!(of(mask.view()), of(backward.slice(s![.., .., ..;-1])));
    }

    #[test]
    fn turning_a_volume_keeps_the_sizes(mask in masks(), connectivity in connectivities()) {
        let sizes = |view| {
            let mut sizes = Components::of(view, Extent::Volume, connectivity).sizes().to_vec();
            sizes.sort_unstable();
            sizes
        };
        prop_assert_eq!(sizes(mask.view()), sizes(mask.t()));
        prop_assert_eq!(sizes(mask.view()), sizes(mask.slice(s![..;-1, .., ..;-1])));
        prop_assert_eq!(sizes(mask.view()).iter().sum::<u64>(), mask.iter().filter(|&&v| v).count() as u64);
    }

    #[test]
    fn sections_are_volumes_of_depth_one(mask in masks(), connectivity in connectivities(), minimum in 0_u64..6) {
        for z in 0..mask.dim().0 {
            let section = mask.slice(s![z..z + 1, .., ..]);
            let steps = |view, extent| {
                let large = remove_small_components(view, minimum, extent, connectivity);
                fill_holes(large.view(), extent)
            };
            let all = steps(mask.view(), Extent::Section);
            prop_assert_eq!(all.slice(s![z..z + 1, .., ..]), steps(section, Extent::Section));
        }
    }

    #[test]
    fn every_step_settles(mask in masks(), connectivity in connectivities(), minimum in 0_u64..6) {
        for extent in [Extent::Section, Extent::Volume] {
            let large = remove_small_components(mask.view(), minimum, extent, connectivity);
            prop_assert!(large.iter().zip(&mask).all(|(&new, &old)| !new || old));
            prop_assert_eq!(&remove_small_components(large.view(), minimum, extent, connectivity), &large);
            let filled = fill_holes(mask.view(), extent);
            prop_assert!(filled.iter().zip(&mask).all(|(&new, &old)| new || !old));
            prop_assert_eq!(&fill_holes(filled.view(), extent), &filled);
        }
    }

    #[test]
    fn a_streamed_mask_is_cleaned_as_a_whole_one(mask in masks(), half in 0_usize..4, minimum_voxels in 0_u64..6, fill_holes in any::<bool>()) {
        let steps = Postprocess { extent: Extent::Volume, median_size: 2 * half + 1, minimum_voxels, fill_holes };
        let folder = tempfile::tempdir().expect("a folder");
        let (depth, height, width) = mask.dim();
        let mut cleaner = VolumeCleaner::new(steps, [depth, height, width], folder.path()).expect("odd");
        for section in mask.outer_iter() {
            cleaner.push(section).expect("written");
        }
        let streamed = cleaner.finish().expect("read");
        let whole = steps.apply(mask).expect("odd");
        for (z, section) in whole.outer_iter().enumerate() {
            prop_assert_eq!(streamed.section(z).expect("read"), section);
        }
    }

    #[test]
    fn the_median_treats_foreground_and_background_alike(mask in masks(), z in 0_usize..3, y in 0_usize..4, x in 0_usize..5) {
        let window = [z, y, x].map(|half| 2 * half + 1);
        let votes = median_filter(mask.view(), window).expect("odd");
        prop_assert_eq!(median_filter((!&mask).view(), window).expect("odd"), !&votes);
        prop_assert_eq!(median_filter(mask.view(), [1; 3]).expect("odd"), mask);
    }
}

#[test]
fn an_even_window_is_refused() {
    let mask = Array3::from_elem((2, 3, 4), true);
    for window in [[2, 3, 3], [3, 0, 3], [3, 3, 65]] {
        let error = median_filter(mask.view(), window).unwrap_err();
        assert!(matches!(error, Error::Window { found } if found == window));
    }
    let error = Postprocess { median_size: 4, ..Default::default() }.apply(mask).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the median window is [4, 4, 4] voxels [z, y, x], expected odd numbers from 1 to 63"
    );
}

#[test]
fn steps_follow_each_other() {
    // A ring with a hole of one voxel, a speck, and nothing else; in the section alone the hole is closed.
    let mut mask = Array3::from_elem((3, 7, 9), false);
    mask.slice_mut(s![1, 1..4, 1..4]).fill(true);
    mask[[1, 2, 2]] = false;
    mask[[1, 5, 7]] = true;
    let steps = |extent, minimum_voxels, fill_holes| {
        let steps = Postprocess { extent, median_size: 1, minimum_voxels, fill_holes };
        steps.apply(mask.clone()).unwrap().iter().filter(|&&v| v).count()
    };
    assert_eq!(steps(Extent::Section, 0, false), 9);
    assert_eq!(steps(Extent::Section, 0, true), 10);
    assert_eq!(steps(Extent::Section, 2, true), 9);
    assert_eq!(steps(Extent::Volume, 2, true), 8, "above and below the hole is open");
    assert_eq!(steps(Extent::Volume, 9, true), 0);
    assert!(Postprocess::default().is_none());
    assert!(!Postprocess { median_size: 3, ..Default::default() }.is_by_section());
}
