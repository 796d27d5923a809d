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

/// The files of a precomputed volume of Neuroglancer: as the golden files name them, from the first voxel on.
pub const PRECOMPUTED: [&str; 12] = [
    "info",
    "4.6_4.6_50/0-10_0-13_0-2",
    "4.6_4.6_50/10-17_0-13_0-2",
    "4.6_4.6_50/0-10_0-13_2-3",
    "4.6_4.6_50/0-17_0-13_0-3",
    "4.6_4.6_50/0-10_0-13_0-2.gz",
    "4.6_4.6_50/0.shard",
    "4.6_4.6_50/1.shard",
    "4.6_4.6_50/0-8_0-8_0-2",
    "4.6_4.6_50/2.shard",
    "4.6_4.6_50/3.shard",
    "4.6_4.6_50.0/0-8_0-8_0-2.gz",
];

/// The files of N5: a dataset, or levels in a group.
pub const N5: [&str; 10] = [
    "attributes.json",
    "0/0/0",
    "1/0/0",
    "0/0/1",
    "0/0",
    "0/0/0/0",
    "s0/attributes.json",
    "s0/0/0/0",
    "s1/attributes.json",
    "volumes/raw/attributes.json",
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

/// Writes the folder that the bytes stand for under this name, in place of the one before, and reads it.
pub fn read(bytes: &[u8], name: &str, names: &[&str]) {
    let path = crate::scratch().join(name);
    // What the run before has left; the first one has left nothing.
    let _ = fs::remove_dir_all(&path);
    unpack(bytes, &path, names);
    crate::read(&path);
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
