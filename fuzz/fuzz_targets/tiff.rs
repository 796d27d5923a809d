//! TIFF of every kind; the texts in it have targets of their own.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| em_fuzz::file(bytes, "tif"));
