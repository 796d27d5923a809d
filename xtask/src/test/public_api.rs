//! No type of libtorch is in a public signature: rustdoc's description of a crate is searched for one.
//!
//! Rustdoc resolves every path of every public item and `impl`, which a search through the text cannot.
//! Its JSON is unstable, so as little as possible of it is read: any object with an `id` that belongs to a crate of libtorch is a find.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::workspace::{cargo, create_folder, run as run_command, target_folder};

/// Crates whose types stay inside.
const HIDDEN: [&str; 2] = ["tch", "torch_sys"];

/// Fails with the public items of a crate that refer to libtorch.
pub fn check(package: &str) -> Result<()> {
    // The whole workspace, whose dependencies lints and documentation have compiled: one package alone has others.
    let mut command = cargo(["doc", "--release", "--workspace", "--no-deps", "--lib"]);
    command.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json");
    run_command(command.env("RUSTDOC", rustdoc()?))?;
    let path = target_folder().join("doc").join(package.replace('-', "_") + ".json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let api: Value =
        serde_json::from_str(&text).with_context(|| format!("`{}` is no JSON", path.display()))?;
    let found = references(&api)?;
    ensure!(
        found.is_empty(),
        "public items of `{package}` refer to libtorch, expected none: {}",
        found.join("; ")
    );
    Ok(())
}

/// Writes a program that runs rustdoc with unstable options allowed.
///
/// Set for cargo, the variable would have half of the dependencies compiled again.
fn rustdoc() -> Result<PathBuf> {
    let folder = target_folder().join("xtask");
    create_folder(&folder)?;
    let path = folder.join("rustdoc-json");
    let write = || {
        fs::write(&path, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n")?;
        make_executable(&path)
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(path)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this check starts a shell script, on Unix only"))
}

/// Describes each public item that refers to a hidden crate.
fn references(api: &Value) -> Result<Vec<String>> {
    let index = api["index"].as_object().context("rustdoc's JSON has no `index`")?;
    let paths = api["paths"].as_object().context("rustdoc's JSON has no `paths`")?;
    let crates = api["external_crates"].as_object().context("rustdoc's JSON has no `external_crates`")?;
    let hidden_crates: BTreeSet<u64> = crates
        .iter()
        .filter(|(_, external)| external["name"].as_str().is_some_and(|name| HIDDEN.contains(&name)))
        .filter_map(|(number, _)| number.parse().ok())
        .collect();
    ensure!(!hidden_crates.is_empty(), "rustdoc's JSON names none of {HIDDEN:?}, which the crate links");
    let hidden: BTreeSet<&str> = paths
        .iter()
        .filter(|(_, path)| path["crate_id"].as_u64().is_some_and(|number| hidden_crates.contains(&number)))
        .map(|(id, _)| id.as_str())
        .collect();
    let mut found = BTreeSet::new();
    for item in index.values().filter(|item| item["crate_id"] == 0 && !is_blanket_impl(item)) {
        for id in ids(&item["inner"]) {
            if let Some(id) = hidden.get(id.as_str()) {
                found.insert(format!("{} names `{}`", describe(item), path_of(&paths[*id])));
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Tells whether an item is an `impl` that another crate has for all types, ours among them.
fn is_blanket_impl(item: &Value) -> bool {
    !item["inner"]["impl"]["blanket_impl"].is_null()
}

/// Collects every `id` within a value.
fn ids(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(ids).collect(),
        Value::Object(fields) => {
            let own = fields.get("id").and_then(|id| match id {
                Value::Number(number) => Some(number.to_string()),
                Value::String(text) => Some(text.clone()),
                _ => None,
            });
            own.into_iter().chain(fields.values().flat_map(ids)).collect()
        }
        _ => Vec::new(),
    }
}

/// Says what and where an item is: `impl From<TchError> for Error` has no name but a place.
fn describe(item: &Value) -> String {
    let kind = item["inner"].as_object().and_then(|inner| inner.keys().next()).map_or("item", String::as_str);
    let file = item["span"]["filename"].as_str().unwrap_or("a macro");
    let line = item["span"]["begin"].get(0).and_then(Value::as_u64).unwrap_or_default();
    let of_impl = || {
        let inner = &item["inner"]["impl"];
        let name = inner["for"]["resolved_path"]["path"].as_str().unwrap_or("a type");
        inner["trait"]["path"].as_str().map_or_else(|| name.to_owned(), |of| format!("{of} for {name}"))
    };
    let name = item["name"].as_str().map_or_else(of_impl, str::to_owned);
    format!("{kind} `{name}` ({}:{line})", Path::new(file).display())
}

fn path_of(path: &Value) -> String {
    let parts = path["path"].as_array().into_iter().flatten().filter_map(Value::as_str);
    parts.collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What rustdoc 1.95 writes for `impl From<tch::TchError> for Error` and `fn name(&self) -> String`.
    fn api(argument: u64) -> Value {
        json!({
            "external_crates": { "1": { "name": "std" }, "7": { "name": "tch" } },
            "paths": {
                "40": { "crate_id": 7, "path": ["tch", "error", "TchError"] },
                "41": { "crate_id": 1, "path": ["alloc", "string", "String"] },
            },
            "index": {
                "2": {
                    "crate_id": 0, "name": null,
                    "span": { "filename": "src/error.rs", "begin": [139, 1] },
                    "inner": { "impl": {
                        "blanket_impl": null,
                        "trait": { "path": "From", "id": 9, "args": { "angle_bracketed": { "args": [
                            { "type": { "resolved_path": { "path": "X", "id": argument } } }] } } },
                        "for": { "resolved_path": { "path": "Error", "id": 3 } },
                    } },
                },
                "5": { "crate_id": 7, "name": "foreign", "inner": { "function": { "id": 40 } } },
            },
        })
    }

    #[test]
    fn an_impl_for_a_type_of_libtorch_is_found_and_named() {
        assert_eq!(
            references(&api(40)).unwrap(),
            ["impl `From for Error` (src/error.rs:139) names `tch::error::TchError`"]
        );
        assert!(references(&api(41)).unwrap().is_empty());
    }

    #[test]
    fn an_impl_that_libtorch_has_for_all_types_is_no_find() {
        let mut blanket = api(40);
        blanket["index"]["2"]["inner"]["impl"]["blanket_impl"] = json!({ "generic": "T" });
        assert!(references(&blanket).unwrap().is_empty());
    }

    #[test]
    fn a_description_in_another_form_is_an_error_and_no_pass() {
        assert!(references(&json!({})).is_err());
        let mut without = api(41);
        without["external_crates"] = json!({ "1": { "name": "std" } });
        assert!(references(&without).is_err());
    }
}
