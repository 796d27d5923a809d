//! Dependencies point one way: which crate may use which, and where libtorch stops.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::public_api;
use crate::workspace::{capture, cargo};

/// The crates of this workspace that a crate may use, tests included.
const LAYERS: [(&str, &[&str]); 12] = [
    ("em-io", &[]),
    ("em-metrics", &[]),
    ("em-models", &[]),
    ("em-data", &["em-io", "em-metrics"]),
    ("em-objects", &["em-io", "em-metrics"]),
    ("em-model", &["em-io", "em-data", "em-metrics", "em-objects"]),
    ("em-pipeline", &["em-io", "em-data", "em-metrics", "em-objects", "em-model", "em-models"]),
    ("em-serve", &["em-io", "em-model", "em-pipeline"]),
    (
        "em-cli",
        &["em-io", "em-data", "em-metrics", "em-objects", "em-model", "em-models", "em-pipeline", "em-serve"],
    ),
    ("em-py", &["em-io", "em-data", "em-metrics", "em-objects"]),
    ("em-fuzz", &["em-io", "em-pipeline"]),
    ("xtask", &[]),
];

/// Crates that build and pass their tests on a machine without libtorch.
const WITHOUT_LIBTORCH: [&str; 6] = ["em-io", "em-data", "em-metrics", "em-models", "em-objects", "em-py"];

/// The one crate that knows tch.
const ON_LIBTORCH: &str = "em-model";

/// Checks who depends on whom, that the lower crates do without libtorch, and that em-model shows none of it.
pub fn check() -> Result<()> {
    let metadata = capture(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("`cargo metadata` printed no JSON")?;
    let problems = problems(&metadata);
    ensure!(problems.is_empty(), "{}", problems.join("; "));
    WITHOUT_LIBTORCH.iter().try_for_each(|name| check_without_libtorch(name))?;
    public_api::check(ON_LIBTORCH)
}

/// Compares the direct dependencies of each crate with [`LAYERS`].
fn problems(metadata: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
            problems.push(format!("`{name}` is in no layer, expected a line in xtask/src/test/layers.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let ours = LAYERS.iter().any(|(layer, _)| *layer == used);
            if ours && !allowed.contains(&used) {
                problems.push(format!("`{name}` depends on `{used}`, expected only {allowed:?}"));
            }
            if is_libtorch(used) && name != ON_LIBTORCH {
                problems.push(format!("`{name}` depends on `{used}`, expected only {ON_LIBTORCH} to"));
            }
        }
    }
    problems
}

/// Checks that nothing a crate or its tests depend on, however far away, is libtorch.
fn check_without_libtorch(name: &str) -> Result<()> {
    let edges = ["tree", "--package", name, "--edges", "normal,dev,build", "--prefix", "none"];
    let tree = capture(&mut cargo(edges))?;
    if tree.lines().any(|line| line.split(' ').next().is_some_and(is_libtorch)) {
        bail!("`{name}` depends on libtorch, expected only {ON_LIBTORCH} and what uses it");
    }
    Ok(())
}

/// Tells whether a package is one of those that bind libtorch.
fn is_libtorch(package: &str) -> bool {
    matches!(package, "tch" | "torch-sys")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, dependencies: &[&str]) -> Value {
        let dependencies: Vec<Value> = dependencies.iter().map(|name| json!({ "name": name })).collect();
        json!({ "name": name, "dependencies": dependencies })
    }

    #[test]
    fn a_dependency_upwards_and_a_second_crate_on_tch_are_named() {
        let metadata = json!({ "packages": [
            package("em-io", &["ndarray", "em-data"]),
            package("em-pipeline", &["em-model", "tch"]),
            package("em-model", &["em-io", "tch"]),
            package("em-new", &[]),
        ]});
        assert_eq!(
            problems(&metadata),
            [
                "`em-io` depends on `em-data`, expected only []",
                "`em-pipeline` depends on `tch`, expected only em-model to",
                "`em-new` is in no layer, expected a line in xtask/src/test/layers.rs",
            ]
        );
    }

    #[test]
    fn libtorch_is_known_by_its_exact_names() {
        assert!(is_libtorch("tch") && is_libtorch("torch-sys"));
        assert!(!is_libtorch("tch-like") && !is_libtorch("match"));
    }
}
