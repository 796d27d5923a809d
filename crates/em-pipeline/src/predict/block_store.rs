//! The finished blocks of a prediction, on disk until the outputs are complete.
//!
//! ```text
//! out.tif.blocks/
//!   request.json     what was asked for; something else is not resumed
//!   finished.csv     SHA-256 of each finished block, in order
//!   000000.zst ...   outputs [output, z, y, x] of a block, 8 bit, Zstandard
//! ```
//!
//! A block counts when its line is in the list, which is written after the block is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use em_io::{hex, place};
use ndarray::Array4;
use sha2::{Digest, Sha256};

use crate::error::{Context, Error, Result, UserError};
use crate::fingerprint::Fingerprint;

/// The file of the fingerprint.
const REQUEST: &str = "request.json";

/// Noise in probabilities gains nothing from a higher level.
const ZSTD_LEVEL: i32 = 1;

/// A folder of finished blocks.
#[derive(Debug)]
pub struct BlockStore {
    folder: PathBuf,
    /// Checksums of the finished blocks, the first block first.
    finished: Vec<String>,
    list: File,
}

impl BlockStore {
    /// Starts a store for the output `path`, which must have none.
    pub fn create(path: &Path, fingerprint: &Fingerprint) -> Result<Self> {
        let folder = folder_of(path);
        let blocks = finished(&folder).len();
        if blocks > 0 {
            return Err(UserError::new(
                format!("`{}` holds {blocks} blocks of a prediction that was interrupted", folder.display()),
                "go on with --resume, or remove that folder to start again",
            )
            .into());
        }
        // What was killed before its first block is no loss.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        let json = serde_json::to_string_pretty(fingerprint)
            .with_context(|| format!("cannot write `{}`", folder.join(REQUEST).display()))?;
        let file = folder.join(REQUEST);
        let started = em_io::write_atomically(&file, |file| file.write_all(json.as_bytes()))
            .map_err(Error::from)
            .and_then(|()| Self::open(folder.clone(), Vec::new()));
        if started.is_err() {
            // Without `request.json` there is nothing to go on with.
            let _ = fs::remove_dir_all(&folder);
        }
        started
    }

    /// Tells whether a prediction to the output `path` was begun and not finished.
    pub fn is_begun(path: &Path) -> bool {
        folder_of(path).join(REQUEST).is_file()
    }

    /// Opens the store that an interrupted prediction has left, or starts one where there is none.
    ///
    /// Fails if it was begun with another fingerprint.
    pub fn resume(path: &Path, fingerprint: &Fingerprint) -> Result<Self> {
        let folder = folder_of(path);
        let file = folder.join(REQUEST);
        let Ok(json) = fs::read(&file) else {
            return Self::create(path, fingerprint);
        };
        let begun: Fingerprint =
            serde_json::from_slice(&json).with_context(|| format!("`{}` is damaged", file.display()))?;
        if let Some((name, then, now)) = begun.difference(fingerprint) {
            return Err(UserError::new(
                format!("cannot resume `{}`: {name} was {then}, found {now}", path.display()),
                format!("give what it was begun with, or remove `{}` to start again", folder.display()),
            )
            .into());
        }
        em_io::remove_unfinished(&folder)?;
        let finished = finished(&folder);
        Self::open(folder, finished)
    }

    fn open(folder: PathBuf, finished: Vec<String>) -> Result<Self> {
        // The list is written anew, which drops a line that a kill has cut short.
        let path = folder.join("finished.csv");
        let text: String = finished.iter().map(|digest| format!("{digest}\n")).collect();
        em_io::write_atomically(&path, |file| file.write_all(text.as_bytes()))?;
        let list = OpenOptions::new()
            .append(true)
            .open(&path)
            .with_context(|| format!("cannot open `{}`", path.display()))?;
        Ok(Self { folder, finished, list })
    }

    /// Returns how many blocks are finished, from the first one on.
    pub fn finished(&self) -> usize {
        self.finished.len()
    }

    /// Adds the next block.
    pub fn push(&mut self, outputs: &Array4<u8>) -> Result<()> {
        let raw: Vec<u8> = outputs.iter().copied().collect();
        let block = self.block(self.finished.len());
        let packed = zstd::bulk::compress(&raw, ZSTD_LEVEL)
            .with_context(|| format!("cannot compress `{}`", block.display()))?;
        let digest = hex(&Sha256::digest(&packed));
        em_io::write_atomically(&block, |file| file.write_all(&packed))?;
        writeln!(self.list, "{digest}")
            .and_then(|()| self.list.sync_data())
            .with_context(|| format!("cannot write `{}`", self.folder.join("finished.csv").display()))?;
        self.finished.push(digest);
        Ok(())
    }

    /// Reads a finished block of `shape`, `[output, z, y, x]`; `None` where its bytes are not those
    /// that were written.
    pub fn read(&self, index: usize, shape: [usize; 4]) -> Option<Array4<u8>> {
        let mut packed = Vec::new();
        File::open(self.block(index)).ok()?.read_to_end(&mut packed).ok()?;
        if hex(&Sha256::digest(&packed)) != self.finished[index] {
            return None;
        }
        let raw = zstd::bulk::decompress(&packed, shape.iter().product()).ok()?;
        Array4::from_shape_vec(shape, raw).ok()
    }

    /// Forgets the blocks from `index` on, which are then to be made again.
    pub fn truncate(self, index: usize) -> Result<Self> {
        let finished = self.finished.into_iter().take(index).collect();
        Self::open(self.folder, finished)
    }

    /// Removes the store, when the outputs are complete.
    pub fn remove(self) -> Result<()> {
        let Self { folder, list, .. } = self;
        drop(list);
        // Under a name that the next prediction to the same output removes: a kill must leave no half of it.
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let gone = folder.with_file_name(format!(".{name}.part"));
        let removed = fs::rename(&folder, &gone).and_then(|()| fs::remove_dir_all(&gone));
        removed.with_context(|| format!("cannot remove `{}`", folder.display()))
    }

    fn block(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index:06}.zst"))
    }
}

/// The folder beside an output that its blocks are in; for an address it is in the working folder.
fn folder_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".blocks");
    place::beside(path, name)
}

/// Reads the list as far as its lines are whole and their blocks there.
fn finished(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("finished.csv")).unwrap_or_default();
    let whole = |line: &&str| line.ends_with('\n') && line.len() == 65;
    text.split_inclusive('\n').take_while(whole).map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(seed: usize) -> Array4<u8> {
        Array4::from_shape_fn((2, 3, 4, 5), |(p, z, y, x)| (seed * 77 + p * 60 + z * 20 + y * 5 + x) as u8)
    }

    #[test]
    fn blocks_come_back_after_a_kill_that_cut_the_list_short() {
        let folder = tempfile::tempdir().unwrap();
        let (path, fingerprint) =
            (folder.path().join("out.tif"), Fingerprint::default().with("threshold", 0.5));
        let mut store = BlockStore::create(&path, &fingerprint).unwrap();
        (0..3).for_each(|n| store.push(&block(n)).unwrap());
        drop(store);
        let list = folder.path().join("out.tif.blocks/finished.csv");
        let text = fs::read_to_string(&list).unwrap();
        fs::write(&list, &text[..text.len() - 10]).unwrap();

        let mut store = BlockStore::resume(&path, &fingerprint).unwrap();
        assert_eq!(store.finished(), 2);
        assert_eq!(store.read(1, [2, 3, 4, 5]), Some(block(1)));
        store.push(&block(9)).unwrap();
        assert_eq!(store.read(2, [2, 3, 4, 5]), Some(block(9)));
        store.remove().unwrap();
        assert!(!folder.path().join("out.tif.blocks").exists());
    }

    #[test]
    fn a_damaged_block_is_noticed_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tif");
        let mut store = BlockStore::create(&path, &Fingerprint::default()).unwrap();
        (0..3).for_each(|n| store.push(&block(n)).unwrap());
        let file = folder.path().join("out.tif.blocks/000001.zst");
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        assert_eq!(store.read(1, [2, 3, 4, 5]), None);
        let store = store.truncate(1).unwrap();
        assert_eq!(store.finished(), 1);
        assert_eq!(store.read(0, [2, 3, 4, 5]), Some(block(0)));
    }

    #[test]
    fn another_request_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.tif");
        let mut store = BlockStore::create(&path, &Fingerprint::default().with("threshold", 0.5)).unwrap();
        store.push(&block(0)).unwrap();
        drop(store);
        let error = BlockStore::resume(&path, &Fingerprint::default().with("threshold", 0.4)).unwrap_err();
        assert!(error.to_string().ends_with("threshold was 0.5, found 0.4"), "{error}");
        let error = BlockStore::create(&path, &Fingerprint::default()).unwrap_err();
        assert!(error.to_string().contains("1 blocks of a prediction that was interrupted"), "{error}");
    }
}
