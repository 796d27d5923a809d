//! `--set key=value` on top of a configuration.

use std::path::Path;

use toml::{Table, Value};

use super::{RunConfig, lexically_absolute, misspelling, network_from};
use crate::error::{Context, Result, UserError};

/// Says of a failure what was being done.
const UNWRITABLE: &str = "the configuration cannot be written as TOML";

/// Applies overrides in their order. Relative paths in them start at the working folder.
pub fn apply(config: RunConfig, overrides: &[String]) -> Result<RunConfig> {
    let folder = std::env::current_dir().context("the working folder cannot be found")?;
    overrides.iter().try_fold(config, |config, text| apply_one(config, text, &folder))
}

/// Checks that overrides are `key=value` of some sections only, where no other is read.
pub fn check_sections(overrides: &[String], sections: &[&str]) -> Result<()> {
    for text in overrides {
        let (key, _) = split(text)?;
        let section = key.split('.').next().unwrap_or_default();
        if !sections.contains(&section) {
            let all: Vec<String> = sections.iter().map(|section| format!("{section}.*")).collect();
            return Err(UserError::new(
                format!("--set `{text}` changes nothing here, expected a key of {}", all.join(" or ")),
                "the network is as it was trained; `em-cli train` takes every key",
            )
            .into());
        }
    }
    Ok(())
}

fn split(text: &str) -> Result<(&str, &str), UserError> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        UserError::new(
            format!("--set `{text}` has no `=`"),
            "write --set key=value, as in --set train.epochs=5",
        )
    })?;
    Ok((key.trim(), value.trim()))
}

fn apply_one(config: RunConfig, text: &str, folder: &Path) -> Result<RunConfig> {
    let (key, value) = split(text)?;
    let table = Table::try_from(&config).context(UNWRITABLE)?;
    let with = |value: Value| -> Result<Result<RunConfig, toml::de::Error>> {
        let mut table = table.clone();
        let value = match value {
            Value::String(path) if key == "train.init" => {
                Value::String(network_from(folder, Path::new(&path)).display().to_string())
            }
            value if is_path(key) => absolute(value, folder),
            value => value,
        };
        insert(&mut table, key, value).map_err(|part| {
            UserError::new(
                format!("--set `{text}`: `{part}` is a value, not a section"),
                "`em-cli config init` writes every key with its meaning",
            )
        })?;
        // Through text, since messages about text name the field at fault.
        Ok(toml::from_str(&toml::to_string(&table).context(UNWRITABLE)?))
    };
    let failed = match with(parse(value))? {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    // Brackets may be left out, as quotes may: `50,4.6,4.6`.
    let failed = match with(list(value))? {
        Ok(config) => return Ok(config),
        Err(error) if value.contains(',') => error,
        Err(_) => failed,
    };
    let reason = misspelling::tidy(failed.message());
    let hint = misspelling::hint(failed.message(), &around(key, failed.message()));
    Err(UserError::new(format!("--set `{text}`: {reason}"), hint).into())
}

/// The sections of a key around the part that a message is about.
fn around(key: &str, message: &str) -> String {
    let part = message.split('`').nth(1).unwrap_or_default();
    key.split('.').take_while(|name| *name != part).collect::<Vec<_>>().join(".")
}

/// A TOML value, or the text itself where it is none, so that quotes may be left out.
fn parse(text: &str) -> Value {
    let parsed: Option<Table> = toml::from_str(&format!("value = {text}")).ok();
    parsed.and_then(|mut table| table.remove("value")).unwrap_or_else(|| Value::String(text.into()))
}

/// Values with commas between them.
fn list(text: &str) -> Value {
    Value::Array(text.split(',').map(|part| parse(part.trim())).collect())
}

fn is_path(key: &str) -> bool {
    key == "model.imported" || key.ends_with(".folder") || key.ends_with(".raw") || key.contains(".labels")
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
    fn lists_need_no_brackets() {
        let size = set("data.voxel_size_nm=50, 4.6,4.6").unwrap().data.voxel_size_nm.unwrap();
        assert_eq!(size.nm(), [50.0, 4.6, 4.6]);
        assert_eq!(set("model.filters=8,16").unwrap().model.filters.unwrap(), [8, 16]);
        assert_eq!(set("data.classes=a,b").unwrap().data.classes, ["a", "b"]);
        assert_eq!(set("data.classes=synapses").unwrap().data.classes, ["synapses"]);
        // A path with a comma is a path.
        assert_eq!(set("data.folder=a,b").unwrap().data.folder.unwrap(), Path::new("/work/here/a,b"));
        let message = set("data.voxel_size_nm=50,4.6").unwrap_err().to_string();
        assert!(message.contains("invalid length 2"), "{message}");
    }

    #[test]
    fn a_nearest_key_is_named_with_its_section() {
        let hint = |text| set(text).unwrap_err().hint().unwrap();
        assert_eq!(hint("data.split.gpa=3"), "did you mean `data.split.gap`?");
        assert_eq!(hint("data.splt.gap=3"), "did you mean `data.split`?");
        assert_eq!(hint("trian.epochs=3"), "did you mean `train`?");
    }

    #[test]
    fn keys_that_would_change_nothing_are_refused() {
        let check = |text: &str| check_sections(&[text.to_owned()], &["data", "predict"]);
        check("predict.tile_size=64").unwrap();
        let message = check("train.epochs=3").unwrap_err().to_string();
        assert!(message.ends_with("expected a key of data.* or predict.*"), "{message}");
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
