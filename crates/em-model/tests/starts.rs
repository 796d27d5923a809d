//! Where a network comes from and at which pixels it sees: other networks, memory, inputs of another size.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use std::ops::ControlFlow;

use common::{CLASS, go_on, load, raw, set, split, trained, training, tune};
use em_io::{Volume, VoxelSize, Voxels};
use em_model::{Device, ModelConfig, PredictConfig, Predictor, Progress, RunFolder, Training};
use em_objects::Postprocess;
use ndarray::Array3;

/// The tensors of a run's weights, by name.
fn tensors(run: &RunFolder) -> std::collections::BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(run.weights()).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect()
}

/// Trains with the weights of another run to start with; returns what was taken.
fn trained_from(
    other: &RunFolder,
    change: impl Fn(&mut Training<'_>),
) -> (tempfile::TempDir, RunFolder, em_model::TakenWeights) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    let (set, split) = (set(), split());
    let mut training = training(&set, &split);
    training.init = Some(other.clone());
    change(&mut training);
    let mut taken = None;
    let mut observe = |progress: Progress<'_>| {
        if let Progress::Started { from } = progress {
            taken = Some(from.clone());
        }
        ControlFlow::Continue(())
    };
    em_model::train(&training, &run.lock().unwrap(), &mut observe).unwrap();
    (folder, run, taken.unwrap())
}

#[test]
fn a_frozen_encoder_stays_as_the_other_network_had_it() {
    let (_kept, other) = trained(1);
    let (_folder, run, taken) = trained_from(&other, |training| {
        training.settings.train.freeze_encoder = true;
    });
    let (before, after) = (tensors(&other), tensors(&run));
    assert_eq!(
        (taken.taken, taken.fresh.len(), &taken.classes[..]),
        (before.len(), 0, &["discs".into()][..])
    );
    let weights = |name: &&String| name.ends_with("weight") && !name.starts_with("up");
    for name in before.keys().filter(weights) {
        assert_eq!(before[name] == after[name], name.starts_with("enc"), "{name}");
    }
}

#[test]
fn a_random_encoder_is_not_frozen() {
    let (set, split) = (set(), split());
    let mut training = training(&set, &split);
    training.settings.train.freeze_encoder = true;
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    let error = em_model::train(&training, &run.lock().unwrap(), &mut go_on).unwrap_err().to_string();
    assert!(error.contains("`TrainConfig::freeze_encoder` is true, expected false without init"), "{error}");
    assert!(!run.is_started());
}

#[test]
fn what_does_not_fit_starts_at_random_and_is_told() {
    let (_kept, other) = trained(1);
    let (_folder, _, taken) = trained_from(&other, |training| {
        let model = ModelConfig { filters: Some(vec![4, 8, 8]), in_channels: Some(2), ..Default::default() };
        training.architecture = model.architecture(1).unwrap();
    });
    let other_shape = |name: &str| taken.fresh.iter().any(|fresh| fresh == name);
    assert!(!other_shape("enc1.conv1.weight"), "it is spread over both channels");
    assert!(!other_shape("head.weight") && !other_shape("enc2.conv1.weight"));
    assert!(other_shape("enc3.conv1.weight") && other_shape("up2.weight"), "{:?}", taken.fresh);
}

#[test]
fn an_interrupted_training_goes_on_without_the_network_that_it_started_from() {
    let (kept, other) = trained(1);
    let (_folder, whole, _) = trained_from(&other, |_| {});
    let (_half_folder, half, _) = trained_from(&other, |training| training.settings.train.epochs = 1);
    drop(kept);
    let (set, split) = (set(), split());
    let mut training = training(&set, &split);
    training.init = Some(other);
    em_model::resume(&training, &half.lock().unwrap(), &mut go_on).unwrap();
    assert_eq!(tensors(&half).keys().collect::<Vec<_>>(), tensors(&whole).keys().collect::<Vec<_>>());
    assert_eq!(em_model::saved_epochs(&training, &half).unwrap(), 2);
}

#[test]
fn sections_of_other_pixels_are_predicted_at_those_of_the_training() {
    let (_folder, run) = trained(1);
    let predictor = load(&run).unwrap();
    let size = |nm: f64| Some(VoxelSize::new([50.0, nm, nm]).unwrap());
    let sizes = |nm: f64| predictor.pixel_match(size(nm)).unwrap().map(|pixels| pixels.factors());
    assert_eq!((sizes(5.5), sizes(10.0)), (None, Some([2.0; 2])));
    // Each pixel twice along both axes, so that their means are the pixels of the training.
    let fine = Array3::from_shape_fn((4, 64, 64), |(z, y, x)| raw()[[z, y / 2, x / 2]]);
    let volume = |voxels: Array3<u8>, nm| Volume::from_voxels(Voxels::from(voxels), Some(nm));
    let plain = predictor.predict(&volume(raw(), [50.0, 5.0, 5.0])).unwrap();
    let matched = predictor.predict(&volume(fine.clone(), [50.0, 2.5, 2.5])).unwrap();
    assert_eq!(matched.mask(CLASS).unwrap().shape(), [4, 64, 64]);
    let [plain, matched] =
        [plain, matched].map(|one| one.probabilities().class(CLASS).unwrap().view().to_owned());
    // Between the middles of four pixels it is interpolated.
    let corner = |z: usize, y: usize, x: usize| (plain[[z, y, x]], matched[[z, 2 * y, 2 * x]]);
    let blend = |z: usize, y: usize, x: usize| {
        let at = |dy: usize, dx: usize| plain[[z, y - dy, x - dx]];
        0.5625 * at(0, 0) + 0.1875 * (at(1, 0) + at(0, 1)) + 0.0625 * at(1, 1)
    };
    for (z, y, x) in [(0, 5, 7), (2, 16, 16), (3, 30, 9)] {
        assert!((corner(z, y, x).1 - blend(z, y, x)).abs() < 1e-4);
    }
    let config = PredictConfig { match_voxel_size: false, ..Default::default() };
    let unmatched = Predictor::with_config(&run, Device::Cpu, config).unwrap();
    assert_eq!(unmatched.pixel_match(size(2.5)).unwrap(), None);
}

#[test]
fn a_network_in_memory_is_unpacked_as_long_as_it_is_used() {
    let (_folder, run) = trained(1);
    tune(&run, 0.25, Postprocess::default());
    let [card, tuning] = [run.card(), run.tuning()].map(|path| std::fs::read_to_string(path).unwrap());
    let unpacked = RunFolder::unpacked(&card, &std::fs::read(run.weights()).unwrap(), &tuning).unwrap();
    let clone = unpacked.clone();
    drop(unpacked);
    assert_eq!(load(&clone).unwrap().rule(CLASS).unwrap().threshold, 0.25);
    let path = clone.path().to_owned();
    drop(clone);
    assert!(!path.exists());
}

#[test]
fn networks_of_other_pixels_are_not_averaged() {
    let (_a, first) = trained(1);
    let (_b, other, _) = trained_from(&first, |training| training.voxel_size_nm = Some([50.0, 8.0, 8.0]));
    let error = Predictor::ensemble(&[first, other], Device::Cpu, PredictConfig::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("was trained at 50 x 8 x 8 nm [z, y, x], and the first run at 50 x 5 x 5 nm")
    );
}

#[test]
fn rows_of_classes_follow_their_names_past_a_background() {
    let (_a, other) = trained(1);
    let (_b, run, taken) = trained_from(&other, |training| {
        let model = ModelConfig { filters: Some(vec![4, 8]), exclusive: true, ..Default::default() };
        training.architecture = model.architecture(1).unwrap();
        training.settings.loss.kind = em_model::LossKind::CrossEntropy;
        training.settings.train.learning_rate = 1e-9;
        training.settings.train.epochs = 1;
    });
    assert_eq!(taken.classes, ["discs"]);
    // One row of four 32-bit floats for each output; the background is the first of the two.
    let [from, to] = [&other, &run].map(|run| tensors(run)["head.weight"].clone());
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    };
    for (known, taken) in floats(&from).iter().zip(&floats(&to)[4..]) {
        assert!((known - taken).abs() < 1e-4, "{known} {taken}");
    }
}
