//! Zarr 2 and 3, OME-Zarr 0.4 and 0.5: metadata and chunks.
#![no_main]

use em_fuzz::folder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = em_fuzz::scratch().join("fuzzed.zarr");
    // What the run before has left; the first one has left nothing.
    let _ = std::fs::remove_dir_all(&path);
    folder::unpack(bytes, &path, &folder::ZARR);
    em_fuzz::read(&path);
});
