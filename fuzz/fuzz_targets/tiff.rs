//! TIFF of every kind, with the texts of ImageJ and OME.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| em_fuzz::file(bytes, "tif"));
