//! Steps before a network become one normalisation, exactly, or are refused.

use em_data::Normalization;
use em_io::Voxels;
use ndarray::{Array2, Array3};

use super::super::Normalizing;
use super::super::normalizing::{Fitting, Over, Statistics};
use super::*;

/// What is made of steps before a network, each a name and settings.
fn of(steps: Value) -> Result<Normalizing> {
    let mut description = description();
    description["inputs"][0]["preprocessing"] = steps;
    read_of(&description).map(|package| package.normalizing)
}

fn refusal(steps: Value) -> String {
    let mut description = description();
    description["inputs"][0]["preprocessing"] = steps;
    refused(&description)
}

fn step(id: &str, kwargs: Value) -> Value {
    json!({ "id": id, "kwargs": kwargs })
}

fn zscore(mean: f64, std: f64) -> Normalizing {
    Normalizing::Fixed(Normalization::Zscore { mean, std })
}

#[test]
fn fixed_steps_are_one_line() {
    let fixed = step("fixed_zero_mean_unit_variance", json!({ "mean": 103.5, "std": 13.7 }));
    let to_float = step("ensure_dtype", json!({ "dtype": "float32" }));
    assert_eq!(of(json!([to_float, fixed, to_float])).unwrap(), zscore(103.5, 13.7));
    assert_eq!(of(json!([])).unwrap(), Normalizing::None);
    assert_eq!(of(json!([to_float])).unwrap(), Normalizing::None);
    // v * 0.5 - 4, then (v - 2) / 0.25: (v - 12) / 0.5.
    let linear = step("scale_linear", json!({ "gain": 0.5, "offset": -4.0 }));
    let then = step("fixed_zero_mean_unit_variance", json!({ "mean": 2.0, "std": 0.25 }));
    assert_eq!(of(json!([linear, then])).unwrap(), zscore(12.0, 0.5));
    assert_eq!(of(json!([step("scale_linear", json!({ "gain": 0.00390625 }))])).unwrap(), zscore(0.0, 256.0));
    // One channel, in a list.
    let one = json!({ "mean": [103.5], "std": [13.7], "axis": "channel" });
    assert_eq!(of(json!([step("fixed_zero_mean_unit_variance", one)])).unwrap(), zscore(103.5, 13.7));
}

#[test]
fn a_clip_to_0_and_1_is_kept_and_others_are_refused() {
    let clip = |min: f64, max: f64| step("clip", json!({ "min": min, "max": max }));
    let by_255 = step("scale_linear", json!({ "gain": 1.0 / 255.0 }));
    let to_255 = Normalizing::Fixed(Normalization::Percentile { low: 0.0, high: 255.0 });
    assert_eq!(of(json!([clip(0.0, 255.0), by_255])).unwrap(), to_255);
    assert_eq!(of(json!([by_255, clip(0.0, 1.0)])).unwrap(), to_255);
    // Dark and light turned: 1 - v / 255.
    let turned = step("scale_linear", json!({ "gain": -1.0 / 255.0, "offset": 1.0 }));
    let Normalizing::Fixed(found) = of(json!([clip(0.0, 255.0), turned])).unwrap() else { panic!() };
    let mut section = Array2::from_shape_vec((1, 4), vec![-10.0_f32, 51.0, 255.0, 300.0]).unwrap();
    found.apply(section.view_mut());
    let expected = [1.0, 0.8, 0.0, 0.0];
    assert!(
        section.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-6),
        "{section}"
    );

    let found = refusal(json!([by_255, clip(-1.0, 1.0)]));
    assert!(found.ends_with("limits what goes in to -1..1, expected 0..1, or no limits"), "{found}");
    let found = refusal(json!([step("clip", json!({ "min": 0.0 }))]));
    assert!(found.contains("limits what goes in to 0..inf"), "{found}");
    let found = refusal(json!([step("clip", json!({ "min_percentile": 1.0, "max": 3.0 }))]));
    assert!(found.contains("clips by `min_percentile`"), "{found}");
    let found = refusal(json!([clip(1.0, 1.0)]));
    assert!(found.contains("clips to 1..1"), "{found}");
}

#[test]
fn statistics_of_the_input_are_told_with_what_they_are_of() {
    let fitting = |kwargs: Value| match of(json!([step("zero_mean_unit_variance", kwargs)])) {
        Ok(Normalizing::Fitted(fitting)) => fitting,
        other => panic!("{other:?}"),
    };
    let section = fitting(json!({ "axes": ["channel", "y", "x"] }));
    let expected =
        Fitting { statistics: Statistics::MeanAndDeviation, eps: 1e-6, clips: false, over: Over::Section };
    assert_eq!(section, expected);
    assert_eq!(fitting(json!({})).over, Over::Dataset);
    assert_eq!(fitting(json!({ "axes": ["batch", "y", "x"], "eps": 1e-3 })).eps, 1e-3);
    // Of a volume, where the network takes such.
    let mut description = description();
    let z = json!({ "type": "space", "id": "z", "size": 8 });
    description["inputs"][0]["axes"].as_array_mut().unwrap().insert(2, z);
    for (axes, over) in [(json!(["z", "y", "x"]), Over::Volume), (json!(["y", "x"]), Over::Section)] {
        description["inputs"][0]["preprocessing"] = json!([step("scale_range", json!({ "axes": axes }))]);
        let Normalizing::Fitted(found) = read_of(&description).unwrap().normalizing else { panic!() };
        assert_eq!(found.over, over);
    }
    // What is linear before is undone, but for its share of eps.
    let by_256 = step("scale_linear", json!({ "gain": 0.00390625, "offset": 7.0 }));
    let Ok(Normalizing::Fitted(found)) = of(json!([by_256, step("scale_range", json!({ "eps": 0.01 }))]))
    else {
        panic!()
    };
    assert_eq!((found.eps, found.statistics), (2.56, Statistics::Percentiles { lower: 0.0, upper: 100.0 }));
}

#[test]
fn what_is_no_normalisation_of_ours_is_refused() {
    let range = step("scale_range", json!({}));
    let linear = step("scale_linear", json!({ "gain": 2.0, "offset": -1.0 }));
    for (steps, expected) in [
        (json!([range, linear]), "has `scale_linear` behind statistics of the input"),
        (json!([range, range]), "has `scale_range` behind statistics of the input"),
        (
            json!([step("binarize", json!({ "threshold": 3.0 }))]),
            "has the step `binarize`, which is not done here",
        ),
        (
            json!([step("scale_linear", json!({ "gain": -1.0 })), range]),
            "behind steps that change its statistics",
        ),
        (
            json!([step("clip", json!({ "min": 0, "max": 9 })), range]),
            "behind steps that change its statistics",
        ),
        (json!([step("scale_linear", json!({ "gain": 0.0 }))]), "divides by 0, or by no number"),
        (
            json!([step("scale_linear", json!({ "gain": [1, 2] }))]),
            "expected a number, or one for each of 1 channels",
        ),
        (json!([step("fixed_zero_mean_unit_variance", json!({ "mean": 1.0 }))]), "whose `std` is missing"),
        (
            json!([step("scale_range", json!({ "min_percentile": 9, "max_percentile": 3 }))]),
            "percentiles from 9 to 3",
        ),
        (json!([step("scale_range", json!({ "reference_tensor": "other" }))]), "has statistics of `other`"),
        (
            json!([step("zero_mean_unit_variance", json!({ "axes": ["channel"] }))]),
            "expected y and x at least",
        ),
        (json!([step("zero_mean_unit_variance", json!({ "eps": -1.0 }))]), "an eps of -1"),
        (json!([linear, step("ensure_dtype", json!({ "dtype": "uint8" }))]), "rounds to `uint8`"),
        (
            json!([step("ensure_dtype", json!({ "dtype": "float64" }))]),
            "lets `float64` go in, expected float32",
        ),
        (json!([range, step("clip", json!({ "min": 0, "max": 2 }))]), "clips to 0..2 behind statistics"),
    ] {
        let found = refusal(steps.clone());
        assert!(
            found.starts_with("the preprocessing of `raw` ") && found.contains(expected),
            "{steps}: {found}"
        );
    }
}

fn ramp() -> [Voxels; 1] {
    [Voxels::U8(Array3::from_shape_fn((2, 4, 5), |(z, y, x)| (z * 100 + y * 7 + x * 3) as u8))]
}

// python: a = np.fromfunction(lambda z,y,x: z*100+y*7+x*3, (2,4,5)); lo, hi = np.percentile(a, [5, 90])
//         ends = a[[0,1],[0,3],[0,4]]; (ends-a.mean())/(a.std()+.1), (ends-lo)/(hi-lo+.1)
#[test]
fn statistics_are_fitted_exactly() {
    let percentiles = Statistics::Percentiles { lower: 5.0, upper: 90.0 };
    let lowest_and_largest = |fitting: Fitting| {
        let mut ends = Array2::from_shape_vec((1, 2), vec![0.0_f32, 133.0]).unwrap();
        fitting.as_fitted().fit(&ramp(), 1).unwrap().apply(ends.view_mut());
        [ends[[0, 0]], ends[[0, 1]]]
    };
    let near = |found: [f32; 2], expected: [f32; 2]| {
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
            "{found:?}, expected {expected:?}"
        );
    };
    let fitting = |statistics, clips| Fitting { statistics, eps: 0.1, clips, over: Over::Volume };
    near(lowest_and_largest(fitting(Statistics::MeanAndDeviation, false)), [-1.306_834_6, 1.306_834_6]);
    near(lowest_and_largest(fitting(percentiles, false)), [-0.049_387_93, 1.073_448_7]);
    near(lowest_and_largest(fitting(percentiles, true)), [0.0, 1.0]);
}
