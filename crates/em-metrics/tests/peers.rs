//! Agreement with SciPy, scikit-image, MedPy, StarDist, scikit-learn and TorchMetrics:
//! `make_golden.py` made `golden.json`.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use approx::assert_relative_eq;
use em_metrics::distance::distance_transform;
use em_metrics::{Bootstrap, BoundaryCounts, Calibration, ConfusionCounts, Overlaps, SurfaceDistances};
use ndarray::{Array1, ArrayD};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn golden(key: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("golden.json")).unwrap();
    all[key].as_array().unwrap().clone()
}

fn list<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap()
}

/// `numpy.packbits` of a mask, as hexadecimal digits.
fn mask(shape: &[usize], bits: &Value) -> ArrayD<bool> {
    let digits = bits.as_str().unwrap().chars().map(|c| c.to_digit(16).unwrap());
    let bits = digits.flat_map(|digit| [8, 4, 2, 1].map(|bit| digit & bit > 0));
    ArrayD::from_shape_vec(shape, bits.take(shape.iter().product()).collect()).unwrap()
}

/// Name, prediction, label and spacing of a case.
fn masks(case: &Value) -> (String, ArrayD<bool>, ArrayD<bool>, Vec<f64>) {
    let shape: Vec<usize> = list(&case["shape"]);
    let [prediction, label] = ["prediction", "label"].map(|key| mask(&shape, &case[key]));
    (case["name"].as_str().unwrap().into(), prediction, label, list(&case["spacing"]))
}

#[test]
fn distance_transforms_are_those_of_scipy() {
    let mut compared = 0;
    for case in golden("masks") {
        let (name, _, label, spacing) = masks(&case);
        let found = distance_transform(label.view(), &spacing).unwrap();
        if case["distances"].is_null() {
            assert!(found.iter().all(|&d| d == f64::INFINITY), "{name}");
            continue;
        }
        let expected: Vec<f64> = list(&case["distances"]);
        for (&found, expected) in found.iter().zip(expected) {
            assert_relative_eq!(found, expected, max_relative = 1e-11);
        }
        compared += 1;
    }
    assert_eq!(compared, 9);
}

#[test]
fn boundaries_within_a_tolerance_are_those_of_scikit_image_and_scipy() {
    for case in golden("masks") {
        let (name, prediction, label, spacing) = masks(&case);
        for expected in case["boundary"].as_array().unwrap() {
            let tolerance = expected["tolerance"].as_f64().unwrap();
            let found = BoundaryCounts::of(prediction.view(), label.view(), &spacing, tolerance).unwrap();
            let expected: BoundaryCounts = serde_json::from_value(expected.clone()).unwrap();
            assert_eq!(found, expected, "{name}, {tolerance}");
        }
    }
}

#[test]
fn surface_distances_are_those_of_medpy() {
    for case in golden("masks") {
        let (name, prediction, label, spacing) = masks(&case);
        let found = SurfaceDistances::of(prediction.view(), label.view(), &spacing).unwrap();
        assert_eq!(found.is_some(), !case["surface"].is_null(), "{name}");
        let Some(found) = found else { continue };
        for (key, found) in [("hd", found.hausdorff()), ("hd95", found.hausdorff95()), ("assd", found.mean())]
        {
            let expected = case["surface"][key].as_f64().unwrap();
            assert_relative_eq!(found, expected, max_relative = 1e-12);
        }
    }
}

#[test]
fn objects_are_matched_as_by_stardist() {
    for case in golden("instances") {
        let shape: Vec<usize> = list(&case["shape"]);
        let [prediction, label] = ["prediction", "label"]
            .map(|key| ArrayD::from_shape_vec(&shape[..], list::<u32>(&case[key])).unwrap());
        let overlaps = Overlaps::of(prediction.view(), label.view()).unwrap();
        for expected in case["scores"].as_array().unwrap() {
            let threshold = expected["threshold"].as_f64().unwrap();
            let found = overlaps.matched(threshold).unwrap();
            let place = format!("{}, {}", case["name"], expected["threshold"]);
            let counts = [found.true_positives, found.false_positives, found.false_negatives];
            assert_eq!(
                counts.map(Value::from),
                [&expected["tp"], &expected["fp"], &expected["fn"]].map(Clone::clone),
                "{place}"
            );
            for (key, found) in [
                ("accuracy", found.average_precision()),
                ("f1", found.f1()),
                ("precision", found.precision()),
                ("recall", found.recall()),
                ("mean_matched_score", found.mean_matched_iou()),
                ("panoptic_quality", found.panoptic_quality()),
            ] {
                // StarDist writes 0 for what does not exist, and computes in 32 bits.
                let (found, expected) = (found.unwrap_or(0.0), expected[key].as_f64().unwrap());
                if threshold < 0.5 && ["mean_matched_score", "panoptic_quality"].contains(&key) {
                    // There it weighs pairs below the threshold too when it chooses among matchings.
                    assert!(found > expected - 1e-6, "{place}, {key}: {found}, {expected}");
                } else {
                    assert_relative_eq!(found, expected, max_relative = 1e-6);
                }
            }
        }
    }
}

#[test]
fn calibration_is_that_of_torchmetrics_and_scikit_learn() {
    for case in golden("calibration") {
        let thousandths: Vec<u16> = list(&case["thousandths"]);
        let probabilities: Array1<f32> =
            thousandths.into_iter().map(|p| (f64::from(p) / 1000.0) as f32).collect();
        let label = mask(&[probabilities.len()], &case["label"]).into_dimensionality().unwrap();
        let found = Calibration::of(probabilities.view(), label.view()).unwrap();
        // TorchMetrics computes in 32 bits.
        let expected = case["expected_error"].as_f64().unwrap();
        assert_relative_eq!(found.expected_error().unwrap(), expected, max_relative = 1e-5);
        assert_relative_eq!(found.brier().unwrap(), case["brier"].as_f64().unwrap(), max_relative = 1e-6);
    }
}

#[test]
fn the_interval_is_that_of_scipy() {
    let all: Value = serde_json::from_str(include_str!("golden.json")).unwrap();
    let golden = &all["bootstrap"];
    let counts: Vec<ConfusionCounts> = (0..24)
        .map(|section| {
            let of = |key: &str| golden[key][section].as_u64().unwrap();
            ConfusionCounts {
                true_positives: of("true_positives"),
                false_positives: of("false_positives"),
                false_negatives: of("false_negatives"),
                true_negatives: 0,
            }
        })
        .collect();
    let bootstrap = Bootstrap { resamples: 100_000, confidence: 0.95 };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let pooled = |drawn: &[usize]| drawn.iter().map(|&z| counts[z]).sum::<ConfusionCounts>().iou();
    let found = bootstrap.interval(counts.len(), &mut rng, pooled).unwrap().unwrap();
    // Both sides draw at random: of 0.114, the width, half a hundredth is left to chance.
    for (found, key) in [(found.low, "low"), (found.high, "high")] {
        assert_relative_eq!(found, golden[key].as_f64().unwrap(), epsilon = 0.0006);
    }
}
