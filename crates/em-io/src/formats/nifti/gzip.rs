//! Voxels inside a gzip-compressed file, unpacked into a temporary file when they are asked for.

use super::header;
use crate::error::{Error, Result};
use crate::formats::damaged;
use crate::formats::raw::RawVoxels;
use crate::formats::source::Source;
use crate::limits::{self, MAX_EXPANSION};
use crate::{Roi, Voxels};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::{NamedTempFile, TempPath};

/// The bytes that are unpacked at a time.
const PIECE_BYTES: usize = 1 << 16;

/// Tells whether a gzip-compressed file holds NIfTI.
pub(crate) fn is_nifti(path: &Path) -> bool {
    let start = File::open(path).and_then(|file| start(file, header::HEADER_BYTES));
    start.is_ok_and(|bytes| header::is_nifti(&bytes))
}

/// Unpacks the first bytes of a file.
pub(super) fn start(file: File, bytes: u64) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(BufReader::new(file)).take(bytes).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// The voxels, and the uncompressed copy of the file once there is one.
#[derive(Debug)]
pub(super) struct Compressed {
    voxels: RawVoxels,
    copy: Mutex<Option<TempPath>>,
}

impl Compressed {
    /// Checks that a file of `file_bytes` bytes may hold the voxels, so that no small file fills a
    /// disk.
    pub(super) fn new(voxels: RawVoxels, file_bytes: u64) -> Result<Self> {
        voxels.check(None)?;
        let unpacked = voxels.end();
        if unpacked / MAX_EXPANSION > file_bytes {
            let reason = format!("the header claims {unpacked} bytes in a file of {file_bytes}");
            return Err(damaged(&voxels.path, reason));
        }
        Ok(Self { voxels, copy: Mutex::new(None) })
    }

    /// Returns the uncompressed file, making it at the first call.
    fn copy(&self) -> Result<PathBuf> {
        // A thread that panicked has left it as it was.
        let mut copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        let path = match copy.take() {
            Some(path) => path,
            None => self.unpack()?,
        };
        Ok(copy.insert(path).to_path_buf())
    }

    fn unpack(&self) -> Result<TempPath> {
        let path = &self.voxels.path;
        let file = File::open(path).map_err(Error::io("open", path))?;
        let mut packed = MultiGzDecoder::new(BufReader::new(file)).take(self.voxels.end());
        let mut copy = NamedTempFile::new().map_err(Error::io("unpack", path))?;
        let mut buffer = limits::zeroed::<u8>(PIECE_BYTES)?;
        let mut unpacked = 0;
        loop {
            let count = match packed.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    return Err(Error::decoding(path, self.voxels.section_at(unpacked), Box::new(error)));
                }
            };
            copy.write_all(&buffer[..count]).map_err(Error::io("unpack", path))?;
            unpacked += count as u64;
        }
        self.voxels.check(Some(unpacked))?;
        Ok(copy.into_temp_path())
    }
}

impl Source for Compressed {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        self.voxels.read_from(&self.copy()?, roi)
    }
}
