//! MRC, NIfTI and NumPy files, voxels behind a header, are read as mrcfile, nibabel and NumPy wrote them.

mod common;

use common::{
    SHAPE, check, check_with_size, f32_at, fixture, i8_at, i16_at, i32_at, i64_at, of, open, u8_at, u16_at,
    u32_at, u64_at,
};
use em_io::OpenOptions;

#[test]
fn mrc_of_every_mode_and_byte_order() {
    check("signed-bytes.mrc", &of(SHAPE, i8_at));
    check("imod-signed.mrc", &of(SHAPE, u8_at));
    check("imod-unsigned.rec", &of(SHAPE, u8_at));
    check("unsigned-by-range.mrc", &of(SHAPE, u8_at));
    check_with_size("big-endian.mrc", "MRC", &of(SHAPE, i16_at));
    check_with_size("float.mrc", "MRC", &of(SHAPE, f32_at));
    check("mode-6.st", &of(SHAPE, u16_at));
    check("extended.mrc", &of(SHAPE, u16_at));
    check_with_size("half.mrc", "MRC", &of(SHAPE, half_at));
    check_with_size("float.mrc.gz", "MRC", &of(SHAPE, f32_at));
    for name in ["four-bits.mrc", "four-bits.mrc.gz"] {
        check(name, &of(SHAPE, |z, y, x| u8_at(z, y, x) % 16));
    }
    check("four-bits-by-flag.mrc", &of([3, 13, 16], |z, y, x| u8_at(z, y, x) % 16));
}

/// What the fixtures of 16-bit floats hold.
fn half_at(z: usize, y: usize, x: usize) -> f32 {
    f32::from(u8_at(z, y, x)) * 0.25 - 20.0
}

#[test]
fn one_volume_of_a_row_is_picked() {
    let path = fixture("row-of-volumes.mrc");
    for volume in [0, 1] {
        let picked = OpenOptions { volume: Some(volume), ..OpenOptions::default() }.open(&path).unwrap();
        assert_eq!(picked.voxel_size_nm(), Some([50.0, 4.6, 4.6]));
        assert_eq!(picked.read_all().unwrap(), of(SHAPE, |z, y, x| i16_at(z + 3 * volume, y, x)));
    }
}

#[test]
fn one_point_in_time_is_picked() {
    for name in ["times.nii", "times.nii.gz"] {
        for time in [0, 1] {
            let picked =
                OpenOptions { time: Some(time), ..OpenOptions::default() }.open(fixture(name)).unwrap();
            assert_eq!(picked.read_all().unwrap(), of(SHAPE, |z, y, x| u16_at(z + time, y, x)), "{name}");
        }
    }
}

#[test]
fn arrays_of_numpy_in_every_version_and_order() {
    for (name, expected) in [
        ("grey.npy", of(SHAPE, u8_at)),
        ("fortran-big-endian.npy", of(SHAPE, i16_at)),
        ("half.npy", of(SHAPE, half_at)),
        ("double.npy", of(SHAPE, f32_at)),
        ("labels-64.npy", of(SHAPE, u64_at)),
        ("mask.npy", of(SHAPE, |z, y, x| u8::from(u8_at(z, y, x) > 127))),
        ("section.npy", of([1, 13, 17], u8_at)),
        ("version-2.npy", of(SHAPE, u32_at)),
        ("version-3.npy", of(SHAPE, u32_at)),
    ] {
        check(name, &expected);
        assert_eq!(open(name).format(), "NumPy");
    }
    assert_eq!(
        open("half.npy").notes(),
        ["axes of length 1 left out of [1, 3, 13, 17, 1]", "16-bit float widened to 32-bit float"]
    );
    assert_eq!(open("double.npy").notes(), ["64-bit float rounded to 32-bit float"]);
}

#[test]
fn what_an_mrc_header_leaves_open_is_said_aloud() {
    assert_eq!(
        open("unsigned-by-range.mrc").notes(),
        ["bytes read as unsigned, since the header's range goes beyond 127"]
    );
    assert_eq!(
        open("imod-signed.mrc").notes(),
        ["bytes are signed in the file: 128 added, as IMOD shows them"]
    );
    assert_eq!(
        open("images.mrcs").notes(),
        ["a stack of images: the file does not tell how thick sections are"]
    );
    assert_eq!(open("mode-6.st").notes(), ["a voxel size of exactly 1 ångström is taken for none"]);
    for name in ["mode-6.st", "extended.mrc", "images.mrcs"] {
        assert_eq!(open(name).voxel_size_nm(), None, "{name}");
    }
}

#[test]
fn nifti_of_both_versions_packed_and_unpacked() {
    check_with_size("grey.nii", "NIfTI", &of(SHAPE, u8_at));
    check_with_size("grey.nii.gz", "NIfTI", &of(SHAPE, u8_at));
    check_with_size("big-endian.nii", "NIfTI", &of(SHAPE, i16_at));
    check_with_size("scaled.nii", "NIfTI", &of(SHAPE, f32_at));
    check_with_size("version-2.nii", "NIfTI", &of(SHAPE, u32_at));
    check_with_size("version-2-big-endian.nii.gz", "NIfTI", &of(SHAPE, i32_at));
    check_with_size("signed-64.nii", "NIfTI", &of(SHAPE, i64_at));
    check_with_size("unsigned-64-big-endian.nii.gz", "NIfTI", &of(SHAPE, u64_at));
    check("double.nii", &of(SHAPE, f32_at));
    assert_eq!(open("double.nii").voxel_size_nm(), None);
    assert_eq!(
        open("double.nii").notes(),
        ["64-bit float rounded to 32-bit float", "the voxel size has no unit and is left out"]
    );
    assert_eq!(
        open("scaled.nii").notes(),
        ["values are 0.25 x stored + -100, as the header says, in 32-bit float"]
    );
}

// nibabel.aff2axcodes(nibabel.load(name).affine) of oriented.nii is ('L', 'S', 'A').
#[test]
fn nifti_tells_where_its_axes_point() {
    let orientation = |name| open(name).info().orientation;
    for name in ["oriented.nii", "oriented-version-2.nii.gz"] {
        check(name, &of(SHAPE, i16_at));
        assert_eq!(orientation(name), Some(['L', 'S', 'A']), "{name}");
    }
    assert_eq!(orientation("grey.nii"), None);
    assert_eq!(orientation("float.mrc"), None);
}
