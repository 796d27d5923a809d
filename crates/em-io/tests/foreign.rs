//! Files, folders and addresses that are not read, each named with what helps.

mod common;

use common::fixture;
use em_io::Error;
use std::fs;
use tempfile::tempdir;

#[test]
fn kinds_that_are_not_read_are_named_with_what_helps() {
    let folder = tempdir().unwrap();
    let matlab = [b"MATLAB 7.3 MAT-file, Platform".as_slice(), &[b' '; 483], b"\x89HDF\r\n\x1a\n"].concat();
    for (name, bytes, found, help) in [
        ("a.mat", matlab.as_slice(), "a MATLAB file, whose axes are in another order", "swapaxes"),
        ("a.tif", b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS", "git lfs pull"),
        ("b.tif", b"<!DOCTYPE html><html>", "a web page", "download the file again"),
        ("a.tgz", &[0x1f, 0x8b, 8, 0, 0], "packed with gzip", "gunzip"),
        ("a.mrc.bz2", b"BZh91AY&SY", "packed with bzip2", "bunzip2"),
        ("a.bmp", b"BM\x36\x04\0\0", "a Windows bitmap", "magick"),
        ("a.czi", b"ZISRAWFILE\0\0", "a Zeiss CZI file", "Bio-Formats"),
        ("a.dm3", b"\0\0\0\x03\0\0\x10\0\0\0\0\x01\x01", "a Gatan Digital Micrograph file", "dm2mrc"),
        ("a.raw", &[0, 3, 200, 7], "of an unknown kind", "numpy.fromfile"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = em_io::open(&path).unwrap_err();
        assert!(error.to_string().contains(&format!("{name}` is {found}")), "{error}");
        assert!(error.hint().unwrap().contains(help), "{name}: {:?}", error.hint());
    }
    let pair = folder.path().join("a.hdr");
    let mut header = fs::read(fixture("grey.nii")).unwrap();
    header.truncate(348);
    header[344..348].copy_from_slice(b"ni1\0");
    fs::write(&pair, header).unwrap();
    let error = em_io::open(&pair).unwrap_err();
    assert!(error.to_string().contains("pair") && error.hint().unwrap().contains("nibabel.save"), "{error}");
}

#[test]
fn folders_of_other_kinds_are_named_with_what_helps() {
    for (file, text, found) in [
        ("header.wkw", "WKW", "a webKnossos folder"),
        ("info", "{\"@type\": \"neuroglancer_skeletons\"}", "a folder of Neuroglancer without voxels"),
    ] {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join(file), text).unwrap();
        let error = em_io::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains(found) && error.hint().is_some(), "{error}");
    }
    // Empty metadata of what is read are errors about them.
    for (file, text, words) in
        [("attributes.json", "{}", "no N5 dataset"), ("info", "{\"scales\": []}", "unusual metadata")]
    {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join(file), text).unwrap();
        let error = em_io::open(folder.path()).unwrap_err();
        assert!(matches!(error, Error::Metadata { .. }) && error.to_string().contains(words), "{error}");
    }
    for (file, help) in [("s1.bmp", "Windows bitmaps"), ("s1.dm4", "dm2mrc"), ("a.mrc", "name the file")] {
        let folder = tempdir().unwrap();
        fs::write(folder.path().join(file), "x").unwrap();
        let error = em_io::open(folder.path()).unwrap_err();
        assert!(
            matches!(error, Error::EmptyFolder { .. }) && error.hint().unwrap().contains(help),
            "{error}"
        );
    }
}

#[test]
fn addresses_of_other_schemes_are_refused() {
    for (address, scheme) in [("ftp://example.org/a.zarr", "ftp"), ("az://container/a/a.zarr", "az")] {
        let error = em_io::open(address).unwrap_err();
        let expected = format!(
            "`{address}` is an address with the scheme `{scheme}://`, \
             expected https://, http://, s3://, gs:// or file://"
        );
        assert_eq!(error.to_string(), expected);
        assert!(error.hint().unwrap().contains("download it"), "{:?}", error.hint());
    }
}
