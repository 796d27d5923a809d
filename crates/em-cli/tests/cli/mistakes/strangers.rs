//! Models of strangers: damaged on purpose, absurd, of other programs, or no files at all.

use std::fs;

use serde_json::{Value, json};

use super::with_run;
use crate::lab::Lab;

const PREDICT: &str = "predict --model run val.tif -o mask.tif --device cpu";

/// Changes the card, which then no longer knows its weights.
fn with_card(lab: &Lab, card: &str, change: impl FnOnce(&mut Value)) {
    let mut card: Value = serde_json::from_str(card).unwrap();
    card.as_object_mut().unwrap().remove("weights_sha256");
    change(&mut card);
    lab.write("run/model.json", &card.to_string());
}

/// A safetensors file of a header and what follows it.
fn tensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn a_card_that_describes_no_network_or_a_monstrous_one() {
    let lab = with_run();
    let card = lab.read("run/model.json");
    for (field, value, expected) in [
        (
            "filters",
            json!([]),
            "describes no network: `filters` is [], expected 2 to 16 numbers from 1 to 65536",
        ),
        ("filters", json!([4, 0]), "describes no network: `filters`"),
        ("filters", json!([4, 9_223_372_036_854_775_808_u64]), "describes no network: `filters`"),
        ("filters", json!(vec![1; 70]), "describes no network: `filters`"),
        ("filters", json!([65536, 65536, 65536]), "numbers at most, and the network of model.json has"),
        ("in_channels", json!(1_099_511_627_776_u64), "describes no network: `in_channels`"),
        ("out_channels", json!(1_099_511_627_776_u64), "describes no network: `out_channels`"),
        ("context_sections", json!(2), "describes no network: `context_sections`"),
        ("dimensions", json!(4), "describes no network: `dimensions`"),
        ("filters", json!([-4, 8]), "is not a model card"),
    ] {
        with_card(&lab, &card, |card| card["architecture"][field] = value.clone());
        let message = lab.mistake(PREDICT);
        assert!(message.contains("`run/model") && message.contains(expected), "{field} = {value}: {message}");
    }
    with_card(&lab, &card, |card| card["predict"]["border"] = json!(1_u64 << 62));
    fs::remove_file(lab.path("run/config.toml")).unwrap();
    assert!(lab.mistake(PREDICT).contains("`predict.border` is 4611686018427387904, expected 0 to 4096"));
}

#[test]
fn classes_that_would_be_files_elsewhere() {
    let lab = with_run();
    let card = lab.read("run/model.json");
    for (classes, expected) in [
        (json!([]), "names no class"),
        (json!(["../../elsewhere"]), "names a class \"../../elsewhere\", expected a part of a file's name"),
        (json!(["/etc/a"]), "names a class"),
        (json!(["a\\b"]), "names a class"),
        (json!(["a\u{0}b"]), "names a class"),
        (json!(["a\u{1b}[2J"]), "names a class"),
        (json!([""]), "names a class"),
        (json!(["a".repeat(300)]), "names a class"),
        (json!(["a", "a"]), "names the class `a` twice"),
    ] {
        with_card(&lab, &card, |card| card["classes"] = classes.clone());
        let message = lab.mistake(PREDICT);
        assert!(message.contains(expected), "{classes}: {message}");
        assert!(!message.contains('\u{1b}'), "{message}");
    }
}

#[test]
fn weights_that_are_none() {
    let lab = with_run();
    let card = lab.read("run/model.json");
    with_card(&lab, &card, |_| {});
    let good = lab.bytes("run/model.safetensors");
    let header = 8 + usize::try_from(u64::from_le_bytes(good[..8].try_into().unwrap())).unwrap();
    let not_a_number = [&good[..header], &f32::NAN.to_le_bytes().repeat((good.len() - header) / 4)].concat();
    let pickle = "which may hold a program and is never loaded, expected safetensors";
    let whole = "is not a whole safetensors file";
    for (bytes, expected) in [
        (not_a_number, "holds NaN or an infinity in `"),
        (b"\x80\x02}q\x00.".to_vec(), pickle),
        (b"\x80\x05\x95\x0b\x00".to_vec(), pickle),
        (b"PK\x03\x04archive/data.pkl".to_vec(), pickle),
        (Vec::new(), whole),
        ([u64::MAX.to_le_bytes().as_slice(), b"{}"].concat(), whole),
        ([(1_u64 << 40).to_le_bytes().as_slice(), b"{}"].concat(), whole),
        (tensors(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4611686018427387904]}}"#, b""), whole),
        (
            tensors(r#"{"a":{"dtype":"F32","shape":[8589934592,8589934592],"data_offsets":[0,0]}}"#, b""),
            whole,
        ),
        (tensors(r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, b"0000"), whole),
        (tensors(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, b"0000"), whole),
        (tensors(&"[".repeat(100_000), b""), whole),
        (
            tensors(r#"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#, b"00000000"),
            "expected 32-bit floats",
        ),
    ] {
        fs::write(lab.path("run/model.safetensors"), &bytes).unwrap();
        let message = lab.mistake(PREDICT);
        assert!(
            message.contains("`run/model.safetensors`") && message.contains(expected),
            "{expected}: {message}"
        );
    }
}

#[test]
fn models_of_other_programs() {
    let lab = with_run();
    for name in ["unet.pt", "unet.pth", "unet.pkl", "unet.onnx", "unet.ckpt", "unet.keras"] {
        lab.write(name, "PK");
        let message = lab.mistake(&format!("predict --model {name} val.tif -o mask.tif"));
        assert!(message.contains("is a model of another program, expected the folder of a run"), "{message}");
        assert!(message.contains("or make one of it: `em-cli import`"), "{message}");
    }
}

#[cfg(unix)]
#[test]
fn files_of_a_run_that_are_none() {
    let lab = with_run();
    for file in ["run/model.safetensors", "run/model.json", "run/tune.json"] {
        let path = lab.path(file);
        let before = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        // Endless, if it were read.
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let message = lab.mistake(PREDICT);
        assert!(message.contains(&format!("`{file}` is no file")), "{message}");
        fs::remove_file(&path).unwrap();
        // Nobody writes into it, so that whoever reads it waits for ever.
        assert!(lab.command("mkfifo", &[file]).status().unwrap().success());
        let message = lab.message(lab.em_cli(PREDICT).output().unwrap());
        // A pipe is not even a run.
        assert!(
            message.contains("is no file") || message.contains("expected the folder of a run"),
            "{message}"
        );
        fs::remove_file(&path).unwrap();
        before.into_iter().for_each(|bytes| fs::write(&path, bytes).unwrap());
    }
}
