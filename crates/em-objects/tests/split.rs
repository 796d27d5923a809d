//! Splitting of touching objects against scikit-image, and in files larger than what is in memory.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::collections::{BTreeMap, BTreeSet};

use em_io::{Volume, Voxels};
use em_objects::{Extent, FindConfig, Objects};
use ndarray::{Array3, Axis, s};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    name: String,
    shape: [usize; 3],
    spacing: [f64; 3],
    neck: f64,
    /// Objects, and the parts that they fall into.
    whole: usize,
    parts: usize,
    /// The labels, run by run.
    lengths: Vec<usize>,
    labels: Vec<u32>,
}

impl Case {
    fn volume(&self) -> Array3<u32> {
        let runs = self.lengths.iter().zip(&self.labels);
        let flat = runs.flat_map(|(&length, &label)| std::iter::repeat_n(label, length)).collect();
        Array3::from_shape_vec(self.shape, flat).unwrap()
    }
}

/// `make_split_golden.py` made `split_golden.json`.
fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("split_golden.json")).unwrap()
}

fn find(mask: Array3<u8>, spacing: Option<[f64; 3]>, config: FindConfig) -> Objects {
    let volume = Volume::from_voxels(Voxels::from(mask), spacing);
    Objects::find(&volume, config, &std::env::temp_dir(), em_objects::unwatched).unwrap()
}

fn split(objects: &Objects, neck: f64) -> (Objects, em_objects::SplitCounts) {
    objects.split(neck, &std::env::temp_dir(), em_objects::unwatched).unwrap()
}

#[test]
fn parts_are_those_of_scikit_image() {
    for case in cases() {
        let expected = case.volume();
        let objects =
            find(expected.mapv(|label| u8::from(label > 0)), Some(case.spacing), FindConfig::default());
        assert_eq!(objects.count(), case.whole, "{}", case.name);
        let (parts, counts) = split(&objects, case.neck);
        assert_eq!(parts.count(), case.parts, "{}", case.name);
        assert_eq!(counts.split > 0, case.parts > case.whole, "{}", case.name);
        let labels = parts.paint(0..case.shape[0]).unwrap();
        assert_eq!(labels.mapv(|l| l > 0), expected.mapv(|l| l > 0), "{}: the mask changed", case.name);
        // Voxels as far from two maxima go either way.
        let mut shared: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for pair in labels.iter().copied().zip(expected.iter().copied()).filter(|(found, _)| *found > 0) {
            *shared.entry(pair).or_default() += 1;
        }
        let mut best: BTreeMap<u32, usize> = BTreeMap::new();
        for ((found, _), voxels) in &shared {
            let most = best.entry(*found).or_default();
            *most = (*most).max(*voxels);
        }
        let (all, agree) = (shared.values().sum::<usize>(), best.values().sum::<usize>());
        assert!(agree as f64 > 0.98 * all as f64, "{}: {agree} of {all} voxels agree", case.name);
    }
}

#[test]
fn parts_are_numbered_by_their_first_voxel_and_the_rest_stays() {
    // A dumbbell below a bar, and a speck.
    let mut mask = Array3::zeros((3, 20, 40));
    mask.slice_mut(s![.., 0..2, ..]).fill(1);
    mask.slice_mut(s![.., 5..14, 2..14]).fill(1);
    mask.slice_mut(s![.., 9..10, 14..22]).fill(1);
    mask.slice_mut(s![.., 4..15, 22..36]).fill(1);
    mask[[2, 19, 0]] = 1;
    let objects = find(mask, Some([5.0; 3]), FindConfig::default());
    let (parts, counts) = split(&objects, 5.0);
    assert_eq!((objects.count(), parts.count()), (3, 4));
    assert_eq!((counts.split, counts.too_large), (1, 0));
    assert_eq!(parts.names(), [1, 2, 3, 4]);
    let labels = parts.paint(0..3).unwrap();
    assert_eq!([labels[[0, 0, 0]], labels[[0, 4, 30]], labels[[0, 9, 5]], labels[[2, 19, 0]]], [1, 2, 3, 4]);
    let (whole, counts) = split(&objects, 1000.0);
    assert_eq!((whole.count(), counts.split), (3, 0));
    assert_eq!(whole.paint(0..3).unwrap(), objects.paint(0..3).unwrap());
}

#[test]
fn sections_that_do_not_follow_each_other_are_split_one_by_one() {
    let mut mask = Array3::zeros((2, 20, 40));
    mask.slice_mut(s![0, 5..14, 2..14]).fill(1);
    mask.slice_mut(s![0, 9..10, 14..22]).fill(1);
    mask.slice_mut(s![0, 5..14, 22..36]).fill(1);
    mask.slice_mut(s![1, 3..18, 3..38]).fill(1);
    let config = FindConfig { extent: Extent::Section, ..Default::default() };
    let (parts, _) = split(&find(mask, None, config), 1.5);
    let of_section = |z| {
        let labels = parts.paint(z..z + 1).unwrap();
        labels.index_axis(Axis(0), 0).iter().copied().filter(|&label| label > 0).collect::<BTreeSet<_>>()
    };
    assert_eq!((of_section(0).len(), of_section(1).len(), parts.count()), (2, 1, 3));
}

#[test]
fn holes_within_sections_are_filled_on_request() {
    let mut mask = Array3::zeros((2, 9, 9));
    mask.slice_mut(s![.., 1..8, 1..8]).fill(255);
    mask.slice_mut(s![0, 3..5, 3..5]).fill(0);
    let config = FindConfig { fill_holes: true, ..Default::default() };
    let voxels = |config| find(mask.clone(), None, config).voxels_by_section().unwrap();
    assert_eq!(voxels(FindConfig::default()), [45, 49]);
    assert_eq!(voxels(config), [49, 49]);
}

#[test]
fn a_neck_without_depth_is_refused() {
    let objects = find(Array3::ones((1, 2, 2)), None, FindConfig::default());
    for neck in [0.0, -1.0, f64::NAN] {
        let error = objects.split(neck, &std::env::temp_dir(), em_objects::unwatched).unwrap_err();
        assert!(error.to_string().ends_with("expected a number of nm above 0"), "{error}");
    }
}

#[test]
fn learned_boundaries_take_objects_apart_and_their_voxels_go_to_the_nearest_core() {
    let mut mask = Array3::zeros((4, 20, 50));
    mask.slice_mut(s![.., 4..16, 4..44]).fill(255);
    mask[[3, 0, 0]] = 255;
    // A wall of two columns, a frame around all, and a blot that leaves a core of one voxel.
    let mut walls = Array3::zeros(mask.dim());
    walls.slice_mut(s![.., 4..16, 23..25]).fill(255);
    walls.slice_mut(s![.., 4..6, 4..44]).fill(255);
    walls.slice_mut(s![1, 8..11, 10..13]).fill(255);
    walls[[1, 9, 11]] = 0;
    // What lies outside of the objects changes nothing.
    walls.slice_mut(s![.., 17..20, ..]).fill(255);
    let objects = find(mask.clone(), Some([5.0; 3]), FindConfig::default());
    let walls = find(walls, Some([5.0; 3]), FindConfig::default());
    let (parts, counts) = objects.split_at(&walls, &std::env::temp_dir(), em_objects::unwatched).unwrap();
    assert_eq!((objects.count(), parts.count(), counts.split), (2, 3, 1));
    let labels = parts.paint(0..4).unwrap();
    assert_eq!(labels.mapv(|label| label > 0), mask.mapv(|voxel| voxel > 0));
    for (x, part) in [(4, 1), (22, 1), (23, 1), (24, 2), (25, 2), (43, 2)] {
        assert!(labels.slice(s![.., 6..16, x]).iter().all(|&label| label == part), "column {x}");
    }
    assert_eq!(labels[[3, 0, 0]], 3);
    let nothing = find(Array3::zeros(mask.dim()), Some([5.0; 3]), FindConfig::default());
    let (whole, counts) = objects.split_at(&nothing, &std::env::temp_dir(), em_objects::unwatched).unwrap();
    assert_eq!((whole.count(), counts.split), (2, 0));
    let small = find(Array3::zeros((1, 2, 2)), None, FindConfig::default());
    assert!(objects.split_at(&small, &std::env::temp_dir(), em_objects::unwatched).is_err());
}
