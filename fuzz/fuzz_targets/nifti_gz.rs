//! NIfTI behind a sound gzip stream, which a fuzzer seldom makes by itself.
#![no_main]

use flate2::{Compression, write::GzEncoder};
use std::io::Write;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).expect("a vector takes all");
    em_fuzz::file(&packed.finish().expect("a vector takes all"), "nii.gz");
});
