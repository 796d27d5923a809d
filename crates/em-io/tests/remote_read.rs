//! Volumes behind a web address have the voxels of those in files, and no more is asked for than is needed.

#![cfg(all(feature = "remote", feature = "zarr", feature = "images"))]
#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;
#[path = "common/server.rs"]
mod server;

use common::fixture;
use em_io::{Error, OpenOptions, Roi, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions};
use ndarray::Array3;
use server::{Mood, Server};
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// Opens a file and the same behind an address, and compares all that is known of them.
#[track_caller]
fn check(server: &Server, name: &str) {
    let address = format!("{}/{name}", server.url);
    let (here, there) = match (em_io::open(fixture(name)), em_io::open(&address)) {
        (Ok(here), Ok(there)) => (here, there),
        (Err(here), Err(there)) => {
            let kind = |error: &Error| format!("{error:?}").split([' ', '{', '(']).next().map(str::to_owned);
            assert_eq!(kind(&here), kind(&there), "{name}: {here}, {there}");
            return;
        }
        (here, there) => panic!("{name}: {:?} here, {:?} there", here.err(), there.err()),
    };
    assert_eq!(there.shape(), here.shape(), "{name}");
    assert_eq!(there.voxel_size_nm(), here.voxel_size_nm(), "{name}");
    assert_eq!((there.format(), there.notes()), (here.format(), here.notes()), "{name}");
    assert_eq!(there.path(), Some(Path::new(&address)), "{name}");
    match (here.read_all(), there.read_all()) {
        (Ok(here), Ok(there)) => assert_eq!(there, here, "{name}"),
        (here, there) => assert!(here.is_err() && there.is_err(), "{name}: {:?}", there.err()),
    }
    let [depth, height, width] = here.shape();
    if height > 6 && width > 6 {
        let roi = Roi { start: [depth - 1, 3, 2], shape: [1, height - 5, width - 3] };
        assert_eq!(there.read(roi).ok(), here.read(roi).ok(), "{name}");
    }
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(fixture(folder)).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(names.len() > 40, "the fixtures are there");
    names
}

#[test]
fn every_file_has_the_voxels_that_it_has_here() {
    let server = Server::start(&fixture(""), |_, _| Mood::Well);
    let files = names("").into_iter().filter(|name| fixture(name).is_file());
    files.for_each(|name| check(&server, &name));
}

#[test]
fn every_zarr_has_the_voxels_that_it_has_here() {
    let server = Server::start(&fixture(""), |_, _| Mood::Well);
    // A web server does not list the images of a group.
    let images = names("zarr").into_iter().filter(|name| !name.starts_with("group-"));
    images.for_each(|name| check(&server, &format!("zarr/{name}")));
    check(&server, "zarr/group-3.zarr/a/raw");
}

#[test]
fn smaller_levels_are_opened() {
    let folder = tempdir().unwrap();
    em_io::write_volume(folder.path().join("a.zarr"), &noise([3, 300, 600]), None).unwrap();
    let server = Server::start(folder.path(), |_, _| Mood::Well);
    let here = OpenOptions::default().open_levels(folder.path().join("a.zarr")).unwrap();
    let there = OpenOptions::default().open_levels(format!("{}/a.zarr", server.url)).unwrap();
    assert_eq!(here.len(), there.len());
    assert!(!here.is_empty());
    for (here, there) in here.iter().zip(&there) {
        assert_eq!(there.read_all().unwrap(), here.read_all().unwrap());
    }
}

fn noise(shape: [usize; 3]) -> Voxels {
    let value = |z: usize, y: usize, x: usize| {
        // Steps of splitmix64 (Steele et al. 2014), so that nothing makes it smaller.
        let mut mixed = ((z * 1000 + y) * 1000 + x) as u64;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 33) as u8
    };
    Array3::from_shape_fn((shape[0], shape[1], shape[2]), |(z, y, x)| value(z, y, x)).into()
}

#[test]
fn a_section_does_not_bring_the_file() {
    let folder = tempdir().unwrap();
    let stack = noise([20, 500, 700]);
    for name in ["a.tif", "a.mrc"] {
        em_io::write_volume(folder.path().join(name), &stack, None).unwrap();
    }
    let server = Server::start(folder.path(), |_, _| Mood::Well);
    for (name, voxel_bytes) in [("a.tif", 1), ("a.mrc", 2)] {
        let volume = em_io::open(format!("{}/{name}", server.url)).unwrap();
        let (asked, opening) = server.sent(name);
        let whole = fs::metadata(folder.path().join(name)).unwrap().len() as usize;
        let section = volume.read(Roi::sections(volume.shape(), 7..8)).unwrap();
        assert_eq!(section.to_f32(), stack.cut(Roi::sections([20, 500, 700], 7..8)).to_f32());
        let (asked_then, sent) = server.sent(name);
        let section_bytes = 500 * 700 * voxel_bytes;
        // Opening a TIFF file follows its pages, a block each.
        assert!(opening <= 21 * (1 << 16) && opening < whole / 3, "{name}: {opening} of {whole} to open");
        assert!(sent - opening < section_bytes * 3 / 2 + (1 << 17), "{name}: {} bytes", sent - opening);
        assert!(asked <= 25 && asked_then - asked <= 16, "{name}: {asked}, then {asked_then} requests");
    }
}

#[test]
fn a_chunk_does_not_bring_the_shard() {
    let folder = tempdir().unwrap();
    let shard = sharded(folder.path(), [64, 64, 64], [16, 16, 16]);
    let server = Server::start(folder.path(), |_, _| Mood::Well);
    let volume = em_io::open(format!("{}/a.zarr", server.url)).unwrap();
    let roi = Roi { start: [16, 32, 48], shape: [16, 16, 16] };
    let read = volume.read(roi).unwrap();
    assert_eq!(read, noise([64, 64, 64]).cut(roi));
    let (asked, sent) = server.sent("a.zarr/c/0/0/0");
    let index = 4 * 4 * 4 * 16 + 4;
    assert_eq!((asked, sent), (2, index + 16 * 16 * 16), "the index and the chunk");
    assert!(shard > 10 * sent);
    volume.read(roi).unwrap();
    assert_eq!(server.sent("a.zarr/c/0/0/0").0, 2, "what was read is kept");
}

#[test]
fn a_section_of_what_is_written_in_shards_does_not_bring_them() {
    let folder = tempdir().unwrap();
    let spec = VolumeSpec { shape: [32, 128, 128], voxel_type: VoxelType::U8, voxel_size_nm: None };
    let mut options = WriteOptions::default();
    (options.chunk, options.shard, options.levels) = ([2, 32, 32], Some([32, 128, 64]), Some(1));
    let mut writer = VolumeWriter::with_options(folder.path().join("a.zarr"), spec, options).unwrap();
    writer.write(&noise(spec.shape)).unwrap();
    writer.finish().unwrap();
    let server = Server::start(folder.path(), |_, _| Mood::Well);
    let volume = em_io::open(format!("{}/a.zarr", server.url)).unwrap();
    let roi = Roi::sections(spec.shape, 20..22);
    assert_eq!(volume.read(roi).unwrap(), noise(spec.shape).cut(roi));
    for shard in ["a.zarr/0/c/0/0/0", "a.zarr/0/c/0/0/1"] {
        let index = 16 * 4 * 2 * 16 + 4;
        let whole = fs::metadata(folder.path().join(shard)).unwrap().len() as usize;
        let (asked, sent) = server.sent(shard);
        // Of 16 layers of eight chunks one is sent; its four rows are read at a time, and each may ask for the index.
        assert!(sent <= 4 * index + whole / 16 + 100 && sent < whole / 8, "{sent} bytes of {whole}");
        assert!(asked <= 4 + 8, "{asked} requests");
    }
}

/// Writes an array of one shard, whose chunks lie one behind the other, and returns the length of the shard.
fn sharded(folder: &Path, shape: [usize; 3], chunk: [usize; 3]) -> usize {
    let root = folder.join("a.zarr");
    fs::create_dir_all(root.join("c/0/0")).unwrap();
    let json = serde_json::json!({
        "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": "uint8", "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
        "chunk_key_encoding": {"name": "default"},
        "codecs": [{"name": "sharding_indexed", "configuration": {
            "chunk_shape": chunk, "codecs": [{"name": "bytes"}],
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        }}],
    });
    fs::write(root.join("zarr.json"), json.to_string()).unwrap();
    let voxels = noise(shape);
    let (mut bytes, mut index) = (Vec::new(), Vec::new());
    let grid = [0, 1, 2].map(|axis| shape[axis] / chunk[axis]);
    for cell in 0..grid.iter().product() {
        let at = [cell / (grid[1] * grid[2]), cell / grid[2] % grid[1], cell % grid[2]];
        let start = [0, 1, 2].map(|axis| at[axis] * chunk[axis]);
        let block = voxels.cut(Roi { start, shape: chunk }).into_array::<u8>().unwrap();
        index.extend((bytes.len() as u64).to_le_bytes());
        index.extend((block.len() as u64).to_le_bytes());
        bytes.extend(block);
    }
    let checksum = crc32c::crc32c(&index);
    bytes.extend(index);
    bytes.extend(checksum.to_le_bytes());
    fs::write(root.join("c/0/0/0"), &bytes).unwrap();
    bytes.len()
}

#[test]
fn chunks_are_asked_for_once_and_metadata_a_few_times() {
    let folder = tempdir().unwrap();
    let spec =
        VolumeSpec { shape: [8, 128, 128], voxel_type: VoxelType::U8, voxel_size_nm: Some([20.0, 5.0, 5.0]) };
    let mut options = WriteOptions::default();
    options.chunk = [8, 32, 32];
    let mut writer = VolumeWriter::with_options(folder.path().join("a.zarr"), spec, options).unwrap();
    writer.write(&noise(spec.shape)).unwrap();
    writer.finish().unwrap();
    let server = Server::start(folder.path(), |_, _| Mood::Well);
    let volume = em_io::open(format!("{}/a.zarr", server.url)).unwrap();
    for z in 0..8 {
        let section = volume.read(Roi::sections(spec.shape, z..z + 1)).unwrap();
        assert_eq!(section, noise(spec.shape).cut(Roi::sections(spec.shape, z..z + 1)));
    }
    let requests = server.requests();
    let of_chunks = requests.iter().filter(|request| request.path.starts_with("a.zarr/0/c/"));
    assert_eq!(of_chunks.count(), 16);
    assert!(requests.len() <= 16 + 4, "{} requests", requests.len());
    assert!(requests.iter().all(|request| request.method == "GET"));
}

#[test]
fn a_group_on_a_web_server_says_what_to_name() {
    let server = Server::start(&fixture(""), |_, _| Mood::Well);
    let error = em_io::open(format!("{}/zarr/group-3.zarr", server.url)).unwrap_err();
    assert!(error.to_string().contains("web server"), "{error}");
    assert!(error.hint().unwrap().contains("group-3.zarr/NAME"), "{:?}", error.hint());
}

#[test]
fn what_is_missing_is_named() {
    let server = Server::start(&fixture(""), |_, _| Mood::Well);
    for name in ["no-such.tif", "zarr/no-such", "no-such.zarr"] {
        let address = format!("{}/{name}", server.url);
        let error = em_io::open(&address).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. } | Error::Metadata { .. }), "{error:?}");
        assert!(error.to_string().contains(&address), "{error}");
    }
}

#[test]
fn names_with_spaces_are_found() {
    let folder = tempdir().unwrap();
    fs::create_dir(folder.path().join("of mine")).unwrap();
    em_io::write_volume(folder.path().join("of mine/a b.tif"), &noise([2, 9, 9]), None).unwrap();
    let server = Server::start(folder.path(), |_, _| Mood::Well);
    for name in ["of mine/a b.tif", "of%20mine/a%20b.tif"] {
        assert_eq!(em_io::open(format!("{}/{name}", server.url)).unwrap().shape(), [2, 9, 9]);
    }
}

#[test]
fn an_address_of_a_file_is_that_file() {
    let path = fixture("float.mrc");
    let there = em_io::open(format!("file://{}", path.display())).unwrap();
    assert_eq!(there.read_all().unwrap(), em_io::open(&path).unwrap().read_all().unwrap());
    assert!(matches!(em_io::open("file:///no/such/file"), Err(Error::NotFound { .. })));
    let folder = tempdir().unwrap();
    let address = format!("file://{}/a%20b.zarr", folder.path().display());
    em_io::write_volume(&address, &noise([2, 9, 9]), None).unwrap();
    assert_eq!(em_io::open(folder.path().join("a b.zarr")).unwrap().read_all().unwrap(), noise([2, 9, 9]));
    assert_eq!(em_io::open(&address).unwrap().shape(), [2, 9, 9]);
}
