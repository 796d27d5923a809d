//! Agreement with SciPy and scikit-image: `make_golden.py` made `golden.json`.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use em_objects::postprocess::{fill_holes, median_filter, remove_small_components};
use em_objects::{Components, Connectivity, Extent};
use ndarray::Array3;
use serde_json::Value;

const CONNECTIVITIES: [(&str, Connectivity); 3] =
    [("faces", Connectivity::Faces), ("edges", Connectivity::Edges), ("corners", Connectivity::Corners)];

struct Case {
    name: String,
    mask: Array3<bool>,
    golden: Value,
}

impl Case {
    fn all() -> Vec<Self> {
        let cases: Vec<Value> = serde_json::from_str(include_str!("golden.json")).unwrap();
        let case = |golden: Value| Self {
            name: golden["name"].as_str().unwrap().into(),
            mask: mask(&golden, &golden["mask"]),
            golden,
        };
        cases.into_iter().map(case).collect()
    }

    fn mask(&self, value: &Value) -> Array3<bool> {
        mask(&self.golden, value)
    }

    fn labels(&self, value: &Value) -> Array3<u32> {
        let labels: Vec<u32> = serde_json::from_value(value.clone()).unwrap();
        Array3::from_shape_vec(self.mask.dim(), labels).unwrap()
    }
}

/// `numpy.packbits` of a mask, as hexadecimal digits.
fn mask(golden: &Value, bits: &Value) -> Array3<bool> {
    let shape: [usize; 3] = serde_json::from_value(golden["shape"].clone()).unwrap();
    let digits: Vec<u32> = bits.as_str().unwrap().chars().map(|c| c.to_digit(16).unwrap()).collect();
    let bits = digits.iter().flat_map(|digit| [8, 4, 2, 1].map(|bit| digit & bit > 0));
    Array3::from_shape_vec(shape, bits.take(shape.iter().product()).collect()).unwrap()
}

#[test]
fn components_are_those_of_scipy_and_scikit_image() {
    for case in Case::all() {
        for (name, connectivity) in CONNECTIVITIES {
            let components = Components::of(case.mask.view(), Extent::Volume, connectivity);
            let expected = case.labels(&case.golden["labels"][name]);
            assert_eq!(components.labels(), expected, "{}, {name}", case.name);
            for (index, &size) in components.sizes().iter().enumerate() {
                let voxels = expected.iter().filter(|&&label| label as usize == index + 1).count();
                assert_eq!(size, voxels as u64, "{}, {name}", case.name);
            }
        }
    }
}

#[test]
fn components_of_sections_are_those_of_scipy() {
    for case in Case::all() {
        for (name, connectivity) in &CONNECTIVITIES[..2] {
            let components = Components::of(case.mask.view(), Extent::Section, *connectivity);
            let expected = case.labels(&case.golden["section_labels"][name]);
            assert_eq!(components.labels(), expected, "{}, {name}", case.name);
        }
    }
}

#[test]
fn small_components_go_as_with_scikit_image() {
    for case in Case::all() {
        for (name, connectivity) in CONNECTIVITIES {
            let found = remove_small_components(case.mask.view(), 6, Extent::Volume, connectivity);
            let expected = case.mask(&case.golden["without_five_and_less"][name]);
            assert_eq!(found, expected, "{}, {name}", case.name);
        }
    }
}

#[test]
fn holes_are_filled_as_with_scipy() {
    for case in Case::all() {
        for (name, extent) in [("volume", Extent::Volume), ("section", Extent::Section)] {
            let found = fill_holes(case.mask.view(), extent);
            assert_eq!(found, case.mask(&case.golden["filled"][name]), "{}, {name}", case.name);
        }
    }
}

#[test]
fn medians_are_those_of_scipy() {
    for case in Case::all() {
        for median in case.golden["medians"].as_array().unwrap() {
            let window: [usize; 3] = serde_json::from_value(median["window"].clone()).unwrap();
            let found = median_filter(case.mask.view(), window).unwrap();
            assert_eq!(found, case.mask(&median["mask"]), "{}, {window:?}", case.name);
        }
    }
}
