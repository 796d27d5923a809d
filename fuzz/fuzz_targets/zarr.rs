//! Zarr 2 and 3, OME-Zarr 0.4 and 0.5: metadata and chunks.
#![no_main]

use em_fuzz::folder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folder::read(bytes, "fuzzed.zarr", &folder::ZARR));
