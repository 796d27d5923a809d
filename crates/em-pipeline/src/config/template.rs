//! The JSON schema of a configuration, and the commented file that follows from it.

use serde_json::Value;
use toml::Table;

use super::RunConfig;
use crate::error::{Context, Result};

/// Returns the JSON schema of a configuration, for editors.
pub fn schema() -> Value {
    schemars::schema_for!(RunConfig).to_value()
}

/// Writes every key with its default and its meaning.
///
/// A key without a default is written as a comment.
pub fn commented() -> Result<String> {
    let schema = schema();
    let defaults = Table::try_from(RunConfig::default()).context("the default configuration is no TOML")?;
    let mut text = String::from("# Every key with its default. Paths start at this file's folder.\n");
    section(&mut text, &schema, &schema, &defaults, "")?;
    Ok(text)
}

fn section(text: &mut String, root: &Value, schema: &Value, defaults: &Table, name: &str) -> Result<()> {
    let Some(properties) = schema["properties"].as_object() else { return Ok(()) };
    let mut sections = Vec::new();
    for (key, property) in properties {
        let target = resolve(root, property);
        if target["properties"].is_object() {
            sections.push((key, property, target));
            continue;
        }
        comment(text, property);
        match defaults.get(key) {
            Some(default) => *text += &format!("{key} = {default}\n"),
            None => *text += &format!("# {key} = {}\n", default_or_example(property, key)),
        }
    }
    let empty = Table::new();
    for (key, property, target) in sections {
        let path = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        text.push('\n');
        comment(text, property);
        match defaults.get(key).and_then(toml::Value::as_table) {
            Some(inner) => {
                *text += &format!("[{path}]\n");
                section(text, root, target, inner, &path)?;
            }
            // A section that is absent by default is shown commented out, as a whole.
            None => {
                let mut inner = format!("[{path}]\n");
                section(&mut inner, root, target, &empty, &path)?;
                for line in inner.lines() {
                    *text += &format!("# {}\n", line.trim_start_matches("# "));
                }
            }
        }
    }
    Ok(())
}

fn comment(text: &mut String, property: &Value) {
    for line in property["description"].as_str().unwrap_or_default().lines() {
        *text += &format!("# {line}\n");
    }
}

/// Follows the `$ref` of a property of [`schema`], also behind the `anyOf` of an optional section; without one, returns the property.
pub fn resolve<'a>(root: &'a Value, property: &'a Value) -> &'a Value {
    let reference = property["$ref"]
        .as_str()
        .or_else(|| property["anyOf"].as_array()?.iter().find_map(|option| option["$ref"].as_str()));
    reference.and_then(|path| root.pointer(path.trim_start_matches('#'))).unwrap_or(property)
}

/// What a key of a section that is absent by default is where the section is there, or could be.
fn default_or_example(property: &Value, key: &str) -> String {
    match &property["default"] {
        // JSON's numbers, texts and truths are those of TOML.
        default @ (Value::Number(_) | Value::String(_) | Value::Bool(_)) => default.to_string(),
        _ => example(key).to_owned(),
    }
}

/// What an absent key could be.
fn example(key: &str) -> &'static str {
    match key {
        "folder" => "\"data\"",
        "raw" => "\"train.tif\"",
        "unlabelled" => "\"stack.tif\"",
        "labels" => "{ mitochondria = \"train_mitochondria.tif\" }",
        "sections" => "[0, 100]",
        "regions" => "\"regions.json\"",
        "values" => "\"mask\"",
        "voxel_size_nm" => "[5.0, 5.0, 5.0]",
        "init" => "\"mitochondria\"",
        "pixel_nm" => "8.0",
        "imported" => "\"runs/theirs\"",
        "in_channels" | "out_channels" => "1",
        "context_sections" | "dimensions" => "3",
        "filters" => "[16, 32, 64, 128, 256]",
        "norm" => "\"batch\"",
        "activation" => "\"relu\"",
        "residual" => "false",
        "dropout" => "[0.1, 0.1, 0.2, 0.2, 0.3]",
        _ => "...",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_file_is_the_default() {
        let text = commented().unwrap();
        let read: RunConfig = toml::from_str(&text).unwrap();
        assert_eq!(read, RunConfig::default());
        assert!(text.lines().all(|line| !line.ends_with("= ...")), "every key has an example:\n{text}");
    }

    #[test]
    fn every_key_has_a_description() {
        fn walk(root: &Value, schema: &Value, missing: &mut Vec<String>) {
            for (key, property) in schema["properties"].as_object().into_iter().flatten() {
                if property["description"].is_null() {
                    missing.push(key.clone());
                }
                walk(root, resolve(root, property), missing);
            }
        }
        let (schema, mut missing) = (schema(), Vec::new());
        walk(&schema, &schema, &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }
}
