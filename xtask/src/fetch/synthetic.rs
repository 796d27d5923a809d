//! A small source that exists nowhere but in memory: two stacks and an archive, for the bench of faults.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::catalogue::{Archive, Contents, Source, StackFile, Stacks};
use super::http::{Client, Retry};
use super::pieces::PieceTable;
use super::{Origin, fetch as fetch_source};
use crate::checksum::to_hex;

/// Bytes of a piece that is verified.
const PIECE: usize = 1 << 18;
/// Bytes of the stacks.
const STACKS: [(&str, usize); 2] = [("raw.tif", 2_500_000), ("label.tif", 1_300_000)];
/// The name of the archive.
const ARCHIVE: &str = "set.zip";

/// Returns what a server has at a path; nothing at unknown ones.
pub fn file(path: &str) -> &'static [u8] {
    static FILES: OnceLock<[Vec<u8>; 3]> = OnceLock::new();
    let [raw, label, archive] = FILES.get_or_init(|| {
        let [raw, label] = [0, 1].map(|seed| bytes(seed, STACKS[seed].1));
        [raw, label, zip().expect("a zip in memory can be written")]
    });
    match path.trim_start_matches('/') {
        "raw.tif" => raw,
        "label.tif" => label,
        ARCHIVE => archive,
        _ => &[],
    }
}

/// Fetches all of it from the server at an address.
///
/// # Errors
///
/// Those of [`fetch_data`](super): a file that cannot be had right.
pub fn fetch(url: &str, folder: &Path) -> Result<()> {
    let client = Client::new(Retry::default());
    for contents in [stacks(url)?, archive(url)] {
        let source = Source { name: "synthetic", title: "", terms: "", contents, next_step: "" };
        fetch_source(&source, &[], folder, &Origin::Web(&client))?;
    }
    Ok(())
}

fn bytes(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|i| ((i * 31 + i / 7 + i / 1009 + seed) % 251) as u8).collect()
}

fn stacks(url: &str) -> Result<Contents> {
    let all = [file("raw.tif"), file("label.tif")].concat();
    let hashes: Vec<String> = all.chunks(PIECE).map(|piece| to_hex(&Sha1::digest(piece))).collect();
    let files = STACKS.map(|(name, length)| StackFile {
        name: name.to_owned(),
        url: format!("{url}/{name}"),
        bytes: length as u64,
        by_default: true,
    });
    let pieces = PieceTable::parse(PIECE as u64, &hashes.join("\n"))?;
    Ok(Contents::Stacks(Stacks { files: files.into(), pieces }))
}

fn archive(url: &str) -> Contents {
    Contents::Archive(Archive {
        name: ARCHIVE.into(),
        url: format!("{url}/{ARCHIVE}"),
        sha256: Some(to_hex(&Sha256::digest(file(ARCHIVE)))),
        layout: &["raw/"],
    })
}

fn zip() -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for section in 0..40 {
        writer.start_file(format!("set/raw/{section:02}.png"), SimpleFileOptions::default())?;
        writer.write_all(&bytes(section, 100_000)).context("a zip in memory")?;
    }
    Ok(writer.finish()?.into_inner())
}
