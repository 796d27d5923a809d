//! What the fuzz targets share: a file or a Zarr folder of the fuzzer's bytes, opened and read.

pub mod folder;
pub mod tiff;

use em_io::{Error, Roi, Volume};
use std::path::{Path, PathBuf};

/// The voxels up to which a volume is read whole; the fuzzer learns nothing from more.
const WHOLE: usize = 1 << 20;

/// The sections that are read one by one, beside the whole.
const SECTIONS: usize = 3;

/// A place in memory for the files of this process.
pub fn scratch() -> PathBuf {
    let folder = Path::new("/dev/shm").join(format!("em-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("/dev/shm is writable");
    folder
}

/// Opens and reads a file of these bytes under a name with this ending.
pub fn file(bytes: &[u8], ending: &str) {
    let path = scratch().join(format!("fuzzed.{ending}"));
    std::fs::write(&path, bytes).expect("/dev/shm is writable");
    read(&path);
}

/// Opens and reads a volume: there is either an error in one line that names the file, or voxels,
/// and those of a block are those of the whole.
pub fn read(path: &Path) {
    let volume = match em_io::open(path) {
        Ok(volume) => volume,
        Err(error) => return check(&error),
    };
    let notes = volume.notes();
    assert!(notes.iter().all(|note| !note.contains('\n')), "a note of several lines: {notes:?}");
    let size = volume.voxel_size_nm();
    assert!(
        size.is_none_or(|nm| nm.iter().all(|side| em_io::limits::VOXEL_SIZE_NM.contains(side))),
        "{size:?}"
    );
    let shape = volume.shape();
    assert!(shape.iter().all(|&side| side > 0), "an empty volume: {shape:?}");
    if shape.iter().product::<usize>() > WHOLE {
        // A corner, at the end: the last section has the longest way to go wrong.
        let corner = shape.map(|side| side.min(8));
        let start = std::array::from_fn(|axis| shape[axis] - corner[axis]);
        if let Err(error) = volume.read(Roi { start, shape: corner }) {
            check(&error);
        }
        return;
    }
    match volume.read_all() {
        Ok(whole) => {
            assert_eq!(whole.shape(), shape);
            assert_eq!(whole.voxel_type(), volume.voxel_type());
            blocks_are_parts_of(&volume, &whole);
        }
        Err(error) => check(&error),
    }
}

fn blocks_are_parts_of(volume: &Volume, whole: &em_io::Voxels) {
    let shape = volume.shape();
    let start = shape.map(|side| side / 3);
    let middle = Roi { start, shape: std::array::from_fn(|axis| (shape[axis] - start[axis]).div_ceil(2)) };
    let corner = Roi { start: shape.map(|side| side - 1), shape: [1; 3] };
    let sections = (0..shape[0].min(SECTIONS)).map(|z| Roi::sections(shape, z..z + 1));
    for roi in sections.chain([middle, corner]) {
        let block = volume.read(roi).expect("a part of what could be read whole");
        assert_eq!(bits(&block), bits(&whole.cut(roi)), "{roi:?}");
    }
    let outside = Roi { start: shape, shape: [1; 3] };
    assert!(matches!(volume.read(outside), Err(Error::OutsideVolume { .. })));
}

/// The voxels by their bits, since a float that is no number equals nothing.
fn bits(voxels: &em_io::Voxels) -> Vec<u8> {
    em_io::match_voxels!(voxels, array => array.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn check(error: &Error) {
    let text = error.to_string();
    let names_it = text.contains("fuzzed") || matches!(error, Error::OutOfMemory { .. });
    assert!(names_it && !text.contains('\n'), "not a clear error: {text}");
}
