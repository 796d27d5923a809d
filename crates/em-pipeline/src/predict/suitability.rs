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
    let trained = trained_size(predictor);
    let of = trained.map_or(String::new(), |size| format!("; the model was trained at {size}"));
    let option = "--voxel-size Z,Y,X";
    observer.note(&format!("the input tells no voxel size, and neither does what was written ({option}){of}"))
}

fn trained_size(predictor: &Predictor) -> Option<VoxelSize> {
    predictor.card().voxel_size_nm.and_then(|nm| VoxelSize::new(nm).ok())
}

fn of_voxel_size(
    predictor: &Predictor,
    voxel_size: Option<VoxelSize>,
    observer: &mut Observer<'_>,
) -> Result<()> {
    match (voxel_size, trained_size(predictor)) {
        (Some(found), Some(trained)) if !trained.is_close_to(found) => observer.warn(&format!(
            "the model was trained at {trained} [z, y, x], and the input has {found}: objects are {} times as wide in pixels; \
             bring the input to the size of the training, or train at its size",
            four_digits(trained.nm()[2] / found.nm()[2])
        )),
        _ => Ok(()),
    }
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
