//! `em-cli predict`: a volume in, masks and probabilities out, block by block.

use std::iter;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_io::{Volume, VolumeSpec, VoxelType};
use em_model::{PredictConfig, Predictor, RunFolder, TuningOnDisk};
use em_objects::Postprocess;
use ndarray::{Array4, Axis};

pub use self::planes::with_class;
use self::planes::{Content, Plane, Writers};
use crate::cli::DeviceArgs;
use crate::config::RunConfig;
use crate::error::UserError;
use crate::streaming::blocks::Blocks;
use crate::streaming::pipeline;
use crate::streaming::request::Request;
use crate::streaming::store::BlockStore;
use crate::{interrupt, output};

mod planes;

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The folder of a run; given several times, the probabilities of all runs are averaged.
    #[arg(long, value_name = "RUN", required = true)]
    model: Vec<PathBuf>,
    /// The raw stack: TIFF, MRC, NIfTI, OME-Zarr, an image, or a folder of images.
    input: PathBuf,
    /// Where to write the mask (0 and 255): .tif, .ome.tif, .mrc, .zarr, or a folder of PNG. Several classes are written as {name}_{class}.
    #[arg(short, long, value_name = "OUT", required_unless_present = "probabilities")]
    output: Option<PathBuf>,
    /// Where to write the probabilities as 8 bit, 255 being 1.
    #[arg(long, value_name = "P")]
    probabilities: Option<PathBuf>,
    /// Probability above which a voxel is foreground; the model's own if absent.
    #[arg(long, value_name = "T", value_parser = threshold)]
    threshold: Option<f32>,
    /// Average the predictions of so many mirrored and turned views of each section: 1, 4 or 8; the model's own setting if absent.
    #[arg(long, value_name = "N")]
    views: Option<usize>,
    /// Leave out the cleaning of masks that `em-cli tune` chose.
    #[arg(long)]
    no_cleaning: bool,
    /// Write only this class.
    #[arg(long)]
    class: Option<String>,
    /// Go on with a prediction of the same input, model and settings that was interrupted.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Runs the command.
pub fn run(args: &PredictArgs) -> Result<()> {
    refuse_one_path_for_two(args)?;
    let volume = output::open(&args.input)?;
    let runs: Vec<RunFolder> = args.model.iter().map(RunFolder::new).collect();
    let mut config = predict_config(&runs[0])?;
    config.views = args.views.unwrap_or(config.views);
    let predictor = Predictor::ensemble(&runs, args.device.get()?, config)?;
    warn_of_other_voxel_size(&predictor, &volume);
    let normalization = predictor.normalization(&volume)?;
    note_dropped_tuning(&predictor, &runs[0]);
    let planes = planes(args, &predictor)?;
    let at_once = predictor.sections_at_once();
    let blocks = Blocks::new(volume.shape(), predictor.config().block_voxels, at_once);
    state_memory(&predictor, &volume, blocks, &planes)?;
    let request = request(&runs, &volume, &predictor, &planes)?;
    if args.resume {
        planes.iter().try_for_each(|plane| em_io::remove_unfinished_of(&plane.path))?;
    }
    let mut writers = Writers::create(&planes, spec(&predictor, &volume))?;
    let store = store(args.resume, &planes, &request)?;
    let bar = output::voxel_bar(volume.shape());
    let shape = |block| {
        let [depth, height, width] = blocks.roi(block).shape;
        [planes.len(), depth, height, width]
    };
    let mut store = writers.replay(store, shape, |block| bar.inc(blocks.roi(block).shape[0] as u64))?;
    let halo = predictor.halo_sections();
    interrupt::watch()?;
    pipeline::run(
        store.finished()..blocks.count(),
        |block| Ok(volume.read(blocks.roi_with_halo(block, halo))?.to_f32()),
        |block, voxels| {
            let before = blocks.roi(block).start[0] - blocks.roi_with_halo(block, halo).start[0];
            let mut block = Array4::zeros(shape(block));
            let chunks = block.axis_chunks_iter_mut(Axis(1), at_once);
            for (start, mut chunk) in (before..).step_by(at_once).zip(chunks) {
                interrupt::check("go on with --resume")?;
                let sections = start..start + chunk.len_of(Axis(1));
                let probabilities = predictor.predict_sections(voxels.view(), sections, normalization)?;
                for (of_section, filled) in probabilities.axis_iter(Axis(1)).zip(chunk.axis_iter_mut(Axis(1)))
                {
                    planes::fill(&planes, of_section, filled)?;
                    bar.inc(1);
                }
            }
            Ok(block)
        },
        |_, block| {
            store.push(&block)?;
            writers.write(block)
        },
    )?;
    bar.finish_and_clear();
    writers.finish(volume.shape())?;
    store.remove()
}

/// Masks must not replace the raw stack, nor probabilities the masks.
fn refuse_one_path_for_two(args: &PredictArgs) -> Result<()> {
    let paths: Vec<&PathBuf> =
        iter::once(&args.input).chain(&args.output).chain(&args.probabilities).collect();
    let absolute = paths.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
    let twice = (1..paths.len()).find(|&n| absolute[..n].contains(&absolute[n]));
    twice.map_or(Ok(()), |n| {
        let message = format!("`{}` is named twice among the input and the outputs", paths[n].display());
        Err(UserError::new(message, "give each a path of its own").into())
    })
}

fn threshold(text: &str) -> Result<f32, String> {
    let value: f32 = text.parse().map_err(|_| "expected a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err("expected a number from 0 to 1".into()) }
}

/// The run's own settings, or the defaults where it has none.
fn predict_config(run: &RunFolder) -> Result<PredictConfig> {
    let path = run.config();
    if path.exists() { Ok(RunConfig::load(&path, &[])?.predict) } else { Ok(PredictConfig::default()) }
}

fn warn_of_other_voxel_size(predictor: &Predictor, volume: &Volume) {
    let (Some(trained), Some(found)) = (predictor.card().voxel_size_nm, volume.voxel_size_nm()) else {
        return;
    };
    if trained.iter().zip(found).any(|(a, b)| (a - b).abs() > 0.2 * a) {
        eprintln!(
            "warning: the model was trained at {trained:?} nm [z, y, x], and the input has {found:?} nm"
        );
    }
}

fn note_dropped_tuning(predictor: &Predictor, run: &RunFolder) {
    if *predictor.tuning() == TuningOnDisk::ForOtherWeights {
        eprintln!(
            "note: `{}` was chosen for other weights and is not used; `em-cli tune` chooses for these",
            run.tuning().display()
        );
    }
}

/// The planes that were asked for.
fn planes(args: &PredictArgs, predictor: &Predictor) -> Result<Vec<Plane>> {
    let all = &predictor.card().classes;
    if let Some(unknown) = args.class.as_ref().filter(|class| !all.contains(class)) {
        let message = format!("the model has no class `{unknown}`, expected one of: {}", all.join(", "));
        return Err(UserError::new(message, "leave --class out to write every class").into());
    }
    let several = args.class.is_none() && all.len() > 1;
    let mut planes = Vec::new();
    for (channel, class) in all.iter().enumerate() {
        if args.class.as_ref().is_some_and(|only| only != class) {
            continue;
        }
        let mut rule = predictor.rule(class)?;
        rule.threshold = args.threshold.unwrap_or(rule.threshold);
        if args.no_cleaning {
            rule.cleaning = Postprocess::default();
        }
        let files = [(&args.output, Content::Mask(rule)), (&args.probabilities, Content::Probabilities)];
        for (path, content) in files {
            let Some(path) = path else { continue };
            let path = if several { planes::with_class(path, class) } else { path.clone() };
            planes.push(Plane { class: class.clone(), channel, content, path });
        }
    }
    Ok(planes)
}

/// Says what memory the prediction takes at most, whatever the depth of the volume.
fn state_memory(predictor: &Predictor, volume: &Volume, blocks: Blocks, planes: &[Plane]) -> Result<()> {
    let [_, height, width] = volume.shape();
    let network = predictor.memory_bytes([height, width])?;
    // Three blocks are read or wait, each as it is stored and as floats; three are written or wait,
    // and one of them is being compressed. Writers of chunked formats hold another 16 sections.
    let read = 3 * (volume.voxel_type().bytes() + size_of::<f32>());
    let written = planes.len() * (5 + 16_usize.div_ceil(blocks.roi(0).shape[0]));
    // The votes of a median that goes through sections, as 32-bit numbers.
    let windows = planes.iter().filter_map(|plane| plane.content.volume_cleaning());
    let votes =
        windows.map(|steps| (steps.median_size + 1) * height * width * size_of::<u32>()).sum::<usize>();
    let halo = 2 * predictor.halo_sections() * height * width * read;
    let blocks = (blocks.voxels() * (read + written) + halo + votes) as u64;
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    println!(
        "memory: at most {} MB (network {} MB, blocks {} MB)",
        megabytes(network + blocks),
        megabytes(network),
        megabytes(blocks)
    );
    Ok(())
}

/// What the outputs are like: as large as the input, 8 bit.
fn spec(predictor: &Predictor, volume: &Volume) -> VolumeSpec {
    VolumeSpec {
        shape: volume.shape(),
        voxel_type: VoxelType::U8,
        voxel_size_nm: predictor.voxel_size_nm(volume),
    }
}

/// The place for finished blocks, with those of the prediction that is resumed.
fn store(resume: bool, planes: &[Plane], request: &Request) -> Result<BlockStore> {
    // Named after the first output; there is one, since `--output` or `--probabilities` is given.
    let path = &planes[0].path;
    if resume { BlockStore::resume(path, request) } else { BlockStore::create(path, request) }
}

/// All that the result depends on.
fn request(runs: &[RunFolder], volume: &Volume, predictor: &Predictor, planes: &[Plane]) -> Result<Request> {
    let mut request = Request::default()
        .with_input(volume)?
        .with("version of em-cli", env!("CARGO_PKG_VERSION"))
        .with("predict settings", serde_json::to_string(predictor.config())?);
    for (number, run) in runs.iter().enumerate() {
        let of = if number == 0 { "the model's".to_owned() } else { format!("model {}'s", number + 1) };
        request = request
            .with_file(&format!("{of} weights"), &run.weights())?
            .with_file(&format!("{of} card"), &run.card())?;
    }
    for plane in planes {
        request = request.with(&format!("`{}`", plane.path.display()), plane.content);
    }
    Ok(request)
}
