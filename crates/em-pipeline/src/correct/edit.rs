//! What a person does to objects, as it stands in the journal.

use std::collections::HashSet;
use std::path::Path;

use em_io::Roi;
use serde::{Deserialize, Serialize};

use crate::annotate::Runs;
use crate::error::{Context, Result, UserError};
use crate::journal::{self, Line};
use crate::timeline::Kind;

/// What is asked for. Objects are named by their values in the label volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "what the fields of an edit are is said with the edit")]
pub enum Edit {
    /// Makes an object background.
    Delete { object: u32 },
    /// Says that an object is right, so that nobody looks at it again.
    Keep { object: u32 },
    /// Makes two objects one, of the first's value.
    Merge { objects: [u32; 2] },
    /// Splits an object by points `[z, y, x]`, a voxel in each part; the largest part keeps the value.
    Split { object: u32, points: Vec<[usize; 3]> },
    /// Splits an object by a line that parts its shape in section `z`: points `[y, x]` in voxels, the middle
    /// of the first voxel at 0.5, and all within `radius` of the line.
    Cut { object: u32, z: usize, radius: f64, points: Vec<[f64; 2]> },
    /// Gives an object the background that it encloses within a section.
    Fill { object: u32 },
    /// Takes the last edit back.
    Undo,
    /// Does again what was taken back last.
    Redo,
    /// Says which label volume is corrected: SHA-256 of its first, middle and last section.
    Opened { sections_sha256: String },
}

impl Edit {
    /// Returns what it is to those before it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Undo => Kind::Undo,
            Self::Redo => Kind::Redo,
            Self::Opened { .. } => Kind::Record,
            _ => Kind::Change,
        }
    }

    /// Returns the objects that it names.
    pub fn objects(&self) -> Vec<u32> {
        match self {
            Self::Delete { object }
            | Self::Keep { object }
            | Self::Split { object, .. }
            | Self::Cut { object, .. }
            | Self::Fill { object } => vec![*object],
            Self::Merge { objects } => objects.to_vec(),
            Self::Undo | Self::Redo | Self::Opened { .. } => Vec::new(),
        }
    }
}

/// Voxels that become an object's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The object.
    pub object: u32,
    /// Section by section.
    pub runs: Vec<Runs>,
}

/// A line of the journal: what was asked for, and what a replay could not know by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditLine {
    /// Its number, from 1.
    pub number: usize,
    /// The name that the page gave it, so that it is done once however often it is sent.
    pub id: String,
    /// Seconds since 1970, for people.
    pub time: u64,
    /// What was asked for.
    pub edit: Edit,
    /// The box of the objects that it concerns, before and after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Roi>,
    /// The voxels that a split or a filling gave to objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

impl Line for EditLine {
    const NAME: &'static str = "edit";

    fn number(&self) -> usize {
        self.number
    }
}

impl EditLine {
    /// Returns the objects that it concerns, those that it makes among them.
    pub fn objects(&self) -> HashSet<u32> {
        self.edit.objects().into_iter().chain(self.parts.iter().map(|part| part.object)).collect()
    }

    /// Says in words what was done.
    pub fn text(&self) -> String {
        match &self.edit {
            Edit::Delete { object } => format!("deleted {object}"),
            Edit::Keep { object } => format!("kept {object}"),
            Edit::Merge { objects: [one, other] } => format!("merged {other} into {one}"),
            Edit::Split { object, .. } | Edit::Cut { object, .. } => {
                let parts: Vec<String> = self.parts.iter().map(|part| part.object.to_string()).collect();
                format!("split {object}, which made {}", parts.join(", "))
            }
            Edit::Fill { object } => format!("filled {object}"),
            Edit::Undo => "took back".into(),
            Edit::Redo => "did again".into(),
            Edit::Opened { .. } => "began".into(),
        }
    }

    /// Says what is wrong with a line that no program wrote.
    fn check(&self, shape: [usize; 3]) -> Result<(), String> {
        let [depth, height, width] = shape;
        let mut runs = self.parts.iter().flat_map(|part| &part.runs);
        if !runs.all(|runs| runs.z < depth && runs.is_within([height, width])) {
            return Err("paints outside of the volume".into());
        }
        if self.within.is_some_and(|within| !within.is_within(shape)) {
            return Err("is about a box outside of the volume".into());
        }
        if self.objects().contains(&0) {
            return Err("names the object 0, which is the background".into());
        }
        Ok(())
    }
}

/// Refuses lines that do not fit a label volume of `shape`, `[z, y, x]`.
pub fn check_lines(lines: &[EditLine], shape: [usize; 3], path: &Path) -> Result<()> {
    for line in lines {
        if let Err(problem) = line.check(shape) {
            let message = format!("edit {} of `{}` {problem}", line.number, path.display());
            return Err(UserError::new(message, "are these the edits of another volume?").into());
        }
    }
    Ok(())
}

/// Edits of a file: a journal, which says what each came to, or only what is asked for.
#[derive(Debug)]
pub enum EditFile {
    /// As the screen writes it.
    Journal(Vec<EditLine>),
    /// As a person or a script writes it, one edit for each line.
    Asked(Vec<Edit>),
}

/// Reads a file of edits, one line of JSON for each: those of a journal, or edits alone, such as
/// `{"kind": "delete", "object": 7}`.
///
/// # Errors
///
/// Fails if the file cannot be read, or a line is no edit.
pub fn read_edits(path: &Path) -> Result<EditFile> {
    let text = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let is_journal = |line: &[u8]| {
        serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|value| value.get("number").is_some())
    };
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if is_journal(first) {
        return Ok(EditFile::Journal(journal::read_lines(path, &text)?));
    }
    let mut edits = Vec::new();
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let edit = serde_json::from_slice(line).map_err(|error| {
            let message = format!("line {number} of `{}` is no edit: {error}", path.display());
            UserError::new(message, "an edit looks like {\"kind\": \"delete\", \"object\": 7}")
        })?;
        edits.push(edit);
    }
    Ok(EditFile::Asked(edits))
}
