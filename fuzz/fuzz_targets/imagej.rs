//! ImageJ's description in a sound TIFF, with one directory per page and with a single one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&layout, text)) = bytes.split_first() else { return };
    em_fuzz::file(&em_fuzz::tiff::with_description(&[b"ImageJ=1.54f\n", text].concat(), layout), "tif");
});
