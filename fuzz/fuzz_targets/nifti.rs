//! NIfTI, plain and compressed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let is_compressed = bytes.starts_with(&[0x1f, 0x8b]);
    em_fuzz::file(bytes, if is_compressed { "nii.gz" } else { "nii" });
});
