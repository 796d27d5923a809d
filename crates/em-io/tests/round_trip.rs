//! What is written is read back, in every format and type, whatever the shape.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::{f32_at, of, u8_at, u16_at};
#[cfg(feature = "zarr")]
use em_io::OmeZarrVersion;
use em_io::{
    Error, Mask, Roi, TiffCompression, Volume, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions,
};
use ndarray::Array3;
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tempfile::tempdir;

/// A format that is written, and what it keeps of a volume.
struct Format {
    path: &'static str,
    name: &'static str,
    options: fn() -> WriteOptions,
    /// What is read back; `None` where such voxels are refused.
    stored: fn(&Voxels) -> Option<Voxels>,
    /// The relative error of the voxel size; `None` where it is not kept.
    tolerance: Option<f64>,
}

/// Every format that is written: a new one joins by a line.
const FORMATS: &[Format] = &[
    Format {
        path: "deep/er/stack.tif",
        name: "TIFF",
        options: usual,
        stored: as_it_is,
        tolerance: Some(1e-7),
    },
    Format { path: "stack.ome.tif", name: "OME-TIFF", options: usual, stored: in_ome, tolerance: Some(1e-7) },
    Format {
        path: "plain.tif",
        name: "TIFF",
        options: uncompressed,
        stored: as_it_is,
        tolerance: Some(1e-7),
    },
    Format { path: "tomogram.rec", name: "MRC", options: usual, stored: in_mrc, tolerance: Some(1e-6) },
    #[cfg(feature = "images")]
    Format { path: "sections", name: "image folder", options: usual, stored: in_png, tolerance: None },
    #[cfg(feature = "zarr")]
    Format { path: "v04.zarr", name: "OME-Zarr 0.4", options: v04, stored: as_it_is, tolerance: Some(0.0) },
    #[cfg(feature = "zarr")]
    Format { path: "v05.zarr", name: "OME-Zarr 0.5", options: v05, stored: as_it_is, tolerance: Some(0.0) },
    #[cfg(feature = "hdf5-write")]
    // Lengths are read to nine digits.
    Format { path: "volume.h5", name: "HDF5", options: usual, stored: as_it_is, tolerance: Some(1e-8) },
];

/// A file and a folder, where folders of images are built in.
const STACKS: &[&str] = if cfg!(feature = "images") { &["stack.tif", "sections"] } else { &["stack.tif"] };

fn usual() -> WriteOptions {
    WriteOptions::default()
}

fn uncompressed() -> WriteOptions {
    WriteOptions::default().with_tiff_compression(TiffCompression::None)
}

#[cfg(feature = "zarr")]
fn v04() -> WriteOptions {
    WriteOptions::default().with_version(OmeZarrVersion::V0_4)
}

#[cfg(feature = "zarr")]
fn v05() -> WriteOptions {
    WriteOptions::default().with_version(OmeZarrVersion::V0_5)
}

fn as_it_is(voxels: &Voxels) -> Option<Voxels> {
    Some(voxels.clone())
}

/// OME has no 64-bit integers.
fn in_ome(voxels: &Voxels) -> Option<Voxels> {
    (!matches!(voxels, Voxels::U64(_) | Voxels::I64(_))).then(|| voxels.clone())
}

/// MRC has no mode for bytes that all programs read alike, and none for 32- and 64-bit integers.
fn in_mrc(voxels: &Voxels) -> Option<Voxels> {
    match voxels {
        Voxels::U32(_) | Voxels::I32(_) | Voxels::U64(_) | Voxels::I64(_) => None,
        Voxels::U8(array) => Some(array.mapv(u16::from).into()),
        Voxels::I8(array) => Some(array.mapv(i16::from).into()),
        other => Some(other.clone()),
    }
}

#[cfg(feature = "images")]
fn in_png(voxels: &Voxels) -> Option<Voxels> {
    matches!(voxels, Voxels::U8(_) | Voxels::U16(_)).then(|| voxels.clone())
}

/// Writes a volume in pieces of some sections.
fn write(
    path: &Path,
    voxels: &Voxels,
    voxel_size_nm: Option<[f64; 3]>,
    options: WriteOptions,
    depth: usize,
) -> em_io::Result<()> {
    let whole = Volume::from_voxels(voxels.clone(), None);
    let shape = voxels.shape();
    let spec = VolumeSpec { shape, voxel_type: voxels.voxel_type(), voxel_size_nm };
    let mut writer = VolumeWriter::with_options(path, spec, options)?;
    for z in (0..shape[0]).step_by(depth) {
        writer.write(&whole.read(Roi::sections(shape, z..(z + depth).min(shape[0])))?)?;
    }
    writer.finish()
}

fn alike(found: Option<[f64; 3]>, expected: Option<[f64; 3]>, tolerance: f64) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            found.iter().zip(expected).all(|(found, nm)| (found - nm).abs() <= tolerance * nm)
        }
        (found, expected) => found == expected,
    }
}

/// Any values of a type; bits that are no number are left out, since they equal nothing.
fn voxels() -> impl Strategy<Value = Voxels> {
    (1..6_usize, 1..20_usize, 1..20_usize).prop_flat_map(|(z, y, x)| {
        let len = z * y * x;
        prop_oneof![
            array::<u8>([z, y, x], prop::collection::vec(any::<u8>(), len)),
            array::<i8>([z, y, x], prop::collection::vec(any::<i8>(), len)),
            array::<u16>([z, y, x], prop::collection::vec(any::<u16>(), len)),
            array::<i16>([z, y, x], prop::collection::vec(any::<i16>(), len)),
            array::<u32>([z, y, x], prop::collection::vec(any::<u32>(), len)),
            array::<i32>([z, y, x], prop::collection::vec(any::<i32>(), len)),
            array::<u64>([z, y, x], prop::collection::vec(any::<u64>(), len)),
            array::<i64>([z, y, x], prop::collection::vec(any::<i64>(), len)),
            array::<f32>([z, y, x], prop::collection::vec(-1e30..1e30_f32, len)),
        ]
    })
}

fn array<T: std::fmt::Debug + 'static>(
    shape: [usize; 3],
    values: impl Strategy<Value = Vec<T>> + 'static,
) -> BoxedStrategy<Voxels>
where
    Voxels: From<Array3<T>>,
{
    values.prop_map(move |values| Array3::from_shape_vec(shape, values).unwrap().into()).boxed()
}

#[test]
fn plain_tiff_holds_the_voxels_as_they_are() {
    let folder = tempdir().unwrap();
    let voxels = of([3, 40, 33], u16_at);
    let spec = VolumeSpec {
        shape: voxels.shape(),
        voxel_type: VoxelType::U16,
        voxel_size_nm: Some([50.0, 4.6, 4.6]),
    };
    let options = WriteOptions::default().with_tiff_compression(TiffCompression::None);
    for name in ["plain.tif", "plain.ome.tif"] {
        let path = folder.path().join(name);
        let mut writer = VolumeWriter::with_options(&path, spec, options).unwrap();
        writer.write(&voxels).unwrap();
        writer.finish().unwrap();
        let volume = em_io::open(&path).unwrap();
        assert_eq!(volume.read_all().unwrap(), voxels);
        assert_eq!(volume.voxel_size_nm(), spec.voxel_size_nm);
        let Voxels::U16(array) = &voxels else { panic!("made of u16") };
        let section: Vec<u8> = array.iter().take(40 * 33).flat_map(|v| v.to_ne_bytes()).collect();
        let file = fs::read(&path).unwrap();
        assert!(file.windows(section.len()).any(|bytes| bytes == section), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_volume_survives_every_format(
        voxels in voxels(),
        nm in prop::option::of([0.01..9999.0_f64, 0.01..9999.0, 0.01..9999.0]),
        chunk in [1..9_usize, 4..50_usize, 4..50_usize],
        depth in 1..5_usize,
        at in [0.0..1.0, 0.0..1.0, 0.0..1.0_f64],
    ) {
        let folder = tempdir().unwrap();
        let start = [0, 1, 2].map(|axis| (voxels.shape()[axis] as f64 * at[axis]) as usize);
        let roi = Roi { start, shape: [0, 1, 2].map(|axis| (voxels.shape()[axis] - start[axis]).min(11)) };
        for format in FORMATS {
            let path = folder.path().join(format.path);
            let written = write(&path, &voxels, nm, (format.options)().with_chunk(chunk), depth);
            let Some(expected) = (format.stored)(&voxels) else {
                let refused = matches!(written, Err(Error::CannotWrite { .. }));
                prop_assert!(refused, "{} as {}", voxels.voxel_type(), format.path);
                continue;
            };
            written.unwrap();
            let volume = em_io::open(&path).unwrap();
            prop_assert_eq!(volume.format(), format.name);
            prop_assert!(volume.read_all().unwrap() == expected, "{}", format.path);
            let part = Volume::from_voxels(expected, None).read(roi).unwrap();
            prop_assert!(volume.read(roi).unwrap() == part, "{:?} of {}", roi, format.path);
            let size = nm.filter(|_| format.tolerance.is_some());
            let tolerance = format.tolerance.unwrap_or_default();
            prop_assert!(alike(volume.voxel_size_nm(), size, tolerance), "{}", format.path);
        }
    }

    #[test]
    fn any_mask_survives(bits in prop::collection::vec(any::<bool>(), 3 * 4 * 5)) {
        let folder = tempdir().unwrap();
        let mask = Mask::new(Array3::from_shape_vec((3, 4, 5), bits).unwrap(), None);
        for name in STACKS {
            let path = folder.path().join(name);
            em_io::write_mask(&path, &mask).unwrap();
            prop_assert_eq!(&Mask::read(&path).unwrap(), &mask);
        }
    }
}

#[test]
fn sections_larger_than_a_strip_are_cut_into_strips() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("wide.tif");
    let voxels = of([2, 700, 1100], f32_at);
    em_io::write_volume(&path, &voxels, None).unwrap();
    assert_eq!(em_io::open(&path).unwrap().read_all().unwrap(), voxels);
}

#[test]
fn pieces_of_any_depth_make_the_same_file() {
    let folder = tempdir().unwrap();
    let voxels = of([5, 6, 7], u16_at);
    let whole = Volume::from_voxels(voxels.clone(), None);
    let spec = VolumeSpec { shape: [5, 6, 7], voxel_type: VoxelType::U16, voxel_size_nm: None };
    for name in STACKS {
        let path = folder.path().join(name);
        let mut writer = VolumeWriter::create(&path, spec).unwrap();
        for range in [0..2, 2..2, 2..5] {
            writer.write(&whole.read(Roi::sections(spec.shape, range)).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(em_io::open(&path).unwrap().read_all().unwrap(), voxels, "{name}");
    }
}

#[cfg(feature = "images")]
#[test]
fn one_section_goes_to_a_png() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("section.PNG");
    em_io::write_volume(&path, &of([1, 6, 7], u8_at), None).unwrap();
    assert_eq!(em_io::open(&path).unwrap().format(), "PNG");
}

#[cfg(feature = "images")]
#[test]
fn files_of_a_folder_are_named_after_it_and_their_section() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ca1");
    em_io::write_volume(&path, &of([11, 2, 2], u8_at), None).unwrap();
    let mut names: Vec<_> = fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names[0], "ca10000.png");
    assert_eq!(names[10], "ca10010.png");
}

#[test]
fn a_dropped_writer_leaves_nothing_behind() {
    let folder = tempdir().unwrap();
    let spec = VolumeSpec { shape: [2, 6, 7], voxel_type: VoxelType::U8, voxel_size_nm: None };
    for name in STACKS {
        let mut writer = VolumeWriter::create(folder.path().join(name), spec).unwrap();
        writer.write(&of([1, 6, 7], u8_at)).unwrap();
        drop(writer);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_writer_takes_what_it_was_created_for_and_nothing_else() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("stack.tif");
    let spec = VolumeSpec { shape: [2, 6, 7], voxel_type: VoxelType::U8, voxel_size_nm: None };
    let mut writer = VolumeWriter::create(&path, spec).unwrap();
    for wrong in [of([1, 7, 6], u8_at), of([1, 6, 7], u16_at), of([3, 6, 7], u8_at)] {
        assert!(matches!(writer.write(&wrong), Err(Error::UnexpectedSections { .. })));
    }
    writer.write(&of([1, 6, 7], u8_at)).unwrap();
    assert!(matches!(writer.finish(), Err(Error::UnexpectedSections { .. })));
    assert!(!path.exists());
}
