//! Zarr folders as one string of bytes: `[count] ([name] [length, 2 bytes] [content])...`.
//!
//! A name is a number in [`NAMES`], so that the fuzzer spends no time on paths that nobody opens.

use std::fs;
use std::path::Path;

/// The files that Zarr readers look for.
pub const NAMES: [&str; 12] = [
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

/// Writes the folder that the bytes stand for.
pub fn unpack(mut bytes: &[u8], folder: &Path) {
    while let [name, low, high, rest @ ..] = bytes {
        let name = NAMES[usize::from(*name) % NAMES.len()];
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
pub fn pack(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let Ok(content) = fs::read(folder.join(name)) else { continue };
        let Ok(length) = u16::try_from(content.len()) else { continue };
        bytes.push(u8::try_from(number).expect("a dozen names"));
        bytes.extend(length.to_le_bytes());
        bytes.extend(content);
    }
    bytes
}
