//! Packages as others write them, whole and damaged.

mod damaged;
mod older;
mod steps;
mod whole;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Package, read};
use crate::error::Result;

/// A package of `fixtures/import/packages`, which the script beside them made.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/import/packages").join(name)
}

/// A description of version 0.5 with little in it.
fn description() -> Value {
    let size = json!({ "min": 64, "step": 16 });
    let axis = |id: &str| json!({ "type": "space", "id": id, "size": size });
    let like = |id: &str| json!({ "type": "space", "id": id, "size": { "tensor_id": "raw", "axis_id": id } });
    let channel = json!({ "type": "channel", "channel_names": ["a"] });
    json!({
        "format_version": "0.5.4", "type": "model", "name": "Any model",
        "inputs": [{ "id": "raw", "axes": [{ "type": "batch" }, channel, axis("y"), axis("x")] }],
        "outputs": [{ "id": "out", "axes": [{ "type": "batch" }, channel, like("y"), like("x")] }],
        "weights": { "onnx": { "source": "network.onnx", "opset_version": 17 } },
    })
}

/// The same of version 0.4.
fn description_of_04() -> Value {
    json!({
        "format_version": "0.4.10", "type": "model", "name": "Any model", "description": "old",
        "inputs": [{
            "name": "raw", "axes": "bcyx", "data_type": "float32",
            "shape": { "min": [1, 1, 64, 64], "step": [0, 0, 16, 16] },
        }],
        "outputs": [{
            "name": "out", "axes": "bcyx", "data_type": "float32",
            "shape": { "reference_tensor": "raw", "scale": [1.0, 1.0, 1.0, 1.0], "offset": [0, 0, 0, 0] },
        }],
        "weights": { "onnx": { "source": "network.onnx" } },
    })
}

/// A zip file with a description and files.
fn zipped(folder: &TempDir, text: &str, files: &[(&str, &[u8])]) -> PathBuf {
    let path = folder.path().join("package.zip");
    let mut archive = ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, bytes) in [("rdf.yaml", text.as_bytes())].iter().chain(files) {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap();
    path
}

/// Reads a package of a description and weights of a few bytes.
fn read_of(description: &Value) -> Result<Package> {
    let folder = tempfile::tempdir().unwrap();
    read(&zipped(&folder, &description.to_string(), &[("network.onnx", b"weights")]))
}

/// Reads what has to fail, and returns the message without the folder; there is a hint.
fn refused(description: &Value) -> String {
    let error = read_of(description).unwrap_err();
    assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{error}");
    let text = error.to_string();
    assert!(text.contains("package.zip"), "{text}");
    text.split_once("package.zip`: ").map_or(text.clone(), |(_, found)| found.to_owned())
}
