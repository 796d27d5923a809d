//! SHA-1 of equal pieces of several files laid end to end, as a torrent lists them.
//!
//! A piece may span two files, and then can be checked only where both are there.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use sha1::{Digest, Sha1};

/// The checksums of the pieces, in order.
pub struct PieceTable {
    piece_bytes: u64,
    hashes: Vec<String>,
}

/// The part of one file that lies in a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Index of the file.
    pub file: usize,
    /// First byte in that file.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}

impl PieceTable {
    /// Reads one hexadecimal SHA-1 per line; `#` starts a comment.
    ///
    /// # Errors
    ///
    /// Names a line that is no SHA-1.
    pub fn parse(piece_bytes: u64, text: &str) -> Result<Self> {
        let hashes: Vec<String> =
            text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        for hash in &hashes {
            let digits = hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
            ensure!(digits && hash.len() == 40, "`{hash}` is no SHA-1");
        }
        Ok(Self { piece_bytes, hashes })
    }

    /// Returns the number of pieces.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Returns the published SHA-1 of a piece.
    pub fn expected(&self, piece: usize) -> &str {
        &self.hashes[piece]
    }

    /// Returns which bytes of which files form a piece, for files of these sizes.
    pub fn extents(&self, piece: usize, sizes: &[u64]) -> Vec<Extent> {
        let first = u64::try_from(piece).expect("a usize fits u64 here") * self.piece_bytes;
        let end = first + self.piece_bytes;
        let mut extents = Vec::new();
        let mut file_start = 0;
        for (file, &size) in sizes.iter().enumerate() {
            let (from, to) = (first.max(file_start), end.min(file_start + size));
            if from < to {
                extents.push(Extent { file, offset: from - file_start, bytes: to - from });
            }
            file_start += size;
        }
        extents
    }
}

/// Returns the SHA-1 of the bytes that form a piece; `paths` holds a path for each file of its extents.
pub fn hash(extents: &[Extent], paths: &[Option<impl AsRef<Path>>]) -> Result<String> {
    let mut hasher = Sha1::new();
    for extent in extents {
        let path = paths[extent.file].as_ref().expect("the caller has every file of the piece").as_ref();
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(extent.offset))?;
            let mut bytes = Vec::new();
            file.take(extent.bytes).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        hasher.update(read().with_context(|| format!("cannot read `{}`", path.display()))?);
    }
    Ok(crate::checksum::to_hex(&hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pieces: usize) -> PieceTable {
        PieceTable::parse(10, &vec!["0".repeat(40); pieces].join("\n")).unwrap()
    }

    #[test]
    fn a_piece_spans_the_files_that_it_touches() {
        let extent = |file, offset, bytes| Extent { file, offset, bytes };
        let sizes = [14, 3, 20];
        assert_eq!(table(4).extents(0, &sizes), [extent(0, 0, 10)]);
        assert_eq!(table(4).extents(1, &sizes), [extent(0, 10, 4), extent(1, 0, 3), extent(2, 0, 3)]);
        assert_eq!(table(4).extents(3, &sizes), [extent(2, 13, 7)]);
    }

    #[test]
    fn a_hash_covers_the_extents_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| Some(folder.path().join(name)));
        std::fs::write(folder.path().join("a"), "xxab").unwrap();
        std::fs::write(folder.path().join("b"), "cyy").unwrap();
        // hashlib.sha1(b"abc").hexdigest()
        let extents = [Extent { file: 0, offset: 2, bytes: 2 }, Extent { file: 1, offset: 0, bytes: 1 }];
        assert_eq!(hash(&extents, &paths).unwrap(), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn a_damaged_table_is_refused() {
        assert!(PieceTable::parse(10, "# comment\nabc\n").is_err());
    }
}
