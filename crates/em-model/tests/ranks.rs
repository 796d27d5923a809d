//! Trainings on several ranks, each a process: they learn what one process learns, and end together.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use common::{SHAPE, set, split, training};
use em_data::LabelledVolume;
use em_io::{Mask, Voxels};
use em_model::{
    Device, Launch, LossConfig, LossKind, ModelConfig, OptimizerConfig, OptimizerKind, Precision, Progress,
    Ranks, RunFolder, ScheduleConfig, ScheduleKind,
};
use ndarray::Array3;

/// How far weights may be apart: gradients times the learning rate of 1.
const APART: f64 = 1e-5;

/// The variable by which a process of these tests knows that it is one of several, and what it trains.
const CASE: &str = "EM_MODEL_TEST_CASE";

/// What a rank trains, as text in [`CASE`]: the loss, the folder, and how.
#[derive(Clone, Copy, Debug)]
struct Case<'a> {
    loss: LossKind,
    /// `whole`, `ignored`, `dropout`, `deep`, `resume`, or `dies`.
    kind: &'a str,
    folder: &'a Path,
    epochs: usize,
}

impl Case<'_> {
    fn text(&self) -> String {
        let loss = serde_json::to_value(self.loss).unwrap();
        format!("{} {} {} {}", loss.as_str().unwrap(), self.kind, self.epochs, self.folder.display())
    }
}

/// Trains what the case says, as the rank that the environment says or alone.
fn train(case: Case<'_>, launch: Option<&Launch>) -> em_model::Result<()> {
    let exclusive = case.loss == LossKind::CrossEntropy;
    let (mut set, split) = (set(), split());
    if case.kind == "ignored" {
        // A band of each section is unknown, of which some tiles have more than others.
        let ignored = Array3::from_shape_fn(SHAPE, |(z, y, x)| y < 4 + 8 * z && x < 12);
        let mask = Mask::new(Array3::from_shape_fn(SHAPE, |(z, y, x)| common::is_inside(z, y, x)), None);
        let volume =
            LabelledVolume::new("discs", Voxels::from(common::raw()), vec![(common::CLASS.into(), mask)]);
        let volume = volume.unwrap().with_ignored(Mask::new(ignored, None)).unwrap();
        set = em_data::TrainingSet::new(vec![common::CLASS.into()], vec![volume]).unwrap();
    }
    let mut model = ModelConfig { filters: Some(vec![4, 8, 16]), exclusive, ..Default::default() };
    if case.kind == "dropout" {
        model.dropout = Some(vec![0.0, 0.3, 0.3]);
    }
    let mut training = training(&set, &split);
    training.architecture = model.architecture(1).unwrap();
    training.architecture.deep_supervision = case.kind == "deep";
    let settings = &mut training.settings;
    settings.loss = LossConfig { kind: case.loss, ..Default::default() };
    settings.train.epochs = case.epochs;
    settings.train.precision = Precision::Fp32;
    // Five tiles in batches of four: the last batch has fewer tiles than there are ranks.
    settings.tiling.tile_size = 16;
    settings.tiling.tiles_per_epoch = 5;
    settings.train.batch_size = 4;
    settings.augmentation.noise = 0.2;
    // Weights follow gradients as they are.
    settings.train.optimizer =
        OptimizerConfig { kind: OptimizerKind::Sgd, momentum: 0.0, weight_decay: 0.0, ..Default::default() };
    settings.train.learning_rate = 0.1;
    settings.train.schedule =
        ScheduleConfig { kind: ScheduleKind::Constant, warmup_fraction: 0.0, ..Default::default() };
    let ranks = launch.map(|launch| Ranks::connect(launch, Device::Cpu)).transpose()?;
    training.ranks = ranks.as_ref();
    let dies = case.kind == "dies" && ranks.as_ref().is_some_and(|ranks| ranks.rank() == 1);
    let mut observe = |progress: Progress<'_>| {
        if dies && matches!(progress, Progress::Step { epoch: 2, .. }) {
            // Without a word, as if it was killed.
            std::process::abort();
        }
        ControlFlow::Continue(())
    };
    if ranks.as_ref().is_some_and(|ranks| !ranks.is_first()) {
        return em_model::follow(&training, &mut observe);
    }
    let run = RunFolder::new(case.folder);
    em_model::resume(&training, &run.lock()?, &mut observe).map(drop)
}

/// A process of the tests below; nothing where it is started as a test.
#[test]
fn rank() {
    let Ok(text) = std::env::var(CASE) else { return };
    let words: Vec<&str> = text.splitn(4, ' ').collect();
    let case = Case {
        loss: serde_json::from_value(words[0].into()).unwrap(),
        kind: words[1],
        epochs: words[2].parse().unwrap(),
        folder: Path::new(words[3]),
    };
    let launch = Launch::from_environment().unwrap();
    if let Err(error) = train(case, launch.as_ref()) {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}

/// Starts so many ranks of a case; 1 is a process alone.
fn start(case: Case<'_>, size: usize) -> Vec<Child> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    (0..size)
        .map(|rank| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "rank", "--nocapture", "--test-threads=1"]);
            command.env(CASE, case.text()).env("OMP_NUM_THREADS", "1");
            command.env("RANK", rank.to_string()).env("WORLD_SIZE", size.to_string());
            command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect()
}

fn finish(children: Vec<Child>) -> Vec<Output> {
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

fn succeed(case: Case<'_>, size: usize) {
    for output in finish(start(case, size)) {
        assert!(output.status.success(), "{case:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// All numbers of a training's state, by the name of their tensor.
fn state(folder: &Path) -> BTreeMap<String, Vec<f32>> {
    let bytes = std::fs::read(RunFolder::new(folder).state()).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = tensors.tensors().into_iter().map(|(name, view)| {
        let floats = view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
        (name, floats.collect())
    });
    numbers.collect()
}

fn apart(a: &Path, b: &Path) -> f64 {
    let (a, b) = (state(a), state(b));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    let pairs = a.values().flatten().zip(b.values().flatten());
    pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

#[test]
fn two_and_three_ranks_learn_what_one_process_learns() {
    let cases = [
        (LossKind::BcePlusDice, "whole"),
        (LossKind::BcePlusDice, "ignored"),
        (LossKind::BcePlusDice, "dropout"),
        (LossKind::BcePlusDice, "deep"),
        (LossKind::CrossEntropy, "ignored"),
        (LossKind::CrossEntropy, "whole"),
        (LossKind::Focal, "whole"),
        (LossKind::Jaccard, "whole"),
        (LossKind::FocalTversky, "ignored"),
    ];
    for (loss, kind) in cases {
        let folders: Vec<_> = (1..=3)
            .map(|size| {
                let folder = tempfile::tempdir().unwrap();
                succeed(Case { loss, kind, folder: folder.path(), epochs: 1 }, size);
                folder
            })
            .collect();
        for (size, folder) in (2..).zip(&folders[1..]) {
            let apart = apart(folders[0].path(), folder.path());
            println!("{loss} {kind}, {size} ranks: {apart:e}");
            assert!(apart < APART, "{loss} {kind}, {size} ranks: {apart} apart");
        }
    }
}

#[test]
fn a_training_goes_on_with_another_number_of_ranks() {
    let [folder, whole, twice] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let case = |folder, epochs| Case { loss: LossKind::BcePlusDice, kind: "whole", folder, epochs };
    for (epochs, size) in [(1, 2), (2, 1), (3, 3)] {
        succeed(case(folder.path(), epochs), size);
    }
    succeed(case(whole.path(), 3), 1);
    let apart = apart(folder.path(), whole.path());
    assert!(apart < APART, "{apart} apart");
    // The same number of ranks gives the same bytes.
    succeed(case(whole.path(), 5), 2);
    for (epochs, size) in [(3, 1), (5, 2)] {
        succeed(case(twice.path(), epochs), size);
    }
    assert!(state(whole.path()) == state(twice.path()), "the same bytes twice");
}

#[test]
fn a_lost_rank_ends_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let case = Case { loss: LossKind::BcePlusDice, kind: "dies", folder: folder.path(), epochs: 3 };
    let outputs = finish(start(case, 3));
    for (rank, output) in outputs.iter().enumerate().filter(|(rank, _)| *rank != 1) {
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "rank {rank}: {error}");
        let expected = "error: rank 1 of 3 was lost, after 1 whole epochs";
        assert!(error.contains(expected), "rank {rank}: {error}");
    }
    // What was saved goes on.
    succeed(Case { kind: "whole", ..case }, 1);
}
