//! Mistakes people make, each with its message.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::{fixture, of, u16_at};
use em_io::Error;
#[cfg(feature = "images")]
use em_io::{Mask, VolumeSpec, VolumeWriter, VoxelType};
use std::fs;
use std::io::Write;
use std::path::Path;
use tempfile::{TempDir, tempdir};

/// Opens and reads all of it, and returns the message with the folder's name taken out.
fn message(path: &Path) -> String {
    let error = em_io::open(path).and_then(|volume| volume.read_all()).unwrap_err();
    short(&error, path.parent().unwrap())
}

fn short(error: &Error, folder: &Path) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.ends_with('.'), "{text}");
    text.replace(&format!("{}/", folder.display()), "").replace(&folder.display().to_string(), "FOLDER")
}

fn folder_with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempdir().unwrap();
    for (name, source) in files {
        fs::copy(fixture(source), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn files_that_are_refused() {
    for (name, expected) in [
        ("sizes.tif", "page 2 of `sizes.tif` is 17x5, expected 17x13 (width x height)"),
        (
            "ome-channels.ome.tif",
            "`ome-channels.ome.tif` holds 2 channels, 2 slices and 1 frames, expected one channel",
        ),
        (
            "complex.mrc",
            "page 0 of `complex.mrc` is MRC mode 4, complex numbers (a Fourier transform), \
             expected mode 0, 1, 2, 6, 12 or 101 (4- to 16-bit integers, 16- or 32-bit float)",
        ),
        (
            "axes.mrc",
            "page 0 of `axes.mrc` is stored with columns, rows and sections along the axes [3, 2, 1], \
             expected [1, 2, 3] (x, y, z)",
        ),
        ("time.nii", "`time.nii` holds 2 time points, expected one time point"),
        (
            "complex.nii",
            "page 0 of `complex.nii` is stored as complex numbers, \
             expected 8- to 64-bit integers or 32- or 64-bit float in one .nii file",
        ),
        ("row-of-volumes.mrc", "`row-of-volumes.mrc` holds 2 volumes of 3 sections, expected one volume"),
        (
            "complex.npy",
            "page 0 of `complex.npy` is stored as `<c8`, \
             expected 8- to 64-bit integers, 16- to 64-bit float or bool",
        ),
        (
            "channels.npy",
            "`channels.npy` holds an array of [2, 3, 13, 17], \
             expected two or three axes (z, y, x), and further ones of length 1",
        ),
        (
            "objects.npy",
            "`objects.npy` is a NumPy array of Python objects (a pickle), \
             expected a TIFF, MRC, NIfTI, NumPy, HDF5, PNG or JPEG file",
        ),
        (
            "imagej-channels.tif",
            "`imagej-channels.tif` holds 2 channels, 2 slices and 1 frames, expected one channel",
        ),
    ] {
        assert_eq!(message(&fixture(name)), expected);
    }
}

#[test]
fn a_missing_file_hints_at_its_neighbour() {
    let folder = folder_with(&[("training.tif", "plain.tif"), ("notes.tif", "plain.tif")]);
    let error = em_io::open(folder.path().join("trainnig.tif")).unwrap_err();
    assert_eq!(short(&error, folder.path()), "no file or folder `trainnig.tif`");
    let hint = error.hint().unwrap();
    assert!(hint.starts_with("did you mean `") && hint.ends_with("training.tif`?"), "{hint}");
    let error = em_io::open(folder.path().join("xyz")).unwrap_err();
    assert_eq!(error.hint(), None);
    assert!(matches!(em_io::open("/no/such/folder/a.tif"), Err(Error::NotFound { .. })));
}

#[test]
fn a_truncated_tiff_names_its_page() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("cut.tif");
    em_io::write_volume(&path, &of([4, 60, 70], u16_at), None).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() * 5 / 8]).unwrap();
    let error = em_io::open(&path).unwrap_err();
    assert_eq!(short(&error, folder.path()), "page 2 of `cut.tif` is incomplete, its data ends early");
    assert!(error.hint().unwrap().contains("again"));
}

#[test]
fn a_page_cut_short_is_named_when_it_is_read() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("cut.tif");
    // The directory of each page is ahead of its voxels in this file.
    let bytes = fs::read(fixture("deflate.tif")).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    assert_eq!(message(&path), "page 2 of `cut.tif` is incomplete, its data ends early");
    assert!(em_io::open(&path).unwrap().read_section(1).is_ok());
}

#[test]
fn files_without_pages_name_the_first_section_that_is_missing() {
    let folder = tempdir().unwrap();
    for name in [
        "float.mrc",
        "float.mrc.gz",
        "grey.nii",
        "grey.nii.gz",
        "grey.npy",
        "half.mrc",
        "four-bits.mrc",
        "imagej-one-directory.tif",
    ] {
        let path = folder.path().join(name);
        let bytes = fs::read(fixture(name)).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
        let found = message(&path);
        assert!(
            found.starts_with("page ") && found.ends_with("is incomplete, its data ends early"),
            "{found}"
        );
        if !name.ends_with(".gz") {
            assert!(found.starts_with("page 2"), "{found}");
        }
    }
}

#[test]
fn a_part_that_is_not_there_is_refused() {
    use em_io::{OpenOptions, Part};
    let none = OpenOptions::default();
    for (name, options, part, count) in [
        ("row-of-volumes.mrc", OpenOptions { volume: Some(2), ..none }, Part::Volume, 2),
        ("float.mrc", OpenOptions { volume: Some(1), ..none }, Part::Volume, 1),
        ("times.nii.gz", OpenOptions { time: Some(2), ..none }, Part::Time, 2),
    ] {
        match options.open(fixture(name)).unwrap_err() {
            Error::NoSuchPart { part: found, count: of, .. } => {
                assert_eq!((found, of), (part, count), "{name}")
            }
            other => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn a_tiny_packed_file_that_claims_a_huge_volume_is_refused_before_it_is_unpacked() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("bomb.nii.gz");
    let mut header = fs::read(fixture("grey.nii")).unwrap();
    header.truncate(352);
    header[42..48].copy_from_slice(&[0xff, 0x7f].repeat(3));
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&header).unwrap();
    fs::write(&path, packed.finish().unwrap()).unwrap();
    let error = em_io::open(&path).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
}

#[cfg(feature = "images")]
#[test]
fn foreign_files_are_skipped_with_one_note() {
    let folder = folder_with(&[("s10.png", "grey.png"), ("s9.png", "rgb.png"), ("._s9.png", "grey.png")]);
    fs::write(folder.path().join("Thumbs.db"), "x").unwrap();
    fs::create_dir(folder.path().join("old")).unwrap();
    let volume = em_io::open(folder.path()).unwrap();
    assert_eq!(volume.shape(), [2, 13, 17]);
    assert_eq!(
        volume.notes(),
        ["skipped 3 other files: ._s9.png, Thumbs.db, old", "colour read as grey (Rec. 601 luma)"]
    );
    // Natural order: s9, the colour image, is the first section.
    let grey = em_io::open(fixture("grey.png")).unwrap().read_all().unwrap();
    assert_eq!(volume.read_section(1).unwrap(), grey);
    assert_ne!(volume.read_section(0).unwrap(), grey);
}

#[cfg(feature = "images")]
#[test]
fn folders_that_are_no_stack() {
    let empty = tempdir().unwrap();
    let images = "expected files named *.png, *.jpg, *.jpeg, *.tif or *.tiff";
    assert_eq!(
        short(&em_io::open(empty.path()).unwrap_err(), empty.path()),
        format!("no image in folder `FOLDER`, {images}, found nothing")
    );
    fs::write(empty.path().join("Thumbs.db"), "x").unwrap();
    assert_eq!(
        short(&em_io::open(empty.path()).unwrap_err(), empty.path()),
        format!("no image in folder `FOLDER`, {images}, found 1 other file: Thumbs.db")
    );
    for (second, expected) in [
        ("grey.jpg", "`b.png` is 16x16, expected 17x13 (width x height)"),
        ("grey-16.png", "`b.png` is 16-bit unsigned, expected 8-bit unsigned"),
        ("plain.tif", "`b.png` holds 3 pages, expected one page per file in a folder of sections"),
    ] {
        let folder = folder_with(&[("a.png", "grey.png"), ("b.png", second)]);
        assert_eq!(short(&em_io::open(folder.path()).unwrap_err(), folder.path()), expected);
    }
}

#[cfg(feature = "images")]
#[test]
fn a_wrong_extension_does_not_matter_and_a_wrong_file_is_described() {
    let folder = folder_with(&[("a.tif", "grey.png")]);
    assert_eq!(em_io::open(folder.path().join("a.tif")).unwrap().format(), "PNG");
    for (bytes, found) in [("", "empty"), ("PK\x03\x04", "a ZIP archive"), ("hello", "text")] {
        let path = folder.path().join("b.tif");
        fs::write(&path, bytes).unwrap();
        assert_eq!(
            message(&path),
            format!("`b.tif` is {found}, expected a TIFF, MRC, NIfTI, NumPy, HDF5, PNG or JPEG file")
        );
    }
}

#[cfg(feature = "images")]
#[test]
fn a_label_with_other_values_names_them() {
    let path = fixture("grey.png");
    let error = Mask::read(&path).unwrap_err();
    assert_eq!(
        short(&error, path.parent().unwrap()),
        "`grey.png` holds the values 0, 5, 10, 11, 15, 16, 20, 21, ... (page 0), \
         expected only 0 and 255, or only 0 and 1"
    );
}

#[test]
fn a_tiny_file_that_claims_a_huge_page_is_refused_before_memory_is_taken() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("bomb.tif");
    let mut bytes = fs::read(fixture("plain.tif")).unwrap();
    // The first directory's ImageWidth, ImageLength and RowsPerStrip, of type SHORT or LONG.
    let directory = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    for entry in 0..usize::from(bytes[directory]) {
        let at = directory + 2 + entry * 12;
        if matches!(u16::from_le_bytes([bytes[at], bytes[at + 1]]), 256 | 257 | 278) {
            bytes[at + 2] = 4;
            bytes[at + 8..at + 12].copy_from_slice(&200_000_u32.to_le_bytes());
        }
    }
    fs::write(&path, &bytes).unwrap();
    assert_eq!(
        message(&path),
        "page 0 of `bomb.tif` claims 200000x200000 (width x height), \
         expected at most what a file of 1172 bytes can hold"
    );
}

#[cfg(feature = "images")]
#[test]
fn paths_that_cannot_be_written() {
    let folder = tempdir().unwrap();
    let spec = VolumeSpec { shape: [2, 6, 7], voxel_type: VoxelType::F32, voxel_size_nm: None };
    let create = |name: &str, spec| match VolumeWriter::create(folder.path().join(name), spec) {
        Ok(_) => panic!("{name} was accepted"),
        Err(error) => short(&error, folder.path()),
    };
    assert!(create("a.xyz", spec).starts_with("cannot write format `.xyz` to `a.xyz`, expected"));
    assert!(create("a.png", spec).starts_with("cannot write 32-bit float voxels to `a.png`"));
    let signed = VolumeSpec { voxel_type: VoxelType::I16, ..spec };
    assert!(create("a", signed).starts_with("cannot write 16-bit signed voxels to `a`"));
    let bytes = VolumeSpec { voxel_type: VoxelType::U8, ..spec };
    assert!(create("a.png", bytes).starts_with("cannot write 2 sections to `a.png`"));
    let none = VolumeSpec { shape: [0, 6, 7], ..spec };
    assert!(create("a.tif", none).starts_with("cannot write a volume of [0, 6, 7] voxels"));
    let size = VolumeSpec { voxel_size_nm: Some([f64::NAN, 1.0, 1.0]), ..spec };
    assert!(create("a.tif", size).starts_with("voxel size [NaN, 1.0, 1.0] nm [z, y, x]"));
    fs::write(folder.path().join("file"), "x").unwrap();
    assert!(create("file/a.tif", bytes).starts_with("cannot create folder `file`"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_with_the_path() {
    let Ok(mut full) = fs::OpenOptions::new().write(true).open("/dev/full") else {
        println!("skipped: no /dev/full");
        return;
    };
    let reason = full.write_all(&[0]).unwrap_err();
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.json");
    let error = em_io::write_atomically(&path, |_| Err(reason)).unwrap_err();
    assert_eq!(short(&error, folder.path()), "cannot write `a.json`");
    assert!(error.hint().unwrap().contains("space"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_an_error_with_a_hint() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let Err(error) = em_io::write_atomically(&folder.path().join("a.json"), |_| Ok(())) else {
        println!("skipped: this user may write everywhere");
        return;
    };
    assert_eq!(short(&error, folder.path()), "cannot create `a.json`");
    assert!(error.hint().unwrap().contains("permissions"));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_instead_of_waited_for() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("pipe.tif");
    match std::process::Command::new("mkfifo").arg(&pipe).status() {
        Ok(status) if status.success() => {
            assert!(matches!(em_io::open(&pipe), Err(Error::UnknownFormat { .. })));
        }
        _ => println!("skipped: no mkfifo"),
    }
}
