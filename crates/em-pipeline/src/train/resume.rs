//! What may change where a run goes on: nothing that its epochs depend on.

use std::collections::BTreeSet;

use em_model::RunFolder;
use toml::{Table, Value};

use crate::error::{Result, UserError};
use crate::{Observer, RunConfig};

/// What changes no epoch: where the run lies, and how many voxels are predicted at a time.
///
/// Where the data lie is not here: what is read of them is compared instead, by its digest.
const FREE: [&str; 2] = ["output.folder", "predict.block_voxels"];

/// What becomes of the configuration in the folder of a run that goes on.
pub struct Kept {
    /// The comments that it begins with.
    pub comments: String,
    /// The epochs of the run, which are more than asked for where more are done.
    pub epochs: usize,
}

/// Checks that a run goes on to what one run with this configuration would have come to, with
/// `saved` epochs done.
///
/// Fewer or more epochs are taken with a warning where the learning rate follows them: nothing else
/// about a finished run could be changed, and whoever asks for them means them.
pub fn check(run: &RunFolder, config: &RunConfig, saved: usize, observer: &mut Observer<'_>) -> Result<Kept> {
    let file = std::fs::read_to_string(run.config()).unwrap_or_default();
    let comments = file.lines().take_while(|line| line.starts_with('#'));
    let comments = comments.map(|line| format!("{line}\n")).collect();
    let mut kept = Kept { comments, epochs: config.train.epochs };
    if saved == 0 {
        observer.note(&format!("`{}` has saved no epoch yet, and starts anew", run.path().display()))?;
        return Ok(kept);
    }
    // A damaged file has no key, so that the first one of all is named.
    let [before, now] = [with_all_keys(file), config.to_toml()?]
        .map(|text| toml::from_str::<Table>(&text).unwrap_or_default());
    let mut differences = Vec::new();
    differ("", &before, &now, &mut differences);
    let is_free = |key: &str| FREE.contains(&key) || key.starts_with("data.");
    if let Some(refused) = differences.iter().find(|found| !is_free(&found.key) && found.key != EPOCHS) {
        return Err(other_config(run, refused).into());
    }
    let Some(epochs) = differences.iter().find(|found| found.key == EPOCHS) else { return Ok(kept) };
    let [before, after] = epochs.shown();
    if kept.epochs < saved {
        kept.epochs = before.parse().unwrap_or(saved);
        let run = run.path().display();
        observer.note(&format!("`{run}` has {saved} epochs already, more than {EPOCHS} = {after}"))?;
    } else if config.train.schedule.follows_length() {
        let told = format!(
            "after epoch {saved}, {EPOCHS} became {after} instead of {before}: the learning rate follows \
             it, so that the result is not that of one run of {after} epochs"
        );
        observer.warn(&told)?;
        kept.comments += &format!("# {told}\n");
    }
    Ok(kept)
}

/// The key that may change with a warning.
const EPOCHS: &str = "train.epochs";

/// A configuration that an earlier version wrote lacks keys that are new, which had their defaults.
fn with_all_keys(text: String) -> String {
    let config: Option<RunConfig> = toml::from_str(&text).ok();
    config.and_then(|config| config.to_toml().ok()).unwrap_or(text)
}

fn other_config(run: &RunFolder, difference: &Difference) -> UserError {
    let ([before, after], key) = (difference.shown(), &difference.key);
    UserError::new(
        format!("`{}` was started with `{key}` = {before}, and now it is {after}", run.path().display()),
        format!("resume with --config {}, or start anew with --overwrite", run.config().display()),
    )
}

/// A key, with its sections and dots, whose values differ, and the two values.
struct Difference {
    key: String,
    values: [Option<Value>; 2],
}

impl Difference {
    fn shown(&self) -> [String; 2] {
        self.values.each_ref().map(|value| value.as_ref().map_or("nothing".into(), Value::to_string))
    }
}

/// Collects all keys that differ.
fn differ(section: &str, a: &Table, b: &Table, found: &mut Vec<Difference>) {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for key in keys {
        let place = format!("{section}{key}");
        match (a.get(key), b.get(key)) {
            (a, b) if a == b => {}
            (Some(Value::Table(a)), Some(Value::Table(b))) => differ(&format!("{place}."), a, b, found),
            (a, b) => found.push(Difference { key: place, values: [a.cloned(), b.cloned()] }),
        }
    }
}
