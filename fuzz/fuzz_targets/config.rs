//! `run.toml` and `--set`: read, overridden and checked, and read again from what is written.
//!
//! The bytes are a configuration, and after a line `--set` one override per line.
#![no_main]

use em_pipeline::{RunConfig, settings};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, overrides) = text.split_once("\n--set\n").unwrap_or((text, ""));
    let overrides: Vec<String> = overrides.lines().take(4).map(str::to_owned).collect();
    let path = em_fuzz::scratch().join("fuzzed.toml");
    std::fs::write(&path, text).expect("/dev/shm is writable");
    let config = match RunConfig::load(&path, &overrides) {
        Ok(config) => config,
        Err(error) => {
            let message = error.to_string();
            let names_it = message.contains("fuzzed.toml") || message.contains("--set");
            return assert!(names_it && !message.contains('\n'), "not a clear error: {message}");
        }
    };
    check(&config);
    let written = config.to_toml().expect("what was read can be written");
    std::fs::write(&path, &written).expect("/dev/shm is writable");
    let again = RunConfig::load(&path, &[]).expect("what was written can be read");
    assert_eq!(again.to_toml().expect("as before"), written);
});

/// What a training asks of a configuration before it looks at a volume.
fn check(config: &RunConfig) {
    let problems = settings::problems(config, &config.data.classes);
    for message in problems.into_iter().map(|problem| em_pipeline::Error::from(problem).to_string()) {
        assert!(message.starts_with('`') && !message.contains('\n'), "not one line: {message}");
    }
    if let Ok(architecture) = config.model.architecture(config.data.classes.len().max(1)) {
        let _ = architecture.parameter_count();
    }
}
