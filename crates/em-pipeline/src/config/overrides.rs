//! `--set key=value` on top of a configuration.

use std::path::Path;

use toml::{Table, Value};

use super::{RunConfig, lexically_absolute, misspelling};
use crate::error::{Context, Result, UserError};

/// Says of a failure what was being done.
const UNWRITABLE: &str = "the configuration cannot be written as TOML";

/// Applies overrides in their order. Relative paths in them start at the working folder.
pub fn apply(config: RunConfig, overrides: &[String]) -> Result<RunConfig> {
    let folder = std::env::current_dir().context("the working folder cannot be found")?;
    overrides.iter().try_fold(config, |config, text| apply_one(config, text, &folder))
}

fn apply_one(config: RunConfig, text: &str, folder: &Path) -> Result<RunConfig> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        UserError::new(
            format!("--set `{text}` has no `=`"),
            "write --set key=value, as in --set train.epochs=5",
        )
    })?;
    let (key, value) = (key.trim(), parse(value.trim()));
    let mut table = Table::try_from(&config).context(UNWRITABLE)?;
    let value = if is_path(key) { absolute(value, folder) } else { value };
    insert(&mut table, key, value).map_err(|part| {
        UserError::new(
            format!("--set `{text}`: `{part}` is a value, not a section"),
            "`em-cli config init` writes every key with its meaning",
        )
    })?;
    // Through text, since messages about text name the field at fault.
    let whole = toml::to_string(&table).context(UNWRITABLE)?;
    toml::from_str(&whole).map_err(|error| {
        let reason = misspelling::tidy(error.message());
        UserError::new(format!("--set `{text}`: {reason}"), misspelling::hint(error.message())).into()
    })
}

/// A TOML value, or the text itself where it is none, so that quotes may be left out.
fn parse(text: &str) -> Value {
    let parsed: Option<Table> = toml::from_str(&format!("value = {text}")).ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.into()))
}

fn is_path(key: &str) -> bool {
    key.ends_with(".folder") || key.ends_with(".raw") || key.contains(".labels")
}

fn absolute(value: Value, folder: &Path) -> Value {
    match value {
        Value::String(path) => {
            Value::String(lexically_absolute(folder, Path::new(&path)).display().to_string())
        }
        Value::Table(table) => {
            Value::Table(table.into_iter().map(|(k, v)| (k, absolute(v, folder))).collect())
        }
        other => other,
    }
}

/// Sets a dotted key. Fails with the part that is no section.
fn insert(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    match key.split_once('.') {
        None => {
            table.insert(key.into(), value);
            Ok(())
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            inner
                .as_table_mut()
                .ok_or_else(|| section.to_owned())
                .and_then(|inner| insert(inner, rest, value))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Result<RunConfig> {
        apply_one(RunConfig::default(), text, Path::new("/work/here"))
    }

    #[test]
    fn any_key_can_be_set() {
        assert_eq!(set("train.epochs=5").unwrap().train.epochs, 5);
        assert_eq!(set("data.classes=[\"a\", \"b\"]").unwrap().data.classes, ["a", "b"]);
        assert_eq!(
            set("normalization.kind=min-max").unwrap().normalization.kind,
            em_data::NormalizationKind::MinMax
        );
        assert_eq!(set("data.folder=../d").unwrap().data.folder.unwrap(), Path::new("/work/d"));
        assert_eq!(set("loss.class_weights.synapses=5.0").unwrap().loss.class_weights["synapses"], 5.0);
        assert_eq!(set("model.filters=[8,16]").unwrap().model.filters.unwrap(), [8, 16]);
    }

    #[test]
    fn mistakes_name_the_override() {
        let message = |text| set(text).unwrap_err().to_string();
        assert!(message("train.epochs").contains("has no `=`"));
        assert!(message("train.epochs=many").starts_with("--set `train.epochs=many`: invalid type"));
        assert!(message("train.epocs=3").contains("unknown key `epocs`"));
        assert!(message("train.epochs.more=3").contains("`epochs` is a value"));
    }
}
