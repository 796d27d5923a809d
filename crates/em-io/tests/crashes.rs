//! Inputs that a fuzzer found, and what they may take of memory.

mod common;

use common::fixture;
use em_io::Roi;
use peak_alloc::PeakAlloc;
use std::fs;
use tempfile::tempdir;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The most memory for a file of a few KB, whatever it claims.
const MOST_MB: f32 = 64.0;

/// One test in this file, so that the memory is that of one volume at a time.
#[test]
fn every_input_gives_voxels_or_one_clear_error_and_takes_little_memory() {
    let folder = tempdir().unwrap();
    let crashes = fs::read_dir(fixture("crashes")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = crashes.collect();
    paths.sort();
    assert!(!paths.is_empty());
    for (claim, text) in [("a number", "13"), ("a list", "[]"), ("nothing", "null"), ("a text", "\"x\"")] {
        let path = folder.path().join(format!("{claim}.zarr"));
        fs::create_dir(&path).unwrap();
        fs::write(path.join("zarr.json"), text).unwrap();
        paths.push(path);
    }
    for path in paths {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage_as_mb();
        let outcome = em_io::open(&path).and_then(|volume| Ok((volume.read_all()?, volume)));
        let taken = MEMORY.peak_usage_as_mb() - before;
        assert!(taken < MOST_MB, "`{}` took {taken} MB", path.display());
        if let Ok((whole, volume)) = &outcome {
            let [depth, height, width] = volume.shape();
            let part = Roi { start: [depth - 1, height / 3, width / 3], shape: [1, 1, width.div_ceil(2)] };
            assert_eq!(volume.read(part).unwrap(), whole.cut(part), "`{}`", path.display());
        }
        if let Err(error) = outcome {
            let (text, name) = (error.to_string(), path.file_name().unwrap().to_string_lossy().into_owned());
            assert!(text.contains(&name) && !text.contains('\n'), "{text}");
        }
    }
}
