//! N5: attributes of datasets and groups, and blocks.
#![no_main]

use em_fuzz::folder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folder::read(bytes, "fuzzed.n5", &folder::N5));
