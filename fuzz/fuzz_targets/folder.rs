//! A folder of sections: which files are taken, in which order, and whether they are alike.
#![no_main]

use em_fuzz::folder;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = em_fuzz::scratch().join("fuzzed");
    // What the run before has left; the first one has left nothing.
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("/dev/shm is writable");
    folder::unpack(bytes, &path, &folder::SECTIONS);
    em_fuzz::read(&path);
});
