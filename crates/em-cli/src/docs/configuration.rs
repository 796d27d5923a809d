//! `docs/reference/configuration.md`, from the types of the configuration.

use em_pipeline::config::RunConfig;
use em_pipeline::config::template::{resolve, schema};
use serde_json::Value;

use super::reference::{cell, sentence};

/// Returns the page.
pub fn page() -> String {
    let schema = schema();
    let defaults = serde_json::to_value(RunConfig::default()).expect("a configuration is JSON, too");
    let mut page = String::from(
        "# Keys of a configuration\n\n\
         *Made from the types of the program by `cargo xtask book --renew`.*\n\n\
         Every key may be left out; its default counts then.\n\
         `em-cli config init` writes the same as a commented file, `em-cli config schema` as a JSON schema for editors, and `--set KEY=VALUE` changes a key for one command.\n\
         Where values come from, and how paths are read, is in the [reference](../reference.md#configuration).\n",
    );
    section(&mut page, &schema, &schema, &defaults, "");
    page
}

/// Writes the keys of a section as a table, and the sections within it behind it.
fn section(page: &mut String, root: &Value, schema: &Value, defaults: &Value, name: &str) {
    let Some(properties) = schema["properties"].as_object() else { return };
    let (sections, keys): (Vec<_>, Vec<_>) = properties
        .iter()
        .map(|(key, property)| (key, property, resolve(root, property)))
        .partition(|(_, _, target)| target["properties"].is_object());
    if !keys.is_empty() {
        *page += "\n| key | default | meaning |\n|---|---|---|\n";
    }
    for (key, property, target) in keys {
        let default = match &defaults[key] {
            Value::Null => value(&property["default"]),
            default => value(default),
        };
        *page += &format!("| `{key}` | {default} | {} |\n", cell(&meaning(root, property, target)));
    }
    for (key, property, target) in sections {
        let path = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        *page += &format!("\n## {path}\n\n{}\n", meaning(root, property, &Value::Null));
        if defaults[key].is_null() {
            *page += "The section is absent by default.\n";
        }
        section(page, root, target, &defaults[key], &path);
    }
}

/// A default as it is written in a file; nothing where a key is absent.
fn value(default: &Value) -> String {
    match default {
        Value::Null => String::new(),
        Value::Object(map) if map.is_empty() => "`{}`".to_owned(),
        default => cell(&format!("`{default}`")),
    }
}

/// What a key means, and what it may be.
fn meaning(root: &Value, property: &Value, target: &Value) -> String {
    let own = property["description"].as_str().or(target["description"].as_str());
    let mut text = sentence(&plain(own.unwrap_or_default()));
    let choices = choices(root, target);
    if !choices.is_empty() {
        text += &format!(" One of {}.", choices.join("; "));
    }
    text
}

/// A comment of the code as a text for readers, to whom links to code are names.
fn plain(comment: &str) -> String {
    comment.replace('\n', " ").replace("[`", "`").replace("`]", "`")
}

/// The values of a key that takes one of a few, each with its meaning.
fn choices(root: &Value, target: &Value) -> Vec<String> {
    let several = ["oneOf", "anyOf"].iter().find_map(|name| target[*name].as_array());
    let one_by_one = several.into_iter().flatten().flat_map(|option| match &option["const"] {
        Value::Null => choices(root, resolve(root, option)),
        constant => {
            let name = constant.to_string();
            let text = option["description"].as_str().map(|text| text.trim_end_matches('.'));
            vec![text.map_or_else(|| format!("`{name}`"), |text| format!("`{name}` ({})", plain(text)))]
        }
    });
    let listed = target["enum"].as_array().into_iter().flatten().map(|value| format!("`{value}`"));
    listed.chain(one_by_one).collect()
}
