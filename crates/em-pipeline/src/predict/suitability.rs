//! Whether an input is like what a model was trained on, and what is said where something does not
//! hold.

use em_io::{Volume, VoxelSize};
use em_model::{InputComparison, Predictor, RunFolder, TuningOnDisk};

use crate::display::four_digits;
use crate::grey_values::{self, Missing};
use crate::{Observer, Result};

/// Tells of voxels without a value, and of an input that is unlike the training in its voxel size or
/// its grey values.
pub(super) fn tell(
    predictor: &Predictor,
    volume: &Volume,
    voxel_size: Option<VoxelSize>,
    observer: &mut Observer<'_>,
) -> Result<()> {
    if let Some(missing) = Missing::of_volume(volume, observer)?.described() {
        observer.warn(&format!("{missing}; they are background in what is written"))?;
    }
    of_voxel_size(predictor, voxel_size, observer)?;
    // Statistics of the input itself fit whatever it is like.
    if predictor.config().refit_normalization {
        return Ok(());
    }
    let comparison = predictor.compare(volume)?;
    if let Some(text) = scaled(&comparison) {
        observer.note(&text)?;
    }
    unlike(&comparison).map_or(Ok(()), |text| observer.warn(&text))
}

/// Says that a choice of thresholds is not followed.
pub(super) fn tell_of_dropped_tuning(
    predictor: &Predictor,
    run: &RunFolder,
    observer: &mut Observer<'_>,
) -> Result<()> {
    if *predictor.tuning() != TuningOnDisk::ForOtherWeights {
        return Ok(());
    }
    observer.note(&format!(
        "`{}` was chosen for other weights and is not used; `em-cli tune` chooses for these",
        run.tuning().display()
    ))
}

/// Says that what was written has no voxel size: one that was not told is not made up.
pub(super) fn tell_of_unknown_voxel_size(
    predictor: &Predictor,
    voxel_size: Option<VoxelSize>,
    observer: &mut Observer<'_>,
) -> Result<()> {
    if voxel_size.is_some() {
        return Ok(());
    }
    let trained = predictor.card().voxel_size();
    let of = trained.map_or(String::new(), |size| format!("; the model was trained at {size}"));
    let option = "--voxel-size Z,Y,X";
    observer.note(&format!("the input tells no voxel size, and neither does what was written ({option}){of}"))
}

fn of_voxel_size(
    predictor: &Predictor,
    voxel_size: Option<VoxelSize>,
    observer: &mut Observer<'_>,
) -> Result<()> {
    let (Some(found), Some(trained)) = (voxel_size, predictor.card().voxel_size()) else { return Ok(()) };
    let [sections_alike, y, x] = trained.is_close_to(found);
    let pixels_alike = y && x;
    let [[found_z, found_pixel @ ..], [trained_z, trained_pixel @ ..]] = [found.nm(), trained.nm()];
    if let Some(pixels) = predictor.pixels() {
        let [height, width] = pixels.factors().map(four_digits);
        observer.note(&format!(
            "pixels of {} nm are brought to the {} nm of the training, {height} x {width} times as many, and masks back",
            edges(found_pixel),
            edges(trained_pixel)
        ))?;
    } else if !pixels_alike {
        observer.warn(&format!(
            "the model was trained at {trained} [z, y, x], and the input has {found}: objects are {} times as wide in pixels; \
             set predict.match_voxel_size = true, or train at its size",
            four_digits(trained_pixel[1] / found_pixel[1])
        ))?;
    }
    // What sees one section by itself does not care how thick it is.
    let sees_depth = predictor.halo_sections() > 0 || predictor.sections_at_once() > 1;
    if !sees_depth || sections_alike {
        return Ok(());
    }
    observer.warn(&format!(
        "the network sees several sections, of {trained_z} nm in training, and those of the input are {found_z} nm thick"
    ))
}

fn edges([height, width]: [f64; 2]) -> String {
    format!("{} x {}", four_digits(height), four_digits(width))
}

/// Says that values were brought onto the scale of the training.
fn scaled(comparison: &InputComparison) -> Option<String> {
    let trained = comparison.trained?.voxel_type?;
    let factor = comparison.factor;
    let how = match factor {
        1.0 => return None,
        factor if factor < 1.0 => format!("divided by {}", (1.0 / factor).round()),
        factor => format!("multiplied by {factor}"),
    };
    let found = comparison.voxel_type;
    Some(format!(
        "values are {how}: the model was trained on {trained}, and the input is {found} of the same picture"
    ))
}

fn unlike(comparison: &InputComparison) -> Option<String> {
    if !comparison.is_unlike() {
        return None;
    }
    let (trained, found) = (comparison.trained?, comparison.found.times(comparison.factor));
    let types = [trained.voxel_type.unwrap_or(comparison.voxel_type), comparison.voxel_type];
    let text = grey_values::unlike([&trained.grey, &found], types)?;
    Some(format!(
        "the input {text}, as in training; match its contrast to that of the training \
         (em-cli convert --rescale), or set predict.refit_normalization = true"
    ))
}
