//! HDF5, through the system's library, which is C and not instrumented.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| em_fuzz::file(bytes, "h5"));
