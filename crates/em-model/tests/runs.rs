//! Runs as users of the crate meet them: trained on arrays, stopped, damaged, tuned, predicted.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::ops::ControlFlow;
use std::path::Path;

use em_data::{LabelledVolume, Region, Split, TrainingSet};
use em_io::{Mask, Roi, Volume, Voxels};
use em_model::{
    ClassTuning, Device, Error, MaskRule, ModelCard, ModelConfig, PredictConfig, Predictor, Progress,
    RunFolder, Training, Tuning, TuningOnDisk,
};
use em_objects::{Extent, Postprocess};
use ndarray::{Array3, Axis};

const SHAPE: [usize; 3] = [4, 32, 32];
const CLASS: &str = "discs";

fn raw() -> Array3<u8> {
    Array3::from_shape_fn(SHAPE, |(z, y, x)| {
        let texture = ((z * 31 + y * 17 + x * 13) % 29) as u8;
        texture + if is_inside(z, y, x) { 60 } else { 160 }
    })
}

fn is_inside(z: usize, y: usize, x: usize) -> bool {
    (y + z).abs_diff(16).pow(2) + x.abs_diff(16).pow(2) < 64
}

fn set() -> TrainingSet {
    let mask = Mask::new(Array3::from_shape_fn(SHAPE, |(z, y, x)| is_inside(z, y, x)), None);
    let volume = LabelledVolume::new("discs", Voxels::from(raw()), vec![(CLASS.into(), mask)]).unwrap();
    TrainingSet::new(vec![CLASS.into()], vec![volume]).unwrap()
}

fn split() -> Split {
    let sections = |z| Region { volume: 0, roi: Roi::sections(SHAPE, z) };
    Split { train: vec![sections(0..2)], validation: vec![sections(3..4)], leaks: false }
}

/// A training of a tiny network, one step an epoch.
fn training<'a>(set: &'a TrainingSet, split: &'a Split) -> Training<'a> {
    let model = ModelConfig { filters: Some(vec![4, 8]), ..Default::default() };
    let mut training = Training::new(set, split, model.architecture(1).unwrap()).unwrap();
    training.device = Device::Cpu;
    training.voxel_size_nm = Some([50.0, 5.0, 5.0]);
    training.settings.tiling.tile_size = 32;
    training.settings.tiling.tiles_per_epoch = 4;
    training.settings.train.epochs = 2;
    training.settings.train.batch_size = 2;
    training
}

fn go_on(_: Progress<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Trains into a folder that is gone after the test.
fn trained(seed: u64) -> (tempfile::TempDir, RunFolder) {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    train_again(&run, seed);
    (folder, run)
}

fn train_again(run: &RunFolder, seed: u64) {
    let (set, split) = (set(), split());
    let mut training = training(&set, &split);
    training.settings.train.seed = seed;
    em_model::train(&training, &run.lock().unwrap(), &mut go_on).unwrap();
}

fn load(run: &RunFolder) -> em_model::Result<Predictor> {
    Predictor::load(run.path(), Device::Cpu)
}

fn flip_last_bit(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn volume(voxel_size_nm: Option<[f64; 3]>) -> Volume {
    Volume::from_voxels(raw().into(), voxel_size_nm)
}

/// Turns a card into one of version 1, with the threshold that this version kept in it.
fn make_version_1(run: &RunFolder, threshold: f32) {
    let mut card: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(run.card()).unwrap()).unwrap();
    let fields = card.as_object_mut().unwrap();
    fields.remove("weights_sha256").unwrap();
    fields.remove("predict").unwrap();
    fields.insert("format_version".into(), 1.into());
    fields.insert("thresholds".into(), serde_json::json!({ CLASS: threshold }));
    std::fs::write(run.card(), card.to_string()).unwrap();
}

/// Writes a choice for the weights that are there now.
fn tune(run: &RunFolder, threshold: f32, postprocess: Postprocess) {
    let mut tuning = Tuning::new(run, &ModelCard::read(run).unwrap()).unwrap();
    tuning.classes.insert(CLASS.into(), ClassTuning { threshold, postprocess, steps: Vec::new() });
    tuning.write(run).unwrap();
}

#[test]
fn a_changed_byte_of_the_weights_is_an_error_that_names_the_file() {
    let (_folder, run) = trained(0);
    load(&run).unwrap();
    flip_last_bit(&run.weights());
    let error = load(&run).unwrap_err();
    let path = run.weights();
    assert_eq!(error.to_string(), format!("`{}` does not match its checksum in model.json", path.display()));
    assert!(error.hint().unwrap().contains("copy the run's folder again"), "{error:?}");
}

#[test]
fn a_changed_byte_of_the_state_is_an_error_when_resumed() {
    let (_folder, run) = trained(0);
    flip_last_bit(&run.state());
    let (set, split) = (set(), split());
    let error = em_model::resume(&training(&set, &split), &run.lock().unwrap(), &mut go_on).unwrap_err();
    assert!(error.to_string().contains("state.safetensors` does not match its checksum"), "{error}");
}

#[test]
fn a_run_of_version_1_is_read_unchecked_with_its_threshold_and_can_be_tuned() {
    let (_folder, run) = trained(0);
    make_version_1(&run, 0.3);
    flip_last_bit(&run.weights());
    let predictor = load(&run).unwrap();
    assert_eq!(predictor.rule(CLASS).unwrap(), MaskRule { threshold: 0.3, ..Default::default() });
    assert_eq!(predictor.config(), &PredictConfig::default());
    tune(&run, 0.4, Postprocess::default());
    assert_eq!(load(&run).unwrap().rule(CLASS).unwrap().threshold, 0.4);
    flip_last_bit(&run.weights());
    assert_eq!(load(&run).unwrap().tuning(), &TuningOnDisk::ForOtherWeights);
}

#[test]
fn a_choice_counts_for_the_weights_that_it_was_made_for_and_for_no_others() {
    let (_folder, run) = trained(0);
    assert_eq!(load(&run).unwrap().tuning(), &TuningOnDisk::Missing);
    let cleaning = Postprocess { minimum_voxels: 5, ..Default::default() };
    tune(&run, 0.7, cleaning);
    let predictor = load(&run).unwrap();
    assert_eq!(predictor.rule(CLASS).unwrap(), MaskRule { threshold: 0.7, cleaning });
    assert!(matches!(predictor.tuning(), TuningOnDisk::Valid(_)));

    train_again(&run, 1);
    let predictor = load(&run).unwrap();
    assert_eq!(predictor.tuning(), &TuningOnDisk::ForOtherWeights);
    assert_eq!(predictor.rule(CLASS).unwrap(), MaskRule::default());

    tune(&run, 0.7, cleaning);
    let version_1 = std::fs::read_to_string(run.tuning()).unwrap().replace(": 2,", ": 1,");
    std::fs::write(run.tuning(), version_1).unwrap();
    assert_eq!(load(&run).unwrap().tuning(), &TuningOnDisk::ForOtherWeights);
    std::fs::write(run.tuning(), r#"{"format_version": 3}"#).unwrap();
    let error = load(&run).unwrap_err().to_string();
    assert!(error.ends_with("tune.json` has format_version 3, expected 2"), "{error}");
}

#[test]
fn masks_follow_the_rule_and_keep_the_voxel_size() {
    let (_folder, run) = trained(0);
    let untuned = load(&run).unwrap().predict(&volume(None)).unwrap();
    // Of a network of two epochs the probabilities are close together.
    let mean = untuned.probabilities().class(CLASS).unwrap().view().mean().unwrap();
    let speck = Postprocess { extent: Extent::Volume, minimum_voxels: 40, ..Default::default() };
    tune(&run, mean, speck);
    let predictor = load(&run).unwrap();
    let prediction = predictor.predict(&volume(None)).unwrap();
    let mask = prediction.mask(CLASS).unwrap();
    let probabilities = prediction.probabilities().class(CLASS).unwrap();
    let expected = speck.apply(probabilities.view().mapv(|p| p > mean)).unwrap();
    assert_eq!(mask.view(), expected);
    assert!(mask.foreground() > 0 && mask.foreground() < expected.len());
    assert_eq!(mask.voxel_size_nm(), None, "one that the input does not tell is not made up");
    let own = predictor.predict(&volume(Some([40.0, 4.0, 4.0]))).unwrap();
    assert_eq!(own.mask(CLASS).unwrap().voxel_size_nm(), Some([40.0, 4.0, 4.0]));

    let sections = predictor
        .predict_sections(raw().mapv(f32::from).view(), 0..SHAPE[0], predictor.card().normalization)
        .unwrap();
    assert_eq!(sections.index_axis(Axis(0), 0), probabilities.view());
    let everything = MaskRule { threshold: 0.0, ..Default::default() };
    let predictor = predictor.with_rule(CLASS, everything).unwrap();
    let all = predictor.predict(&volume(None)).unwrap().mask(CLASS).unwrap();
    assert_eq!(all.foreground(), raw().len());
    let error = predictor.rule("rings").unwrap_err();
    assert_eq!(error.to_string(), r#"no class `rings`, expected one of ["discs"]"#);
}

#[test]
fn a_model_predicts_as_it_was_scored() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    let (set, split) = (set(), split());
    let mut training = training(&set, &split);
    training.settings.predict.views = 4;
    em_model::train(&training, &run.lock().unwrap(), &mut go_on).unwrap();
    assert_eq!(load(&run).unwrap().config(), &training.settings.predict);
}

#[test]
fn nothing_is_no_ensemble() {
    let error = Predictor::ensemble(&[], Device::Cpu, PredictConfig::default()).unwrap_err();
    assert!(matches!(error, Error::NoRun), "{error}");
}

#[test]
fn a_training_that_its_observer_stops_can_be_resumed_to_the_same_bytes() {
    let (_folder, whole) = trained(0);
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    let (set, split) = (set(), split());
    let training = training(&set, &split);
    let mut steps = 0;
    // The third step is the first of the second epoch.
    let error = em_model::train(&training, &run.lock().unwrap(), &mut |progress| {
        steps += usize::from(matches!(progress, Progress::Step { .. }));
        if steps == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(error, Err(Error::Stopped)), "{error:?}");
    assert_eq!(em_model::History::read(&run).unwrap().rows.len(), 1);
    let mut resumed = None;
    em_model::resume(&training, &run.lock().unwrap(), &mut |progress| {
        if let Progress::Resumed { epochs } = progress {
            resumed = Some(epochs);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(resumed, Some(1));
    let [whole, stopped] = [whole, run].map(|run| std::fs::read(run.weights()).unwrap());
    assert_eq!(whole, stopped);
}

#[test]
fn a_kill_between_weights_and_card_is_healed_by_resuming() {
    let folder = tempfile::tempdir().unwrap();
    let run = RunFolder::new(folder.path());
    let (set, split) = (set(), split());
    let training = training(&set, &split);
    let _ = em_model::train(&training, &run.lock().unwrap(), &mut |progress| match progress {
        Progress::Epoch { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    // The weights of the next epoch are there, its card and state are not.
    flip_last_bit(&run.weights());
    assert!(matches!(load(&run), Err(Error::Checksum { .. })));
    em_model::resume(&training, &run.lock().unwrap(), &mut go_on).unwrap();
    load(&run).unwrap();
}

#[test]
fn clearing_leaves_nothing_to_resume_and_nothing_to_follow() {
    let (_folder, run) = trained(0);
    tune(&run, 0.7, Postprocess::default());
    let lock = run.lock().unwrap();
    lock.clear().unwrap();
    assert!(!run.is_started() && !run.tuning().exists() && !run.history().exists());
    lock.clear().unwrap();
}

#[test]
fn all_that_does_not_fit_is_listed_and_the_first_is_the_error() {
    let (set, split) = (set(), split());
    let mut training = training(&set, &split);
    assert!(training.problems().is_empty());
    training.settings.tiling.tile_size = 33;
    training.settings.tiling.foreground_fraction = 2.0;
    training.settings.augmentation.turn_cubes = true;
    training.settings.train.batch_size = 0;
    training.settings.loss.class_weights.insert("rings".into(), 1.0);
    let problems: Vec<String> = training.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "`TrainConfig::batch_size` is 0, expected at least 1",
            "`LossConfig::class_weights` is a weight for `rings`, expected classes of this training: discs",
            "`TilingConfig::foreground_fraction` is 2, expected 0 to 1",
            "`AugmentationConfig::turn_cubes` is true, expected false where tiles are not as deep as they are wide",
        ]
    );
    assert_eq!(training.check().unwrap_err().to_string(), problems[0]);
    training.settings = em_model::TrainingSettings::default();
    training.settings.tiling.tile_size = 33;
    let error = training.check().unwrap_err().to_string();
    assert_eq!(error, "`TilingConfig::tile_size` is 33, expected 32 or 34: the network halves tiles 1 times");
}

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
    let sizes = |nm: f64| predictor.pixel_match(Some([50.0, nm, nm])).map(|pixels| pixels.factors());
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
    assert_eq!(unmatched.pixel_match(Some([50.0, 2.5, 2.5])), None);
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
