//! Each fixture that is read, to each format that is written, and back; and how blocks are cut.

use std::path::{Path, PathBuf};

use em_io::{Content, OmeZarrVersion, Voxels};
use ndarray::Array3;

use super::*;
use crate::silent;

fn request(input: impl Into<PathBuf>, output: impl Into<PathBuf>) -> ConvertRequest {
    ConvertRequest::new(input, output)
}

fn converted(request: &ConvertRequest) -> Result<Converted> {
    convert(request, &mut Observer::new(&mut silent))
}

/// The fixtures that are read; those that are refused have tests in em-io.
fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/em-io");
    let mut paths: Vec<PathBuf> = [folder.clone(), folder.join("zarr")]
        .iter()
        .flat_map(|folder| folder.read_dir().unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| em_io::open(path).and_then(|volume| volume.read_all()).is_ok());
    paths.retain(|path| !path.ends_with("zarr"));
    paths.sort();
    assert!(paths.len() > 50, "{paths:?}");
    paths
}

/// The type that a format keeps voxels in, `None` where it refuses them.
fn kept(name: &str, voxel_type: VoxelType) -> Option<VoxelType> {
    use VoxelType::{F32, I8, I16, I32, I64, U8, U16, U32, U64};
    match (name, voxel_type) {
        ("out", U8 | U16) => Some(voxel_type),
        ("out", _) | ("out.mrc", U32 | I32 | U64 | I64) | ("out.ome.tif", U64 | I64) => None,
        ("out.mrc", U8) => Some(U16),
        ("out.mrc", I8) => Some(I16),
        (_, I8 | U8 | I16 | U16 | U32 | I32 | U64 | I64 | F32) => Some(voxel_type),
    }
}

fn assert_same_size(found: Option<[f64; 3]>, expected: Option<[f64; 3]>, what: &str) {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            let [found, expected] = [found, expected].map(|nm| VoxelSize::new(nm).unwrap());
            assert!(expected.is_same_as(found), "{what}: {found}, {expected}");
        }
        (found, expected) => assert_eq!(found, expected, "{what}"),
    }
}

#[test]
fn every_fixture_goes_to_every_format_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let name = |name: &str| folder.path().join(name);
    for fixture in fixtures() {
        let volume = em_io::open(&fixture).unwrap();
        let values = volume.read_all().unwrap();
        for target in ["out.tif", "out.ome.tif", "out.mrc", "out.zarr", "out"] {
            let what = format!("{} to {target}", fixture.display());
            let there = ConvertRequest { overwrite: true, ..request(&fixture, name(target)) };
            let Some(kept) = kept(target, volume.voxel_type()) else {
                assert!(converted(&there).unwrap_err().to_string().contains("cannot write"), "{what}");
                continue;
            };
            let written = converted(&there).unwrap_or_else(|error| panic!("{what}: {error:#}"));
            assert_eq!(written.volume.read_all().unwrap(), values.to_type(kept), "{what}");
            let size = volume.voxel_size_nm().filter(|_| target != "out");
            assert_same_size(written.volume.voxel_size_nm(), size, &what);
            let lost = [kept != volume.voxel_type(), size != volume.voxel_size_nm()];
            assert_eq!(
                written.losses.len(),
                lost.iter().filter(|&&lost| lost).count(),
                "{what}: {:?}",
                written.losses
            );

            let back = ConvertRequest {
                overwrite: true,
                voxel_type: Some(volume.voxel_type()),
                voxel_size_nm: volume.voxel_size_nm(),
                ..request(name(target), name("back.tif"))
            };
            let back = converted(&back).unwrap_or_else(|error| panic!("{what} and back: {error:#}")).volume;
            assert_eq!(back.read_all().unwrap(), values, "{what} and back");
            assert_same_size(back.voxel_size_nm(), volume.voxel_size_nm(), &what);
        }
    }
}

#[test]
fn a_part_is_cut_in_blocks_and_keeps_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let whole = ndarray::Array3::from_shape_fn((9, 7, 8), |(z, y, x)| (z * 100 + y * 10 + x) as u16);
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    em_io::write_volume(&input, &Voxels::from(whole.clone()), Some([30.0, 5.0, 4.0])).unwrap();
    let part = Some("2:9,1:4,3:".parse().unwrap());
    let written = converted(&ConvertRequest { part, ..request(input, output) }).unwrap().volume;
    let expected = whole.slice(ndarray::s![2.., 1..4, 3..]).to_owned();
    assert_eq!(written.read_all().unwrap(), Voxels::from(expected));
    assert_same_size(written.voxel_size_nm(), Some([30.0, 5.0, 4.0]), "part");
}

#[test]
fn ome_zarr_is_written_as_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.zarr"));
    em_io::write_volume(&input, &Voxels::from(ndarray::Array3::<u8>::ones((4, 40, 40))), None).unwrap();
    let options = WriteOptions::default()
        .with_version(OmeZarrVersion::V0_4)
        .with_chunk([2, 16, 16])
        .with_levels(2)
        .with_content(Content::Label);
    let written = converted(&ConvertRequest { options, ..request(&input, &output) }).unwrap();
    assert_eq!(written.volume.format(), "OME-Zarr 0.4");
    assert!(output.join("1").is_dir() && !output.join("2").exists());
    assert!(written.bytes > 0);

    let label = converted(&request(&input, output.join("labels/mitochondria"))).unwrap();
    assert_eq!(label.volume.shape(), [4, 40, 40]);

    let output = folder.path().join("shards.zarr");
    let options =
        WriteOptions::default().with_chunk([2, 16, 16]).with_shard(Some([4, 48, 48])).with_levels(1);
    let written = converted(&ConvertRequest { options, ..request(&input, &output) }).unwrap();
    assert_eq!(written.volume.read_all().unwrap(), em_io::open(&input).unwrap().read_all().unwrap());
    assert!(output.join("0/c/0/0/0").is_file() && !output.join("0/c/0/0/1").exists());
}

#[test]
fn an_observer_that_breaks_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.tif"));
    em_io::write_volume(&input, &Voxels::from(Array3::<u8>::ones((4, 4, 4))), None).unwrap();
    for at in 0..3 {
        let mut events = 0;
        let mut stop = |_: crate::Event<'_>| {
            events += 1;
            if events > at { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
        };
        let stopped = convert(&request(&input, &output), &mut Observer::new(&mut stop));
        assert!(matches!(stopped, Err(Error::Stopped)), "{stopped:?}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1, "after {at} events");
    }
}

#[test]
fn an_input_that_changes_while_it_is_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.mrc"), folder.path().join("out.tif"));
    em_io::write_volume(&input, &Voxels::from(Array3::<u16>::ones((4, 8, 8))), None).unwrap();
    let mut change = |event: crate::Event<'_>| {
        if matches!(event, crate::Event::Started(_)) {
            let mut file = std::fs::OpenOptions::new().append(true).open(&input).unwrap();
            std::io::Write::write_all(&mut file, b"more").unwrap();
        }
        std::ops::ControlFlow::Continue(())
    };
    let error = convert(&request(&input, &output), &mut Observer::new(&mut change)).unwrap_err();
    assert!(error.to_string().ends_with("in.mrc` changed while it was read"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is written");
}
