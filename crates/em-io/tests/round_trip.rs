//! What is written is read back, in every format and type, whatever the shape.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::{f32_at, of, u8_at, u16_at};
use em_io::{Error, Mask, Roi, VolumeSpec, VolumeWriter, VoxelType, Voxels};
use ndarray::Array3;
use proptest::prelude::*;
use std::fs;
use tempfile::tempdir;

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
            array::<f32>([z, y, x], prop::collection::vec(-1e30..1e30_f32, len)),
        ]
    })
}

fn alike(found: Option<[f64; 3]>, expected: Option<[f64; 3]>, tolerance: f64) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => {
            found.iter().zip(expected).all(|(found, nm)| (found - nm).abs() <= tolerance * nm)
        }
        (found, expected) => found == expected,
    }
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_volume_survives_tiff(voxels in voxels(), nm in prop::option::of([0.01..9999.0_f64, 0.01..9999.0, 0.01..9999.0])) {
        let folder = tempdir().unwrap();
        for name in ["deep/er/stack.tif", "stack.ome.tif"] {
            let path = folder.path().join(name);
            em_io::write_volume(&path, &voxels, nm).unwrap();
            let volume = em_io::open(&path).unwrap();
            prop_assert_eq!(volume.format() == "OME-TIFF", name.contains("ome"));
            prop_assert_eq!(&volume.read_all().unwrap(), &voxels);
            prop_assert!(alike(volume.voxel_size_nm(), nm, 1e-7));
        }
    }

    #[test]
    fn any_volume_survives_mrc(voxels in voxels(), nm in prop::option::of([0.01..9999.0_f64, 0.01..9999.0, 0.01..9999.0])) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("tomogram.rec");
        let written = em_io::write_volume(&path, &voxels, nm);
        if matches!(voxels.voxel_type(), VoxelType::U32 | VoxelType::I32) {
            let refused = matches!(written, Err(Error::CannotWrite { .. }));
            prop_assert!(refused);
            return Ok(());
        }
        written.unwrap();
        let volume = em_io::open(&path).unwrap();
        let expected = match voxels {
            Voxels::U8(array) => array.mapv(u16::from).into(),
            other => other,
        };
        prop_assert_eq!(volume.read_all().unwrap(), expected);
        prop_assert!(alike(volume.voxel_size_nm(), nm, 1e-6));
    }

    #[test]
    fn any_integer_volume_survives_a_folder_of_png(voxels in voxels()) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("sections");
        let written = em_io::write_volume(&path, &voxels, None);
        if !matches!(voxels.voxel_type(), VoxelType::U8 | VoxelType::U16) {
            let refused = matches!(written, Err(Error::CannotWrite { .. }));
            prop_assert!(refused);
        } else {
            written.unwrap();
            prop_assert_eq!(em_io::open(&path).unwrap().read_all().unwrap(), voxels);
        }
    }

    #[test]
    fn any_block_is_the_same_as_a_cut(voxels in voxels(), at in [0.0..1.0, 0.0..1.0, 0.0..1.0_f64]) {
        let folder = tempdir().unwrap();
        let path = folder.path().join("stack.tif");
        em_io::write_volume(&path, &voxels, None).unwrap();
        let start = [0, 1, 2].map(|axis| (voxels.shape()[axis] as f64 * at[axis]) as usize);
        let roi = Roi { start, shape: [0, 1, 2].map(|axis| voxels.shape()[axis] - start[axis]) };
        let expected = em_io::Volume::from_voxels(voxels, None).read(roi).unwrap();
        prop_assert_eq!(em_io::open(&path).unwrap().read(roi).unwrap(), expected);
    }

    #[test]
    fn any_mask_survives(bits in prop::collection::vec(any::<bool>(), 3 * 4 * 5)) {
        let folder = tempdir().unwrap();
        let mask = Mask::new(Array3::from_shape_vec((3, 4, 5), bits).unwrap(), None);
        for name in ["mask.tif", "mask"] {
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
    let whole = em_io::Volume::from_voxels(voxels.clone(), None);
    let spec = VolumeSpec { shape: [5, 6, 7], voxel_type: VoxelType::U16, voxel_size_nm: None };
    for name in ["stack.tif", "sections"] {
        let path = folder.path().join(name);
        let mut writer = VolumeWriter::create(&path, spec).unwrap();
        for range in [0..2, 2..2, 2..5] {
            writer.write(&whole.read(Roi::sections(spec.shape, range)).unwrap()).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(em_io::open(&path).unwrap().read_all().unwrap(), voxels, "{name}");
    }
}

#[test]
fn one_section_goes_to_a_png() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("section.PNG");
    em_io::write_volume(&path, &of([1, 6, 7], u8_at), None).unwrap();
    assert_eq!(em_io::open(&path).unwrap().format(), "PNG");
}

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
    for name in ["stack.tif", "sections"] {
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
