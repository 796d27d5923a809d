//! `em-cli predict`: a volume in, masks and probabilities out, section by section.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use em_io::{Volume, VolumeSpec, VolumeWriter, VoxelType, Voxels};
use em_model::{PredictConfig, Predictor, RunFolder};
use ndarray::{Array3, ArrayView2, Axis};

use crate::cli::DeviceArgs;
use crate::config::RunConfig;
use crate::error::UserError;
use crate::output;

/// Arguments of `predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The folder of a run.
    #[arg(long, value_name = "RUN")]
    model: PathBuf,
    /// The raw stack: TIFF, MRC, NIfTI, OME-Zarr, an image, or a folder of images.
    input: PathBuf,
    /// Where to write the mask (0 and 255): .tif, .png, or a folder. Several classes are written as {name}_{class}.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Where to write the probabilities as 8 bit, 255 being 1.
    #[arg(long, value_name = "P")]
    probabilities: Option<PathBuf>,
    /// Probability above which a voxel is foreground; the model's own if absent.
    #[arg(long, value_name = "T", value_parser = threshold)]
    threshold: Option<f32>,
    /// Write only this class.
    #[arg(long)]
    class: Option<String>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Runs the command.
pub fn run(args: &PredictArgs) -> Result<()> {
    refuse_one_path_for_two(args)?;
    let volume = em_io::open(&args.input)?;
    output::notes(&volume);
    let run = RunFolder::new(&args.model);
    let predictor = Predictor::with_config(&run, args.device.get()?, predict_config(&run)?)?;
    warn_of_other_voxel_size(&predictor, &volume);
    let normalization = predictor.normalization(&volume)?;
    let mut outputs = Outputs::create(args, &predictor, &volume)?;

    let bar = output::bar(volume.shape()[0] as u64, "sections");
    for z in 0..volume.shape()[0] {
        let section = volume.read_section(z)?.to_f32();
        let probabilities = predictor.predict_section(section.index_axis(Axis(0), 0), normalization)?;
        for class in &mut outputs.classes {
            class.write(probabilities.index_axis(Axis(0), class.channel))?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for class in outputs.classes {
        class.mask.finish()?;
        class.probabilities.map(VolumeWriter::finish).transpose()?;
        let share = class.foreground as f64 / volume.shape().iter().product::<usize>() as f64;
        println!(
            "{}: {:.2} % foreground above {}, in `{}`",
            class.name,
            share * 100.0,
            class.threshold,
            class.path.display()
        );
    }
    Ok(())
}

/// Masks must not replace the raw stack, nor probabilities the masks.
fn refuse_one_path_for_two(args: &PredictArgs) -> Result<()> {
    let mut paths = vec![&args.input, &args.output];
    paths.extend(&args.probabilities);
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

/// The files of each class.
struct Outputs {
    classes: Vec<ClassOutput>,
}

struct ClassOutput {
    name: String,
    channel: usize,
    threshold: f32,
    path: PathBuf,
    mask: VolumeWriter,
    probabilities: Option<VolumeWriter>,
    foreground: usize,
}

impl Outputs {
    fn create(args: &PredictArgs, predictor: &Predictor, volume: &Volume) -> Result<Self> {
        let all = &predictor.card().classes;
        if let Some(unknown) = args.class.as_ref().filter(|class| !all.contains(class)) {
            let message = format!("the model has no class `{unknown}`, expected one of: {}", all.join(", "));
            return Err(UserError::new(message, "leave --class out to write every class").into());
        }
        let wanted = |class: &String| args.class.as_ref().is_none_or(|only| only == class);
        let several = args.class.is_none() && all.len() > 1;
        let spec = VolumeSpec {
            shape: volume.shape(),
            voxel_type: VoxelType::U8,
            voxel_size_nm: volume.voxel_size_nm().or(predictor.card().voxel_size_nm),
        };
        let classes = all.iter().enumerate().filter(|(_, class)| wanted(class)).map(|(channel, class)| {
            let place = |path: &Path| if several { with_class(path, class) } else { path.to_owned() };
            let path = place(&args.output);
            let probabilities = args.probabilities.as_deref().map(place);
            Ok(ClassOutput {
                name: class.clone(),
                channel,
                threshold: args.threshold.unwrap_or(predictor.threshold(class)),
                mask: VolumeWriter::create(&path, spec)?,
                probabilities: probabilities.map(|path| VolumeWriter::create(path, spec)).transpose()?,
                path,
                foreground: 0,
            })
        });
        Ok(Self { classes: classes.collect::<Result<_>>()? })
    }
}

impl ClassOutput {
    fn write(&mut self, probabilities: ArrayView2<'_, f32>) -> Result<()> {
        let stack = probabilities.insert_axis(Axis(0));
        let mask: Array3<u8> = stack.mapv(|p| if p > self.threshold { u8::MAX } else { 0 });
        self.foreground += mask.iter().filter(|&&v| v > 0).count();
        self.mask.write(&Voxels::U8(mask))?;
        if let Some(writer) = &mut self.probabilities {
            writer.write(&Voxels::U8(em_data::probabilities::to_u8(stack)))?;
        }
        Ok(())
    }
}

/// `out.tif` and `synapses` to `out_synapses.tif`.
fn with_class(path: &Path, class: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}_{class}.{}", extension.to_string_lossy()),
        None => format!("{stem}_{class}"),
    };
    path.with_file_name(name)
}
