//! Precomputed volumes of Neuroglancer: metadata, chunks and shards.
#![no_main]

use em_fuzz::folder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| folder::read(bytes, "fuzzed.precomputed", &folder::PRECOMPUTED));
