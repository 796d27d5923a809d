//! Some objects of a label volume measured anew, within a box: what a correction has changed.

use std::collections::{BTreeMap, HashSet};

use em_io::{Blocks, Roi, Volume};
use ndarray::{Array3, Axis};

use crate::error::Result;
use crate::foreground::check_probabilities;
use crate::measure::{Measures, Object, Space, sum_of};
use crate::moments::{Moments, moments_of_section};
use crate::objects::BATCH_BYTES;
use crate::runs::SectionRuns;

/// Objects that were measured anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remeasured {
    /// Those of them that have voxels, in order of their numbers.
    pub objects: Vec<Object>,
    /// The faces that they share with each other object.
    pub contacts: BTreeMap<u32, u64>,
}

/// Measures the objects `ids` of a label volume, all of which lie within `part`, as
/// [`measure`](crate::measure()) does over the whole volume: with the same numbers, to the last bit.
///
/// `read` gives the labels of a block of `part`, `[z, y, x]`; `probabilities` is a volume of the shape of
/// `space`.
///
/// Memory: a batch of sections of the part.
///
/// # Errors
///
/// Those of `read` and of [`Volume::read`], and [`Error::NotAProbability`](crate::Error::NotAProbability).
pub fn remeasure(
    read: impl Fn(Roi) -> em_io::Result<Array3<u32>>,
    part: Roi,
    ids: &HashSet<u32>,
    space: Space,
    probabilities: Option<&Volume>,
) -> Result<Remeasured> {
    // Faces of objects that end with the part belong to their neighbours as well.
    let part = grown(part, space.shape);
    let mut sums: BTreeMap<u32, (Moments, u64)> =
        ids.iter().map(|&id| (id, (Moments::default(), 0))).collect();
    let mut contacts = BTreeMap::new();
    let mut before: Option<SectionRuns> = None;
    for block in Blocks::of_voxels(part, BATCH_BYTES / size_of::<u32>()).iter() {
        let labels = read(block)?;
        let block_of_probabilities = probabilities.map(|volume| volume.read(block)).transpose()?;
        for (section, labels) in labels.axis_iter(Axis(0)).enumerate() {
            let z = block.start[0] + section;
            if let Some((volume, block)) = probabilities.zip(block_of_probabilities.as_ref()) {
                check_probabilities(volume, block, section, z)?;
            }
            let here = SectionRuns::of_part(labels, [part.start[1], part.start[2]]);
            let probability = |y: usize, run: crate::runs::Run| {
                let shift = part.start[2] as u32;
                let within = crate::runs::Run { start: run.start - shift, end: run.end - shift, ..run };
                let row = y - part.start[1];
                block_of_probabilities.as_ref().map_or(0.0, |block| sum_of(block, section, row, within))
            };
            // A volume has fewer than 2^32 sections.
            let (found, touching) = moments_of_section(z as u32, &here, before.as_ref(), probability);
            for (id, moments) in &found {
                if let Some((sum, _)) = sums.get_mut(id) {
                    sum.add(moments);
                }
            }
            for (pair, faces) in touching {
                for [one, other] in [pair, [pair[1], pair[0]]] {
                    let Some((_, sum)) = sums.get_mut(&one) else { continue };
                    *sum += faces;
                    if !ids.contains(&other) {
                        *contacts.entry(other).or_default() += faces;
                    }
                }
            }
            before = Some(here);
        }
    }
    let measures = Measures::of(space, probabilities.map(Volume::voxel_type));
    let found = sums.into_iter().filter(|(_, (moments, _))| moments.voxels > 0);
    let objects = found.map(|(id, (moments, faces))| measures.object(id, &moments, faces));
    Ok(Remeasured { objects: objects.collect(), contacts })
}

/// A box with one voxel more on each side, as far as the volume goes.
fn grown(part: Roi, shape: [usize; 3]) -> Roi {
    let start = part.start.map(|start| start.saturating_sub(1));
    let end = part.end();
    Roi { start, shape: std::array::from_fn(|axis| (end[axis] + 1).min(shape[axis]) - start[axis]) }
}
