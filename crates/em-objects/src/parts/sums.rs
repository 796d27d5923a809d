//! Sums of probabilities over the objects of a part, of integers alone: these are exact in any order, so that those
//! of parts add up to what one pass gives; those of floats would round.

use std::ops::ControlFlow;

use em_io::{Roi, Volume, VoxelType};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::measure::sum_of;
use crate::objects::{Objects, batches, told};

/// A type of probabilities whose sums are exact, below 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Summed {
    U8,
    U16,
}

impl Summed {
    pub fn of(stored: VoxelType) -> Option<Self> {
        match stored {
            VoxelType::U8 => Some(Self::U8),
            VoxelType::U16 => Some(Self::U16),
            _ => None,
        }
    }

    pub fn stored(self) -> VoxelType {
        match self {
            Self::U8 => VoxelType::U8,
            Self::U16 => VoxelType::U16,
        }
    }
}

/// Sums the stored probabilities of each object of a part; they are of a type that [`Summed`] knows.
pub fn sums_of(
    objects: &Objects,
    probabilities: &Volume,
    part: Roi,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Vec<u64>> {
    let mut sums = vec![0; objects.count()];
    for block in probabilities.blocks(batches(part, probabilities.voxel_type().bytes())) {
        let (place, voxels) = block?;
        let of_section = |z: usize| {
            let section = objects.section(place.start[0] - part.start[0] + z)?;
            let rows = (0..section.height()).flat_map(|y| section.row(y).iter().map(move |&run| (y, run)));
            // Integers of at most 16 bits, of which a run has too few to pass what a float holds.
            Ok(rows.map(|(y, run)| (run.label, sum_of(&voxels, z, y, run) as u64)).collect::<Vec<_>>())
        };
        for of_runs in (0..place.shape[0]).into_par_iter().map(of_section).collect::<Result<Vec<_>>>()? {
            of_runs.into_iter().for_each(|(number, sum)| sums[number as usize - 1] += sum);
        }
        told(progress(0))?;
    }
    Ok(sums)
}
