//! `em-cli tune` and `em-cli compare` on small runs.

use em_model::{ClassTuning, Device, ModelCard, Predictor, RunFolder, Tuning};
use em_objects::{Extent, Postprocess};
use insta::assert_snapshot;

use crate::lab::Lab;
use crate::pipeline::{TINY, with_phantom};

fn trained(lab: &Lab, name: &str, more: &str) {
    lab.ok(&format!(
        "train --config phantom/run.toml {TINY} --set train.epochs=2 --set data.classes=[\"mitochondria\"] \
         --set output.folder={name} {more}"
    ));
}

#[test]
fn tune_chooses_what_predict_then_does() {
    let lab = with_phantom();
    trained(&lab, "run", "");
    let before = lab.ok("predict --model run phantom/val.tif -o before.tif");
    let told = lab.ok("tune run");
    assert!(told.contains("threshold") && told.contains("holes"), "{told}");
    let tuned: serde_json::Value = serde_json::from_str(&lab.read("run/tune.json")).unwrap();
    let chosen = &tuned["classes"]["mitochondria"];
    let card: serde_json::Value = serde_json::from_str(&lab.read("run/model.json")).unwrap();
    assert_eq!(tuned["weights_sha256"], card["weights_sha256"]);
    assert_eq!(card["thresholds"], serde_json::Value::Null, "a choice lies in one file");
    let steps = chosen["steps"].as_array().unwrap();
    let last = steps.iter().rev().find(|step| step["kept"] == true);
    lab.ok("predict --model run phantom/val.tif -o after.tif");
    let iou = |mask: &str| -> f64 {
        let scores =
            lab.ok(&format!("evaluate --prediction {mask} --label phantom/val_mitochondria.tif --json"));
        let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
        scores["pooled"]["iou"].as_f64().unwrap_or(0.0)
    };
    let (untuned, after) = (iou("before.tif"), iou("after.tif"));
    match last {
        Some(step) => {
            assert_eq!(after, step["iou"].as_f64().unwrap(), "what was promised is predicted");
            assert!(after > untuned, "{after} after, {untuned} before");
        }
        None => assert_eq!(lab.bytes("before.tif"), lab.bytes("after.tif"), "{before}"),
    }
    // The report follows the choice, to the last digit, and another training forgets it.
    lab.ok("report run");
    let scores: serde_json::Value = serde_json::from_str(&lab.read("run/scores.json")).unwrap();
    assert_eq!(scores["validation"]["mitochondria"]["pooled"]["iou"].as_f64().unwrap(), after.max(untuned));
    assert_eq!(scores["tuned_on_validation"], true);
    assert!(lab.read("run/report.html").contains("were chosen on validation"));
    trained(&lab, "run", "--overwrite");
    assert!(!lab.path("run/tune.json").exists());
}

/// Writes a choice for the weights of the run.
fn tune(lab: &Lab, threshold: f32, postprocess: Postprocess) {
    let run = RunFolder::new(lab.path("run"));
    let mut tuning = Tuning::new(&run, &ModelCard::read(&run).unwrap()).unwrap();
    tuning.classes.insert("mitochondria".into(), ClassTuning { threshold, postprocess, steps: Vec::new() });
    tuning.write(&run).unwrap();
}

#[test]
fn the_library_makes_the_masks_that_the_program_writes() {
    let lab = with_phantom();
    trained(&lab, "run", "--set predict.views=4");
    let raw = em_io::open(lab.path("phantom/val.tif")).unwrap();
    // A threshold that a fifth of the voxels pass, whatever the short training has learned.
    let untuned = Predictor::load(lab.path("run"), Device::Cpu).unwrap().predict(&raw).unwrap();
    let mut values: Vec<f64> = untuned
        .probabilities()
        .class("mitochondria")
        .unwrap()
        .view()
        .iter()
        .copied()
        .map(f64::from)
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    let threshold = em_metrics::quantile(&values, 0.8).unwrap() as f32;
    for extent in [Extent::Section, Extent::Volume] {
        tune(&lab, threshold, Postprocess { extent, median_size: 3, minimum_voxels: 10, fill_holes: true });
        lab.ok("predict --device cpu --model run phantom/val.tif -o mask.tif --overwrite");
        let predictor = Predictor::load(lab.path("run"), Device::Cpu).unwrap();
        let mask = predictor.predict(&raw).unwrap().mask("mitochondria").unwrap();
        let written = em_io::Mask::read(lab.path("mask.tif")).unwrap();
        assert_eq!(mask.voxel_size_nm().is_some(), written.voxel_size_nm().is_some());
        assert_eq!(mask.view(), written.view(), "{extent:?}");
        assert!(mask.foreground() > 0);
    }
}

#[test]
fn a_choice_for_earlier_weights_is_dropped_and_said_to_be() {
    let lab = with_phantom();
    let stopped = lab.read("phantom/run.toml").replace("epochs = 2", "epochs = 9");
    lab.write("phantom/run.toml", &stopped);
    let train = format!("train --config phantom/run.toml {TINY} --set output.folder=run");
    let mut child = lab.em_cli(&train).stdout(std::process::Stdio::null()).spawn().unwrap();
    while !lab.path("run/last/state.safetensors").exists() {
        assert!(child.try_wait().unwrap().is_none(), "over before it was killed");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let strict = Postprocess { extent: Extent::Section, minimum_voxels: 5000, ..Default::default() };
    tune(&lab, 0.95, strict);
    let tuned_for = lab.bytes("run/model.safetensors");
    lab.ok(&format!("{train} --resume"));
    assert_ne!(lab.bytes("run/model.safetensors"), tuned_for, "no later epoch was better");

    let predict = "predict --device cpu --model run phantom/val.tif --class mitochondria -o";
    let output = lab.em_cli(&format!("{predict} dropped.tif")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("was chosen for other weights"), "{said}");
    lab.ok(&format!("{predict} plain.tif --threshold 0.5 --no-cleaning"));
    assert_eq!(lab.bytes("dropped.tif"), lab.bytes("plain.tif"));
}

#[test]
fn a_second_training_in_one_folder_is_refused() {
    let lab = with_phantom();
    let train =
        format!("train --config phantom/run.toml {TINY} --set train.epochs=50 --set output.folder=run");
    let mut child = lab.em_cli(&train).stdout(std::process::Stdio::null()).spawn().unwrap();
    while !lab.path("run/config.toml").exists() {
        assert!(child.try_wait().unwrap().is_none(), "over before the second one began");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for more in ["", " --overwrite", " --resume"] {
        let told = lab.message(lab.em_cli(&format!("{train}{more}")).output().unwrap());
        assert!(told.contains(&format!("is in use by process {}", child.id())), "{more}: {told}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    lab.ok(&format!("{} --overwrite", train.replace("epochs=50", "epochs=1")));
}

#[test]
fn a_mask_is_cleaned_as_one_volume_whatever_the_blocks() {
    let lab = with_phantom();
    trained(&lab, "run", "--set predict.block_voxels=1");
    let steps = Postprocess { extent: Extent::Volume, median_size: 3, minimum_voxels: 200, fill_holes: true };
    tune(&lab, 0.5, steps);
    let predict = "predict --model run phantom/val.tif --threshold 0.3";
    lab.ok(&format!("{predict} -o raw.tif --no-cleaning"));
    lab.ok(&format!("{predict} -o clean.tif"));
    let raw = lab.volume("raw.tif").mapv(|voxel| voxel > 0);
    let clean = lab.volume("clean.tif").mapv(|voxel| voxel > 0);
    assert_eq!(clean, steps.apply(raw.clone()).unwrap());
    assert_ne!(clean, raw);
}

#[test]
fn compare_tells_what_differs_and_by_how_much() {
    let lab = with_phantom();
    // Eight sections are enough for an interval.
    lab.ok("phantom phantom --size 64 --train-sections 4 --gap 1 --val-sections 8");
    trained(&lab, "first", "");
    trained(&lab, "second", "--set train.learning_rate=1e-5");
    let told = lab.ok("compare first second -o scores.csv");
    assert!(told.contains("train.learning_rate\n    1: 0.003\n    2: 0.00001\n"), "{told}");
    assert!(!told.contains("train.epochs") && !told.contains("output.folder"), "{told}");
    assert!(told.contains("mitochondria, validation"), "{told}");
    let table = lab.read("scores.csv");
    assert_eq!(table.lines().count(), 1 + 2 * 8, "{table}");
    assert!(told.lines().all(|line| line.chars().count() <= 60), "{told}");
    let said = lab.ok("compare first second --page pages.html");
    assert!(said.ends_with("page: pages.html\n"), "{said}");
    let page = lab.read("pages.html");
    let differing = "<th scope=\"row\">train.learning_rate</th><td>0.003</td><td>0.00001</td>";
    for part in [differing, "1 first", "2 second", "\"title\":\"Loss on validation\""] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("train.epochs") && !page.contains("http"));
    assert_snapshot!(lab.mistake("compare first second --page pages.html"), @"
    error: `pages.html` exists already
    hint: take another path, or replace it with --overwrite
    ");
    let quiet = lab.ok("--quiet compare first second --page pages.html --overwrite");
    assert!(said.starts_with(&quiet) && !quiet.contains("page: "), "{quiet}");
    let same = lab.ok("compare first first");
    assert!(same.contains("the same in all") && same.contains("+0.0000 to +0.0000"), "{same}");
    assert!(!same.contains("tuned on validation") && !same.contains("too few"), "{same}");
}

#[test]
fn compare_says_which_masks_were_tuned_and_which_sections_are_too_few() {
    let lab = with_phantom();
    trained(&lab, "run", "");
    trained(&lab, "plain", "");
    tune(&lab, 0.35, Postprocess { extent: Extent::Section, minimum_voxels: 50, ..Default::default() });
    lab.ok("report run");
    let told = lab.ok("compare plain run");
    let overview: Vec<&str> = told.lines().take(6).collect();
    assert_eq!(overview[2], "2: run", "{told}");
    assert_eq!(overview[4], "   its masks were tuned on validation:", "{told}");
    assert!(told.contains("masks.mitochondria.threshold\n    1: 0.5\n    2: 0.35\n"), "{told}");
    assert!(told.contains("masks.mitochondria.minimum_voxels\n    1: 0\n    2: 50\n"), "{told}");
    assert!(told.contains("2 sections are too few for a 95 % interval, which takes 8"), "{told}");
    let scores: serde_json::Value = serde_json::from_str(&lab.read("run/scores.json")).unwrap();
    let class = &scores["validation"]["mitochondria"];
    assert_eq!(class["intervals"], serde_json::Value::Null);
    assert!(class["no_intervals"].as_str().unwrap().starts_with("2 sections are too few"), "{class}");
}

#[test]
fn data_that_were_moved_are_found_by_an_override() {
    let lab = with_phantom();
    trained(&lab, "run", "");
    let scores = lab.bytes("run/scores.json");
    std::fs::rename(lab.path("phantom"), lab.path("moved")).unwrap();
    assert!(
        lab.mistake("tune run").contains("hint: give the folder that holds train.tif: --set data.folder=DIR")
    );
    lab.ok("report run --set data.folder=moved");
    assert_eq!(lab.bytes("run/scores.json"), scores);
    lab.ok("tune run --set data.folder=moved");
}

#[test]
fn compare_needs_runs() {
    let lab = Lab::new();
    let told = lab.mistake("compare a b");
    assert!(told.starts_with("error: no folder `a`"), "{told}");
    assert!(lab.mistake("tune a").starts_with("error: no folder `a`"));
}
