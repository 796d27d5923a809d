//! Which pixel size suits a network: the same crops of a stack, predicted as if their pixels had several.
//!
//! Where no file tells the voxel size, a person sees at which one objects are found whole.

use std::path::PathBuf;

use em_io::{OpenOptions, Roi, Volume, VoxelSize};
use em_model::{Device, ModelCard, PixelMatch, Predictor, RunFolder};
use ndarray::{Array3, Array4, Axis, stack};

use crate::drawing::{ScaledCrop, TriedSize, png, scales};
use crate::error::{Result, UserError};
use crate::{Observer, Stage, display, find_run, open_with, write};

/// What is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ScalesRequest {
    /// The folder of a run, or the name of a built-in network.
    pub model: PathBuf,
    /// The stack.
    pub stack: PathBuf,
    /// Which stack of it is taken, where it holds several.
    pub reading: OpenOptions,
    /// Its voxel size in nm, where it tells none or a wrong one.
    pub voxel_size: Option<VoxelSize>,
    /// Pixel sizes in nm that are tried; without any, five around the one that is known, or that of the
    /// network.
    pub pixels_nm: Vec<f64>,
    /// Where the picture goes, as PNG.
    pub output: PathBuf,
    /// Whether to replace a file that is there.
    pub overwrite: bool,
    /// Where to compute.
    pub device: Device,
}

impl ScalesRequest {
    /// Asks for a sheet of crops.
    pub fn new(model: PathBuf, stack: PathBuf, output: PathBuf, device: Device) -> Self {
        let (reading, voxel_size, pixels_nm) = (OpenOptions::default(), None, Vec::new());
        Self { model, stack, reading, voxel_size, pixels_nm, output, overwrite: false, device }
    }
}

/// What was found as if pixels had a size.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Scale {
    /// The size of a pixel in nm.
    pub pixel_nm: f64,
    /// Whether it is the one that the stack tells.
    pub is_known: bool,
    /// Share of foreground of each class.
    pub foreground: Vec<(String, f64)>,
}

/// Pixel sizes that are tried, relative to the middle one.
const FACTORS: [f64; 5] = [0.5, 0.707, 1.0, 1.414, 2.0];

/// Crops, from the middles of sections that lie evenly in the stack, and their largest edge in voxels.
const CROPS: usize = 3;
const EDGE: usize = 320;

/// Predicts crops of a stack as if its pixels had several sizes, and draws them.
///
/// # Errors
///
/// Fails if the model or the stack cannot be read, the model does not know its own pixel size, a size is
/// out of range, or the picture is there already or cannot be written.
pub fn make_scales(request: &ScalesRequest, observer: &mut Observer<'_>) -> Result<Vec<Scale>> {
    if request.output.exists() && !request.overwrite {
        let message = format!("`{}` is there already", request.output.display());
        return Err(UserError::new(message, "replace it with --overwrite, or name another file").into());
    }
    let model = find_run(&request.model)?;
    let card = ModelCard::read(&model)?;
    let trained = card.voxel_size().ok_or_else(|| {
        let message = format!("`{}` was trained on pixels of unknown size", request.model.display());
        UserError::new(message, "train it anew with data.voxel_size_nm")
    })?;
    let volume = open_with(&request.stack, request.reading, observer)?;
    let known = request.voxel_size.or(volume.voxel_size()).map(|size| size.nm()[2]);
    let [_, _, trained_nm] = trained.nm();
    let mut sizes = match &request.pixels_nm[..] {
        [] => FACTORS.map(|factor| known.unwrap_or(trained_nm) * factor).to_vec(),
        given => given.to_vec(),
    };
    sizes.sort_by(f64::total_cmp);
    let crops = crops(&volume)?;
    let mut found: Vec<Vec<Array3<bool>>> = vec![Vec::new(); crops.len()];
    let mut told = Vec::new();
    observer.stage(Stage::sections([sizes.len(), crops[0].shape()[1], crops[0].shape()[2]]), |observer| {
        for &pixel_nm in &sizes {
            let predictor = predictor(&model, &card, trained, pixel_nm, request.device)?;
            let normalization = predictor.normalization(&volume)?;
            let mut foreground = vec![0; card.classes.len()];
            for (crop, found) in crops.iter().zip(&mut found) {
                let masks =
                    masks(&predictor, &predictor.predict_sections(crop.view(), 0..1, normalization)?)?;
                for (sum, mask) in foreground.iter_mut().zip(masks.outer_iter()) {
                    *sum += mask.iter().filter(|&&inside| inside).count();
                }
                found.push(masks);
            }
            let voxels: usize = crops.iter().map(Array3::len).sum();
            let share = |sum: usize| sum as f64 / voxels.max(1) as f64;
            let shares = card.classes.iter().cloned().zip(foreground.into_iter().map(share)).collect();
            let is_known = known.is_some_and(|known| (known / pixel_nm - 1.0).abs() < 0.01);
            told.push(Scale { pixel_nm, is_known, foreground: shares });
            observer.advance(1)?;
        }
        Ok(())
    })?;
    let tried = told.iter().map(|scale| TriedSize { caption: caption(scale), pixel_nm: scale.pixel_nm });
    let tried: Vec<TriedSize> = tried.collect();
    let crops: Vec<ScaledCrop> = crops
        .into_iter()
        .zip(found)
        .map(|(grey, found)| ScaledCrop { grey: grey.index_axis_move(Axis(0), 0), found })
        .collect();
    write::bytes(&request.output, &png(&scales(&crops, &tried, &card.classes)?)?)?;
    Ok(told)
}

fn caption(scale: &Scale) -> String {
    let known = if scale.is_known { ", as told" } else { "" };
    format!("pixels of {} nm{known}", display::four_digits(scale.pixel_nm))
}

/// The network for pixels of a size.
fn predictor(
    model: &RunFolder,
    card: &ModelCard,
    trained: VoxelSize,
    pixel_nm: f64,
    device: Device,
) -> Result<Predictor> {
    let as_if = VoxelSize::new([trained.nm()[0], pixel_nm, pixel_nm])?;
    let pixels = PixelMatch::new(as_if, trained)?;
    let predictor = Predictor::with_config(model, device, card.predict.clone().unwrap_or_default())?;
    Ok(predictor.with_pixels(pixels))
}

/// The middles of some sections, one section each.
fn crops(volume: &Volume) -> Result<Vec<Array3<f32>>> {
    let (shape, depth) = (volume.shape(), volume.shape()[0]);
    let count = CROPS.min(depth);
    let crop = |number: usize| {
        let z = (2 * number + 1) * depth / (2 * count);
        Ok(volume.read(Roi::middle(shape, z..z + 1, [EDGE; 2]))?.to_f32())
    };
    (0..count).map(crop).collect()
}

/// The masks of one section, `[class, y, x]`.
fn masks(predictor: &Predictor, probabilities: &Array4<f32>) -> Result<Array3<bool>> {
    let classes = predictor.card().classes.iter().zip(probabilities.outer_iter());
    let masks = classes.map(|(class, probabilities)| {
        Ok(predictor.rule(class)?.mask(probabilities)?.index_axis_move(Axis(0), 0))
    });
    let masks = masks.collect::<Result<Vec<_>>>()?;
    let views: Vec<_> = masks.iter().map(|mask| mask.view()).collect();
    Ok(stack(Axis(0), &views).unwrap_or_else(|_| Array3::from_elem((0, 0, 0), false)))
}
