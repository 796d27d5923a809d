//! Archives of strangers: each is refused with a message, and nothing of it stays.

use std::fs;
use std::io::{Cursor, Write};

use zip::write::{SimpleFileOptions, ZipWriter};

use super::archives::{archive, zip_of};
use super::{fetch_from, names_in};

/// Where the central directory has the mode of an entry, and its length.
const MODE: usize = 38;
const LENGTH: usize = 24;
/// Where the header before an entry has its length.
const LOCAL_LENGTH: usize = 22;

/// Unpacks a zip from a folder, which is to be refused; returns the message.
fn refused(zip: &[u8]) -> String {
    let outer = tempfile::tempdir().unwrap();
    let (from, folder) = (outer.path().join("from"), outer.path().join("to"));
    fs::create_dir(&from).unwrap();
    fs::write(from.join("set.zip"), zip).unwrap();
    let error = fetch_from(&from, &folder, &archive("http://127.0.0.1:9", Some(zip))).unwrap_err();
    assert!(names_in(&folder).is_empty(), "{error}");
    assert_eq!(names_in(outer.path()), ["from", "to"], "{error}");
    error
}

/// Writes four bytes at an offset behind a mark.
fn patched(mut zip: Vec<u8>, mark: &[u8], offset: usize, bytes: [u8; 4]) -> Vec<u8> {
    let at = zip.windows(mark.len()).rposition(|window| window == mark).unwrap() + offset;
    zip[at..at + 4].copy_from_slice(&bytes);
    zip
}

#[test]
fn names_that_lead_elsewhere() {
    for name in [
        "/etc/escaped.txt",
        "//etc/escaped.txt",
        "../escaped.txt",
        "set/raw/../../../escaped.txt",
        "..\\escaped.txt",
        "\\escaped.txt",
        "C:\\escaped.txt",
        "C:/escaped.txt",
    ] {
        let error = refused(&zip_of(&["set/raw/0.png", name]));
        assert!(error.contains("leads out of the folder"), "{name}: {error}");
    }
    // A file where a folder has to be.
    let error = refused(&zip_of(&["set/raw", "set/raw/0.png"]));
    assert!(error.contains("set/raw"), "{error}");
}

#[test]
fn links_devices_and_pipes() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("set/raw/0.png", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let error = refused(&writer.finish().unwrap().into_inner());
    assert!(error.contains("its entry `set/raw/0.png` is a link"), "{error}");
    for (kind, what) in [
        (0o120_777, "a link"),
        (0o020_666, "a device"),
        (0o060_666, "a device"),
        (0o010_666, "a device or a pipe"),
    ] {
        let mode: u32 = kind << 16;
        let zip = patched(zip_of(&["set/raw/0.png"]), b"PK\x01\x02", MODE, mode.to_le_bytes());
        let error = refused(&zip);
        assert!(error.contains(what), "{kind:o}: {error}");
    }
}

#[test]
fn one_name_for_two_entries_is_unpacked_once_or_refused() {
    // The writer refuses it, so that the second name is changed afterwards.
    let mut zip = zip_of(&["set/raw/0.png", "set/raw/1.png"]);
    while let Some(at) = zip.windows(13).position(|window| window == b"set/raw/1.png") {
        zip[at..at + 13].copy_from_slice(b"set/raw/0.png");
    }
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("set.zip"), &zip).unwrap();
    let folder = outer.path().join("to");
    if fetch_from(outer.path(), &folder, &archive("http://127.0.0.1:9", Some(&zip))).is_ok() {
        assert_eq!(names_in(&folder.join("set/raw")), ["0.png"]);
    } else {
        assert!(names_in(&folder).is_empty());
    }
}

#[test]
fn bombs_that_say_so_and_bombs_that_do_not() {
    let zeros = vec![0; 4 << 20];
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("set/raw/0.png", SimpleFileOptions::default()).unwrap();
    writer.write_all(&zeros).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    assert!(zip.len() < 20_000, "it is packed");
    // It says 100 bytes, and has 4 MB.
    let silent = patched(zip.clone(), b"PK\x01\x02", LENGTH, 100_u32.to_le_bytes());
    let silent = patched(silent, b"PK\x03\x04", LOCAL_LENGTH, 100_u32.to_le_bytes());
    let error = refused(&silent);
    assert!(error.contains("its entry `set/raw/0.png` is damaged"), "{error}");
    assert!(error.contains("larger than its declared uncompressed size"), "{error}");
    // It says 4 GB less one, five times, which is more than any source.
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..5 {
        writer.start_file(format!("set/raw/{n}.png"), SimpleFileOptions::default()).unwrap();
        writer.write_all(b"0").unwrap();
    }
    let mut zip = writer.finish().unwrap().into_inner();
    let marks: Vec<usize> = (0..zip.len() - 4).filter(|&at| &zip[at..at + 4] == b"PK\x01\x02").collect();
    for at in marks {
        zip[at + LENGTH..at + LENGTH + 4].copy_from_slice(&(u32::MAX - 1).to_le_bytes());
    }
    let error = refused(&zip);
    assert!(error.contains("unpacks to"), "{error}");
}

#[test]
fn what_is_no_zip() {
    for bytes in [
        b"".as_slice(),
        b"PK\x03\x04",
        b"<html>please log in</html>",
        b"PK\x05\x06\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        assert!(refused(bytes).contains("cannot unpack"), "{bytes:?}");
    }
}
