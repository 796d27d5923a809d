//! The files that a result was made from, for those who read the result later.

use std::path::{Path, PathBuf};

use em_io::place;
use serde::Serialize;

use crate::config::{DataConfig, SourceConfig};
use crate::dataset::Sources;
use crate::{Result, display, target};

/// A file, or a folder of files, and what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// What it was, such as the label of a class.
    pub role: String,
    /// Where it lay.
    pub path: PathBuf,
    /// Its size on the disk, where that is known.
    pub bytes: Option<u64>,
}

impl Input {
    /// Looks at a file.
    pub fn new(role: impl Into<String>, path: &Path) -> Self {
        let absolute = place::absolute(path).unwrap_or_else(|_| path.to_owned());
        // To count what is behind an address would take as many requests as there are thousands of chunks.
        let bytes = if place::is_address(&absolute) { None } else { target::bytes(path).ok() };
        Self { role: role.into(), bytes, path: absolute }
    }

    /// Returns a row of a table: role, path and size.
    pub fn row(&self) -> Vec<String> {
        let bytes = self.bytes.map_or("unknown".into(), display::bytes);
        vec![self.role.clone(), self.path.display().to_string(), bytes]
    }
}

/// The stacks and labels of a training.
pub fn of_training(data: &DataConfig) -> Result<Vec<Input>> {
    let Sources { train, validation, test, .. } = Sources::find(data)?;
    let sides = [("training", train), ("validation", validation), ("test", test)];
    let of_side = |(side, sources): (&str, Vec<SourceConfig>)| -> Vec<Input> {
        let of_source = |SourceConfig { raw, labels, regions, .. }: &SourceConfig| {
            let labels = labels.iter().map(|(class, path)| Input::new(format!("{side}, {class}"), path));
            let regions = regions.iter().map(|path| Input::new(format!("{side}, regions"), path));
            std::iter::once(Input::new(side, raw)).chain(labels).chain(regions).collect::<Vec<_>>()
        };
        sources.iter().flat_map(of_source).collect()
    };
    let unlabelled = data.unlabelled.iter().map(|path| Input::new("without labels", path));
    Ok(sides.into_iter().flat_map(of_side).chain(unlabelled).collect())
}
