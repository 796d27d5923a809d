//! Imported networks learn, whatever runs them.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use std::path::Path;

use em_data::Normalization;
use em_model::{
    Device, Engine, ModelCard, ModelConfig, NetworkWeights, Predictor, RunFolder, Training, Wishes,
    count_saved_epochs,
};
use ndarray::Array4;

/// Imports a network of `make_networks.py` into a folder that is gone after the test.
fn imported(name: &str, engine: Engine) -> (tempfile::TempDir, RunFolder) {
    let ending = if engine == Engine::Onnx { "onnx" } else { "pt" };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/import/networks");
    let bytes = std::fs::read(folder.join(format!("{name}.{ending}"))).unwrap();
    let mut wishes = Wishes::default();
    wishes.classes = vec![(common::CLASS.into(), None)];
    wishes.normalization = Some(Normalization::Zscore { mean: 120.0, std: 50.0 });
    let network = em_model::import(NetworkWeights { engine, bytes, folder: None }, &wishes).unwrap();
    let place = tempfile::tempdir().unwrap();
    let run = RunFolder::new(place.path());
    network.write(&run).unwrap();
    (place, run)
}

/// Goes on from a run for some epochs.
fn trained_on(from: &RunFolder, to: &RunFolder, epochs: usize, tile_depth: usize) -> em_model::Result<()> {
    let (set, split) = (common::set(), common::split());
    let model = ModelConfig { imported: Some(from.path().into()), ..Default::default() };
    let mut training: Training<'_> = common::training(&set, &split);
    training.architecture = model.architecture(1)?;
    training.normalization = ModelCard::read(from)?.normalization;
    training.init = Some(from.clone());
    training.settings.tiling.tile_depth = tile_depth;
    training.settings.train.epochs = epochs;
    // Steps that follow the gradient: Adam's are as long where it is nothing but rounding, as before a norm.
    training.settings.train.optimizer.kind = em_model::OptimizerKind::Sgd;
    training.settings.train.learning_rate = 0.05;
    // Noise that each engine draws alike: none.
    training.settings.augmentation.contrast = 0.0;
    training.settings.augmentation.brightness = 0.0;
    em_model::train(&training, &to.lock()?, &mut common::go_on)?;
    Ok(())
}

fn predicted(run: &RunFolder) -> Array4<f32> {
    let predictor = Predictor::load(run.path(), Device::Cpu).unwrap();
    let grey = common::raw().mapv(f32::from);
    predictor.predict_sections(grey.view(), 0..4, predictor.card().normalization).unwrap()
}

fn farthest(a: &Array4<f32>, b: &Array4<f32>) -> f32 {
    a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

#[test]
fn both_engines_learn_the_same_from_the_same_weights() {
    for (name, tile_depth) in [("valid", 1), ("unet-3d", 2)] {
        let mut learned = Vec::new();
        for engine in [Engine::Onnx, Engine::Torchscript] {
            let (_start, from) = imported(name, engine);
            let (folder, before) = (tempfile::tempdir().unwrap(), predicted(&from));
            let run = RunFolder::new(folder.path());
            trained_on(&from, &run, 4, tile_depth).unwrap();
            assert_eq!(count_saved_epochs(&run).unwrap(), 4);
            let after = predicted(&run);
            assert!(farthest(&before, &after) > 1e-3, "{name}, {engine:?}: nothing was learned");
            // It is the network that was imported, with a file of its own.
            let bytes = |run: &RunFolder| std::fs::read(run.network(engine)).unwrap();
            assert!(bytes(&run) == bytes(&from));
            learned.push(after);
        }
        let apart = farthest(&learned[0], &learned[1]);
        assert!(apart < 1e-3, "{name}: {apart} apart");
    }
}

#[test]
fn a_network_is_trained_for_its_own_classes_and_sizes() {
    let (_start, from) = imported("valid", Engine::Onnx);
    let model = ModelConfig { imported: Some(from.path().into()), ..Default::default() };
    let error = model.architecture(2).unwrap_err().to_string();
    assert!(error.contains("of 1 classes") && error.contains("2 classes"), "{error}");
    let nowhere = ModelConfig { imported: Some("nowhere".into()), ..Default::default() };
    let error = nowhere.architecture(1).unwrap_err().to_string();
    assert!(error.contains("`ModelConfig::imported` is nowhere"), "{error}");
    let (_own, own) = common::trained(1);
    let own = ModelConfig { imported: Some(own.path().into()), ..Default::default() };
    let error = own.architecture(1).unwrap_err().to_string();
    assert!(error.contains("a network of another program"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let (_start, from) = imported("unet-3d", Engine::Onnx);
    let error = trained_on(&from, &RunFolder::new(folder.path()), 1, 3).unwrap_err().to_string();
    assert!(error.contains("tile_depth` is 3, expected a multiple of 2"), "{error}");
}
