//! The runs of a volume on disk: a temporary file without a name, written once and read by section.
//!
//! A volume is decoded once, however often its objects are visited afterwards. Ends and labels are
//! stored as differences in as few bytes as they need, so that a run takes about four bytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::error::{Error, Result};
use crate::runs::SectionRuns;

/// The runs of all sections.
#[derive(Debug)]
pub(crate) struct RunsOnDisk {
    folder: PathBuf,
    file: Mutex<File>,
    /// Where each section starts, and the end of the last.
    offsets: Vec<u64>,
    /// What is added to the labels of each section.
    bases: Vec<u32>,
}

impl RunsOnDisk {
    /// Starts a file in a folder, which must exist.
    pub fn create(folder: &Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(failed("make", folder))?;
        Ok(Self { folder: folder.to_owned(), file: Mutex::new(file), offsets: vec![0], bases: Vec::new() })
    }

    /// Appends a section.
    pub fn push(&mut self, section: &SectionRuns) -> Result<()> {
        self.push_bytes(&encode(section), 0)
    }

    /// Appends a section that is encoded already, to whose labels `base` is added when it is read.
    pub fn push_bytes(&mut self, bytes: &[u8], base: u32) -> Result<()> {
        let start = self.offsets[self.offsets.len() - 1];
        let file = self.file.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A section may have been read in between, which moves the place.
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.write_all(bytes))
            .map_err(failed("write", &self.folder))?;
        self.offsets.push(start + bytes.len() as u64);
        self.bases.push(base);
        Ok(())
    }

    /// Counts the sections.
    pub fn count(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Reads section `z`.
    pub fn section(&self, z: usize) -> Result<SectionRuns> {
        let [start, end] = [self.offsets[z], self.offsets[z + 1]];
        let mut bytes = vec![0; usize::try_from(end - start).expect("a section was in memory before")];
        {
            let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            file.seek(SeekFrom::Start(start))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(failed("read", &self.folder))?;
        }
        Ok(decode(&bytes, self.bases[z]).expect("what is pushed was encoded here, or decoded before"))
    }
}

fn failed(action: &'static str, folder: &Path) -> impl FnOnce(io::Error) -> Error {
    let folder = folder.to_owned();
    move |source| Error::TemporaryFile { action, folder, source }
}

/// Encodes a section: the number of rows, and of each row the number of runs and the runs.
pub(crate) fn encode(section: &SectionRuns) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(4 * section.runs().len() + section.height() + 8);
    put(&mut bytes, section.height() as u32);
    let mut last_label = 0_u32;
    for y in 0..section.height() {
        put(&mut bytes, section.row(y).len() as u32);
        let mut x = 0;
        for run in section.row(y) {
            put(&mut bytes, run.start - x);
            put(&mut bytes, run.end - run.start);
            put(&mut bytes, zigzag(run.label.wrapping_sub(last_label)));
            (x, last_label) = (run.end, run.label);
        }
    }
    bytes
}

/// Decodes a section and adds `base` to its labels; `None` where the bytes are not those of a section.
pub(crate) fn decode(bytes: &[u8], base: u32) -> Option<SectionRuns> {
    let mut bytes = bytes.iter();
    let mut take = || take(&mut bytes);
    let height = take()?;
    let mut section = SectionRuns::empty();
    let mut label = base;
    for _ in 0..height {
        let mut x = 0_u32;
        for _ in 0..take()? {
            let start = x.checked_add(take()?)?;
            x = start.checked_add(take()?)?;
            label = label.wrapping_add(unzigzag(take()?));
            section.push(start as usize, x as usize, label);
        }
        section.end_row();
    }
    Some(section)
}

/// Small differences, up or down, become small numbers.
fn zigzag(difference: u32) -> u32 {
    (difference << 1) ^ ((difference as i32 >> 31) as u32)
}

fn unzigzag(number: u32) -> u32 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

/// Writes seven bits per byte, the lowest first; the eighth says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u32) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut std::slice::Iter<'_, u8>) -> Option<u32> {
    let mut number = 0;
    for shift in (0..32).step_by(7) {
        let byte = *bytes.next()?;
        number |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sections_come_back_in_any_order(
            rows in prop::collection::vec(prop::collection::vec((1_usize..300, 1_usize..300, any::<u32>()), 0..9), 0..9),
            cut in 0_usize..9,
        ) {
            let section = |rows: &[Vec<(usize, usize, u32)>]| {
                let mut section = SectionRuns::empty();
                for row in rows {
                    let mut x = 0;
                    for &(gap, length, label) in row {
                        section.push(x + gap, x + gap + length, label);
                        x += gap + length;
                    }
                    section.end_row();
                }
                section
            };
            let (a, b) = rows.split_at(cut.min(rows.len()));
            let sections = [section(a), section(b), section(&rows)];
            let folder = tempfile::tempdir().unwrap();
            let mut runs = RunsOnDisk::create(folder.path()).unwrap();
            runs.push(&sections[0]).unwrap();
            prop_assert_eq!(&runs.section(0).unwrap(), &sections[0]);
            runs.push(&sections[1]).unwrap();
            runs.push(&sections[2]).unwrap();
            for z in [2, 0, 1] {
                prop_assert_eq!(&runs.section(z).unwrap(), &sections[z]);
            }
        }
    }
}
