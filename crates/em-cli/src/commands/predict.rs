//! `em-cli predict`: a volume in, masks and probabilities out, block by block.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_model::MaskRule;
use em_pipeline::predict::{OutputKind, PredictPlan, PredictRequest, PredictedFile, PredictedFiles};
use em_pipeline::shards::Shard;
use serde_json::{Value, json};

use super::shards;
use crate::arguments::{probability, shard, voxel_size};
use crate::cli::{DeviceArgs, EventArgs, ReadingArgs};
use crate::console::{self, observed, observed_keeping, say, shown_path};

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The folder of a run, or a file in it; given several times, the probabilities of all runs are averaged.
    #[arg(long, value_name = "RUN", required = true)]
    model: Vec<PathBuf>,
    /// The raw stack: TIFF, MRC, NIfTI, OME-Zarr, an image, a folder of images, or the address of one (https://, s3://, gs://).
    input: PathBuf,
    #[command(flatten)]
    reading: ReadingArgs,
    /// Voxel size in nm, where the input tells none or a wrong one.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Where to write the mask (0 and 255): .tif, .ome.tif, .mrc, .zarr, or a folder of PNG. Several classes are written as {name}_{class}. An address (s3://, gs://) ends in .zarr or .precomputed; finished blocks then lie in the working folder.
    #[arg(short, long, value_name = "OUT", required_unless_present = "probabilities")]
    output: Option<PathBuf>,
    /// Where to write the probabilities as 8 bit, 255 being 1.
    #[arg(long, value_name = "P")]
    probabilities: Option<PathBuf>,
    /// Probability above which a voxel is foreground; the model's own if absent.
    #[arg(long, value_name = "T", value_parser = probability)]
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
    /// Override a key of the run's settings, as in predict.tile_size=512.
    #[arg(long, value_name = "predict.KEY=VALUE")]
    set: Vec<String>,
    /// Replace what is at the output paths.
    #[arg(long)]
    overwrite: bool,
    /// Go on with a prediction of the same input, model and settings that was interrupted.
    #[arg(long)]
    resume: bool,
    /// Predict one of N shards, numbered from 0, into .zarr: whole chunks, so that many programs can share the work. auto/N takes the number from an array of jobs (SLURM, Kubernetes, LSF, SGE). `em-cli shards OUT --finish` ends it.
    #[arg(long, value_name = "I/N", value_parser = shard, conflicts_with_all = ["resume", "overwrite"])]
    shard: Option<Shard>,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    pub events: EventArgs,
}

/// Runs the command.
pub fn run(args: &PredictArgs) -> Result<()> {
    let request = args.request()?;
    if let Some(shard) = args.shard {
        return run_shard(&request, shard);
    }
    let prediction = observed_keeping("finished blocks are kept", "go on with --resume", |observer| {
        let plan = PredictPlan::new(&request, observer)?;
        say!("memory: {}", plan.memory());
        plan.run(observer)
    })?;
    tell(&prediction)
}

/// Predicts one shard, of which nothing is kept where it is stopped.
fn run_shard(request: &PredictRequest, shard: Shard) -> Result<()> {
    let is_new = observed("start the shard again", |observer| {
        let plan = PredictPlan::new(request, observer)?;
        say!("memory: {}", plan.memory());
        plan.run_shard(shard, observer)
    })?;
    shards::told(shard, is_new)
}

/// Prints what was predicted.
pub fn tell(prediction: &PredictedFiles) -> Result<()> {
    if console::tells_events() {
        let files: Vec<Value> = prediction.files.iter().map(described).collect();
        return console::done(&json!({ "files": files }));
    }
    for file in &prediction.files {
        if let OutputKind::Mask(MaskRule { threshold, .. }) = file.kind {
            let (class, share, path) = (&file.class, file.foreground * 100.0, file.path.display());
            say!("{class}: {share:.2} % foreground above {threshold}, in `{path}`");
        }
    }
    Ok(())
}

/// A file as an event has it; only masks have a threshold.
fn described(file: &PredictedFile) -> Value {
    let (kind, threshold) = match file.kind {
        OutputKind::Mask(MaskRule { threshold, .. }) => ("mask", Some(threshold)),
        OutputKind::Probabilities => ("probabilities", None),
    };
    let PredictedFile { class, path, foreground, .. } = file;
    let path = shown_path(path);
    json!({ "class": class, "kind": kind, "threshold": threshold, "path": path, "foreground": foreground })
}

impl PredictArgs {
    fn request(&self) -> Result<PredictRequest> {
        let mut request = PredictRequest::new(&self.model, &self.input, self.device.get()?);
        request.reading = self.reading.options();
        request.voxel_size_nm = self.voxel_size;
        request.masks.clone_from(&self.output);
        request.probabilities.clone_from(&self.probabilities);
        request.threshold = self.threshold;
        request.views = self.views;
        request.cleaning = !self.no_cleaning;
        request.class.clone_from(&self.class);
        request.resume = self.resume;
        request.overwrite = self.overwrite;
        request.settings.clone_from(&self.set);
        Ok(request)
    }
}
