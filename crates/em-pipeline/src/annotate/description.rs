//! What a project is about: `project.json`, and what is asked of a new one.

use std::path::{Path, PathBuf};

use em_io::{OpenOptions, Volume, VoxelSize};
use serde::{Deserialize, Serialize};

use crate::built_in;
use crate::error::{Context, Result, UserError};
use crate::sections_digest::sections_digest;

/// The version of `project.json`.
const FORMAT_VERSION: u32 = 1;

/// What is asked of a new project.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProjectRequest {
    /// The raw stack.
    pub stack: PathBuf,
    /// Which of several stacks in the file is read.
    pub reading: OpenOptions,
    /// Its voxel size in nm, where it tells none or a wrong one.
    pub voxel_size: Option<VoxelSize>,
    /// What is labelled.
    pub classes: Vec<String>,
    /// The network that suggests: a run or the name of a built-in one. Without one, a built-in one that
    /// knows a class.
    pub model: Option<PathBuf>,
}

impl ProjectRequest {
    /// Asks for a project on a stack, with the classes that the built-in network knows.
    pub fn new(stack: PathBuf) -> Self {
        let classes = vec!["mitochondria".to_owned(), "synapses".to_owned()];
        Self { stack, reading: OpenOptions::default(), voxel_size: None, classes, model: None }
    }
}

/// `project.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    format_version: u32,
    /// The raw stack, as an absolute path.
    pub stack: PathBuf,
    /// Which of several stacks in the file is read.
    #[serde(default)]
    pub channel: Option<usize>,
    /// As `channel`.
    #[serde(default)]
    pub time: Option<usize>,
    /// As `channel`.
    #[serde(default)]
    pub volume: Option<usize>,
    /// Whether values are turned.
    #[serde(default)]
    pub invert: Option<bool>,
    /// `[z, y, x]`.
    pub shape: [usize; 3],
    /// In nm, `[z, y, x]`.
    pub voxel_size_nm: [f64; 3],
    /// What is labelled.
    pub classes: Vec<String>,
    /// SHA-256 of the first, the middle and the last section, to which the labels belong.
    pub sections_sha256: String,
    /// The network at the start.
    pub model: Option<PathBuf>,
}

impl Description {
    /// Describes a new project on a stack, whose digest is read from it.
    pub(super) fn new(request: &ProjectRequest, stack: &Volume, size: VoxelSize) -> Result<Self> {
        let absolute = |path: &Path| em_io::place::absolute(path).unwrap_or(path.to_owned());
        let named = |path: &PathBuf| match built_in::named(path) {
            Some(_) => path.clone(),
            None => absolute(path),
        };
        let OpenOptions { channel, time, volume, invert, .. } = request.reading;
        Ok(Self {
            format_version: FORMAT_VERSION,
            stack: absolute(&request.stack),
            channel,
            time,
            volume,
            invert,
            shape: stack.shape(),
            voxel_size_nm: size.nm(),
            classes: request.classes.clone(),
            sections_sha256: sections_digest(stack)?,
            model: request.model.as_ref().map(named),
        })
    }

    /// Returns which stack of the file is read.
    pub fn reading(&self) -> OpenOptions {
        OpenOptions { channel: self.channel, time: self.time, volume: self.volume, invert: self.invert }
    }

    /// Checks that a stack is the one that was labelled.
    pub(super) fn check(&self, stack: &Volume) -> Result<()> {
        let path = self.stack.display();
        let hint = "labels belong to the voxels that they were painted on: bring the stack back";
        let (found, expected) = (stack.shape(), self.shape);
        let message = if found != expected {
            format!("`{path}` has {found:?} voxels, expected {expected:?}")
        } else if sections_digest(stack)? != self.sections_sha256 {
            format!("the voxels of `{path}` are others than those that were labelled")
        } else {
            return Ok(());
        };
        Err(UserError::new(message, hint).into())
    }

    /// Writes `project.json`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self).context("the project cannot be described")?;
        let path = folder.join("project.json");
        Ok(em_io::write_atomically(&path, |file| file.write_all(format!("{json}\n").as_bytes()))?)
    }

    /// Reads `project.json`.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("project.json");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let description: Self = serde_json::from_str(&text).map_err(|error| {
            UserError::new(format!("`{}` is damaged: {error}", path.display()), "take it from a copy")
        })?;
        if description.format_version != FORMAT_VERSION {
            let message = format!("`{}` has version {}", path.display(), description.format_version);
            return Err(
                UserError::new(message, format!("this program knows version {FORMAT_VERSION}")).into()
            );
        }
        check_classes(&description.classes)?;
        Ok(description)
    }
}

/// Refuses names that are no good for files, or mean something else.
pub(super) fn check_classes(classes: &[String]) -> Result<()> {
    let is_name = |class: &String| {
        !class.is_empty()
            && class.chars().all(|c| c.is_alphanumeric() || "-_ ".contains(c))
            && !class.eq_ignore_ascii_case("ignore")
    };
    if let Some(class) = classes.iter().find(|class| !is_name(class)) {
        let hint = "classes name files: letters, digits, `-` and `_`, and not `ignore`";
        return Err(UserError::new(format!("`{class}` is no name for a class"), hint).into());
    }
    let twice = (1..classes.len()).find(|&n| classes[..n].contains(&classes[n]));
    if let Some(n) = twice {
        return Err(UserError::new(format!("class `{}` is named twice", classes[n]), "name each once").into());
    }
    if classes.is_empty() {
        return Err(UserError::new("no class is named", "as in --classes mitochondria,synapses").into());
    }
    Ok(())
}
