//! What the programs of a shared work know of each other: the request, and which shards are done.

use std::path::{Path, PathBuf};

use em_io::{StoredObject, objects, place};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Shard, ranges};
use crate::error::{Context, Result, UserError};
use crate::fingerprint::Fingerprint;
use crate::predict::SharedOutput;

/// The file of the request.
const REQUEST: &str = "request.json";

/// The most bytes of a request or a marker that are read.
const MOST_BYTES: u64 = 1 << 30;

/// Bytes that are read at a time to check them.
const PIECE: usize = 8 << 20;

/// What all shards of a work have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Request {
    format_version: u32,
    /// The first section of each shard, and the end of the last.
    cuts: Vec<usize>,
    job: Job,
    fingerprint: Fingerprint,
}

/// What is done, as far as the end of all shards has to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Job {
    /// A prediction into these files, in their order.
    Predict { outputs: Vec<SharedOutput>, shape: [usize; 3], voxel_size_nm: Option<[f64; 3]> },
    /// A measurement of these classes.
    Measure { classes: Vec<String> },
}

impl Job {
    fn name(&self) -> &'static str {
        match self {
            Self::Predict { .. } => "a prediction",
            Self::Measure { .. } => "a measurement",
        }
    }
}

/// That a shard is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// The CRC-32C of the request that it is of: what a doubled shard leaves after the end counts for no other work.
    #[serde(default)]
    pub request: u32,
    pub files: Vec<ShardFile>,
    /// Of a prediction, the voxels above 0 in each output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreground: Vec<u64>,
}

/// A file that a shard has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardFile {
    /// Its path from the folder that the store lies in.
    pub path: PathBuf,
    /// The number of its bytes.
    pub bytes: u64,
    /// The CRC-32C (Castagnoli) of its bytes.
    pub crc32c: u32,
}

impl ShardFile {
    /// Names a file of an image in the folder of the store.
    pub(crate) fn of_image(image: &Path, object: StoredObject) -> Self {
        let StoredObject { name, bytes, crc32c } = object;
        Self { path: image.join(name), bytes, crc32c }
    }
}

/// Where a shard stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShardState {
    /// It is not done.
    Missing,
    /// It is done.
    Done,
    /// It was done, and a file of it is not as it was written.
    Broken {
        /// What is wrong, with the file.
        reason: String,
    },
}

/// The folder beside an output in which its shards are noted: `mask.zarr.shards`.
#[derive(Debug)]
pub struct ShardStore {
    folder: PathBuf,
    request: Request,
}

impl ShardStore {
    /// Joins the work on an output, or begins it where no other shard has.
    ///
    /// `is_free` refuses an output that was there before; it is asked where the work is begun.
    ///
    /// Fails if other shards were begun with another request.
    pub(crate) fn join(
        output: &Path,
        cuts: Vec<usize>,
        job: Job,
        fingerprint: Fingerprint,
        is_free: impl FnOnce() -> Result<()>,
    ) -> Result<Self> {
        let folder = folder_of(output);
        let file = folder.join(REQUEST);
        let request = Request { format_version: 1, cuts, job, fingerprint };
        if !exists(&file)? {
            let free = is_free();
            // Another shard may have begun, and written, in between.
            if !exists(&file)? {
                free?;
                let text =
                    serde_json::to_vec_pretty(&request).context("a request cannot be written as JSON")?;
                objects::write_first(&file, &text)?;
            }
        }
        // It is this request, or that of another shard which was faster.
        let begun: Request = read_json(&file)?.ok_or_else(|| gone(&file))?;
        refuse_another(output, &folder, &begun, &request)?;
        Ok(Self { folder, request: begun })
    }

    /// Opens the store of an output.
    ///
    /// # Errors
    ///
    /// Fails if there is none, or if it is damaged.
    pub fn open(output: &Path) -> Result<Self> {
        let folder = folder_of(output);
        let request: Request = read_json(&folder.join(REQUEST))?.ok_or_else(|| {
            let message = format!("`{}` has no shards", output.display());
            let hint = "name the output as it was given to `predict --shard` or `measure --shard`; where shards are finished, nothing is left of them";
            UserError::new(message, hint)
        })?;
        if request.cuts.len() < 2 {
            let message = format!("`{}` names no shards", folder.join(REQUEST).display());
            return Err(
                UserError::new(message, "the file is damaged: remove the folder, and begin again").into()
            );
        }
        Ok(Self { folder, request })
    }

    /// Returns its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the number of shards.
    pub fn count(&self) -> usize {
        self.request.cuts.len() - 1
    }

    /// Returns whether it is of a prediction, which `finish` ends; else of a measurement, which is merged.
    pub fn is_prediction(&self) -> bool {
        matches!(self.request.job, Job::Predict { .. })
    }

    pub(crate) fn cuts(&self) -> &[usize] {
        &self.request.cuts
    }

    pub(crate) fn job(&self) -> &Job {
        &self.request.job
    }

    /// Refuses a request that is not that of the shards.
    pub(crate) fn check(&self, output: &Path, job: &Job, fingerprint: &Fingerprint) -> Result<()> {
        let (job, fingerprint) = (job.clone(), fingerprint.clone());
        let asked = Request { job, fingerprint, ..self.request.clone() };
        refuse_another(output, &self.folder, &self.request, &asked)
    }

    /// Returns where a shard keeps a file of its own.
    pub(crate) fn file(&self, index: usize, name: &str) -> PathBuf {
        self.folder.join(format!("{index:05}.{name}"))
    }

    /// Returns the place of a path that the store names: see [`named`].
    pub(crate) fn resolved(&self, path: &Path) -> PathBuf {
        // To `join`, an address is a relative path.
        if place::is_address(path) { path.to_path_buf() } else { self.base().join(path) }
    }

    /// The folder that the store lies in.
    fn base(&self) -> PathBuf {
        self.folder.parent().unwrap_or(Path::new("")).to_path_buf()
    }

    /// Notes that a shard is done.
    pub(crate) fn mark(&self, index: usize, marker: &Marker) -> Result<()> {
        let marker = Marker { request: self.request_crc32c()?, ..marker.clone() };
        let text = serde_json::to_vec(&marker).context("a marker cannot be written as JSON")?;
        Ok(objects::write(&self.marker(index), &text)?)
    }

    /// Returns the marker of a shard, `None` where it is not done.
    pub(crate) fn marker_of(&self, index: usize) -> Result<Option<Marker>> {
        read_json(&self.marker(index))
    }

    fn request_crc32c(&self) -> Result<u32> {
        let text = serde_json::to_vec(&self.request).context("a request cannot be written as JSON")?;
        Ok(crc32c::crc32c(&text))
    }

    fn marker(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index:05}.json"))
    }

    /// Tells where each shard stands: whether its files are there, as long as they were written; with `verify`,
    /// whether their bytes are the same.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be read.
    pub fn states(&self, verify: bool) -> Result<Vec<ShardState>> {
        (0..self.count()).map(|index| self.state(index, verify)).collect()
    }

    /// Tells where one shard stands.
    pub(crate) fn state(&self, index: usize, verify: bool) -> Result<ShardState> {
        let broken = |reason: String| Ok(ShardState::Broken { reason });
        let marker = match self.marker_of(index) {
            Ok(Some(marker)) if marker.request == self.request_crc32c()? => marker,
            Ok(_) => return Ok(ShardState::Missing),
            Err(_) => return broken(format!("`{}` is damaged", self.marker(index).display())),
        };
        for file in &marker.files {
            let path = self.resolved(&file.path);
            match objects::length(&path)? {
                None => return broken(format!("`{}` is missing", path.display())),
                Some(found) if found != file.bytes => {
                    let expected = file.bytes;
                    return broken(format!("`{}` has {found} bytes, expected {expected}", path.display()));
                }
                Some(_) if verify && crc32c_of(&path, file.bytes)? != file.crc32c => {
                    return broken(format!("`{}` has other bytes than were written", path.display()));
                }
                Some(_) => {}
            }
        }
        Ok(ShardState::Done)
    }

    /// Returns the markers of all shards, or says which are not done.
    pub(crate) fn all_done(&self, output: &Path) -> Result<Vec<Marker>> {
        let states = self.states(true)?;
        let open = |(index, state): (usize, &ShardState)| (*state != ShardState::Done).then_some(index);
        let open: Vec<usize> = states.iter().enumerate().filter_map(open).collect();
        if !open.is_empty() {
            let (which, count) = (ranges(&open), self.count());
            let message =
                format!("{} of {count} shards of `{}` are not done: {which}", open.len(), output.display());
            let hint =
                format!("do these first; `em-cli shards {}` tells what is wrong with each", output.display());
            return Err(UserError::new(message, hint).into());
        }
        let marker = |index| self.marker_of(index)?.ok_or_else(|| gone(&self.marker(index)));
        (0..self.count()).map(marker).collect()
    }

    /// Removes the store, when the output is complete.
    pub(crate) fn remove(self) -> Result<()> {
        // The request goes first: what is left without one is nobody's.
        objects::remove(&self.folder.join(REQUEST))?;
        Ok(objects::remove_all(&self.folder)?)
    }

    /// Tells whether a shard is done, so that it need not be done again.
    pub(crate) fn is_done(&self, shard: Shard) -> Result<bool> {
        Ok(self.state(shard.index, true)? == ShardState::Done)
    }
}

/// Names a path as the store of an output does, so that the end of all shards may run in any folder: from the folder that
/// the store lies in where it is in there; else as a whole.
pub(crate) fn named(output: &Path, path: &Path) -> Result<PathBuf> {
    let [base, path] = [output, path].map(place::absolute);
    let (base, path) = (base?, path?);
    let within = base.parent().and_then(|base| path.strip_prefix(base).ok()).map(Path::to_path_buf);
    Ok(within.unwrap_or(path))
}

/// The folder beside an output that its shards are noted in.
fn folder_of(output: &Path) -> PathBuf {
    let mut name = output.file_name().unwrap_or_default().to_owned();
    name.push(".shards");
    output.with_file_name(name)
}

fn exists(file: &Path) -> Result<bool> {
    Ok(objects::length(file)?.is_some())
}

fn gone(file: &Path) -> crate::Error {
    let hint = "were the shards finished, or was their folder removed, by another program?";
    UserError::new(format!("`{}` is gone", file.display()), hint).into()
}

fn read_json<T: DeserializeOwned>(file: &Path) -> Result<Option<T>> {
    let bytes = objects::read(file, MOST_BYTES)?;
    let parsed = bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose();
    parsed.with_context(|| format!("`{}` is damaged", file.display()))
}

fn refuse_another(output: &Path, folder: &Path, begun: &Request, asked: &Request) -> Result<()> {
    let difference = match (&begun.job, &asked.job) {
        (then, now) if then.name() != now.name() => {
            Some(("the work".to_owned(), then.name().to_owned(), now.name().to_owned()))
        }
        _ => begun.fingerprint.difference(&asked.fingerprint),
    };
    let counts = [&begun.cuts, &asked.cuts].map(|cuts| format!("{} shards", cuts.len().saturating_sub(1)));
    let difference = difference.or_else(|| {
        let [then, now] = counts;
        (begun.cuts != asked.cuts).then(|| ("the number of parts".to_owned(), then, now))
    });
    let difference = difference.or_else(|| {
        let text = |job: &Job| serde_json::to_string(job).unwrap_or_default();
        let (then, now) = (text(&begun.job), text(&asked.job));
        (begun.job != asked.job).then(|| ("what is written".to_owned(), then, now))
    });
    let Some((name, then, now)) = difference else { return Ok(()) };
    let message =
        format!("shards of `{}` were begun otherwise: {name} was {then}, found {now}", output.display());
    let hint = format!(
        "give what they were begun with, or remove `{}` and what they have written",
        folder.display()
    );
    Err(UserError::new(message, hint).into())
}

fn crc32c_of(path: &Path, bytes: u64) -> Result<u32> {
    let mut crc = 0;
    let mut start = 0;
    while start < bytes {
        let len = (bytes - start).min(PIECE as u64) as usize;
        match objects::read_range(path, start, len)? {
            Some(piece) => crc = crc32c::crc32c_append(crc, &piece),
            // It was cut short since it was looked at: other bytes.
            None => return Ok(!crc),
        }
        start += len as u64;
    }
    Ok(crc)
}

/// Notes a file of a shard with its length and checksum.
pub(crate) fn noted(path: &Path, relative: PathBuf) -> Result<ShardFile> {
    let bytes = objects::length(path)?.ok_or_else(|| gone(path))?;
    Ok(ShardFile { path: relative, bytes, crc32c: crc32c_of(path, bytes)? })
}

#[cfg(test)]
mod tests;
