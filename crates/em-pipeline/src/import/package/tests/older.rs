//! What descriptions of version 0.4 say in their own way.
//!
//! The converter of bioimageio.spec 0.5.14.3 makes the same of 900 descriptions that were drawn at random, but for what
//! it loses (see `older.rs`).

use em_data::Normalization;

use super::super::normalizing::{Fitting, Over, Statistics};
use super::super::{LayoutAxis, LayoutSize, Normalizing, OutputKind};
use super::*;

fn step(name: &str, kwargs: Value) -> Value {
    json!({ "name": name, "kwargs": kwargs })
}

fn of(axes: &str, step: Value) -> Normalizing {
    let mut description = description_of_04();
    let shape = vec![1; axes.len()];
    description["inputs"][0]["axes"] = json!(axes);
    description["inputs"][0]["shape"] =
        json!({ "min": shape, "step": shape.iter().map(|_| 0).collect::<Vec<_>>() });
    description["outputs"][0] = description["inputs"][0].clone();
    description["outputs"][0]["shape"] = json!(shape);
    description["inputs"][0]["preprocessing"] = json!([step]);
    read_of(&description).unwrap().normalizing
}

#[test]
fn a_mode_says_what_statistics_are_of() {
    for (axes, kwargs, over) in [
        ("bczyx", json!({ "mode": "per_sample", "axes": "zyx" }), Over::Volume),
        ("bczyx", json!({ "mode": "per_sample", "axes": "xy" }), Over::Section),
        ("bczyx", json!({ "mode": "per_dataset", "axes": "xyzc" }), Over::Dataset),
        ("bczyx", json!({ "mode": "per_sample" }), Over::Volume),
        ("bczyx", json!({ "axes": "czyx" }), Over::Volume),
        ("bcyx", json!({ "mode": "per_dataset", "axes": "xy" }), Over::Dataset),
        ("byx", json!({ "mode": "per_sample", "axes": "xy" }), Over::Section),
    ] {
        for (name, statistics) in [
            ("zero_mean_unit_variance", Statistics::MeanAndDeviation),
            ("scale_range", Statistics::Percentiles { lower: 0.0, upper: 100.0 }),
        ] {
            let expected = Fitting { statistics, eps: 1e-6, clips: false, over };
            let found = of(axes, step(name, kwargs.clone()));
            assert_eq!(found, Normalizing::Fitted(expected), "{axes} {name} {kwargs}");
        }
    }
}

#[test]
fn fixed_statistics_have_eps_in_what_is_divided_by() {
    let zscore = |mean, std| Normalizing::Fixed(Normalization::Zscore { mean, std });
    let fixed = |kwargs: Value| of("bcyx", step("zero_mean_unit_variance", kwargs));
    let kwargs = json!({ "mode": "fixed", "axes": "cyx", "mean": 128, "std": 0.5, "eps": 0.0625 });
    assert_eq!(fixed(kwargs), zscore(128.0, 0.5625));
    // `fixed` was the default, and so was an eps of 1e-6.
    assert_eq!(fixed(json!({ "axes": "yx", "mean": [128.0], "std": [0.5] })), zscore(128.0, 0.5 + 1e-6));
    let linear = of("bcyx", step("scale_linear", json!({ "axes": "yx", "gain": [0.5], "offset": [-4.0] })));
    assert_eq!(linear, zscore(8.0, 2.0));
}

#[test]
fn an_output_may_refer_to_one_axis_or_have_one_of_its_own() {
    let mut description = description_of_04();
    description["outputs"][0]["shape"] = json!({
        "reference_tensor": "raw", "scale": [1, null, 1, 0.5], "offset": [0, 2.5, -1.5, 0],
    });
    description["outputs"][0]["data_range"] = json!([0, 1]);
    description["outputs"][0]["halo"] = json!([0, 0, 3, 0]);
    let package = read_of(&description).unwrap();
    let output = &package.outputs[0];
    assert_eq!(
        (output.layout.channels(), output.halo, output.kind),
        (5, [0, 3, 0], OutputKind::Probabilities)
    );
    let like = |axis, factor, offset| LayoutSize::Like { tensor: "raw".into(), axis, factor, offset };
    assert_eq!(output.layout.space(1).unwrap().size, like(1, 1.0, -3));
    assert_eq!(output.layout.space(2).unwrap().size, like(2, 0.5, 0));
    assert!(matches!(output.layout.axes[0], LayoutAxis::Batch { size: None }));
    // All axes are as long as one of them.
    description["outputs"][0]["shape"]["reference_tensor"] = json!("raw.x");
    let package = read_of(&description).unwrap();
    assert_eq!(package.outputs[0].layout.space(1).unwrap().size, like(2, 1.0, -3));
}

#[test]
fn versions_that_are_not_told_are_not_asked_for() {
    let mut description = description_of_04();
    description["weights"] = json!({ "torchscript": { "source": "network.onnx" } });
    assert_eq!(read_of(&description).unwrap().format_version, "0.4.10");
}
