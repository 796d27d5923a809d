//! Runs as users of the crate meet them: trained on arrays, stopped, damaged, tuned, predicted.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use std::ops::ControlFlow;
use std::path::Path;

use common::{CLASS, SHAPE, go_on, load, raw, set, split, train_again, trained, training, tune};
use em_io::Volume;
use em_model::{
    BestBy, Device, Error, MaskRule, ModelConfig, PredictConfig, Predictor, Progress, RunFolder, TuningOnDisk,
};
use em_objects::{Extent, Postprocess};
use ndarray::Axis;

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
    assert!(whole == stopped, "the weights differ");
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

#[test]
fn a_training_without_validation_or_for_the_last_epoch_keeps_the_last() {
    let (set, split) = (set(), split());
    let none = em_data::Split { validation: Vec::new(), ..split.clone() };
    for (split, best_by) in [(&split, BestBy::Last), (&none, BestBy::ValIou)] {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::new(folder.path());
        let mut training = training(&set, split);
        training.settings.train.epochs = 5;
        training.settings.train.best_by = best_by;
        em_model::train(&training, &run.lock().unwrap(), &mut go_on).unwrap();
        let card = em_model::ModelCard::read(&run).unwrap();
        assert_eq!((card.epoch, card.validation.is_empty()), (5, split.validation.is_empty()));
        load(&run).unwrap();
    }
}

#[test]
fn a_network_is_copied_with_what_was_chosen_for_it() {
    let (_folder, run) = trained(0);
    tune(&run, 0.25, Postprocess::default());
    let folder = tempfile::tempdir().unwrap();
    let copy = RunFolder::new(folder.path().join("deep/copy"));
    run.copy_network(&copy).unwrap();
    assert_eq!(load(&copy).unwrap().rule(CLASS).unwrap().threshold, 0.25);
    assert!(copy.is_started() && !copy.state().exists());
}

#[test]
fn an_ensemble_takes_the_memory_of_its_largest_network() {
    let (_small, small) = trained(1);
    let (folder, set, split) = (tempfile::tempdir().unwrap(), set(), split());
    let large = RunFolder::new(folder.path());
    let mut training = training(&set, &split);
    let wider = ModelConfig { filters: Some(vec![32, 64]), ..Default::default() };
    training.architecture = wider.architecture(1).unwrap();
    em_model::train(&training, &large.lock().unwrap(), &mut go_on).unwrap();
    let bytes = |runs: &[RunFolder]| {
        let predictor = Predictor::ensemble(runs, Device::Cpu, PredictConfig::default()).unwrap();
        predictor.memory_bytes([1024, 1024]).unwrap()
    };
    assert!(bytes(std::slice::from_ref(&large)) > bytes(std::slice::from_ref(&small)) + (100 << 20));
    assert!(bytes(&[small, large.clone()]) >= bytes(&[large]));
}
