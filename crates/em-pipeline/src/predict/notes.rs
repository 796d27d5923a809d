//! What is said of the input and the model before they meet.

use std::path::Path;

use em_io::{Volume, VoxelSize};
use em_model::{Predictor, RunFolder, TuningOnDisk};

use crate::{Observer, Result};

/// Says that the outputs have no voxel size: one that was not told is not made up.
pub fn of_unknown_voxel_size(input: &Volume, observer: &mut Observer<'_>) -> Result<()> {
    if input.voxel_size().is_some() {
        return Ok(());
    }
    let path = input.path().unwrap_or(Path::new("memory")).display();
    observer.note(&format!("`{path}` tells no voxel size, and neither do the outputs"))
}

/// Says that a choice of thresholds is not followed.
pub fn of_dropped_tuning(predictor: &Predictor, run: &RunFolder, observer: &mut Observer<'_>) -> Result<()> {
    if *predictor.tuning() != TuningOnDisk::ForOtherWeights {
        return Ok(());
    }
    observer.note(&format!(
        "`{}` was chosen for other weights and is not used; `em-cli tune` chooses for these",
        run.tuning().display()
    ))
}

/// Warns of voxels of another size than those that the model was trained on.
pub fn of_other_voxel_size(
    predictor: &Predictor,
    volume: &Volume,
    observer: &mut Observer<'_>,
) -> Result<()> {
    let trained = predictor.card().voxel_size_nm;
    let (Some(trained), Some(found)) = (trained.and_then(|nm| VoxelSize::new(nm).ok()), volume.voxel_size())
    else {
        return Ok(());
    };
    if !trained.is_close_to(found) {
        let [trained, found] = [trained, found].map(VoxelSize::nm);
        observer.warn(&format!(
            "the model was trained at {trained:?} nm [z, y, x], and the input has {found:?} nm"
        ))?;
    }
    Ok(())
}
