//! An observer that breaks ends each work, and nothing half-written stays.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use em_pipeline::em_io::OpenOptions;
use em_pipeline::em_model::Device;
use em_pipeline::extract::Resize;
use em_pipeline::measure::ClassFiles;
use em_pipeline::{
    Error, EvaluateRequest, Event, ExtractRequest, MeasureRequest, Observer, PhantomRequest, PredictRequest,
    Result, RunConfig, Start, TileRequest, evaluate, extract, inspect, measure, predict, silent, tile, train,
    write_phantom,
};

const CONFIG: &str = "\
[data]
folder = \".\"
[tiling]
tile_size = 32
tiles_per_epoch = 8
[model]
filters = [4, 8]
[train]
epochs = 1
batch_size = 4
[predict]
block_voxels = 1
[output]
folder = \"run\"
";

/// A folder with generated stacks of 64 x 64 voxels.
fn with_stacks() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut request = PhantomRequest::new(folder.path());
    (request.train_sections, request.gap, request.val_sections, request.size) = (2, 1, 6, 64);
    write_phantom(&request).unwrap();
    folder
}

/// Does a work and stops it at the first event for which `is_last` says so.
fn stopped<T>(
    is_last: impl Fn(&Event<'_>) -> bool + Send,
    work: impl FnOnce(&mut Observer<'_>) -> Result<T>,
) -> Result<T> {
    let mut hear = move |event: Event<'_>| {
        if is_last(&event) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    work(&mut Observer::new(&mut hear))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn a_stopped_prediction_keeps_its_blocks_and_goes_on_to_the_same_bytes() {
    let folder = with_stacks();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("run.toml"), CONFIG).unwrap();
    let config = RunConfig::load(&path("run.toml"), &[]).unwrap();
    train(&config, Start::New, Device::Cpu, &mut Observer::new(&mut silent)).unwrap();
    let request = |masks: &str| {
        let mut request = PredictRequest::new([path("run")], path("val.tif"), Device::Cpu);
        request.masks = Some(path(masks));
        request.class = Some("mitochondria".into());
        request
    };
    predict(&request("whole.tif"), &mut Observer::new(&mut silent)).unwrap();

    let advanced = std::sync::atomic::AtomicUsize::new(0);
    let is_fourth = |event: &Event<'_>| {
        matches!(event, Event::Advanced(_))
            && advanced.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 3
    };
    let mut halted = request("halted.tif");
    let result = stopped(is_fourth, |observer| predict(&halted, observer));
    assert!(matches!(result, Err(Error::Stopped)), "{result:?}");
    let left: Vec<PathBuf> = entries(folder.path());
    let left: Vec<&PathBuf> =
        left.iter().filter(|path| path.display().to_string().contains("halted")).collect();
    assert_eq!(left, [&path("halted.tif.blocks")]);
    assert!(path("halted.tif.blocks/000000.zst").is_file());

    halted.resume = true;
    let prediction = predict(&halted, &mut Observer::new(&mut silent)).unwrap();
    assert_eq!(fs::read(path("halted.tif")).unwrap(), fs::read(path("whole.tif")).unwrap());
    assert_eq!(prediction.files.len(), 1);
    assert!(!path("halted.tif.blocks").exists());
}

#[test]
fn other_works_stop_at_any_event_and_leave_nothing() {
    let folder = with_stacks();
    let path = |name: &str| folder.path().join(name);
    let before = entries(folder.path());
    let (stack, label) = (path("val.tif"), path("val_mitochondria.tif"));
    let mut extracted = ExtractRequest::new(&stack, path("sections"));
    extracted.resize = Some(Resize::Nearest([16, 16]));
    let tiled = TileRequest::new(&stack, path("tiles"));
    let measured = MeasureRequest::new([ClassFiles::new("mitochondria", &label)], path("objects"));
    let mut evaluated = EvaluateRequest::new(&label, &label);
    evaluated.by_section = true;
    let first_of_each_kind: [fn(&Event<'_>) -> bool; 2] =
        [|event| matches!(event, Event::Started(_)), |event| matches!(event, Event::Advanced(_))];
    for is_last in first_of_each_kind {
        let results = [
            stopped(is_last, |observer| extract(&extracted, observer).map(|_| ())),
            stopped(is_last, |observer| tile(&tiled, observer).map(|_| ())),
            stopped(is_last, |observer| measure(&measured, observer).map(|_| ())),
            stopped(is_last, |observer| evaluate(&evaluated, observer).map(|_| ())),
            stopped(is_last, |observer| inspect(&stack, OpenOptions::default(), observer).map(|_| ())),
        ];
        for (work, result) in results.into_iter().enumerate() {
            assert!(matches!(result, Err(Error::Stopped)), "work {work}: {result:?}");
        }
        assert_eq!(entries(folder.path()), before);
    }
}
