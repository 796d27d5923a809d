//! TIFF files as programs write them that are not among the fixtures: made here, tag by tag.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use common::{fixture, of, tiff, u8_at, u16_at};
use em_io::{Error, OpenOptions, Part, Voxels};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::{TempDir, tempdir};

/// Eight rows of ten 8-bit pixels.
fn grey(z: usize) -> Vec<u8> {
    (0..8).flat_map(|y| (0..10).map(move |x| u8_at(z, y, x))).collect()
}

fn expected(sections: usize) -> Voxels {
    of([sections, 8, 10], u8_at)
}

fn save(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A stack of grey pages, of which the first has more tags.
fn stack(sections: usize, tags: &[(u16, tiff::Value<'_>)]) -> Vec<u8> {
    let pages = (0..sections).map(|z| {
        let more = if z == 0 { tags.to_vec() } else { Vec::new() };
        tiff::page(10, 8, &grey(z), &more)
    });
    tiff::file(&pages.collect::<Vec<_>>())
}

fn described(sections: usize, text: &str) -> Vec<u8> {
    stack(sections, &[(270, tiff::Value::Text(text))])
}

#[test]
fn pages_that_are_copies_or_transparency_are_left_out_with_a_note() {
    let folder = tempdir().unwrap();
    let with_kind = |z, kind| tiff::page(10, 8, &grey(z), &[(254, tiff::Value::Long(kind))]);
    let path = save(
        &folder,
        "a.tif",
        &tiff::file(&[with_kind(0, 0), with_kind(5, 4), with_kind(1, 2), with_kind(6, 1)]),
    );
    let volume = em_io::open(path).unwrap();
    assert_eq!(volume.read_all().unwrap(), expected(2));
    assert_eq!(volume.notes(), ["1 reduced-resolution page left out", "1 transparency page left out"]);
}

#[test]
fn a_file_that_does_not_say_how_it_is_shown_is_read_with_a_note() {
    let folder = tempdir().unwrap();
    let page = tiff::page(10, 8, &grey(0), &[(262, tiff::Value::None)]);
    let volume = em_io::open(save(&folder, "a.tif", &tiff::file(&[page]))).unwrap();
    assert_eq!(volume.read_all().unwrap(), expected(1));
    assert!(volume.notes()[0].contains("does not say how"), "{:?}", volume.notes());
}

#[test]
fn an_inverting_table_of_imagej_changes_no_number() {
    let folder = tempdir().unwrap();
    let inverting = (262, tiff::Value::Long(0));
    let imagej = stack(2, &[inverting, (270, tiff::Value::Text("ImageJ=1.54f\nimages=2\nslices=2\n"))]);
    let volume = em_io::open(save(&folder, "a.tif", &imagej)).unwrap();
    assert_eq!(volume.read_all().unwrap(), expected(2));
    assert!(volume.notes()[0].starts_with("not inverted"), "{:?}", volume.notes());
    // The same of a program that is not known is a picture.
    let volume = em_io::open(save(&folder, "b.tif", &stack(1, &[inverting]))).unwrap();
    assert_eq!(volume.read_all().unwrap(), of([1, 8, 10], |z, y, x| 255 - u8_at(z, y, x)));
}

#[test]
fn signed_numbers_of_imagej_have_their_sign() {
    let folder = tempdir().unwrap();
    let pixels: Vec<u8> =
        (0..80).flat_map(|at| (u16_at(0, at / 10, at % 10) ^ 0x8000).to_le_bytes()).collect();
    let file = |lines: &str| {
        let text = format!("ImageJ=1.54f\nimages=1\n{lines}");
        let tags = [(258, tiff::Value::Long(16)), (270, tiff::Value::Text(&text))];
        tiff::file(&[tiff::page(10, 8, &pixels, &tags)])
    };
    let volume = em_io::open(save(&folder, "a.tif", &file("cf=0\nc0=-32768.0\nc1=1.0\n"))).unwrap();
    assert_eq!(volume.read_all().unwrap(), of([1, 8, 10], |z, y, x| u16_at(z, y, x) as i16));
    let other = em_io::open(save(&folder, "b.tif", &file("cf=0\nc0=5.0\nc1=2.0\n"))).unwrap();
    assert!(other.notes()[0].contains("calibration"), "{:?}", other.notes());
}

#[test]
fn channels_and_times_are_picked_or_refused() {
    let folder = tempdir().unwrap();
    let imagej = "ImageJ=1.54f\nimages=12\nchannels=2\nslices=3\nframes=2\n";
    let path = save(&folder, "a.tif", &described(12, imagej));
    let refused = em_io::open(&path).unwrap_err();
    assert!(matches!(refused, Error::SeveralParts { part: Part::Channel, count: 2, .. }), "{refused}");
    let options = OpenOptions { channel: Some(1), ..OpenOptions::default() };
    let refused = options.open(&path).unwrap_err();
    assert!(matches!(refused, Error::SeveralParts { part: Part::Time, count: 2, .. }), "{refused}");
    let picked = OpenOptions { time: Some(1), ..options }.open(&path).unwrap();
    // Channels are the fastest axis, then slices: pages 7, 9 and 11.
    assert_eq!(picked.read_all().unwrap(), of([3, 8, 10], |z, y, x| u8_at(7 + 2 * z, y, x)));
    let missing = OpenOptions { time: Some(2), ..options }.open(&path).unwrap_err();
    assert!(matches!(missing, Error::NoSuchPart { index: 2, count: 2, .. }), "{missing}");
    for path in [path, fixture("float.mrc"), fixture("grey.nii")] {
        let volume = OpenOptions { volume: Some(1), ..OpenOptions::default() }.open(&path).map(drop);
        if path.extension().is_none_or(|extension| extension != "mrc") {
            assert!(matches!(volume, Err(Error::NoSuchPart { part: Part::Volume, count: 1, .. })));
        }
    }
}

#[test]
fn companion_files_and_files_of_one_plane_are_stacks() {
    let folder = tempdir().unwrap();
    let lengths = "PhysicalSizeX='4' PhysicalSizeXUnit='nm' PhysicalSizeY='4' PhysicalSizeYUnit='nm' \
                   PhysicalSizeZ='40' PhysicalSizeZUnit='nm'";
    let files: String = (0..2)
        .map(|z| format!("<TiffData FirstZ='{z}' IFD='0'><UUID FileName='{z}.tif'/></TiffData>"))
        .collect();
    let xml =
        format!("<OME><Image><Pixels SizeZ='2' SizeC='1' SizeT='1' {lengths}>{files}</Pixels></Image></OME>");
    fs::create_dir(folder.path().join("planes")).unwrap();
    for z in 0..2 {
        let page = tiff::page(10, 8, &grey(z), &[(270, tiff::Value::Text(&xml))]);
        save(&folder, &format!("planes/{z}.ome.tif"), &tiff::file(&[page]));
    }
    let volume = em_io::open(folder.path().join("planes")).unwrap();
    assert_eq!(volume.read_all().unwrap(), expected(2));
    assert_eq!((volume.voxel_size_nm(), volume.notes().len()), (Some([40.0, 4.0, 4.0]), 0));
    assert_eq!(em_io::open(folder.path().join("planes/1.ome.tif")).unwrap().notes().len(), 1);

    let binary = "<OME><BinaryOnly MetadataFile='all.companion.ome' UUID='urn:uuid:0'/></OME>";
    let path = save(&folder, "binary.ome.tif", &described(3, binary));
    assert_eq!(em_io::open(&path).unwrap().voxel_size_nm(), None);
    save(&folder, "all.companion.ome", xml.as_bytes());
    let volume = em_io::open(&path).unwrap();
    assert_eq!(volume.read_all().unwrap(), expected(3));
    assert_eq!(volume.voxel_size_nm(), Some([40.0, 4.0, 4.0]));
}

#[test]
fn a_folder_says_which_files_do_not_fit() {
    let folder = tempdir().unwrap();
    let size = |spacing: &str| format!("ImageJ=1.54f\nimages=1\nslices=1\nunit=nm\nspacing={spacing}\n");
    for (name, spacing) in [("a.tif", "40"), ("b.tif", "50"), ("c.tif", "40")] {
        let text = size(spacing);
        let tags = [
            (270, tiff::Value::Text(&text)),
            (282, tiff::Value::Fraction(1, 4)),
            (283, tiff::Value::Fraction(1, 4)),
        ];
        save(&folder, name, &tiff::file(&[tiff::page(10, 8, &grey(0), &tags)]));
    }
    let notes = em_io::open(folder.path()).unwrap().notes().to_vec();
    assert_eq!(
        notes,
        ["the voxel size of `b.tif` is 50 x 4 x 4 nm, that of the first file is taken: 40 x 4 x 4 nm"]
    );
    save(&folder, "d.tif", &stack(3, &[]));
    let error = em_io::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("holds 3 pages"), "{error}");
    assert!(error.hint().unwrap().starts_with("name one file"), "{:?}", error.hint());
}

#[test]
fn a_folder_of_other_images_says_that_they_are_not_read() {
    let folder = tempdir().unwrap();
    save(&folder, "s1.bmp", b"BM");
    let error = em_io::open(folder.path()).unwrap_err();
    assert!(
        error.to_string().ends_with("found Windows bitmaps, which are not read (1 other file: s1.bmp)"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("convert them to PNG"));
}

#[test]
fn compressions_that_are_not_read_have_names_and_a_hint_that_helps() {
    let folder = tempdir().unwrap();
    for (number, name) in [
        (34712, "JPEG 2000"),
        (34887, "LERC"),
        (34925, "LZMA"),
        (50001, "WebP"),
        (50002, "JPEG XL"),
        (7777, "method 7777"),
    ] {
        let page = tiff::page(10, 8, &grey(0), &[(259, tiff::Value::Long(number))]);
        let error = em_io::open(save(&folder, "a.tif", &tiff::file(&[page]))).unwrap_err();
        assert!(
            error.to_string().contains(&format!("is compressed with {name}, expected none, deflate")),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("without compression or with deflate"));
    }
}

/// Reads a file that must not be read, and returns the error with its cause.
fn refused(path: &Path) -> String {
    let error = em_io::open(path).and_then(|volume| volume.read_all()).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn damaged_strips_are_errors_with_page_and_strip() {
    let folder = tempdir().unwrap();
    let whole = deflated(&grey(1));
    let mut wrong_sum = whole.clone();
    *wrong_sum.last_mut().unwrap() ^= 1;
    let zstandard = zstd::encode_all(grey(1).as_slice(), 3).unwrap();
    let jpeg = fs::read(fixture("grey.jpg")).unwrap();
    for (what, compression, strip) in [
        ("a checksum that is wrong", 8, wrong_sum),
        ("a stream that is cut off", 8, whole[..whole.len() / 2].to_vec()),
        ("fewer bytes than the page has", 8, deflated(&grey(1)[..70])),
        ("no deflate at all", 8, vec![0; 40]),
        ("half of a frame of Zstandard", 50000, zstandard[..zstandard.len() / 2].to_vec()),
        ("runs that end early", 32773, vec![0xb2, 7]),
        ("codes of LZW that end early", 5, vec![0x80, 0x0b, 0x60, 0x50]),
        ("a picture of another size", 7, jpeg),
        ("rows of a fax that end early", 4, vec![0xfe]),
        ("fewer bytes than its rows have", 1, grey(1)[..79].to_vec()),
    ] {
        let bits = if compression == 4 { 1 } else { 8 };
        let tags = [(259, tiff::Value::Long(compression)), (258, tiff::Value::Long(bits))];
        let first = tiff::page(10, 8, &grey(0), &[]);
        let second = tiff::page(10, 8, &strip, &tags);
        let path = save(&folder, "a.tif", &tiff::file(&[first, second]));
        let text = refused(&path);
        assert!(
            text.starts_with("cannot decode page 1 of `") && text.contains(": strip 0: "),
            "{what}: {text}"
        );
    }
}

#[test]
fn strips_that_are_longer_than_their_rows_are_read() {
    let folder = tempdir().unwrap();
    // The only strip claims ten rows, of which the page shows eight.
    let mut rows = grey(0);
    rows.extend([9; 20]);
    let zstandard = zstd::encode_all(rows.as_slice(), 3).unwrap();
    for (compression, strip) in [(8, deflated(&rows)), (50000, zstandard), (1, rows.clone())] {
        let page =
            tiff::page(10, 8, &strip, &[(259, tiff::Value::Long(compression)), (278, tiff::Value::Long(10))]);
        let read =
            em_io::open(save(&folder, "a.tif", &tiff::file(&[page]))).and_then(|volume| volume.read_all());
        assert!(read.is_ok_and(|voxels| voxels == expected(1)), "compression {compression}");
    }
}
