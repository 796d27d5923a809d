//! `run.toml` and `--set`: read, overridden and checked, and read again from what is written.
//!
//! The bytes are a configuration, and after a line `--set` one override per line.
#![no_main]
#![allow(dead_code, reason = "a part of the command line is taken in without its commands")]

#[path = "../../crates/em-cli/src/config/mod.rs"]
mod config;
#[path = "../../crates/em-cli/src/error.rs"]
mod error;

use config::RunConfig;

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

/// What `em-cli config check` asks of a configuration before it looks at a volume.
fn check(config: &RunConfig) {
    let architecture = config.model.architecture(config.data.classes.len().max(1));
    if let Ok(architecture) = &architecture {
        let _ = architecture.check_tile_size(config.tiling.tile_size);
        let _ = config.loss.check(&config.data.classes, architecture.exclusive);
        let _ = architecture.parameter_count();
    }
    let checks =
        [config.train.check().map_err(|e| e.to_string()), config.predict.check().map_err(|e| e.to_string())];
    let errors = checks.into_iter().filter_map(Result::err);
    let errors = errors.chain(config.augmentation.check().map_err(|e| e.to_string()).err());
    for message in errors.chain(architecture.map_err(|e| e.to_string()).err()) {
        assert!(!message.contains('\n'), "not one line: {message}");
    }
}
