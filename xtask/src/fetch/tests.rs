//! Whole fetches against a local server that drops connections, sends wrong bytes, refuses or is gone.

mod archives;
mod downloads;
mod hostile;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha1::{Digest, Sha1};

use super::catalogue::{Contents, Source, StackFile, Stacks};
use super::http::{Client, Retry};
use super::pieces::PieceTable;
use super::server;
use super::{Origin, fetch};
use crate::advice::render;
use crate::checksum::to_hex;

const PIECE: usize = 1000;

/// The two files of the synthetic source; their border lies within piece 4.
fn files() -> [Vec<u8>; 2] {
    let bytes =
        |seed: usize, length: usize| (0..length).map(|i| ((i * 31 + i / 7 + seed) % 251) as u8).collect();
    [bytes(1, 4500), bytes(2, 3700)]
}

/// A source of two files at an address, with the right checksums for all but the last 200 bytes.
fn stacks(url: &str) -> Source {
    let [raw, label] = files();
    let all = [raw.clone(), label.clone()].concat();
    let hashes: Vec<String> = all.chunks_exact(PIECE).map(|piece| to_hex(&Sha1::digest(piece))).collect();
    let file = |name: &str, bytes: &[u8]| StackFile {
        name: name.to_owned(),
        url: format!("{url}/{name}"),
        bytes: bytes.len() as u64,
        by_default: true,
    };
    let pieces = PieceTable::parse(PIECE as u64, &hashes.join("\n")).unwrap();
    source(Contents::Stacks(Stacks { files: vec![file("raw.tif", &raw), file("label.tif", &label)], pieces }))
}

fn source(contents: Contents) -> Source {
    Source { name: "synthetic", title: "", terms: "", contents, next_step: "" }
}

fn client() -> Client {
    Client::new(Retry { attempts: 3, first_pause: Duration::from_millis(1) })
}

/// Fetches from the network into `folder`; a failure as the user sees it.
fn fetch_into(folder: &Path, source: &Source, names: &[&str]) -> Result<(), String> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    fetch(source, &names, folder, &Origin::Web(&client())).map_err(|error| render(&error))
}

fn fetch_from(from: &Path, folder: &Path, source: &Source) -> Result<(), String> {
    fetch(source, &[], folder, &Origin::Folder(from)).map_err(|error| render(&error))
}

fn names_in(folder: &Path) -> Vec<String> {
    let paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut names: Vec<_> =
        paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
