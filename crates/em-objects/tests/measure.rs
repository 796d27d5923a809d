//! Measurements against scikit-image, SciPy and cc3d, and against shapes whose measures are known.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use em_io::{Volume, Voxels};
use em_objects::{Extent, FindConfig, Foreground, Object, Objects, measure};
use ndarray::{Array3, s};
use serde_json::Value;
use std::f64::consts::PI;

struct Case {
    name: String,
    spacing: [f64; 3],
    mask: Array3<u8>,
    probabilities: Array3<u8>,
    golden: Value,
}

/// `make_measure_golden.py` made `measure_golden.json`.
fn cases() -> Vec<Case> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("measure_golden.json")).unwrap();
    cases
        .into_iter()
        .map(|golden| {
            let shape: [usize; 3] = serde_json::from_value(golden["shape"].clone()).unwrap();
            let bits = hex(&golden["mask"])
                .into_iter()
                .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
            let mask = bits.take(shape.iter().product()).collect();
            Case {
                name: golden["name"].as_str().unwrap().into(),
                spacing: numbers(&golden["spacing"]).try_into().unwrap(),
                mask: Array3::from_shape_vec(shape, mask).unwrap(),
                probabilities: Array3::from_shape_vec(shape, hex(&golden["probabilities"])).unwrap(),
                golden,
            }
        })
        .collect()
}

fn hex(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    serde_json::from_value(value.clone()).unwrap()
}

fn find(voxels: impl Into<Voxels>, spacing: Option<[f64; 3]>, foreground: Foreground) -> Objects {
    let volume = Volume::from_voxels(voxels.into(), spacing);
    let config = FindConfig { foreground, ..Default::default() };
    Objects::find(&volume, config, &std::env::temp_dir(), em_objects::unwatched).unwrap()
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let tolerance = 1e-9 * expected.abs().max(1.0);
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
}

fn check(found: &Object, golden: &Value, what: &str) {
    let number = |key: &str| golden[key].as_f64().unwrap();
    let close =
        |found: f64, expected: f64, key: &str| assert_close(found, expected, &format!("{what}, {key}"));
    assert_eq!(u64::from(found.id), golden["id"].as_u64().unwrap(), "{what}");
    assert_eq!(found.voxels, golden["voxels"].as_u64().unwrap(), "{what}");
    let bounding_box = [found.start, found.end].concat();
    assert_eq!(bounding_box, serde_json::from_value::<Vec<usize>>(golden["bbox"].clone()).unwrap());
    close(found.mean_probability.unwrap(), number("mean_probability"), "mean probability");
    let physical = found.physical.as_ref().unwrap();
    close(physical.volume_um3 * 1e9, number("volume"), "volume");
    close(physical.equivalent_diameter_nm, number("equivalent_diameter"), "diameter");
    for (axis, &expected) in numbers(&golden["centroid_nm"]).iter().enumerate() {
        close(physical.centroid_nm[axis], expected, "centroid");
    }
    // scikit-image takes the two axes from the inertia tensor, NumPy the covariance of the places.
    close(physical.axes_nm[0], number("axis_major_length"), "major axis");
    for (found, variance) in physical.axes_nm.iter().zip(numbers(&golden["variances"])) {
        close(found * found, 20.0 * variance, "axis");
    }
    let cosine: f64 =
        physical.directions[0].iter().zip(numbers(&golden["major_direction"])).map(|(a, b)| a * b).sum();
    close(cosine.abs(), 1.0, "major direction");
}

#[test]
fn measures_are_those_of_scikit_image() {
    for case in cases() {
        let objects = find(case.mask.clone(), Some(case.spacing), Foreground::Mask);
        let probabilities = Volume::from_voxels(case.probabilities.clone().into(), None);
        let found = measure(&objects, Some(&probabilities), em_objects::unwatched).unwrap();
        let expected = case.golden["objects"].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{}", case.name);
        for (found, expected) in found.iter().zip(expected) {
            check(found, expected, &format!("{}, object {}", case.name, found.id));
        }
        // The same objects as instances with other names, which need not hang together.
        let labels =
            objects.paint(0..objects.shape()[0]).unwrap().mapv(|id| if id > 0 { 1000 - 7 * id } else { 0 });
        let instances = find(labels.clone(), Some(case.spacing), Foreground::Instances);
        assert_eq!(instances.paint(0..instances.shape()[0]).unwrap(), labels);
        let again = measure(&instances, Some(&probabilities), em_objects::unwatched).unwrap();
        for (mut again, found) in again.into_iter().rev().zip(found) {
            again.id = (1000 - again.id) / 7;
            assert_eq!(again, found);
        }
    }
}

// import itertools; import numpy as np; from skimage import measure   # numpy 2.4.6, scikit-image 0.26.0
// def ellipsoid(radii, spacing):
//     shape = [int(2 * np.ceil(r / s) + 5) for r, s in zip(radii, spacing)]
//     g = np.indices(shape)
//     return sum((((g[i] - shape[i] // 2) * spacing[i]) / radii[i]) ** 2 for i in range(3)) <= 1
// v, f, _, _ = measure.marching_cubes(ellipsoid(...).astype(np.float32), 0.5, spacing=spacing)
// mesh = measure.mesh_surface_area(v, f)
// variances = np.linalg.eigvalsh(np.cov((np.argwhere(ellipsoid(...)) * spacing).T, bias=True))
// axes = np.sqrt(20 * np.sort(variances)[::-1])
// `crofton` is the sum in surface.rs over pairs counted by slices of the array, with the shares from
// two million random directions, np.random.default_rng(0).
#[test]
fn an_ellipsoid_has_the_measures_of_its_voxels() {
    // Radii, sides of a voxel, exact area, Crofton's sum, area of the mesh, half axes, allowed error.
    // A radius of four to six sections leaves more of the area, and of the axis in z, to the steps.
    for (radii, spacing, exact, crofton, mesh, half_axes, allowed) in [
        ([60.0_f64; 3], [5.0_f64; 3], 45_238.9, 44_476.8, 48_363.09, [59.758_004_93; 3], 0.02),
        (
            [100.0, 60.0, 40.0],
            [5.0; 3],
            53_910.1,
            53_766.2,
            58_368.01,
            [100.471_398_58, 59.937_007_2, 39.748_147_41],
            0.02,
        ),
        (
            [200.0; 3],
            [50.0, 5.0, 5.0],
            502_654.8,
            486_160.0,
            616_051.74,
            [201.451_996_65, 201.451_996_65, 193.826_454_16],
            0.05,
        ),
        (
            [300.0, 150.0, 150.0],
            [50.0, 4.6, 4.6],
            483_264.9,
            462_563.4,
            569_623.45,
            [295.605_608_14, 150.541_766_35, 150.541_766_35],
            0.05,
        ),
        (
            [64.0; 3],
            [8.0, 4.0, 5.5],
            51_471.9,
            51_116.9,
            57_051.49,
            [64.179_918_56, 63.960_969_6, 63.607_808_79],
            0.02,
        ),
    ] {
        let objects = find(ellipsoid(radii, spacing), Some(spacing), Foreground::Mask);
        let found = measure(&objects, None, em_objects::unwatched).unwrap();
        let physical = found[0].physical.as_ref().unwrap();
        let surface = physical.surface_um2 * 1e6;
        assert!((surface / crofton - 1.0).abs() < 1e-3, "{radii:?} {spacing:?}: {surface} {crofton}");
        assert!((surface / exact - 1.0).abs() < allowed, "{radii:?} {spacing:?}: {surface} {exact}");
        // A mesh through the middles of edges follows the steps between voxels.
        let ratio = surface / mesh;
        assert!((0.75..1.0).contains(&ratio), "{radii:?} {spacing:?}: {ratio} of the mesh");
        assert!(!found[0].touches_border);
        for ((found, expected), radius) in physical.axes_nm.iter().zip(half_axes).zip(radii) {
            assert!((found / 2.0 / expected - 1.0).abs() < 1e-9, "{radii:?}: axis {found}");
            assert!((found / 2.0 / radius - 1.0).abs() < allowed, "{radii:?}: axis {found}");
        }
    }
}

/// Makes an ellipsoid in the middle of a volume, with radii and sides of a voxel in nm, `[z, y, x]`.
fn ellipsoid(radii: [f64; 3], spacing: [f64; 3]) -> Array3<u8> {
    let shape = [0, 1, 2].map(|i| 2 * (radii[i] / spacing[i]).ceil() as usize + 5);
    Array3::from_shape_fn(shape, |(z, y, x)| {
        let place = [z, y, x];
        let square = |i: usize| ((place[i] as f64 - (shape[i] / 2) as f64) * spacing[i] / radii[i]).powi(2);
        u8::from((0..3).map(square).sum::<f64>() <= 1.0)
    })
}

#[test]
fn a_box_has_the_measures_of_a_box() {
    let mut mask = Array3::<u8>::zeros((9, 10, 11));
    mask.slice_mut(s![1..9, 2..6, 3..5]).fill(255);
    let found = measure(&find(mask, Some([5.0; 3]), Foreground::Mask), None, em_objects::unwatched).unwrap();
    let [object] = &found[..] else { panic!("{found:?}") };
    assert_eq!((object.voxels, object.start, object.end), (64, [1, 2, 3], [9, 6, 5]));
    assert_eq!(object.centroid, [4.5, 3.5, 3.5]);
    assert!(object.touches_border, "the last section is the border");
    let physical = object.physical.as_ref().unwrap();
    assert_close(physical.volume_um3, 64.0 * 125e-9, "volume");
    // The variance of n places in a row is (n² - 1) / 12.
    for (found, n) in physical.axes_nm.iter().zip([8.0_f64, 4.0, 2.0]) {
        assert_close(*found, 5.0 * (20.0 * (n * n - 1.0) / 12.0).sqrt(), "axis");
    }
    assert_eq!(physical.directions, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    assert_eq!((physical.start_nm, physical.end_nm), ([5.0, 10.0, 15.0], [45.0, 30.0, 25.0]));
}

#[test]
fn sections_by_themselves_have_the_axes_of_ellipses_and_no_border_in_z() {
    let mask = Array3::from_shape_fn((2, 41, 61), |(_, y, x)| {
        u8::from(((y as f64 - 20.0) / 15.0).powi(2) + ((x as f64 - 30.0) / 25.0).powi(2) <= 1.0)
    });
    let volume = Volume::from_voxels(mask.into(), Some([40.0, 2.0, 2.0]));
    let config = FindConfig { extent: Extent::Section, ..Default::default() };
    let objects = Objects::find(&volume, config, &std::env::temp_dir(), em_objects::unwatched).unwrap();
    let found = measure(&objects, None, em_objects::unwatched).unwrap();
    assert_eq!(found.len(), 2);
    for object in found {
        assert!(!object.touches_border);
        let physical = object.physical.unwrap();
        assert!(
            (physical.axes_nm[0] / 100.0 - 1.0).abs() < 0.01
                && (physical.axes_nm[1] / 60.0 - 1.0).abs() < 0.01
        );
        assert_eq!((physical.axes_nm[2], physical.flatness), (0.0, None));
    }
}

#[test]
fn without_a_voxel_size_there_is_nothing_physical() {
    let found =
        measure(&find(Array3::<u8>::ones((2, 2, 2)), None, Foreground::Mask), None, em_objects::unwatched)
            .unwrap();
    assert_eq!((found[0].physical.clone(), found[0].mean_probability), (None, None));
}

#[test]
fn far_from_the_origin_a_ball_is_the_same() {
    let ball = |shift: [usize; 3]| {
        let mut mask = Array3::<u8>::zeros((40, 60, 6000));
        mask.slice_mut(s![shift[0].., shift[1].., shift[2]..])
            .slice_mut(s![..9, ..9, ..9])
            .indexed_iter_mut()
            .for_each(|((z, y, x), voxel)| {
                let square = |place: usize| (place as f64 - 4.0).powi(2);
                *voxel = u8::from(square(z) + square(y) + square(x) <= 16.0);
            });
        measure(&find(mask, Some([3.0; 3]), Foreground::Mask), None, em_objects::unwatched).unwrap().remove(0)
    };
    let (near, far) = (ball([1, 1, 1]), ball([30, 50, 5990]));
    let (near, far) = (near.physical.unwrap(), far.physical.unwrap());
    assert_eq!(
        (near.axes_nm, near.surface_um2, near.sphericity),
        (far.axes_nm, far.surface_um2, far.sphericity)
    );
    assert!((near.equivalent_diameter_nm / 24.0 - 1.0).abs() < 0.05 && near.sphericity.unwrap() > 0.95);
    assert!((near.volume_um3 * 1e9 / (PI / 6.0 * 24_f64.powi(3)) - 1.0).abs() < 0.1);
}

#[test]
fn objects_that_are_kept_are_numbered_anew() {
    let mask = ndarray::array![[[1_u8, 0, 1, 1, 0, 1, 1, 1]]];
    let mut objects = find(mask, None, Foreground::Mask);
    let sizes: Vec<u64> =
        measure(&objects, None, em_objects::unwatched).unwrap().iter().map(|object| object.voxels).collect();
    assert_eq!(sizes, [1, 2, 3]);
    objects.retain(|number| sizes[number as usize - 1] >= 2);
    assert_eq!((objects.count(), objects.names()), (2, &[1, 2][..]));
    assert_eq!(objects.paint(0..1).unwrap(), ndarray::array![[[0, 0, 1, 1, 0, 2, 2, 2]]]);

    let mut instances = find(ndarray::array![[[9_u8, 0, 4, 4, 0, 9, 7, 7]]], None, Foreground::Instances);
    assert_eq!(instances.names(), [4, 7, 9]);
    instances.retain(|number| number != 2);
    assert_eq!(instances.paint(0..1).unwrap(), ndarray::array![[[9, 0, 4, 4, 0, 9, 0, 0]]]);
}

#[test]
fn values_that_do_not_fit_are_refused_with_their_page() {
    let refused = |voxels: Voxels, foreground| {
        let config = FindConfig { foreground, ..Default::default() };
        let volume = Volume::from_voxels(voxels, None);
        Objects::find(&volume, config, &std::env::temp_dir(), em_objects::unwatched).unwrap_err().to_string()
    };
    assert_eq!(
        refused(ndarray::array![[[0_u8, 255]], [[3, 7]]].into(), Foreground::Mask),
        "the label volume holds the values 0, 3, 7, 255 (page 1), expected only 0 and 255, or only 0 and 1"
    );
    assert_eq!(
        refused(ndarray::array![[[0_u8, 255]], [[1, 0]]].into(), Foreground::Mask),
        "the label volume holds the values 0, 1, 255 (page 1), expected only 0 and 255, or only 0 and 1"
    );
    assert_eq!(
        refused(ndarray::array![[[0.5_f32, 1.5]]].into(), Foreground::Above(0.5)),
        "the volume holds 1.5 (page 0), expected probabilities from 0 to 1"
    );
    assert_eq!(
        refused(ndarray::array![[[3_i16, -1]]].into(), Foreground::Instances),
        "the volume holds -1 (page 0), expected whole numbers from 0 to 4294967295"
    );
}

#[test]
fn probabilities_of_another_shape_are_refused() {
    let objects = find(Array3::<u8>::ones((2, 2, 2)), None, Foreground::Mask);
    let other = Volume::from_voxels(Array3::<u8>::ones((2, 2, 3)).into(), None);
    assert_eq!(
        measure(&objects, Some(&other), em_objects::unwatched).unwrap_err().to_string(),
        "the volume has shape [2, 2, 3] [z, y, x], expected [2, 2, 2] as the objects"
    );
}
