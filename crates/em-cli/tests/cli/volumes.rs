//! Networks of volumes, from a phantom to masks.

use crate::lab::Lab;

const CONFIG: &str = "\
[data]
folder = \".\"
[model]
preset = \"unet-3d\"
filters = [4, 8, 12]
flat_levels = 1
deep_supervision = true
[tiling]
tile_size = 32
tile_depth = 4
tiles_per_epoch = 12
[augmentation]
warp_probability = 0.3
rotation = 30.0
defects = 0.3
[train]
epochs = 2
batch_size = 2
[predict]
tile_size = 128
[output]
folder = \"run\"
";

fn lab() -> Lab {
    let lab = Lab::new();
    lab.ok("phantom phantom --size 96 --train-sections 9 --gap 1 --val-sections 21");
    lab.write("phantom/run.toml", CONFIG);
    lab
}

#[test]
fn a_network_of_volumes_trains_and_predicts_the_same_in_any_blocks() {
    let lab = lab();
    lab.ok("train --device cpu --config phantom/run.toml");
    let card: serde_json::Value = serde_json::from_str(&lab.read("phantom/run/model.json")).unwrap();
    assert_eq!(card["architecture"]["dimensions"], 3);
    assert_eq!(card["architecture"]["flat_levels"], 1);
    assert!(lab.path("phantom/run/samples.png").is_file());

    let predict = "predict --device cpu --model phantom/run phantom/val.tif --class mitochondria";
    lab.ok(&format!("{predict} --probabilities whole.tif"));
    let whole = lab.volume("whole.tif");
    assert_eq!(whole.dim(), (21, 96, 96));
    assert!(whole.iter().any(|p| *p != whole[[0, 0, 0]]));
    // One chunk of sections at a time, instead of all.
    let config = lab.read("phantom/run/config.toml");
    let smaller = config.replace("block_voxels = 4194304", "block_voxels = 1");
    assert_ne!(config, smaller);
    lab.write("phantom/run/config.toml", &smaller);
    lab.ok(&format!("{predict} --probabilities blocks.tif"));
    assert_eq!(lab.volume("blocks.tif"), whole);
    lab.ok(&format!("{predict} --views 8 --probabilities views.tif"));
    assert_ne!(lab.volume("views.tif"), whole);

    lab.ok("tune phantom/run");
    assert!(lab.path("phantom/run/tune.json").is_file());
}

#[test]
fn tiles_that_a_network_of_volumes_cannot_take_are_refused() {
    let lab = lab();
    let train = "train --device cpu --config phantom/run.toml --set";
    for (set, expected) in [
        ("tiling.tile_depth=3", "`tiling.tile_depth` is 3, expected a multiple of 2, by which"),
        ("tiling.tile_depth=12", "train.tif`, which has 9 sections"),
        ("model.flat_levels=3", "`model.flat_levels` is 3, expected 0 to 2 for 3 levels in 3D"),
        ("augmentation.turn_cubes=true", "false where tiles are not as deep as they are wide"),
        ("model.context_sections=3", "1 in 3D, where the network sees a volume"),
        ("model.dimensions=4", "`model.dimensions` is 4, expected 2 or 3"),
    ] {
        let error = lab.mistake(&format!("{train} {set}"));
        assert!(error.contains(expected), "{set}: {error}");
        assert!(!lab.path("phantom/run").exists(), "{set} left a run");
    }
}
