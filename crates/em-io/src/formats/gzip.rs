//! Voxels inside a gzip-compressed file, unpacked into a temporary file when they are asked for:
//! NIfTI and MRC.

use crate::error::{Error, Result};
use crate::formats::damaged;
use crate::formats::raw::RawVoxels;
use crate::formats::source::Source;
use crate::limits::{self, MAX_EXPANSION};
use crate::storage::{Object, Reader};
use crate::{Roi, ScratchFolder, Voxels};
use flate2::bufread::GzDecoder;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The name of the uncompressed copy.
const COPY: &str = "unpacked";

/// The bytes that are unpacked at a time.
const PIECE_BYTES: usize = 1 << 16;

/// The first bytes of a compressed file. Before them it is only known by these two.
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Unpacks the first bytes of a file, as many as `bytes` where there are so many.
pub(crate) fn start(path: &Path, bytes: u64) -> Result<Vec<u8>> {
    let file = reader(path)?;
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(BufReader::new(file))
        .take(bytes)
        .read_to_end(&mut unpacked)
        .map_err(|error| Error::decoding(path, 0, Box::new(error)))?;
    Ok(unpacked)
}

/// Unpacks the first bytes of a file as far as that goes, to see what kind of file is inside.
pub(crate) fn look_inside(path: &Path, bytes: u64) -> Vec<u8> {
    let mut unpacked = Vec::new();
    if let Ok(file) = reader(path) {
        // What was unpacked before it went wrong stays; whoever reads the file meets the error again.
        let _ = MultiGzDecoder::new(BufReader::new(file)).take(bytes).read_to_end(&mut unpacked);
    }
    unpacked
}

fn reader(path: &Path) -> Result<Reader> {
    Object::existing(path).and_then(|file| file.reader()).map_err(Error::io("open", path))
}

/// The voxels, and the uncompressed copy of the file once there is one.
#[derive(Debug)]
pub(crate) struct Compressed {
    voxels: RawVoxels,
    file: Object,
    copy: Mutex<Option<Copy>>,
}

/// The uncompressed file, which goes with this.
#[derive(Debug)]
struct Copy {
    file: Object,
    _folder: ScratchFolder,
}

impl Compressed {
    /// Checks that the compressed file may hold the voxels, so that no small file fills a disk.
    ///
    /// The voxels begin where they do in the unpacked file.
    pub(crate) fn new(voxels: RawVoxels) -> Result<Self> {
        let path = &voxels.path;
        let file = Object::existing(path).map_err(Error::io("open", path))?;
        let file_bytes = file.bytes();
        voxels.check(None)?;
        let unpacked = voxels.end();
        if unpacked / MAX_EXPANSION > file_bytes {
            let reason = format!("the header claims {unpacked} bytes in a file of {file_bytes}");
            return Err(damaged(&voxels.path, reason));
        }
        Ok(Self { voxels, file, copy: Mutex::new(None) })
    }

    /// Returns the uncompressed file, making it at the first call.
    fn copy(&self) -> Result<Object> {
        // A thread that panicked has left it as it was.
        let mut copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match copy.take() {
            Some(made) => made,
            None => self.unpack()?,
        };
        Ok(copy.insert(made).file.clone())
    }

    /// Unpacks what the voxels need, and goes on to the end, where the checksum is.
    fn unpack(&self) -> Result<Copy> {
        let path = &self.voxels.path;
        let mut packed = BufReader::new(self.file.reader().map_err(Error::io("open", path))?);
        let folder = ScratchFolder::new()?;
        let place = folder.path().join(COPY);
        let mut copy = File::create_new(&place).map_err(Error::io("unpack", path))?;
        let mut buffer = limits::zeroed::<u8>(PIECE_BYTES)?;
        let (mut unpacked, end) = (0, self.voxels.end());
        let failed = |unpacked| {
            let page = self.voxels.section_at(unpacked).min(self.voxels.shape[0] - 1);
            move |error| Error::decoding(path, page, Box::new(error))
        };
        // A file is one compressed part behind the other; what follows the last is no part of it.
        loop {
            let mut part = GzDecoder::new(&mut packed);
            loop {
                let count = part.read(&mut buffer).map_err(failed(unpacked))?;
                if count == 0 {
                    break;
                }
                let wanted = usize::try_from(end.saturating_sub(unpacked)).unwrap_or(count).min(count);
                copy.write_all(&buffer[..wanted]).map_err(Error::io("unpack", path))?;
                unpacked += count as u64;
            }
            if packed.fill_buf().map_err(failed(unpacked))?.first() != Some(&MAGIC[0]) {
                break;
            }
        }
        self.voxels.check(Some(unpacked))?;
        packed.get_ref().check().map_err(Error::io("read", path))?;
        drop(copy);
        let file = Object::existing(&place).map_err(Error::io("unpack", path))?;
        Ok(Copy { file, _folder: folder })
    }
}

impl Source for Compressed {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        self.voxels.read_from(&self.copy()?, roi)
    }
}
