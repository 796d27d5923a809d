//! Zarr 2 and 3, OME-Zarr 0.4 and 0.5: metadata and chunks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let folder = em_fuzz::scratch().join("fuzzed.zarr");
    // What the run before has left; the first one has left nothing.
    let _ = std::fs::remove_dir_all(&folder);
    em_fuzz::folder::unpack(bytes, &folder);
    em_fuzz::read(&folder);
});
