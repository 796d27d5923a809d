//! Files and folders of kinds that are not read: what each is, and what makes it one that is.

use crate::error::Error;
use crate::storage;
use std::path::Path;

/// A kind that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// What a file of the kind is, to stand behind "is".
    found: &'static str,
    /// What to do: one sentence, no full stop.
    hint: &'static str,
}

impl Foreign {
    /// The error about a file or folder of the kind.
    pub(crate) fn error(self, path: &Path) -> Error {
        Error::UnknownFormat { path: path.to_path_buf(), found: self.found, hint: self.hint }
    }
}

const fn kind(found: &'static str, hint: &'static str) -> Foreign {
    Foreign { found, hint }
}

/// A pair of files, the voxels being in the other one.
pub(crate) const NIFTI_PAIR: Foreign = kind(
    "the header of a NIfTI or Analyze pair, whose voxels are in the .img file beside it",
    "make one file of both in Python: nibabel.save(nibabel.load(\"a.hdr\"), \"a.nii\")",
);

/// Python's own serialization within NumPy's, which runs code when it is read.
pub(crate) const NUMPY_OBJECTS: Foreign = kind(
    "a NumPy array of Python objects (a pickle)",
    "save an array of numbers: numpy.save(\"b.npy\", numpy.stack(numpy.load(\"a.npy\", allow_pickle=True)))",
);

/// A pipe, a socket, a device.
pub(crate) const IRREGULAR: Foreign = kind("no regular file", "name a file or a folder");

const EMPTY: Foreign = kind("empty", "copy or download it again");

const TEXT: Foreign = kind("text", "save it as TIFF from Fiji or the microscope's software");

const UNKNOWN: Foreign = kind(
    "of an unknown kind",
    "save it as TIFF from Fiji or the microscope's software, and give raw voxels a header in Python: \
     numpy.save(\"a.npy\", numpy.fromfile(\"a.raw\", \"u1\").reshape(Z, Y, X))",
);

const BIO_FORMATS: &str =
    "open it in Fiji (File > Import > Bio-Formats) and save it as TIFF, or run: bfconvert FILE a.ome.tif";

const MICROGRAPH: &str = "convert it with IMOD: dm2mrc FILE a.mrc, or open it in Fiji and save it as TIFF";

const TIA: &str = "open it in HyperSpy and save it as TIFF: hyperspy.api.load(\"a.ser\").save(\"a.tif\")";

const IMAGE: &str = "convert it to PNG or TIFF: magick FILE a.png";

/// The first bytes of kinds that are known by them.
const BY_FIRST_BYTES: &[(&[u8], Foreign)] = &[
    (
        b"MATLAB 7.3 MAT-file",
        kind(
            "a MATLAB file, whose axes are in another order",
            "make a TIFF in Python: tifffile.imwrite(\"a.tif\", h5py.File(\"a.mat\")[\"NAME\"][:].swapaxes(-2, -1))",
        ),
    ),
    (
        b"MATLAB 5.0 MAT-file",
        kind(
            "a MATLAB file",
            "make a TIFF in Python: tifffile.imwrite(\"a.tif\", numpy.moveaxis(scipy.io.loadmat(\"a.mat\")[\"NAME\"], 2, 0))",
        ),
    ),
    (
        b"version https://git-lfs",
        kind("a pointer of Git LFS instead of the file", "fetch the file itself: git lfs pull"),
    ),
    (b"BZh", kind("packed with bzip2", "unpack it first: bunzip2 FILE")),
    (b"\xfd7zXZ\0", kind("packed with xz", "unpack it first: unxz FILE")),
    (b"\x28\xb5\x2f\xfd", kind("packed with zstd", "unpack it first: unzstd FILE")),
    (b"7z\xbc\xaf\x27\x1c", kind("a 7-Zip archive", "unpack it first: 7z x FILE")),
    (b"Rar!\x1a", kind("a RAR archive", "unpack it first: unrar x FILE")),
    (b"BM", kind("a Windows bitmap", IMAGE)),
    (b"GIF8", kind("a GIF image", IMAGE)),
    (b"\0\0\0\x0cjP  \r\n", kind("a JPEG 2000 image", IMAGE)),
    (b"\xff\x4f\xff\x51", kind("a JPEG 2000 image", IMAGE)),
    (b"\0\0\0\x0cJXL ", kind("a JPEG XL image", IMAGE)),
    (b"\xff\x0a", kind("a JPEG XL image", IMAGE)),
    (b"8BPS", kind("a Photoshop image", IMAGE)),
    (b"\x76\x2f\x31\x01", kind("an OpenEXR image", IMAGE)),
    (b"%PDF", kind("a PDF document", "save the image itself, not a page that shows it")),
    (b"ZISRAWFILE", kind("a Zeiss CZI file", BIO_FORMATS)),
    (b"\xda\xce\xbe\x0a", kind("a Nikon ND2 file", BIO_FORMATS)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", kind("an OLE file, such as Olympus OIB or Zeiss ZVI", BIO_FORMATS)),
    (b"II\x97\x01", kind("an FEI/TIA series (.ser)", TIA)),
    (b"JK\0\x02", kind("the notes of an FEI/TIA series (.emi)", TIA)),
    (
        b"WKW",
        kind(
            "a webKnossos cube (.wkw)",
            "export it as TIFF or OME-Zarr from webKnossos, or with its Python library",
        ),
    ),
    (
        b"IMODV1",
        kind("an IMOD model: contours, not voxels", "paint it: imodmop -mask 255 a.mod raw.mrc mask.mrc"),
    ),
    (
        b"# AmiraMesh",
        kind("an Amira mesh (.am)", "save it as TIFF from Amira, or open it in Fiji and save it as TIFF"),
    ),
    (
        b"# Avizo",
        kind("an Avizo file (.am)", "save it as TIFF from Avizo, or open it in Fiji and save it as TIFF"),
    ),
    (
        b"NRRD000",
        kind(
            "an NRRD file",
            "make a TIFF in Python: tifffile.imwrite(\"a.tif\", nrrd.read(\"a.nrrd\")[0].T)",
        ),
    ),
    (
        b"ObjectType = Image",
        kind(
            "a MetaImage file (.mhd, .mha)",
            "open it in Fiji (File > Import > Bio-Formats) and save it as TIFF",
        ),
    ),
    (b"# vtk DataFile", kind("a VTK file", "save it as TIFF from ParaView or Fiji")),
];

/// Tells what a file is, by its first bytes.
pub(crate) fn of_file(first: &[u8]) -> Foreign {
    let by_first = BY_FIRST_BYTES.iter().find(|(bytes, _)| first.starts_with(bytes));
    if let Some((_, kind)) = by_first {
        return *kind;
    }
    match first {
        [] => EMPTY,
        [b'P', b'K', ..] => of_zip(first),
        [0x1f, 0x8b, ..] => kind(
            "packed with gzip, and neither NIfTI nor MRC",
            "unpack it first: gunzip FILE, or tar xf FILE where it is a .tar.gz",
        ),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => kind("a WebP image", IMAGE),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => kind("a HEIC, AVIF or MP4 file", IMAGE),
        [0x70, 0, 0, 0, _, _, _, _, 0x2a, ..] => kind("a Leica LIF file", BIO_FORMATS),
        // The version, the length, and whether numbers are little-endian.
        [0, 0, 0, 3, _, _, _, _, 0, 0, 0, 0 | 1, ..] => {
            kind("a Gatan Digital Micrograph file (.dm3)", MICROGRAPH)
        }
        [0, 0, 0, 4, _, _, _, _, _, _, _, _, 0, 0, 0, 0 | 1, ..] => {
            kind("a Gatan Digital Micrograph file (.dm4)", MICROGRAPH)
        }
        [b'P', b'1'..=b'7', b'\n' | b' ', ..] => kind("a portable pixmap", IMAGE),
        [0x80, 2..=5, ..] => kind(
            "a Python pickle",
            "save the array from Python: tifffile.imwrite(\"a.tif\", array, photometric=\"minisblack\")",
        ),
        // The length of the header, as NIfTI has it, but without its letters.
        [0x5c, 1, 0, 0, ..] | [0, 0, 1, 0x5c, ..] if first.len() >= 348 => NIFTI_PAIR,
        _ if first.get(257..262) == Some(b"ustar") => kind("a tar archive", "unpack it first: tar xf FILE"),
        bytes if is_text(bytes) => of_text(bytes),
        _ => UNKNOWN,
    }
}

/// Tells archives apart by the name of their first file.
fn of_zip(first: &[u8]) -> Foreign {
    let length = first.get(26..28).map_or(0, |bytes| usize::from(bytes[0]) + 256 * usize::from(bytes[1]));
    let name = first.get(30..).map(|rest| &rest[..length.min(rest.len())]).unwrap_or_default();
    if name.ends_with(b".npy") {
        return kind(
            "an archive of NumPy arrays (.npz)",
            "save one of them alone: numpy.save(\"a.npy\", numpy.load(\"a.npz\")[\"NAME\"])",
        );
    }
    let is_zarr =
        [b"zarr.json".as_slice(), b".zarray", b".zgroup", b".zattrs"].iter().any(|of| name.ends_with(of));
    if is_zarr {
        return kind("a zipped Zarr folder", "unpack it into a folder: unzip FILE -d a.zarr");
    }
    kind("a ZIP archive", "unpack it, and name what is in it")
}

fn is_text(bytes: &[u8]) -> bool {
    let cut = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    // The last character may be cut.
    !bytes.contains(&0) && bytes.len() - cut < 4
}

fn of_text(bytes: &[u8]) -> Foreign {
    let text = String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').trim_start().to_lowercase();
    if text.starts_with("<!doctype html") || text.starts_with("<html") {
        return kind(
            "a web page",
            "download the file again: the address led to a page, such as one to sign in or to look at the file",
        );
    }
    if text.starts_with("<?xml") || text.starts_with("<error>") {
        return kind(
            "XML",
            "name the image that it describes, or download the file again if it tells of an error",
        );
    }
    TEXT
}

/// The most bytes of a file of metadata that is looked at.
const METADATA_BYTES: u64 = 1 << 20;

/// Tells what a folder is that holds voxels in a way that is not read.
pub(crate) fn of_folder(folder: &Path) -> Option<Foreign> {
    if storage::is_file(&folder.join("header.wkw")) {
        return Some(kind(
            "a webKnossos folder (.wkw)",
            "export it as TIFF or OME-Zarr from webKnossos, or with its Python library",
        ));
    }
    let info = storage::read(&folder.join("info"), METADATA_BYTES).ok().flatten();
    let start = info.map_or(String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    // One with levels is a volume, which is read.
    start.contains("\"neuroglancer_").then_some(kind(
        "a folder of Neuroglancer without voxels (meshes, skeletons or annotations)",
        "name the folder of the volume: its file `info` lists `scales`",
    ))
}

/// Says what to do about a folder in which there is no image, from the names of what there is.
pub(crate) fn hint_of_names(names: &str) -> Option<&'static str> {
    let names = names.to_lowercase();
    let has = |endings: &[&str]| endings.iter().any(|ending| names.contains(ending));
    if has(&[".bmp"]) {
        return Some("Windows bitmaps are not read: convert them to PNG: magick mogrify -format png *.bmp");
    }
    if has(&[".gif", ".webp", ".jp2", ".jxl", ".ppm", ".pgm"]) {
        return Some(
            "images of this kind are not read: convert them to PNG: magick mogrify -format png FILES",
        );
    }
    if has(&[".dm3", ".dm4"]) {
        return Some("files of Digital Micrograph are not read: convert them with IMOD: dm2mrc FILES a.mrc");
    }
    if has(&[".mrc", ".rec", ".map", ".st", ".nii", ".h5", ".npy", ".zarr"]) {
        return Some("a folder is read as one section per image: name the file within");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        let mut tar = vec![b'a'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        let mut analyze = vec![0; 348];
        analyze[..2].copy_from_slice(&[0x5c, 1]);
        let npz = [b"PK\x03\x04".as_slice(), &[0; 22], &[5, 0, 0, 0], b"a.npyrest"].concat();
        let zarr = [b"PK\x03\x04".as_slice(), &[0; 22], &[7, 0, 0, 0], b".zattrsrest"].concat();
        for (first, found) in [
            (b"".as_slice(), "empty"),
            (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file"),
            (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS instead of the file"),
            (b"\n<!DOCTYPE HTML>\n<html>", "a web page"),
            (b"<html lang=\"en\">", "a web page"),
            ("<?xml version=\"1.0\"?>".as_bytes(), "XML"),
            (b"PK\x03\x04", "a ZIP archive"),
            (&npz, "an archive of NumPy arrays (.npz)"),
            (&zarr, "a zipped Zarr folder"),
            (&tar, "a tar archive"),
            (&analyze, "the header of a NIfTI or Analyze pair, whose voxels are in the .img file beside it"),
            (b"\0\0\0\x03\0\0\x10\0\0\0\0\x01", "a Gatan Digital Micrograph file (.dm3)"),
            (b"\0\0\0\x04\0\0\0\0\0\0\x10\0\0\0\0\x01", "a Gatan Digital Micrograph file (.dm4)"),
            (b"RIFF\x10\0\0\0WEBPVP8 ", "a WebP image"),
            (b"P5\n12 12\n255\n", "a portable pixmap"),
            (b"hello", "text"),
            ("größer".as_bytes(), "text"),
            (b"\0\x01\x02", "of an unknown kind"),
        ] {
            assert_eq!(of_file(first).found, found);
        }
    }

    #[test]
    fn every_kind_has_a_hint_of_one_line() {
        for (_, kind) in BY_FIRST_BYTES {
            assert!(
                kind.hint.len() > 10 && !kind.hint.ends_with('.') && !kind.hint.contains('\n'),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn folders_are_known_by_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let with = |name: &str, text: &str| {
            let path = folder.path().join(name.replace('.', "-"));
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join(name), text).unwrap();
            of_folder(&path).map(|kind| kind.found)
        };
        assert_eq!(
            with("info", "{\"@type\": \"neuroglancer_legacy_mesh\"}"),
            Some("a folder of Neuroglancer without voxels (meshes, skeletons or annotations)")
        );
        assert_eq!(with("header.wkw", ""), Some("a webKnossos folder (.wkw)"));
        assert_eq!(with("Info", "notes"), None);
    }
}
