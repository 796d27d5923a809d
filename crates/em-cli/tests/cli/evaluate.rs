//! The options of `em-cli evaluate`, on squares whose scores are known.

use ndarray::Array3;
use serde_json::Value;

use crate::lab::Lab;

/// A label of two squares, and a prediction that is one column off and lacks the second square.
fn lab() -> Lab {
    let lab = Lab::new();
    let square =
        |left: usize| move |y: usize, x: usize| (10..30).contains(&y) && (left..left + 20).contains(&x);
    let (first, second, moved) = (square(10), square(50), square(11));
    lab.write_mask("label.tif", Array3::from_shape_fn((2, 40, 80), |(_, y, x)| first(y, x) || second(y, x)));
    lab.write_mask("mask.tif", Array3::from_shape_fn((2, 40, 80), |(_, y, x)| moved(y, x)));
    // 0.8 in the mask, of which 19 of 20 columns are true, and 0.2 elsewhere.
    let sure = |(_, y, x): (usize, usize, usize)| if moved(y, x) { 204 } else { 51 };
    lab.write_volume("p.tif", Array3::from_shape_fn((2, 40, 80), sure));
    lab
}

fn scores(lab: &Lab, options: &str) -> Value {
    let evaluate = format!("evaluate --prediction mask.tif --label label.tif --json {options}");
    serde_json::from_str(&lab.ok(&evaluate)).unwrap()
}

fn close(value: &Value, expected: f64) {
    let found = value.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
}

#[test]
fn distances_are_in_the_unit_and_within_the_tolerance_asked_for() {
    let lab = lab();
    // Within a voxel the outline of the first square is right and that of the second missing.
    close(&scores(&lab, "--tolerance 1")["pooled"]["boundary_f1"], 2.0 / 3.0);
    let strict = scores(&lab, "--tolerance 4 --voxel-size 40,5,5");
    assert!(strict["pooled"]["boundary_f1"].as_f64().unwrap() < 0.6, "{strict}");
    assert_eq!(strict["ruler"]["unit"], "nm");
    // From the second square's far side to the nearest predicted voxel, 39 columns.
    close(&scores(&lab, "--voxel-size 40,5,5")["pooled"]["hausdorff_95"], 39.0 * 5.0);
}

#[test]
fn objects_go_through_sections_unless_they_are_flat() {
    let lab = lab();
    let counts = |options| {
        let objects = scores(&lab, options)["objects"].clone();
        let counts = &objects["at_50"]["counts"];
        let number = |name: &str| counts[name].as_u64().unwrap();
        (objects["dimensions"].as_u64().unwrap(), number("true_positives"), number("false_negatives"))
    };
    assert_eq!(counts(""), (3, 1, 1));
    assert_eq!(counts("--flat"), (2, 2, 2));
    assert_eq!(scores(&lab, "--flat")["volume"], Value::Null);
}

#[test]
fn probabilities_are_held_against_what_is_there() {
    let lab = lab();
    let calibration = scores(&lab, "--probabilities p.tif")["calibration"].clone();
    let (inside, outside) = (400.0, 3200.0 - 400.0);
    let true_outside = (800.0 - 380.0) / outside;
    let expected = (inside * (0.8_f64 - 0.95).abs() + outside * (0.2_f64 - true_outside).abs()) / 3200.0;
    close(&calibration["expected_error"], expected);
    let message = lab.mistake("evaluate --prediction mask.tif --label label.tif --probabilities missing.tif");
    assert!(message.contains("missing.tif"), "{message}");
}

#[test]
fn ignored_voxels_count_in_no_score() {
    let lab = lab();
    // The second square, and the column that the first lacks; nothing is wrong elsewhere but one column.
    lab.write_mask("ignore.tif", Array3::from_shape_fn((2, 40, 80), |(_, _, x)| x == 10 || x >= 45));
    for options in ["", "--flat"] {
        let found = scores(&lab, &format!("--ignore ignore.tif --probabilities p.tif {options}"));
        let counts = &found["sections"][0]["counts"];
        let count = |name: &str| counts[name].as_u64().unwrap();
        assert_eq!(count("true_positives"), 380, "{found}");
        assert_eq!(count("false_positives"), 20, "{found}");
        assert_eq!(count("false_negatives"), 0, "{found}");
        // 44 columns count, of which the mask holds 20.
        assert_eq!(count("true_negatives"), 24 * 40 + 20 * 20, "{found}");
        close(&found["pooled"]["iou"], 0.95);
        assert_eq!(found["objects"]["at_50"]["counts"]["false_negatives"], 0);
        let outside = 44.0 * 40.0 - 400.0;
        let expected = (400.0 * (0.95_f64 - 0.8) + outside * 0.2) / (outside + 400.0);
        close(&found["calibration"]["expected_error"], expected);
    }
    lab.write_mask("ignore.tif", Array3::from_elem((2, 40, 79), true));
    let message = lab.mistake("evaluate --prediction mask.tif --label label.tif --ignore ignore.tif");
    assert!(message.contains("ignore.tif` has shape [2, 40, 79]"), "{message}");
}

#[test]
fn rows_of_sections_are_printed_and_written() {
    let lab = lab();
    let printed = lab
        .ok("evaluate --prediction mask.tif --label label.tif --per-section --csv rows.csv -o scores.json");
    assert_eq!(
        printed
            .lines()
            .filter(|line| line.trim_start().starts_with("0 ") || line.trim_start().starts_with("1 "))
            .count(),
        2,
        "{printed}"
    );
    let rows = lab.read("rows.csv");
    assert_eq!(rows.lines().count(), 3, "{rows}");
    assert!(rows.lines().nth(1).unwrap().contains(",380,20,420,2380"), "{rows}");
    let written: Value = serde_json::from_str(&lab.read("scores.json")).unwrap();
    close(&written["pooled"]["iou"], 380.0 / 820.0);
}
