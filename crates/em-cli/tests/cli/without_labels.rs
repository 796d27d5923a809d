//! What needs no labels: varied phantoms, trainings on them, built-in networks, other pixel sizes.

use crate::lab::{CONFIG, Lab, disc, raw};
use em_io::Voxels;

/// The data of a training on two small scenes.
const SCENES: &str = "\
classes = [\"mitochondria\", \"membranes\"]
[data.phantom]
scenes = 2
validation_scenes = 1
places = 2
size = 64
[normalization]
kind = \"robust\"
";

#[test]
fn a_varied_phantom_has_all_its_truth() {
    let lab = Lab::new();
    let said = lab.ok("phantom out --vary --seed 5 --size 128 --train-sections 2 --val-sections 1");
    assert!(said.starts_with("phantom 11 x 128 x 128 of "), "{said}");
    let names = ["mitochondria", "synapses", "clefts", "vesicles", "membranes", "nuclei"];
    let masks = names.map(|name| lab.mask(&format!("out/train_{name}.tif")));
    assert!(masks.iter().all(|mask| mask.dim() == (2, 128, 128)));
    let [_, synapses, clefts, _, membranes, _] = &masks;
    assert!(membranes.iter().any(|&inside| inside));
    assert!(clefts.iter().zip(synapses).all(|(&cleft, &synapse)| !cleft || synapse));
    let cells = em_io::open(lab.path("out/objects/train_cells.tif")).unwrap();
    let Voxels::U32(cells) = cells.read_all().unwrap() else { panic!("cells are numbered") };
    let most = *cells.iter().max().unwrap();
    assert!((2..10_000).contains(&most), "{most}");
    let partners = lab.read("out/objects/train_partners.csv");
    let mut lines = partners.lines();
    assert_eq!(lines.next(), Some("synapse,z,y,x,sender,receiver"));
    for line in lines {
        let numbers: Vec<usize> = line.split(',').map(|number| number.parse().unwrap()).collect();
        let [_, z, y, x, sender, receiver] = numbers[..] else { panic!("{line}") };
        assert!(clefts[[z, y, x]], "{line}");
        assert_ne!(sender, receiver, "{line}");
        assert!(sender.max(receiver) <= most as usize, "{line}");
    }
    // Another seed is another microscope.
    let other = lab.ok("phantom other --vary --seed 6 --size 32 --train-sections 1 --val-sections 1");
    assert_ne!(other.split(" nm").next().unwrap()[20..], said.split(" nm").next().unwrap()[22..]);
    // Without --vary it is what it always was.
    lab.ok("phantom plain --size 32 --train-sections 1 --val-sections 1");
    assert!(!lab.path("plain/objects").exists() && !lab.path("plain/train_nuclei.tif").exists());
}

#[test]
fn a_network_is_trained_on_scenes_and_the_same_again() {
    let lab = Lab::new();
    lab.write("run.toml", &CONFIG.replace("folder = \".\"\n", SCENES));
    let output = lab.em_cli("train --config run.toml --device cpu").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("as in `scene"), "scenes are meant to differ: {said}");
    lab.ok("train --config run.toml --device cpu --set output.folder=again");
    assert_eq!(lab.bytes("run/model.safetensors"), lab.bytes("again/model.safetensors"));
    assert!(lab.read("run/model.json").contains("\"robust\""));
    let message = lab.mistake("train --config run.toml --set output.folder=no --set data.classes=['axons']");
    assert!(message.starts_with("error: `axons` is no class of a phantom"), "{message}");
    let message = lab.mistake("train --config run.toml --set output.folder=no --set data.phantom.scenes=0");
    assert!(message.contains("data.phantom.scenes"), "{message}");
    // The sections of a scene are no neighbours.
    let message =
        lab.mistake("train --config run.toml --set output.folder=no --set model.context_sections=3");
    assert!(message.contains("data.phantom") && message.contains("several sections"), "{message}");
    let message = lab.mistake("train --config run.toml --set output.folder=no --set data.folder=.");
    assert!(message.contains("besides the generated scenes"), "{message}");
    assert!(lab.ok("check run.toml").contains("2 scenes are generated, and no file is read"));
}

#[test]
fn built_in_networks_are_listed_and_predict_without_a_file() {
    let lab = Lab::new();
    let list = lab.ok("models");
    for name in ["mitochondria", "synapses"] {
        assert!(list.contains(&format!("em-cli predict --model {name} ")), "{list}");
    }
    lab.write_volume("stack.tif", raw([2, 96, 96]));
    lab.ok("predict --model mitochondria stack.tif -o m.tif --voxel-size 8,8,8 --device cpu");
    lab.ok("predict --model synapses stack.tif -o s.tif --voxel-size 8,8,8 --device cpu");
    assert_eq!([lab.mask("m.tif").dim(), lab.mask("s.tif").dim()], [(2, 96, 96); 2]);
    let message = lab.mistake("predict --model axons stack.tif -o a.tif");
    assert!(message.contains("`em-cli models`"), "{message}");
    // A folder of that name is what is meant, even where it is no run.
    std::fs::create_dir(lab.path("mitochondria")).unwrap();
    assert!(lab.mistake("predict --model mitochondria stack.tif -o a.tif").contains("has no model.json"));
}

#[test]
fn blocks_do_not_show_where_pixels_are_matched() {
    let lab = Lab::new();
    lab.write_volume("stack.tif", raw([5, 90, 70]));
    let predict = "predict --model mitochondria stack.tif --voxel-size 30,5,5 --device cpu";
    let output = lab.em_cli(&format!("{predict} -o a.tif --probabilities a.ome.tif")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let note = "note: pixels of 5 x 5 nm are brought to the 8 x 8 nm of the training, 0.625 x 0.625 times as many, and masks back\n";
    assert!(output.status.success() && said.contains(note), "{said}");
    for voxels in [1, 2 * 90 * 70] {
        let blocks =
            format!("-o b.tif --probabilities b.ome.tif --overwrite --set predict.block_voxels={voxels}");
        lab.ok(&format!("{predict} {blocks}"));
        assert_eq!(lab.bytes("a.tif"), lab.bytes("b.tif"));
        assert_eq!(lab.volume("a.ome.tif"), lab.volume("b.ome.tif"));
    }
    assert_eq!(em_io::open(lab.path("a.tif")).unwrap().voxel_size_nm(), Some([30.0, 5.0, 5.0]));
    lab.ok(&format!("{predict} -o c.tif --probabilities c.ome.tif --set predict.match_voxel_size=false"));
    assert_ne!(lab.volume("a.ome.tif"), lab.volume("c.ome.tif"));
}

#[test]
fn a_training_goes_on_without_the_network_that_it_started_from() {
    let lab = Lab::with_stacks();
    lab.ok("train --config run.toml --device cpu --set output.folder=first");
    let train = "train --config run.toml --device cpu --set train.init=first";
    lab.ok(train);
    std::fs::remove_dir_all(lab.path("first")).unwrap();
    let said = lab.ok(&format!("{train} --resume --set train.epochs=2"));
    assert!(said.contains("resumed after epoch 1"), "{said}");
    let message = lab.mistake(&format!("{train} --set output.folder=other"));
    assert!(message.starts_with("error: no folder `[DIR]/first`"), "{message}");
    let message =
        lab.mistake("train --config run.toml --set output.folder=other --set train.freeze_encoder=true");
    assert!(message.contains("train.freeze_encoder") && message.contains("without init"), "{message}");
}

#[test]
fn a_training_starts_with_another_network_at_its_pixels() {
    let lab = Lab::with_stacks();
    let text = CONFIG
        .replace("filters = [4, 8]", "filters = [12, 24, 48, 96, 128]")
        .replace("[data]", "[data]\nvoxel_size_nm = [5, 5, 5]\npixel_nm = 8.0")
        .replace("[train]", "[train]\ninit = \"mitochondria\"");
    lab.write("run.toml", &text);
    let said = lab.ok("train --config run.toml --device cpu");
    assert!(said.contains("its output of mitochondria among them\n"), "{said}");
    // 64 pixels of 5 nm are 40 of 8 nm.
    assert!(said.contains("3 x 40 x 40 voxels"), "{said}");
    assert!(lab.read("run/config.toml").contains("init = \"mitochondria\""));
    lab.ok("predict --model run val.tif -o mask.tif --voxel-size 5,5,5 --device cpu");
    assert_eq!(lab.mask("mask.tif").dim(), disc([2, 64, 64]).dim());
    let message =
        lab.mistake("train --config run.toml --set output.folder=no --set train.init=nowhere --device cpu");
    assert!(message.starts_with("error: no folder `[DIR]/nowhere`"), "{message}");
    // The tiles that fit are those of the resampled sections.
    let output = lab.em_cli("check run.toml --set tiling.tile_size=48").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && said.contains("40 x 40"), "{said}");
    let message = lab.mistake("train --config run.toml --overwrite --set train.init=run --device cpu");
    assert!(message.contains("the folder that the run is written to"), "{message}");
    let message = lab.mistake("train --config run.toml --set output.folder=no --set data.pixel_nm=-8");
    assert!(message.contains("data.pixel_nm") && message.contains("0.1 to 1000"), "{message}");
    let message = lab.mistake("predict --model run val.tif -o far.tif --voxel-size 950,900,900 --device cpu");
    assert!(message.contains("at most 8 times larger") && message.contains("--voxel-size"), "{message}");
    lab.write(
        "unknown.toml",
        &text.replace("voxel_size_nm = [5, 5, 5]\n", "").replace("\"run\"", "\"other\""),
    );
    let message = lab.mistake("train --config unknown.toml");
    assert!(message.contains("data.pixel_nm is 8") && message.contains("data.voxel_size_nm"), "{message}");
}
