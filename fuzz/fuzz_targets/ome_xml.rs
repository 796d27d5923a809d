//! OME-XML in a sound TIFF.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&layout, text)) = bytes.split_first() else { return };
    em_fuzz::file(&em_fuzz::tiff::with_description(text, layout), "ome.tif");
});
