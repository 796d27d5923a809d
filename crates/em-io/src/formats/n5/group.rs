//! What a folder of N5 holds: a dataset, levels of one, or a group of these.

use super::{ATTRIBUTES, has_attributes};
use crate::error::{Error, Result};
use crate::formats::json::{inside, read_json};
use crate::storage;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How deep groups within groups are searched for volumes, how many are listed, and how many folders
/// are looked into for them.
const DEPTH: usize = 8;
const MOST: usize = 64;
const MOST_FOLDERS: usize = 4096;

/// The most levels of a volume.
const MOST_LEVELS: usize = 32;

/// What a folder holds.
pub(super) enum Node {
    /// A dataset, and its attributes.
    Dataset(Value),
    /// The folders of the levels of a dataset, the full one first.
    Levels(Vec<PathBuf>),
    Group,
}

/// Reads the attributes of a folder; there need not be any.
pub(super) fn attributes(folder: &Path) -> Result<Value> {
    Ok(read_json(&folder.join(ATTRIBUTES))?.unwrap_or_default())
}

/// Tells what a folder holds.
pub(super) fn node(folder: &Path) -> Result<Node> {
    let attributes = attributes(folder)?;
    // Without them it is a group that has attributes; what they are is looked at later.
    if !attributes["dimensions"].is_null() {
        return Ok(Node::Dataset(attributes));
    }
    let levels = levels(folder, &attributes)?;
    Ok(if levels.is_empty() { Node::Group } else { Node::Levels(levels) })
}

/// Finds the levels that a group lists as COSEM does, or those that are called `s0`, `s1`, and so on.
fn levels(folder: &Path, attributes: &Value) -> Result<Vec<PathBuf>> {
    let listed = attributes["multiscales"][0]["datasets"].as_array();
    let names: Vec<String> = match listed {
        Some(datasets) => {
            let paths = datasets.iter().filter_map(|dataset| dataset["path"].as_str());
            paths.map(str::to_owned).take(MOST_LEVELS).collect()
        }
        None => (0..MOST_LEVELS).map(|level| format!("s{level}")).collect(),
    };
    let file = folder.join(ATTRIBUTES);
    let mut levels = Vec::new();
    for name in names {
        let level = folder.join(inside(&file, "dataset path", &name)?);
        if self::attributes(&level)?["dimensions"].is_null() {
            break;
        }
        levels.push(level);
    }
    Ok(levels)
}

/// Lists the datasets of two axes or more in a group by their paths within it, those of levels by their group.
pub(super) fn volumes(group: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut seen = 0;
    let mut groups = vec![(group.to_path_buf(), 0)];
    while let Some((folder, depth)) = groups.pop() {
        let within = storage::list(&folder).map_err(Error::io("read folder", &folder))?;
        for entry in within.into_iter().filter(|entry| entry.is_folder) {
            let path = folder.join(&entry.name);
            seen += 1;
            if seen > MOST_FOLDERS || names.len() >= MOST {
                break;
            }
            match node(&path)? {
                Node::Group if depth < DEPTH => groups.push((path, depth + 1)),
                Node::Group => {}
                Node::Dataset(attributes) if is_table(&attributes) => {}
                Node::Dataset(_) | Node::Levels(_) => {
                    let name = path.strip_prefix(group).unwrap_or(&path);
                    names.push(name.to_string_lossy().replace('\\', "/"));
                }
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Tells whether a dataset has fewer than two axes.
fn is_table(attributes: &Value) -> bool {
    attributes["dimensions"].as_array().is_some_and(|sides| sides.len() < 2)
}

/// Returns the folders that a level lies in and that may say how large its voxels are, the nearest first: its
/// group, and of BigDataViewer's `setup0/timepoint0/s0` the setup.
pub(super) fn parents(level: &Path) -> impl Iterator<Item = &Path> {
    level.ancestors().skip(1).take(2).filter(|folder| has_attributes(folder))
}
