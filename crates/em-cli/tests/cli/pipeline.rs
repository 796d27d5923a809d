//! From a phantom to a report, command by command, with numbers that are computed again here.

use std::sync::OnceLock;

use ndarray::{Array3, s};
use serde_json::Value;

use crate::lab::Lab;

const CONFIG: &str = "\
[data]
folder = \".\"
[tiling]
tile_size = 64
tiles_per_epoch = 16
[train]
tune = false
epochs = 2
batch_size = 4
[output]
folder = \"run\"
";

/// A tiny network, as overrides.
pub const TINY: &str = "--device cpu --set model.filters=[4,8,16]";

/// A lab with a phantom of 128 x 128 voxels in `phantom`, and its configuration.
pub fn with_phantom() -> Lab {
    let lab = Lab::new();
    lab.ok("phantom phantom --size 128 --train-sections 4 --gap 1 --val-sections 2");
    lab.write("phantom/run.toml", CONFIG);
    lab
}

/// A lab with a finished run of both classes in `phantom/run`, for tests that leave it as it is.
fn trained() -> &'static Lab {
    static TRAINED: OnceLock<Lab> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let lab = with_phantom();
        let printed = lab.ok(&format!("train --config phantom/run.toml {TINY}"));
        for line in printed.lines().filter(|line| !line.starts_with("report: ")) {
            assert!(line.chars().count() <= 60, "{line}");
        }
        lab
    })
}

/// Reads JSON that is known to be some.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_training_leaves_a_whole_run_folder() {
    let lab = trained();
    for file in ["config.toml", "model.safetensors", "model.json", "last/state.safetensors", "report.html"] {
        assert!(lab.path("phantom/run").join(file).is_file(), "{file}");
    }
    let history = lab.read("phantom/run/history.csv");
    assert_eq!(history.lines().count(), 3, "{history}");
    let card = json(&lab.read("phantom/run/model.json"));
    assert_eq!(card["classes"], serde_json::json!(["mitochondria", "synapses"]));
    assert_eq!(card["architecture"]["filters"], serde_json::json!([4, 8, 16]));
    assert_eq!(card["leaking_split"], false);
    assert_eq!(card["voxel_size_nm"].as_array().unwrap().len(), 3);
}

#[test]
fn the_same_configuration_and_seed_give_the_same_bytes_from_any_folder() {
    let (first, second) = (trained(), with_phantom());
    std::fs::create_dir(second.path("elsewhere")).unwrap();
    let arguments = format!("train --config ../phantom/run.toml {TINY} --set output.folder=again");
    let output = second.em_cli(&arguments).current_dir(second.path("elsewhere")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for file in ["model.safetensors", "model.json", "scores.json"] {
        let (a, b) =
            (first.bytes(&format!("phantom/run/{file}")), second.bytes(&format!("elsewhere/again/{file}")));
        assert_eq!(a, b, "{file}");
    }
    let other = format!("train --config phantom/run.toml {TINY} --set train.seed=1");
    second.ok(&other);
    assert_ne!(second.bytes("phantom/run/model.safetensors"), first.bytes("phantom/run/model.safetensors"));
}

#[test]
fn masks_are_probabilities_above_the_threshold() {
    let (lab, out) = (trained(), Lab::new());
    let place = |name: &str| out.path(name).display().to_string();
    let predict = format!(
        "predict --device cpu --model phantom/run phantom/val.tif --probabilities {}",
        place("p.tif")
    );
    let printed = lab.ok(&format!("{predict} -o {}", place("m.tif")));
    assert_eq!(
        printed.lines().filter(|line| line.contains("foreground")).count(),
        2,
        "one line per class: {printed}"
    );
    for class in ["mitochondria", "synapses"] {
        let (mask, probabilities) =
            (out.mask(&format!("m_{class}.tif")), out.volume(&format!("p_{class}.tif")));
        assert_eq!(mask.dim(), (2, 128, 128));
        // The threshold is 127.5 of 255, so that 128 may be 0.5 itself, which is not above it.
        let agrees = |(&inside, &p): (&bool, &u8)| p == 128 || inside == (p > 128);
        assert!(mask.iter().zip(&probabilities).all(agrees), "{class}");
        assert!(mask.iter().any(|&inside| inside) && mask.iter().any(|&inside| !inside), "{class}");
    }
    let found = em_io::open(out.path("m_synapses.tif")).unwrap().voxel_size_nm();
    assert_eq!(found, em_io::open(lab.path("phantom/val.tif")).unwrap().voxel_size_nm());

    lab.ok(&format!("{predict} -o {} --threshold 0.6 --class synapses", place("strict.tif")));
    let (strict, probabilities) = (out.mask("strict.tif"), out.volume("p.tif"));
    assert_eq!(probabilities, out.volume("p_synapses.tif"), "one class alone keeps its file's name");
    // 0.6 is 153 of 255: what is rounded to 153 may lie on either side.
    let fits = |(&inside, &p): (&bool, &u8)| p == 153 || inside == (p > 153);
    assert!(strict.iter().zip(&probabilities).all(fits));
    assert!(strict.iter().any(|&inside| inside) && strict.iter().any(|&inside| !inside));

    lab.ok(&format!("predict --device cpu --model phantom/run phantom/val.tif -o {}", place("png")));
    assert_eq!(out.volume("png_synapses"), out.volume("m_synapses.tif"));
    assert!(out.path("png_synapses/png_synapses0001.png").is_file());
}

#[test]
fn evaluate_counts_as_this_test_does() {
    let (lab, out) = (trained(), Lab::new());
    let place = |name: &str| out.path(name).display().to_string();
    lab.ok(&format!(
        "predict --device cpu --model phantom/run phantom/val.tif --class synapses -o {}",
        place("m.tif")
    ));
    let evaluate = format!("evaluate --prediction {} --label phantom/val_synapses.tif", place("m.tif"));
    let scores = json(&lab.ok(&format!("{evaluate} --json")));
    let (prediction, label) = (out.mask("m.tif"), lab.mask("phantom/val_synapses.tif"));
    assert_eq!(scores["format_version"], 1);
    assert_eq!(scores["shape"], serde_json::json!([2, 128, 128]));
    assert_scores(&scores["pooled"], &prediction, &label);
    for z in 0..2 {
        let section = |a: &Array3<bool>| a.slice(s![z..z + 1, .., ..]).to_owned();
        assert_eq!(scores["sections"][z]["z"], z);
        assert_scores(&scores["sections"][z], &section(&prediction), &section(&label));
    }
    let printed = lab.ok(&evaluate);
    let iou = format!("{:.4}", scores["pooled"]["iou"].as_f64().unwrap());
    let line = printed.lines().find(|line| line.starts_with("IoU")).unwrap();
    assert!(line.contains(&iou), "{printed}");
    let per_section = lab.ok(&format!("{evaluate} --per-section"));
    for line in printed.lines().chain(per_section.lines()) {
        assert!(line.chars().count() <= 60, "{line}");
    }

    // The same numbers as in the run's own files.
    let run = json(&lab.read("phantom/run/scores.json"));
    assert_eq!(run["validation"]["synapses"]["pooled"], scores["pooled"]);
    let card = json(&lab.read("phantom/run/model.json"));
    assert_eq!(card["validation"]["synapses"], scores["pooled"]["counts"]);
}

#[test]
fn an_empty_class_has_no_score() {
    let lab = Lab::new();
    lab.write_mask("nothing.tif", Array3::from_elem([1, 8, 8], false));
    let scores = json(&lab.ok("evaluate --prediction nothing.tif --label nothing.tif --json"));
    assert_eq!(scores["pooled"]["iou"], Value::Null);
    assert_eq!(scores["pooled"]["dice"], Value::Null);
    assert_eq!(scores["pooled"]["accuracy"], 1.0);
}

fn assert_scores(scores: &Value, prediction: &Array3<bool>, label: &Array3<bool>) {
    let count = |p: bool, l: bool| prediction.iter().zip(label).filter(|&(&a, &b)| (a, b) == (p, l)).count();
    let (tp, fp, fun, tn) = (count(true, true), count(true, false), count(false, true), count(false, false));
    let counts = &scores["counts"];
    let names = ["true_positives", "false_positives", "false_negatives", "true_negatives"];
    assert_eq!(names.map(|name| counts[name].as_u64().unwrap() as usize), [tp, fp, fun, tn]);
    assert!(tp > 0, "a score of 0 shows little");
    for (name, above, below) in [
        ("iou", tp, tp + fp + fun),
        ("dice", 2 * tp, 2 * tp + fp + fun),
        ("accuracy", tp + tn, tp + tn + fp + fun),
        ("precision", tp, tp + fp),
        ("recall", tp, tp + fun),
    ] {
        let (found, expected) = (scores[name].as_f64().unwrap(), above as f64 / below as f64);
        assert!((found - expected).abs() < 1e-12, "{name}: {found}, expected {expected}");
    }
}

#[test]
fn the_report_is_one_file_and_can_be_written_again() {
    let lab = with_phantom();
    lab.ok(&format!(
        "train --config phantom/run.toml {TINY} --set train.epochs=1 --set data.classes=[\"synapses\"]"
    ));
    let page = lab.read("phantom/run/report.html");
    // The training tiles; both sections of validation are drawn by the script.
    assert_eq!(page.matches("<img src=\"data:image/png;base64,").count(), 1);
    assert_eq!(page.matches("\"picture\":\"data:image/jpeg;base64,").count(), 2);
    for link in ["http:", "https:", "url(", "<link", "<script src", "import("] {
        assert!(!page.contains(link), "the page must not need `{link}`");
    }
    // Only to its own parts.
    assert_eq!(page.matches("href=").count(), page.matches("href=\"#").count());
    for part in
        ["validation", "browser", "places", "curves", "thresholds", "objects", "samples", "model", "made-by"]
    {
        assert!(page.contains(&format!("<section id=\"{part}\">")), "{part}");
    }
    assert!(page.contains("<h1>run: synapses</h1>"));
    let pictures = lab.bytes("phantom/run/curves.png");
    assert!(pictures.starts_with(b"\x89PNG"));
    assert!(lab.path("phantom/run/panels/synapses-median.png").is_file());

    std::fs::remove_file(lab.path("phantom/run/report.html")).unwrap();
    std::fs::remove_file(lab.path("phantom/run/scores.json")).unwrap();
    lab.ok("report phantom/run --device cpu");
    assert_eq!(lab.read("phantom/run/report.html"), page);
    assert!(lab.path("phantom/run/scores.json").is_file());
}

#[test]
fn inspect_describes_volumes_and_labels() {
    let lab = trained();
    let found = json(&lab.ok("inspect phantom/train.tif --json"));
    let voxels = lab.volume("phantom/train.tif").mapv(f64::from);
    assert_eq!(found["format_version"], 1);
    assert_eq!(found["path"], "phantom/train.tif");
    assert_eq!(found["shape"], serde_json::json!([4, 128, 128]));
    assert_eq!(found["format"], "TIFF");
    assert_eq!(found["voxel_type"], "8-bit unsigned");
    assert_eq!(found["shares"], Value::Null);
    assert!((found["mean"].as_f64().unwrap() - voxels.mean().unwrap()).abs() < 1e-9);
    assert!((found["std"].as_f64().unwrap() - voxels.std(0.0)).abs() < 1e-6);
    assert_eq!(found["minimum"].as_f64().unwrap(), voxels.fold(f64::INFINITY, |a, &b| a.min(b)));
    assert_eq!(found["maximum"].as_f64().unwrap(), voxels.fold(0.0, |a: f64, &b| a.max(b)));

    let found = json(&lab.ok("inspect phantom/train_synapses.tif --json"));
    let label = lab.mask("phantom/train_synapses.tif");
    let share = label.iter().filter(|&&v| v).count() as f64 / label.len() as f64;
    assert_eq!(found["shares"][1]["value"], 255.0);
    assert!((found["shares"][1]["share"].as_f64().unwrap() - share).abs() < 1e-12);
    assert!(lab.ok("inspect phantom/train.tif").contains("4 x 128 x 128 [z, y, x]"));
}

#[test]
fn extract_and_back_is_the_identity() {
    let (lab, out) = (trained(), Lab::new());
    let place = |name: &str| out.path(name).display().to_string();
    lab.ok(&format!("extract phantom/train.tif {}", place("sections")));
    assert_eq!(std::fs::read_dir(out.path("sections")).unwrap().count(), 4);
    lab.ok(&format!("extract {} {}", place("sections"), place("again.tif")));
    assert_eq!(out.volume("again.tif"), lab.volume("phantom/train.tif"));
    let again = format!("extract {} {}", place("sections"), place("again.tif"));
    let message = lab.mistake(&again);
    assert!(
        message.contains("exists already\nhint: take another path, or replace it with --overwrite"),
        "{message}"
    );
    lab.ok(&format!("{again} --overwrite"));
    lab.ok(&format!("extract phantom/val.tif {} --overwrite", place("sections")));
    assert_eq!(std::fs::read_dir(out.path("sections")).unwrap().count(), 2, "no older section is left");

    lab.ok(&format!("extract phantom/train.tif {} --resize 64x32", place("small.tif")));
    let small = em_io::open(out.path("small.tif")).unwrap();
    assert_eq!(small.shape(), [4, 64, 32]);
    let [z, y, x] = em_io::open(lab.path("phantom/train.tif")).unwrap().voxel_size_nm().unwrap();
    assert_eq!(small.voxel_size_nm(), Some([z, y * 2.0, x * 4.0]));
    lab.ok(&format!("extract phantom/train_synapses.tif {} --resize 64x64 --nearest", place("label.tif")));
    assert!(out.mask("label.tif").iter().any(|&v| v), "a label stays a label");
}

#[test]
fn tiles_are_named_by_their_place() {
    let (lab, out) = (trained(), Lab::new());
    let tile = |options: &str| {
        let folder = out.path(&format!("tiles{}", options.len())).display().to_string();
        let printed = lab.ok(&format!("tile phantom/train.tif {folder} {options}"));
        let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        assert!(printed.starts_with(&format!("{} tiles", names.len())), "{printed}");
        (std::path::PathBuf::from(folder), names)
    };
    let (folder, names) = tile("--size 64");
    assert_eq!(names.len(), 4 * 2 * 2);
    assert_eq!(names[..4], ["train0-0_0.png", "train0-0_64.png", "train0-64_0.png", "train0-64_64.png"]);
    let one = em_io::open(folder.join("train2-64_0.png")).unwrap().read_all().unwrap();
    let whole = lab.volume("phantom/train.tif");
    assert_eq!(one, whole.slice(s![2..3, 64.., ..64]).to_owned().into());

    assert_eq!(tile("--size 100 --border keep").1.len(), 4 * 2 * 2);
    assert_eq!(
        tile("--size 100 --border drop --name a").1,
        ["a0-0_0.png", "a1-0_0.png", "a2-0_0.png", "a3-0_0.png"]
    );
    let (folder, names) = tile("--size 100 --stride 28 --border pad");
    assert_eq!(names.len(), 4 * 5 * 5);
    assert_eq!(em_io::open(folder.join("train0-112_112.png")).unwrap().shape(), [1, 100, 100]);
}

#[test]
fn classes_that_exclude_each_other() {
    let lab = with_phantom();
    lab.ok(&format!(
        "train --config phantom/run.toml {TINY} --set model.exclusive=true --set loss.kind=cross-entropy --set train.epochs=1"
    ));
    let card = json(&lab.read("phantom/run/model.json"));
    assert_eq!(card["architecture"]["out_channels"], 3, "background has a channel of its own");
    lab.ok("predict --device cpu --model phantom/run phantom/val.tif -o m.tif --threshold 0 --probabilities p.tif");
    let [a, b] = ["p_mitochondria.tif", "p_synapses.tif"].map(|name| lab.volume(name).mapv(u32::from));
    assert!((&a + &b).iter().all(|&sum| sum <= 256), "probabilities of exclusive classes sum to at most 1");
}

#[test]
fn a_split_of_random_tiles_is_marked_as_leaking() {
    let lab = with_phantom();
    for file in ["val", "val_mitochondria", "val_synapses"] {
        std::fs::remove_file(lab.path(&format!("phantom/{file}.tif"))).unwrap();
    }
    let leaking = "--set data.split.kind=random-tiles --set data.split.validation_fraction=0.25";
    assert!(lab.ok(&format!("config check phantom/run.toml {leaking}")).contains("leaks"));
    let train = format!("train --config phantom/run.toml {TINY} {leaking} --set train.epochs=1");
    let output = lab.em_cli(&train).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("warning: the split `random-tiles` leaks"));
    assert!(lab.read("phantom/run/report.html").contains("class=\"warning\""));
    assert_eq!(json(&lab.read("phantom/run/scores.json"))["leaking_split"], true);
    assert_eq!(json(&lab.read("phantom/run/model.json"))["leaking_split"], true);
    let sections = json(&lab.read("phantom/run/scores.json"))["validation"]["synapses"]["sections"].clone();
    assert_eq!(sections.as_array().unwrap().len(), 4, "a quarter of 16 tiles");
}

#[test]
fn the_recipe_of_the_notebook() {
    let lab = with_phantom();
    lab.ok(
        "train --config phantom/run.toml --device cpu --set model.preset=notebook --set model.filters=[4,4,8,8,8] \
         --set normalization.kind=l2-axis1 --set tiling.placement=grid --set tiling.tiles_per_epoch=0 \
         --set loss.kind=bce --set train.optimizer.kind=adam --set train.best_by=val-loss --set train.epochs=1",
    );
    let card = json(&lab.read("phantom/run/model.json"));
    assert_eq!(card["normalization"], serde_json::json!({ "kind": "l2-axis1", "tile_size": 64 }));
    assert_eq!(card["architecture"]["norm"], "none");
    assert_eq!(card["architecture"]["dropout"], serde_json::json!([0.1, 0.1, 0.2, 0.2, 0.3]));
    lab.ok("predict --device cpu --model phantom/run phantom/val.tif -o mask.tif");
    assert_eq!(lab.mask("mask_synapses.tif").dim(), (2, 128, 128));
}

#[test]
fn valid_convolutions_predict_whole_sections() {
    let lab = with_phantom();
    lab.ok(
        "train --config phantom/run.toml --device cpu --set model.preset=ronneberger --set model.filters=[4,8,8] \
         --set tiling.tile_size=60 --set train.epochs=1 --set data.classes=[\"synapses\"]",
    );
    let card = json(&lab.read("phantom/run/model.json"));
    let channels = ["in_channels", "out_channels"].map(|name| card["architecture"][name].as_u64());
    assert_eq!(channels, [Some(3), Some(4)]);
    lab.ok("predict --device cpu --model phantom/run phantom/val.tif -o mask.tif");
    assert_eq!(lab.mask("mask.tif").dim(), (2, 128, 128));
}
