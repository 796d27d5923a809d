//! Zip archives: verified, unpacked, never outside of their folder.

use std::fs;
use std::io::{Cursor, Write};

use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::super::catalogue::{Archive, Contents, Source};
use super::server::{Reply, Server};
use super::{fetch_from, fetch_into, names_in, source};
use crate::checksum::to_hex;

const TEXT: &[u8] = b"section 0 section 0 section 0";

pub fn zip_of(names: &[&str]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(TEXT).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

pub fn archive(url: &str, sha256: Option<&[u8]>) -> Source {
    source(Contents::Archive(Archive {
        name: "set.zip".into(),
        url: format!("{url}/set.zip"),
        sha256: sha256.map(|bytes| to_hex(&Sha256::digest(bytes))),
        layout: &["raw/"],
    }))
}

#[test]
fn an_archive_is_verified_and_unpacked_and_a_second_run_asks_for_nothing() {
    let zip = zip_of(&["set/raw/0.png", "set/labels/0.png"]);
    let served = zip.clone();
    let server = Server::start(move |request, before| {
        let reply = Reply::ranged(request, &served);
        if before == 0 { reply.cut_after(50) } else { reply }
    });
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        fetch_into(folder.path(), &archive(&server.url, Some(&zip)), &[]).unwrap();
        assert_eq!(names_in(folder.path()), ["set", "set.zip"]);
    }
    assert_eq!(fs::read(folder.path().join("set/raw/0.png")).unwrap(), TEXT);
    assert_eq!(server.ranges(), ["", "bytes=50-"]);
}

#[test]
fn a_wrong_checksum_removes_the_download() {
    let zip = zip_of(&["set/raw/0.png"]);
    let other = zip_of(&["set/raw/1.png"]);
    let server = Server::start(move |request, _| Reply::ranged(request, &other));
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_into(folder.path(), &archive(&server.url, Some(&zip)), &[]).unwrap_err();
    assert!(error.contains("has the SHA-256") && error.contains("was removed"), "{error}");
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn without_a_checksum_a_wrong_byte_is_found_by_its_crc() {
    let mut zip = zip_of(&["set/raw/0.png"]);
    // The local header is 30 bytes and the name; what follows is the packed text.
    zip[30 + "set/raw/0.png".len() + 2] ^= 1;
    let server = Server::start(move |request, _| Reply::ranged(request, &zip));
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_into(folder.path(), &archive(&server.url, None), &[]).unwrap_err();
    assert!(error.contains("its entry `set/raw/0.png` is damaged"), "{error}");
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn without_a_checksum_the_layout_is_checked() {
    let zip = zip_of(&["set/readme.txt"]);
    let server = Server::start(move |request, _| Reply::ranged(request, &zip));
    let folder = tempfile::tempdir().unwrap();
    let error = fetch_into(folder.path(), &archive(&server.url, None), &[]).unwrap_err();
    assert!(error.contains("holds no folder `raw/`"), "{error}");
}

#[test]
fn an_entry_that_leads_out_of_the_folder_is_refused() {
    let zip = zip_of(&["set/raw/0.png", "../../escaped.txt"]);
    let outer = tempfile::tempdir().unwrap();
    let (from, folder) = (outer.path().join("from"), outer.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::write(from.join("set.zip"), &zip).unwrap();
    let error = fetch_from(&from, &folder, &archive("http://127.0.0.1:9", Some(&zip))).unwrap_err();
    assert!(error.contains("`../../escaped.txt` leads out of the folder"), "{error}");
    assert!(names_in(&folder).is_empty());
    assert_eq!(names_in(outer.path()), ["from", "to"]);
}

#[test]
fn a_damaged_copy_is_refused_and_left_alone() {
    let zip = zip_of(&["set/raw/0.png"]);
    let (from, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(from.path().join("set.zip"), &zip[..zip.len() - 1]).unwrap();
    let source = archive("http://127.0.0.1:9", Some(&zip));
    let error = fetch_from(from.path(), folder.path(), &source).unwrap_err();
    assert!(error.contains("has the SHA-256"), "{error}");
    assert_eq!(names_in(from.path()), ["set.zip"]);
    assert!(names_in(folder.path()).is_empty());
}

#[test]
fn what_a_killed_fetch_has_unpacked_goes_and_a_second_fetch_is_refused() {
    let zip = zip_of(&["set/raw/0.png"]);
    let served = zip.clone();
    let server = Server::start(move |request, _| Reply::ranged(request, &served));
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".unpacking-x1")).unwrap();
    fs::write(folder.path().join(".unpacking-x1/0.png"), TEXT).unwrap();
    let source = archive(&server.url, Some(&zip));
    let held = super::super::hold(folder.path()).unwrap();
    let error = fetch_into(folder.path(), &source, &[]).unwrap_err();
    assert!(error.contains("another fetch is at work in"), "{error}");
    drop(held);
    fetch_into(folder.path(), &source, &[]).unwrap();
    assert_eq!(names_in(folder.path()), ["set", "set.zip"]);
}
