//! Each fixture that is read, to each format that is written, and back.

use super::*;
use crate::commands::convert::options::ZarrVersion;
use em_io::Voxels;

fn arguments(input: impl Into<PathBuf>, output: impl Into<PathBuf>) -> ConvertArgs {
    ConvertArgs {
        input: input.into(),
        output: output.into(),
        voxel_size: None,
        voxel_type: None,
        rescale: None,
        clip: false,
        roi: None,
        overwrite: false,
        zarr: ZarrArgs::default(),
    }
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
        (_, I8 | U8 | I16 | U16 | U32 | I32 | U64 | I64 | F32) => Some(voxel_type),
    }
}

fn assert_same_size(found: Option<[f64; 3]>, expected: Option<[f64; 3]>, what: &str) {
    match (found, expected) {
        (Some(found), Some(expected)) => assert!(!differ(expected, found), "{what}: {found:?}, {expected:?}"),
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
            let there = ConvertArgs { overwrite: true, ..arguments(&fixture, name(target)) };
            let Some(kept) = kept(target, volume.voxel_type()) else {
                assert!(convert(&there).unwrap_err().to_string().contains("cannot write"), "{what}");
                continue;
            };
            let written = convert(&there).unwrap_or_else(|error| panic!("{what}: {error:#}"));
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

            let back = ConvertArgs {
                overwrite: true,
                voxel_type: Some(volume.voxel_type()),
                voxel_size: volume.voxel_size_nm(),
                ..arguments(name(target), name("back.tif"))
            };
            let back = convert(&back).unwrap_or_else(|error| panic!("{what} and back: {error:#}")).volume;
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
    let crop = Some("2:9,1:4,3:".parse().unwrap());
    let written = convert(&ConvertArgs { roi: crop, ..arguments(input, output) }).unwrap().volume;
    let expected = whole.slice(ndarray::s![2.., 1..4, 3..]).to_owned();
    assert_eq!(written.read_all().unwrap(), Voxels::from(expected));
    assert_same_size(written.voxel_size_nm(), Some([30.0, 5.0, 4.0]), "part");
}

#[test]
fn ome_zarr_is_written_as_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.tif"), folder.path().join("out.zarr"));
    em_io::write_volume(&input, &Voxels::from(ndarray::Array3::<u8>::ones((4, 40, 40))), None).unwrap();
    let zarr = ZarrArgs {
        zarr_version: Some(ZarrVersion::V0_4),
        chunk: Some([2, 16, 16]),
        levels: Some(2),
        labels: true,
    };
    let written = convert(&ConvertArgs { zarr, ..arguments(&input, &output) }).unwrap();
    assert_eq!(written.volume.format(), "OME-Zarr 0.4");
    assert!(output.join("1").is_dir() && !output.join("2").exists());
    assert!(written.bytes > 0);

    let label = convert(&arguments(&input, output.join("labels/mitochondria"))).unwrap();
    assert_eq!(label.volume.shape(), [4, 40, 40]);

    let zarr = ZarrArgs { levels: Some(1), ..Default::default() };
    let error =
        convert(&ConvertArgs { zarr, ..arguments(input, folder.path().join("out.tif")) }).unwrap_err();
    assert!(error.to_string().starts_with("--levels is about OME-Zarr"), "{error}");
}
