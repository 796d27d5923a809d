//! A model is applied where it holds, pairs belong together, and what was not labelled does not count.

use em_io::{Mask, Voxels};
use ndarray::{Array3, s};

use crate::lab::{self, CONFIG, Lab};

/// A trained run and `stack.tif` of the same kind.
fn lab_with_run() -> Lab {
    let lab = Lab::with_stacks();
    lab.ok("train --config run.toml --device cpu");
    lab.write_volume("stack.tif", stack());
    lab
}

fn stack() -> Array3<u8> {
    lab::raw([3, 64, 64])
}

fn write(lab: &Lab, name: &str, voxels: impl Into<Voxels>, size: Option<[f64; 3]>) {
    em_io::write_volume(lab.path(name), &voxels.into(), size).unwrap();
}

/// What is said of stacks without a voxel size, as most are here.
const NO_SIZE: &str =
    "note: the input tells no voxel size, and neither does what was written (--voxel-size Z,Y,X)\n";

/// Predicts probabilities; returns them and what else is said on the way.
fn predict(lab: &Lab, input: &str, options: &str) -> (Array3<u8>, String) {
    let out = format!("p-{input}");
    let arguments =
        format!("predict --model run {input} --probabilities {out} --device cpu --overwrite {options}");
    let output = lab.em_cli(&arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (lab.volume(&out), said.replace(NO_SIZE, ""))
}

#[test]
fn the_same_picture_in_another_type_has_the_same_mask() {
    let lab = lab_with_run();
    let (expected, said) = predict(&lab, "stack.tif", "");
    assert_eq!(said, "");
    write(&lab, "words.tif", stack().mapv(|v| u16::from(v) * 257), None);
    write(&lab, "moved.tif", stack().mapv(|v| u16::from(v) << 8), None);
    write(&lab, "wide.tif", stack().mapv(u16::from), None);
    write(&lab, "shares.tif", stack().mapv(|v| f32::from(v) / 255.0), None);
    for (name, note) in [
        (
            "words.tif",
            "divided by 257: the model was trained on 8-bit unsigned, and the input is 16-bit unsigned",
        ),
        ("moved.tif", "divided by 256"),
        (
            "shares.tif",
            "multiplied by 255: the model was trained on 8-bit unsigned, and the input is 32-bit float",
        ),
        ("wide.tif", ""),
    ] {
        let (found, said) = predict(&lab, name, "");
        // A product in floating point may move a probability by its last step.
        let most = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(most <= Some(1), "{name}: {most:?}");
        assert!(
            said.contains(note) && !said.contains("warning") && (said.is_empty() == note.is_empty()),
            "{said}"
        );
    }
}

#[test]
fn an_input_unlike_the_training_is_warned_of_with_its_figures() {
    let lab = lab_with_run();
    write(&lab, "bright.tif", stack().mapv(|v| u16::from(v) * 100), None);
    let (_, said) = predict(&lab, "bright.tif", "");
    for part in [
        "warning: the input has 16-bit unsigned with mean 1",
        "expected about 8-bit unsigned with mean 1",
        "predict.refit_normalization = true",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_voxel_size_is_compared_and_never_made_up() {
    let lab = Lab::with_stacks();
    let size = Some([40.0, 4.0, 4.0]);
    write(&lab, "train.tif", lab.volume("train.tif"), size);
    lab.ok("train --config run.toml --device cpu");
    write(&lab, "stack.tif", stack(), None);
    write(&lab, "other.tif", stack(), Some([40.0, 8.0, 8.0]));
    let size_of = |name: &str| em_io::open(lab.path(name)).unwrap().voxel_size_nm();
    let (_, said) = predict(&lab, "stack.tif", "");
    assert!(
        said.contains("note: the input tells no voxel size") && said.contains("trained at 40 x 4 x 4 nm"),
        "{said}"
    );
    assert_eq!(size_of("p-stack.tif"), None);
    let (_, said) = predict(&lab, "other.tif", "");
    assert!(
        said.starts_with("note: pixels of 8 x 8 nm are brought to the 4 x 4 nm of the training"),
        "{said}"
    );
    let (_, said) = predict(&lab, "other.tif", "--set predict.match_voxel_size=false");
    assert!(
        said.contains("warning: the model was trained at 40 x 4 x 4 nm")
            && said.contains("0.5 times as wide"),
        "{said}"
    );
    assert_eq!(size_of("p-other.tif"), Some([40.0, 8.0, 8.0]));
    let (_, said) = predict(&lab, "other.tif", "--voxel-size 40,4,4");
    assert_eq!((said.as_str(), size_of("p-other.tif")), ("", size));
}

#[test]
fn voxels_without_a_value_are_background_and_wipe_nothing_out() {
    let lab = lab_with_run();
    let whole = stack().mapv(f32::from);
    let mut gaps = whole.clone();
    gaps.slice_mut(s![.., .., ..8]).fill(f32::NAN);
    gaps[[1, 40, 40]] = f32::INFINITY;
    gaps.slice_mut(s![2, .., ..]).fill(f32::NAN);
    write(&lab, "whole.tif", whole, None);
    write(&lab, "gaps.tif", gaps.clone(), None);
    let (expected, _) = predict(&lab, "whole.tif", "");
    let (found, said) = predict(&lab, "gaps.tif", "");
    let count = 2 * 64 * 8 + 1 + 64 * 64;
    assert!(
        said.contains(&format!("warning: {count} voxels are no numbers (NaN or infinite), in sections 0-2;")),
        "{said}"
    );
    for (place, grey) in gaps.indexed_iter() {
        assert!(grey.is_finite() || found[place] == 0, "{place:?}");
    }
    // Far from the gaps nothing changes but by what the network sees of them.
    let far = s![0..1, .., 48..];
    assert_eq!(found.slice(far), expected.slice(far));
    let out = lab.ok("inspect gaps.tif");
    assert!(out.contains(&format!("no numbers  {count} voxels are NaN or infinite")), "{out}");
}

#[test]
fn training_goes_on_around_voxels_without_a_value() {
    let lab = Lab::with_stacks();
    let mut raw = lab.volume("train.tif").mapv(f32::from);
    raw.slice_mut(s![1, 10..20, ..]).fill(f32::NAN);
    write(&lab, "train.tif", raw, None);
    write(&lab, "val.tif", lab.volume("val.tif").mapv(f32::from), None);
    let output = lab.em_cli("train --config run.toml --device cpu").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains(
            "640 voxels are no numbers (NaN or infinite), in section 1; they count as labelled by no one"
        ),
        "{said}"
    );
    let history = lab.read("run/history.csv");
    assert!(!history.contains("NaN") && !history.contains("inf"), "{history}");
}

#[test]
fn a_class_that_validation_lacks_leaves_the_choice_to_the_loss() {
    let lab = Lab::with_stacks();
    // The background of the training, and nothing in it.
    lab.write_volume("val.tif", lab::raw([2, 256, 256]).slice(s![.., ..64, ..64]).to_owned());
    lab.write_mask("val_mitochondria.tif", Array3::from_elem((2, 64, 64), false));
    let train = "train --config run.toml --device cpu --set train.epochs=4 --set loss.kind=bce \
                 --set train.learning_rate=0.01";
    let output = lab.em_cli(train).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("warning: validation holds no foreground of `mitochondria`"), "{said}");
    let history = lab.read("run/history.csv");
    let mut rows = history.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let column = rows.next().unwrap().iter().position(|name| *name == "val_loss").unwrap();
    let losses: Vec<f64> = rows.map(|row| row[column].parse().unwrap()).collect();
    let least = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
    let card: serde_json::Value = serde_json::from_str(&lab.read("run/model.json")).unwrap();
    assert_eq!(card["epoch"], least + 1, "{losses:?}");
    assert!(least > 0, "the loss did not fall: {losses:?}");
}

#[test]
fn sections_of_folders_are_paired_by_their_names() {
    let lab = Lab::with_stacks();
    std::fs::remove_file(lab.path("train.tif")).unwrap();
    std::fs::remove_file(lab.path("train_mitochondria.tif")).unwrap();
    let (raw, mask) = (lab::raw([4, 64, 64]), lab::disc([4, 64, 64]));
    let write_sections = |folder: &str, names: [&str; 4], voxels: Array3<u8>| {
        std::fs::create_dir(lab.path(folder)).unwrap();
        for (section, name) in voxels.outer_iter().zip(names) {
            let section = section.to_owned().insert_axis(ndarray::Axis(0));
            lab.write_volume(&format!("{folder}/{name}.png"), section);
        }
    };
    write_sections("train", ["img_1", "img_2", "img_3", "img_4"], raw);
    write_sections(
        "train_mitochondria",
        ["m-01", "m-03", "m-04", "m-40"],
        mask.mapv(|inside| 255 * u8::from(inside)),
    );
    let message = lab.mistake("train --config run.toml --device cpu");
    let expected = "has none for `img_2`, and `m-40` without a partner";
    assert!(message.contains(expected) && message.contains("train_mitochondria"), "{message}");
    let check = lab.em_cli("check --config run.toml").output().unwrap();
    assert_eq!(check.status.code(), Some(1));
    assert!(String::from_utf8(check.stdout).unwrap().contains(expected));
    let rename = |from: &str, to: &str| {
        std::fs::rename(
            lab.path(&format!("train_mitochondria/{from}.png")),
            lab.path(&format!("train_mitochondria/{to}.png")),
        )
        .unwrap();
    };
    rename("m-03", "m-02");
    rename("m-04", "m-03");
    rename("m-40", "m-04");
    lab.ok("train --config run.toml --device cpu");
}

#[test]
fn sparse_labels_are_counted_where_somebody_labelled() {
    let lab = Lab::new();
    let mut random = 1_u32;
    let raw = lab::raw([12, 64, 64]).mapv(|v| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        v - (random >> 28) as u8
    });
    lab.write_volume("train.tif", raw);
    let labelled = [2, 8];
    let mut mask = lab::disc([12, 64, 64]);
    let mut ignore = Array3::from_elem((12, 64, 64), false);
    for z in (0..12).filter(|z| !labelled.contains(z)) {
        mask.slice_mut(s![z, .., ..]).fill(false);
        ignore.slice_mut(s![z, .., ..]).fill(true);
    }
    lab.write_mask("train_mitochondria.tif", mask);
    lab.write_volume("val.tif", lab::raw([2, 64, 64]));
    lab.write_mask("val_mitochondria.tif", lab::disc([2, 64, 64]));
    lab.write("run.toml", CONFIG);
    let check = |lab: &Lab| {
        String::from_utf8(lab.em_cli("check --config run.toml").output().unwrap().stdout).unwrap()
    };
    let text = check(&lab);
    assert!(
        text.contains("foreground in 2 of 12 sections only, 6 apart: were the others labelled?"),
        "{text}"
    );
    assert!(text.contains("training: mitochondria 3.23 % (in 2 of 12 sections)"), "{text}");
    em_io::write_mask(lab.path("train_ignore.tif"), &Mask::new(ignore, None)).unwrap();
    let text = check(&lab);
    assert!(
        text.contains("training: mitochondria 19.36 % (in 2 of 2 sections)")
            && !text.contains("were the others"),
        "{text}"
    );
}

#[test]
fn masks_are_made_of_probabilities_and_of_numbers() {
    let lab = Lab::new();
    write(&lab, "p.tif", ndarray::array![[[0.25_f32, 0.5, 0.75]]], Some([40.0, 4.0, 4.0]));
    write(&lab, "n.tif", ndarray::array![[[0_u16, 1, 300]]], None);
    lab.ok("convert p.tif p-mask.tif --threshold 0.5");
    assert_eq!(lab.volume("p-mask.tif"), ndarray::array![[[0, 0, 255]]]);
    assert_eq!(em_io::open(lab.path("p-mask.tif")).unwrap().voxel_size_nm(), Some([40.0, 4.0, 4.0]));
    lab.ok("convert n.tif n-mask.tif --value 300");
    assert_eq!(lab.volume("n-mask.tif"), ndarray::array![[[0, 0, 255]]]);
    let message = lab.mistake("measure m=n.tif -o out");
    assert!(
        message.contains("`em-cli convert n.tif mask.tif --value 1`") && message.contains("--instances"),
        "{message}"
    );
    let message = lab.mistake("measure m=p.tif -o out");
    assert!(message.contains("`em-cli convert p.tif mask.tif --threshold 0.5` makes a mask"), "{message}");
}

#[test]
fn voxels_without_a_value_are_said_of_masks_and_probabilities_too() {
    let lab = Lab::new();
    let mut shares = lab::disc([3, 64, 64]).mapv(|inside| f32::from(u8::from(inside)));
    lab.write_mask("mask.tif", lab::disc([3, 64, 64]));
    shares.slice_mut(s![1.., 0, ..2]).fill(f32::NAN);
    write(&lab, "gaps.tif", shares, None);
    let expected = "error: `gaps.tif`: 4 voxels are no numbers (NaN or infinite), in sections 1-2\n";
    for command in [
        "measure m=gaps.tif -o out",
        "measure m=mask.tif --probabilities m=gaps.tif -o out",
        "evaluate --prediction gaps.tif --label mask.tif",
        "evaluate --prediction mask.tif --label gaps.tif",
        "evaluate --prediction mask.tif --label mask.tif --probabilities gaps.tif",
    ] {
        let message = lab.mistake(command);
        assert!(message.starts_with(expected) && message.contains("--threshold 0.5"), "{command}\n{message}");
    }
    let output = lab.em_cli("convert gaps.tif new.tif --threshold 0.5").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = "note: `new.tif`: 4 voxels are no numbers (NaN or infinite), in sections 1-2 of what was read; 0 stands there now\n";
    assert_eq!(said, expected);
    assert_eq!(lab.mask("new.tif"), lab.mask("mask.tif"));
    write(&lab, "logits.tif", Array3::from_elem((3, 64, 64), 2.5_f32), None);
    let message = lab.mistake("measure m=mask.tif --probabilities m=logits.tif --voxel-size 5,5,5 -o out");
    assert!(
        message.contains("`logits.tif` holds 2.5 (page 0), expected probabilities from 0 to 1"),
        "{message}"
    );
}
