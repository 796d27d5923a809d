//! Which files a configuration means: several stacks, stacks of other formats, and stacks named twice.

use crate::lab::{Lab, disc, raw};

const SEVERAL: &str = "\
[[data.train]]
raw = \"train.tif\"
labels = { mitochondria = \"train_mitochondria.tif\" }
[[data.train]]
raw = \"more.tif\"
labels = { mitochondria = \"more_mitochondria.tif\" }
";

/// The stacks of [`Lab::with_stacks`], and a training stack of another size.
fn with_two_training_stacks() -> Lab {
    let lab = Lab::with_stacks();
    lab.write_volume("more.tif", raw([9, 48, 80]));
    lab.write_mask("more_mitochondria.tif", disc([9, 48, 80]));
    lab.write("run.toml", &lab.read("run.toml").replace("[data]\nfolder = \".\"\n", SEVERAL));
    lab
}

#[test]
fn several_stacks_train_together_and_are_split_one_by_one() {
    let lab = with_two_training_stacks();
    let split = "[data.split]\nvalidation_fraction = 0.3\ngap = 1\n";
    lab.write("run.toml", &format!("{}{split}", lab.read("run.toml")));
    let told = lab.ok("check --config run.toml");
    // One of 3 sections and three of 9 validate, after a gap of one each.
    assert!(told.contains("(in 6 of 6 sections)") && told.contains("(in 4 of 4 sections)"), "{told}");
    lab.ok("train --config run.toml --device cpu");
    assert!(lab.path("run/report.html").exists());
    // The copy in the run's folder says the same.
    let kept = lab.read("run/config.toml");
    assert_eq!(kept.matches("[[data.train]]").count(), 2, "{kept}");
    lab.ok("train --config run/config.toml --device cpu --resume");
}

#[test]
fn several_stacks_validate_and_are_scored_in_the_end() {
    let lab = with_two_training_stacks();
    let also = |role: &str| SEVERAL.replace("data.train", role);
    let config = format!("{}{}{}", lab.read("run.toml"), also("data.validation"), also("data.test"));
    // Stacks that validate and are scored, though they train: what matters here is how many there are.
    lab.write("run.toml", &config);
    let told = lab.ok("train --config run.toml --device cpu");
    assert!(told.contains("mitochondria, validation") && told.contains("mitochondria, test"), "{told}");
    let scores: serde_json::Value = serde_json::from_str(&lab.read("run/scores.json")).unwrap();
    for side in ["validation", "test"] {
        let sections = scores[side]["mitochondria"]["sections"].as_array().map(Vec::len);
        assert_eq!(sections, Some(3 + 9), "{side}");
    }
    let refused = lab.em_cli("check --config run.toml").output().unwrap();
    let told = String::from_utf8_lossy(&refused.stdout);
    assert!(!refused.status.success() && told.contains("use the same file and sections"), "{told}");
}

#[test]
fn a_misspelled_key_of_one_of_several_stacks_is_named() {
    let lab = with_two_training_stacks();
    lab.write("run.toml", &lab.read("run.toml").replace("raw = \"more.tif\"", "rwa = \"more.tif\""));
    let message = lab.mistake("train --config run.toml");
    assert!(message.contains("`run.toml`") && message.contains("rwa"), "{message}");
}

#[test]
fn a_data_folder_holds_any_format() {
    let lab = Lab::with_stacks();
    for (from, to) in [
        ("train.tif", "lab/train.mrc"),
        ("train_mitochondria.tif", "lab/train_mitochondria.zarr"),
        ("val.tif", "lab/val"),
        ("val_mitochondria.tif", "lab/val_mitochondria.ome.tif"),
    ] {
        std::fs::create_dir_all(lab.path("lab")).unwrap();
        lab.ok(&format!("convert {from} {to}"));
    }
    lab.write("lab/train_sections.csv", "page,section\n");
    lab.ok("train --config run.toml --device cpu --set data.folder=lab");
    let same = |name: &str| lab.bytes(&format!("{name}/model.safetensors"));
    let first = same("run");
    lab.ok("train --config run.toml --device cpu --overwrite");
    assert!(first == same("run"), "the format of the files changed the training");

    std::fs::copy(lab.path("train.tif"), lab.path("lab/train.tif")).unwrap();
    let message = lab.mistake("train --config run.toml --set data.folder=lab --overwrite");
    assert!(message.contains("`train` is there twice") && message.contains("train.mrc"), "{message}");
}
