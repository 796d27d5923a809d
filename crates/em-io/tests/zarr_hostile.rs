//! Damaged Zarr folders give voxels or one clear error: no panic, no endless loop, no bomb.
//!
//! All damage is drawn from a seed, so that a failure comes back.

#![cfg(feature = "zarr")]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;
mod damage;

use common::fixture;
use damage::folders::{copy, each_damage, flipped, spliced, truncated};
use damage::survive;
use em_io::Error;
use std::fs;
use tempfile::tempdir;

#[test]
fn truncated_files() {
    each_damage("zarr", "damaged.zarr", truncated);
}

#[test]
fn flipped_bits_and_replaced_bytes() {
    each_damage("zarr", "damaged.zarr", flipped);
}

/// Metadata and chunks of one array in another, and parts of a file in the wrong place.
#[test]
fn spliced_bytes_and_files_of_others() {
    each_damage("zarr", "damaged.zarr", spliced("zarr"));
}

/// The metadata tell a Zarr folder, whatever its name ends in.
#[test]
fn a_folder_is_zarr_by_its_content() {
    let folder = tempdir().unwrap();
    for name in ["v04.zarr", "v05.zarr", "v2-zlib", "v3-sharded"] {
        let sound = em_io::open(fixture("zarr").join(name)).unwrap();
        for ending in ["tif", "png", "h5", "mrc"] {
            let path = folder.path().join(name).with_extension(ending);
            copy(&fixture("zarr").join(name), &path);
            let swapped = em_io::open(&path).unwrap();
            assert_eq!(swapped.format(), sound.format());
            assert_eq!(swapped.read_all().unwrap(), sound.read_all().unwrap(), "{name} as {ending}");
        }
    }
}

/// The index of a shard steers where bytes are read, so it gets every kind of wrong number.
#[test]
fn shard_indices_that_point_anywhere() {
    let folder = tempdir().unwrap();
    for name in ["v3-sharded", "v3-sharded-index-first", "v3-sharded-missing"] {
        let path = folder.path().join(name).join("damaged.zarr");
        copy(&fixture("zarr").join(name), &path);
        // Without its checksum, an index is believed.
        let json = fs::read_to_string(path.join("zarr.json")).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let codecs = &mut json["codecs"][0]["configuration"]["index_codecs"];
        codecs.as_array_mut().unwrap().retain(|codec| codec["name"] != "crc32c");
        fs::write(path.join("zarr.json"), json.to_string()).unwrap();
        let at_start = json["codecs"][0]["configuration"]["index_location"] == "start";
        let shard = path.join("c/0/0/0");
        let sound = fs::read(&shard).unwrap();
        let index = 16 * 2 * 2 * 3;
        for offset in [0, 1, 300, u64::MAX / 2, u64::MAX - 5, u64::MAX] {
            for len in [0, 1, 3, 300, 1 << 31, u64::MAX / 2 + 1, u64::MAX - 299, u64::MAX - 5, u64::MAX] {
                let entry = [offset.to_le_bytes(), len.to_le_bytes()].concat();
                let mut damaged = sound.clone();
                let at = if at_start { 0 } else { damaged.len() - index };
                damaged[at..at + index].copy_from_slice(&entry.repeat(index / 16));
                fs::write(&shard, damaged).unwrap();
                survive(&path, &format!("{name}: {offset} + {len}"));
            }
        }
    }
}

/// Replaces a part of the metadata of an image by something else.
#[track_caller]
fn with(name: &str, file: &str, from: &str, to: &str) -> Error {
    let folder = tempdir().unwrap();
    let path = folder.path().join("damaged.zarr");
    copy(&fixture("zarr").join(name), &path);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path.join(file)).unwrap()).unwrap();
    let text = json.to_string();
    assert!(text.contains(from), "{text}");
    fs::write(path.join(file), text.replace(from, to)).unwrap();
    survive(&path, to);
    em_io::open(&path).and_then(|volume| volume.read_all()).unwrap_err()
}

#[test]
fn metadata_that_lies_is_named() {
    let (image, array) = ("zarr.json", "0/zarr.json");
    for (file, from, to, words) in [
        (array, "[3,13,17]", "[3,13,1000000000000]", "array of shape"),
        (array, "[3,13,17]", "[18446744073709551615,18446744073709551615,17]", "array of shape"),
        (array, "[3,13,17]", "[3,13,-17]", "unusual metadata"),
        (array, "[3,13,17]", "[13,17]", "2 axes"),
        (array, "[2,8,8]", "[4294967296,4294967296,4294967296]", "chunks of"),
        (array, "[2,8,8]", "[2,0,8]", "an empty chunk"),
        (array, "\"uint16\"", "\"complex128\"", "data type"),
        (array, "\"uint16\"", "{}", "data type"),
        (array, "\"zstd\"", "\"rot13\"", "codec `rot13`"),
        (array, "\"bytes\"", "\"zstd\"", "codec `zstd` at this place"),
        (array, "\"separator\":\"/\"", "\"separator\":\"/../\"", "chunk names"),
        (image, "\"path\":\"0\"", "\"path\":\"../../secret\"", "dataset path"),
        (image, "\"path\":\"0\"", "\"path\":\"/etc\"", "dataset path"),
        (image, "\"path\":\"0\"", "\"path\":\"1\"", "no array"),
        (image, "\"multiscales\":[{", "\"multiscales\":[],\"other\":[{", "no image in `multiscales`"),
        (image, "\"name\":\"z\"", "\"name\":\"depth\"", "the axes depth, y, x"),
        (image, "\"datasets\":[{", "\"datasets\":[],\"other\":[{", "without datasets"),
        (image, "{", "not JSON {", "no JSON"),
    ] {
        let error = with("v05.zarr", file, from, to);
        assert!(matches!(error, Error::Metadata { .. }), "{to}: {error:?}");
        assert!(error.to_string().contains(words), "{to}: {error}");
    }
}

/// The chunks are those of 16-bit voxels, so they have too many or too few bytes for other types.
#[test]
fn a_type_that_the_chunks_do_not_have_is_damage() {
    for to in ["\"uint8\"", "\"float32\""] {
        let error = with("v05.zarr", "0/zarr.json", "\"uint16\"", to);
        assert!(matches!(error, Error::DamagedChunk { .. }), "{to}: {error:?}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn a_folder_named_zarr_without_metadata_says_what_is_missing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("empty.zarr");
    fs::create_dir(&path).unwrap();
    let error = em_io::open(&path).unwrap_err();
    assert!(error.to_string().contains("has no Zarr image or array, expected a file"), "{error}");
}

#[test]
fn metadata_without_end_is_refused() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("damaged.zarr");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("zarr.json"), "[".repeat(1 << 20)).unwrap();
    survive(&path, "nested");
    fs::write(path.join("zarr.json"), " ".repeat((1 << 24) + 2)).unwrap();
    assert!(em_io::open(&path).unwrap_err().to_string().contains("more bytes than metadata has"));
}
