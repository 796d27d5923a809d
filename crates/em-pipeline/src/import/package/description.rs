//! The description of a package as types of version 0.5, from YAML of version 0.4 or 0.5.

use serde_json::{Map, Value};
use serde_saphyr::UserMessageFormatter;
use serde_saphyr::options::NonFiniteFloatPolicy;

use super::{Place, older};
use crate::error::Result;
use crate::export::rdf::ModelDescription;

const UPDATE: &str = "bring the description to version 0.5, as the Python package bioimageio.spec does";
/// What no network needs, and what therefore need not be right.
const UNNEEDED: [&str; 5] = ["documentation", "covers", "tags", "timestamp", "config"];
/// What is text, also where it looks like a number.
const TEXTS: [&str; 5] = ["format_version", "type", "name", "description", "license"];

/// As bioimageio.spec has them where a description of 0.4 has none; neither is looked at.
const OPSET: i64 = 15;
const PYTORCH: &str = "1.10";

/// A description, and the version that it was written as.
pub(super) struct Read {
    pub rdf: ModelDescription,
    pub format_version: String,
}

/// Reads a description.
pub(super) fn read(text: &str, place: Place<'_>) -> Result<Read> {
    let mut fields = parsed(text, place)?;
    let format_version = match fields.get("format_version").and_then(Value::as_str) {
        Some(version) => version.to_owned(),
        None => return Err(place.problem("names no `format_version`, expected 0.4 or 0.5", UPDATE)),
    };
    if let Some(kind) = fields.get("type").and_then(Value::as_str)
        && kind != "model"
    {
        let hint = "the zoo also has data sets and programs; choose one of its models";
        return Err(place.problem(format!("describes a `{kind}`, expected a `model`"), hint));
    }
    let mut version = format_version.split('.');
    match (version.next(), version.next()) {
        (Some("0"), Some("5")) => {}
        (Some("0"), Some("4")) => older::update(&mut fields, place)?,
        _ => {
            let found = format!("is of version {format_version}, expected 0.4 or 0.5");
            return Err(place.problem(found, UPDATE));
        }
    }
    let rdf: ModelDescription = serde_json::from_value(Value::Object(fields))
        .map_err(|error| place.problem(format!("is no description of a network: {error}"), UPDATE))?;
    Ok(Read { rdf, format_version })
}

/// Parses YAML, and leaves out what is null or not needed.
fn parsed(text: &str, place: Place<'_>) -> Result<Map<String, Value>> {
    let options = serde_saphyr::options! {
        // As ranges have them.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        // Version 1.2, which Python's programs for packages write: `no` and `y` are texts.
        strict_booleans: true,
        with_snippet: false,
    };
    let damaged = "download the package again, or correct the description";
    let parsed: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        // In words for those who wrote the text, not for programmers.
        let error = error.render_with_formatter(&UserMessageFormatter);
        place.problem(format!("is no YAML: {error}"), damaged)
    })?;
    let Value::Object(mut fields) = without_nulls(parsed) else {
        return Err(place.problem("is no description: expected fields with names", damaged));
    };
    for name in UNNEEDED {
        fields.remove(name);
    }
    for name in TEXTS {
        let_be_text(fields.get_mut(name));
    }
    let mut of_weights = |format: &str, key: &str, or: Value| {
        let weights = fields.get_mut("weights").and_then(|weights| weights.get_mut(format));
        if let Some(Value::Object(weights)) = weights {
            let_be_text(Some(weights.entry(key).or_insert(or)).filter(|version| version.is_f64()));
        }
    };
    of_weights("onnx", "opset_version", OPSET.into());
    of_weights("torchscript", "pytorch_version", PYTORCH.into());
    Ok(fields)
}

fn let_be_text(value: Option<&mut Value>) {
    if let Some(value) = value
        && let Value::Number(number) = value
    {
        *value = Value::String(number.to_string());
    }
}

/// Leaves out fields that are null, which means the same to all programs; lists keep theirs.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let told = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(told.map(|(name, value)| (name, without_nulls(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        value => value,
    }
}
