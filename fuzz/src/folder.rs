//! Folders as one string of bytes: `([name] [length, 2 bytes] [content])...`.
//!
//! A name is a number in a list, so that the fuzzer spends no time on paths that nobody opens.

use std::fs;
use std::path::Path;

/// The files that Zarr readers look for.
pub const ZARR: [&str; 12] = [
    "zarr.json",
    ".zarray",
    ".zattrs",
    ".zgroup",
    "0/zarr.json",
    "0/.zarray",
    "c/0/0/0",
    "0.0.0",
    "0/c/0/0/0",
    "0/0/0/0",
    "0/0.0.0",
    "c/0/0/1",
];

/// Sections, and what else is found beside them.
pub const SECTIONS: [&str; 12] = [
    "s9.png",
    "s10.png",
    "s010.PNG",
    "s99999999999999999999999.png",
    "a 1.tif",
    "a-2.tiff",
    "ä3.tif",
    "s1.jpg",
    "s01.jpeg",
    "._s9.png",
    "notes.txt",
    "inner/s9.png",
];

/// Writes the folder that the bytes stand for.
pub fn unpack(mut bytes: &[u8], folder: &Path, names: &[&str]) {
    while let [name, low, high, rest @ ..] = bytes {
        let name = names[usize::from(*name) % names.len()];
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (content, after) = rest.split_at(length);
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a file in the folder")).expect("/dev/shm is writable");
        // A name may come twice, or be a folder by now: what cannot be written is left out.
        let _ = fs::write(path, content);
        bytes = after;
    }
}

/// Packs a folder, as far as its files have names that are known.
pub fn pack(folder: &Path, names: &[&str]) -> Vec<u8> {
    let files = (0..).zip(names).filter_map(|(name, path)| Some((name, fs::read(folder.join(path)).ok()?)));
    files.flat_map(|(name, content)| entry(name, &content)).collect()
}

/// One file of a folder; nothing for one that is too long.
pub fn entry(name: u8, content: &[u8]) -> Vec<u8> {
    let Ok(length) = u16::try_from(content.len()) else { return Vec::new() };
    [&[name], length.to_le_bytes().as_slice(), content].concat()
}
