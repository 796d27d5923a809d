//! Configurations: made, described, suited to data, and doubted.

use ndarray::s;

use crate::pipeline::{TINY, json, with_phantom};

#[test]
fn a_configuration_can_be_made_checked_and_described() {
    let lab = with_phantom();
    lab.ok("config init new.toml");
    assert_eq!(lab.ok("config init"), lab.read("new.toml"));
    let printed = lab.ok("config check new.toml --set data.folder=phantom --set tiling.tile_size=64");
    assert!(printed.contains("note: network: ") && printed.contains("\n0 errors, "), "{printed}");
    let check = "check new.toml --set data.folder=phantom --set tiling.tile_size=64";
    let same = |text: String| -> Vec<String> {
        // The memory that is left is not the same twice.
        text.lines().filter(|line| !line.contains("are left")).map(str::to_owned).collect()
    };
    assert_eq!(same(printed), same(lab.ok(check)), "they are one command");
    assert!(!lab.path("runs").exists(), "a check makes nothing");
    let schema = json(&lab.ok("config schema"));
    for section in
        ["data", "normalization", "tiling", "augmentation", "model", "loss", "train", "predict", "output"]
    {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
}

#[test]
fn a_configuration_is_suggested_for_any_number_of_sections_and_trains() {
    let lab = with_phantom();
    let phantom = ["train", "train_mitochondria"].map(|name| lab.volume(&format!("phantom/{name}.tif")));
    for sections in [1, 2, 4] {
        let folder = format!("of{sections}");
        std::fs::create_dir(lab.path(&folder)).unwrap();
        for (name, voxels) in ["train", "train_mitochondria"].iter().zip(&phantom) {
            lab.write_volume(
                &format!("{folder}/{name}.tif"),
                voxels.slice(s![..sections, .., ..]).to_owned(),
            );
        }
        lab.ok(&format!("config init {folder}.toml --data {folder}"));
        let text = lab.read(&format!("{folder}.toml"));
        assert!(text.contains("\n# voxel_size_nm = ["), "{text}");
        let few = "--set tiling.tiles_per_epoch=8 --set train.epochs=1";
        lab.ok(&format!("train {folder}.toml {TINY} {few} --set output.folder={folder}/run"));
        assert!(lab.path(&folder).join("run/report.html").is_file());
    }
    assert!(lab.read("of1.toml").contains("random-tiles"));
    let message = lab.mistake("config init new.toml --data nowhere");
    assert!(
        message.ends_with("hint: give the folder that holds train.tif and train_<class>.tif\n"),
        "{message}"
    );
}

#[test]
fn a_voxel_size_in_another_order_is_doubted() {
    let lab = with_phantom();
    let swapped = "--set data.voxel_size_nm=4.6,4.6,50 --set train.epochs=1 --set data.classes=synapses";
    let output = lab.em_cli(&format!("train phantom/run.toml {TINY} {swapped}")).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let expected = "warning: data.voxel_size_nm: 4.6,4.6,50 nm makes pixels that are not square";
    assert!(output.status.success() && told.contains(expected), "{told}");
}

#[test]
fn files_that_disagree_about_their_voxels_leave_the_size_to_the_user() {
    let lab = crate::lab::Lab::with_stacks();
    for (name, width) in [("train", 4.0), ("val", 8.0)] {
        let voxels = lab.volume(&format!("{name}.tif")).into();
        em_io::write_volume(lab.path(&format!("{name}.tif")), &voxels, Some([40.0, width, width])).unwrap();
    }
    let output = lab.em_cli("config init new.toml --data .").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("has voxels of 40 x 8 x 8 nm") && said.contains("data.voxel_size_nm decides"),
        "{said}"
    );
    assert!(lab.read("new.toml").contains("\n# voxel_size_nm = ["));
    let train =
        "train new.toml --device cpu --set tiling.tile_size=32 --set model.filters=4,8 --set train.epochs=1";
    let message = lab.mistake(train);
    assert!(message.contains("give the size that is right with data.voxel_size_nm"), "{message}");
    lab.ok(&format!("{train} --set tiling.tiles_per_epoch=4 --set data.voxel_size_nm=40,4,4"));
}
