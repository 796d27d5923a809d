//! Reviewed regions, scribbles, and sections that nobody labelled.

use crate::lab::{CONFIG, Lab, disc, raw};
use ndarray::{Array3, s};

const SHAPE: [usize; 3] = [6, 96, 96];

/// One stack whose labels are right inside three regions and wrong elsewhere.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.write_volume("stack.tif", raw(SHAPE));
    let mut label = disc(SHAPE).mapv(|inside| !inside);
    for z in [0, 3, 5] {
        label.slice_mut(s![z, .., ..]).assign(&disc(SHAPE).slice(s![z, .., ..]));
    }
    lab.write_mask("label.tif", label);
    lab.write(
        "regions.csv",
        "name,z,y,x,depth,height,width\na,0,20,20,1,60,60\nb,3,20,20,1,60,60\nc,5,20,20,1,60,60\n",
    );
    lab.write("run.toml", &config("regions = \"regions.csv\""));
    lab
}

fn config(of_source: &str) -> String {
    let data = format!(
        "[data]\nclasses = [\"mitochondria\"]\n[data.split]\ngap = 1\n[data.train]\nraw = \"stack.tif\"\nlabels = {{ mitochondria = \"label.tif\" }}\n{of_source}\n"
    );
    CONFIG
        .replace("[data]\nfolder = \".\"\n", &data)
        .replace("tune = false\n", "")
        .replace("epochs = 1", "epochs = 12\nlearning_rate = 0.02")
}

fn scores(lab: &Lab, run: &str) -> serde_json::Value {
    serde_json::from_str(&lab.read(&format!("{run}/scores.json"))).unwrap()
}

#[test]
fn a_region_that_is_left_out_scores_a_run_which_learned_from_all() {
    let lab = lab();
    let said = lab.ok("train run.toml --device cpu");
    assert!(said.contains("network 1 of 1, to score what it leaves out: "), "{said}");
    assert!(said.contains("the network of the run, on all regions"), "{said}");
    assert!(said.contains("intervals over blocks of few sections"), "{said}");
    assert!(
        said.contains("masks, as validation chose them") && said.contains("  mitochondria: above "),
        "{said}"
    );
    let scores = scores(&lab, "run");
    assert_eq!((&scores["tuned_on_validation"], &scores["folds"]), (&true.into(), &1.into()));
    let page = lab.read("run/report.html");
    assert!(
        page.contains("learned from all of its 3 reviewed regions") && page.contains(", region "),
        "{page}"
    );
    let class = &scores["validation"]["mitochondria"];
    assert_eq!((&scores["regions"], class["sections"].as_array().unwrap().len()), (&3.into(), 1));
    // What is wrong outside of the regions has taught nothing, and is scored nowhere.
    assert!(class["pooled"]["iou"].as_f64().unwrap() > 0.8, "{class}");
    assert_eq!(class["pooled"]["counts"]["true_negatives"].as_u64().map(|n| n < 3600), Some(true));
    let interval = &class["intervals"]["iou"];
    assert!(interval["low"].as_f64().unwrap() <= class["pooled"]["iou"].as_f64().unwrap());
    // Reports and choices come from the networks that left regions out, again.
    let before = lab.bytes("run/scores.json");
    lab.ok("report run --device cpu");
    assert!(before == lab.bytes("run/scores.json"));
    lab.ok("tune run --device cpu");
    // Each in turn.
    let said = lab.ok("train run.toml --device cpu --set data.split.folds=3 --set output.folder=three");
    assert!(said.contains("network 3 of 3"), "{said}");
    let three = self::scores(&lab, "three");
    assert_eq!(three["validation"]["mitochondria"]["sections"].as_array().unwrap().len(), 3);
    let said = lab.ok("compare run three");
    assert!(said.contains("3 reviewed regions"), "{said}");
    assert!(lab.mistake("compare run three --curve c.png").contains("different numbers of reviewed regions"));
    lab.write("one.csv", "z,y,x,depth,height,width\n0,0,0,1,96,96\n");
    let said = lab.ok("train run.toml --device cpu --set data.train.regions=one.csv --set output.folder=one");
    assert!(said.contains("region 1"), "{said}");
    lab.ok("compare one run --curve c.png");
    assert!(lab.bytes("c.png").starts_with(b"\x89PNG"));
}

#[test]
fn a_training_on_regions_goes_on_to_the_same_bytes() {
    let lab = lab();
    lab.ok("train run.toml --device cpu --set output.folder=whole --set data.split.folds=2");
    lab.ok("train run.toml --device cpu --set data.split.folds=2");
    // As a kill in the second network beside the run leaves it.
    for gone in ["run/model.safetensors", "run/model.json", "run/tune.json", "run/scores.json"] {
        std::fs::remove_file(lab.path(gone)).unwrap();
    }
    std::fs::remove_dir_all(lab.path("run/last")).unwrap();
    std::fs::remove_dir_all(lab.path("run/folds/2/last")).unwrap();
    let message = lab.mistake("train run.toml --device cpu --set data.split.folds=2");
    assert!(message.contains("holds a run already"), "{message}");
    let message = lab.message(
        lab.em_cli(
            "train run.toml --device cpu --resume --set data.split.folds=2 --set train.learning_rate=0.5",
        )
        .output()
        .unwrap(),
    );
    assert!(message.contains("`train.learning_rate` = 0.02"), "{message}");
    lab.ok("train run.toml --device cpu --resume --set data.split.folds=2");
    for file in ["model.safetensors", "folds/1/model.safetensors", "folds/2/model.safetensors", "tune.json"] {
        assert!(lab.bytes(&format!("run/{file}")) == lab.bytes(&format!("whole/{file}")), "{file}");
    }
    // Another one replaces all of it.
    lab.ok("train run.toml --device cpu --overwrite --set data.split.folds=0");
    assert!(!lab.path("run/folds").exists());
}

#[test]
fn mistakes_in_regions_are_told() {
    let lab = lab();
    let mistake = |text: &str| {
        lab.write("regions.csv", text);
        lab.mistake("train run.toml --device cpu")
    };
    let head = "name,z,y,x,depth,height,width\n";
    let message = mistake(&format!("{head}a,5,0,0,2,60,60\n"));
    assert!(
        message.contains("`[DIR]/regions.csv` holds the region `a` from [5, 0, 0] to [7, 60, 60]"),
        "{message}"
    );
    assert!(mistake("name,z,y,x\n").contains("holds no region"));
    let message = mistake("name,z,y,x\na,1,1,1\n");
    assert!(message.contains("is no list of regions") && message.contains("hint: "), "{message}");
    lab.write("regions.csv", &format!("{head}a,0,0,0,1,60,60\n"));
    let message = lab.mistake("train run.toml --device cpu --set data.train.sections=[1,4]");
    assert!(message.contains("`a`, which is not within sections = [1, 4]"), "{message}");
    let message = lab.mistake("train run.toml --device cpu --set data.split.kind=random-tiles");
    assert!(message.contains("does not go with reviewed regions"), "{message}");
    let checked = lab.em_cli("check run.toml").output().unwrap();
    assert!(String::from_utf8_lossy(&checked.stdout).contains("1 reviewed region"), "{checked:?}");
}

#[test]
fn scribbles_train_and_what_is_unknown_counts_in_nothing() {
    let lab = Lab::with_stacks();
    lab.write_volume("stack.tif", raw([3, 64, 64]));
    // A few strokes: the rest of the disc is unknown, and so is the rest of the background.
    let strokes = Array3::from_shape_fn((3, 64, 64), |(_, y, x)| match (y, x) {
        (30..34, 24..40) => 2,
        (4..8, 4..60) | (56..60, 4..60) => 1,
        _ => 0,
    });
    lab.write_volume("label.tif", strokes);
    let validation =
        "[data.validation]\nraw = \"val.tif\"\nlabels = { mitochondria = \"val_mitochondria.tif\" }";
    lab.write("run.toml", &config(&format!("values = \"scribbles\"\n{validation}")));
    lab.ok("train run.toml --device cpu");
    let iou = scores(&lab, "run")["validation"]["mitochondria"]["pooled"]["iou"].as_f64().unwrap();
    assert!(iou > 0.8, "{iou}");
    lab.write_volume("label.tif", raw([3, 64, 64]));
    let message = lab.mistake("train run.toml --device cpu --set output.folder=no");
    assert!(message.contains("expected 0, 1 and 2"), "{message}");
    let message = lab.mistake(
        "train run.toml --device cpu --set output.folder=no --set model.targets=['mask','boundary']",
    );
    assert!(message.contains("scribbles, which show no outlines"), "{message}");
}

#[test]
fn sections_without_labels_are_learned_from_and_resumed() {
    let lab = Lab::with_stacks();
    lab.write_volume("more.tif", raw([9, 80, 80]));
    lab.write("run.toml", &CONFIG.replace("folder = \".\"\n", "folder = \".\"\nunlabelled = \"more.tif\"\n"));
    let train = "train run.toml --device cpu --set train.epochs=12 --set train.learning_rate=0.02";
    let said = lab.ok(&format!("{train} --set output.folder=whole"));
    assert!(said.contains("a first network, on the labels alone"), "{said}");
    lab.ok(train);
    // As a kill of the second network leaves it.
    std::fs::remove_dir_all(lab.path("run/last")).unwrap();
    std::fs::remove_file(lab.path("run/model.safetensors")).unwrap();
    lab.ok(&format!("{train} --resume"));
    assert!(lab.bytes("run/model.safetensors") == lab.bytes("whole/model.safetensors"));
    lab.ok(&format!("{train} --set output.folder=without --set data.unlabelled=[]"));
    assert!(lab.bytes("run/model.safetensors") != lab.bytes("without/model.safetensors"));
    assert!(lab.bytes("run/teacher/model.safetensors") == lab.bytes("without/model.safetensors"));
    // The sections of these stacks are alike, which is an error of its own.
    let checked = lab.em_cli("check run.toml").output().unwrap().stdout;
    let checked = String::from_utf8(checked).unwrap();
    assert!(checked.contains("9 x 80 x 80 voxels [z, y, x] to be learned from without labels"), "{checked}");
    let page = lab.read("run/report.html");
    assert!(page.contains("without labels") && page.contains("more.tif"));
    lab.write("none.toml", "data = { classes = ['mitochondria'], unlabelled = 'more.tif' }");
    let message = lab.mistake("train none.toml");
    assert!(message.contains("nothing is labelled, and no network is named"), "{message}");
    lab.write_volume("more.tif", raw([9, 24, 72]));
    let message = lab.mistake(&format!("{train} --set output.folder=no"));
    assert!(
        message.contains("9 sections of 24 x 72 of the network's pixels, expected at least 1 of 32 x 32"),
        "{message}"
    );
}

#[test]
fn a_network_is_adapted_to_a_stack_and_stays_as_it_was() {
    let lab = Lab::with_stacks();
    lab.ok("train run.toml --device cpu --set data.voxel_size_nm=[50,5,5] --set train.epochs=12 --set train.learning_rate=0.02");
    let before = lab.bytes("run/model.safetensors");
    lab.write_volume("other.tif", raw([4, 96, 96]).mapv(|value| value / 2 + 20));
    let said = lab.ok("adapt run other.tif -o new --voxel-size 50,5,5 --device cpu --set train.epochs=2");
    assert!(
        said.contains("how far the answers moved") && said.contains("mitochondria: foreground"),
        "{said}"
    );
    assert!(before == lab.bytes("run/model.safetensors") && before != lab.bytes("new/model.safetensors"));
    // What it knows of grey values is now that of the stack.
    let mean = |run: &str| {
        let card: serde_json::Value = serde_json::from_str(&lab.read(&format!("{run}/model.json"))).unwrap();
        card["normalization"]["mean"].as_f64().unwrap()
    };
    assert!((mean("new") - (mean("run") / 2.0 + 20.0)).abs() < 8.0, "{} {}", mean("new"), mean("run"));
    lab.ok("predict --model new other.tif --voxel-size 50,5,5 -o m.tif --device cpu");
    // A file that tells its voxel size needs no option, and is brought to the network's pixels.
    em_io::write_volume(lab.path("told.tif"), &raw([4, 120, 120]).into(), Some([50.0, 4.0, 4.0])).unwrap();
    lab.ok("adapt run told.tif -o told --device cpu --set train.epochs=1");
    let card: serde_json::Value = serde_json::from_str(&lab.read("told/model.json")).unwrap();
    assert_eq!(card["voxel_size_nm"], serde_json::json!([50.0, 5.0, 5.0]));
    let message = lab.message(lab.em_cli("adapt run other.tif -o no --device cpu").output().unwrap());
    assert!(message.contains("the voxel size of the stacks is not known"), "{message}");
    // So says `check`, before anything is computed.
    let config = lab.read("told/config.toml");
    lab.write("told.toml", &config);
    let said = lab.ok("check told.toml --set output.folder=fresh");
    assert!(!said.contains("no file tells its voxel size"), "{said}");
    lab.write("unknown.toml", &config.replace("told.tif", "other.tif"));
    let output = lab.em_cli("check unknown.toml --set output.folder=fresh").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the voxel size of the stacks is not known"), "{said}");
    lab.write_volume("empty.tif", raw([4, 96, 96]).mapv(|value| 200 + value % 3));
    let message = lab
        .message(lab.em_cli("adapt run empty.tif -o no --voxel-size 50,5,5 --device cpu").output().unwrap());
    assert!(message.contains("sure of no mitochondria"), "{message}");
    // What is labelled of it scores the new network, and trains nothing.
    lab.write_mask("other_label.tif", disc([4, 96, 96]));
    lab.write("scored.toml", &lab.read("new/config.toml").replace("[data.split]", "[data.validation]\nraw = \"other.tif\"\nlabels = { mitochondria = \"other_label.tif\" }\n[data.split]"));
    let said = lab.ok("train scored.toml --device cpu --set output.folder=scored");
    assert!(said.contains("mitochondria, validation"), "{said}");
    let message = lab.mistake("adapt run other.tif -o new --voxel-size 50,5,5 --device cpu");
    assert!(message.contains("holds a run already"), "{message}");
    let message = lab.mistake("adapt run other.tif -o run --overwrite --voxel-size 50,5,5 --device cpu");
    assert!(message.contains("train.init is"), "{message}");
}

#[test]
fn several_pixel_sizes_are_shown() {
    let lab = Lab::new();
    lab.write_volume("stack.tif", raw([5, 96, 96]));
    let said = lab.ok("scales stack.tif --model mitochondria -o sheet.png --pixels 4,8,16 --device cpu");
    for told in ["pixels of 4 nm: mitochondria", "pixels of 8 nm: ", "pixels of 16 nm: "] {
        assert!(said.contains(told), "{said}");
    }
    assert!(lab.bytes("sheet.png").starts_with(b"\x89PNG"));
    let said = lab.ok(
        "scales stack.tif --model mitochondria -o sheet.png --voxel-size 40,6,6 --overwrite --device cpu",
    );
    assert!(said.contains("pixels of 6 nm (as told)"), "{said}");
    let message = lab.mistake("scales stack.tif --model mitochondria -o sheet.png --device cpu");
    assert!(message.contains("is there already"), "{message}");
    let message = lab.mistake("scales stack.tif --model mitochondria -o no.png --pixels 100 --device cpu");
    assert!(message.starts_with("error: "), "{message}");
}
