//! The axes and sizes of what goes into an exported network and comes out of it.

use serde::{Deserialize, Serialize};

use crate::infer::volumes::VolumePlan;
use crate::{Architecture, ModelCard, Padding};

/// What an exported network takes and gives: 32-bit floats `[batch, section, (z,) y, x]` and
/// `[batch, class, (z,) y, x]`. Lengths are in voxels, `[z, y, x]`; in 2D that of z is 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interface {
    /// Axes of space: 2, or 3.
    pub dimensions: usize,
    /// Neighbouring sections that go in as channels, the one that is predicted in the middle.
    pub sections: usize,
    /// The classes, one channel each.
    pub classes: Vec<String>,
    /// The least that goes through the network.
    pub smallest: [usize; 3],
    /// Longer inputs are longer by a multiple of this.
    pub step: [usize; 3],
    /// Voxels by which the output is shorter at each end of an axis.
    pub margin: [usize; 3],
    /// Voxels at each end of an axis of the output that would be others if the input went on there.
    pub halo: [usize; 3],
}

impl Interface {
    pub(super) fn of(card: &ModelCard) -> Self {
        let architecture = &card.architecture;
        let (stride, stride_z) = (architecture.stride(), architecture.stride_z());
        let (edge, margin) = (architecture.input_edge(1), architecture.margin());
        let deep = |value: usize, otherwise: usize| {
            if architecture.dimensions == 3 { value } else { otherwise }
        };
        Self {
            dimensions: architecture.dimensions,
            sections: architecture.context_sections,
            classes: card.classes.clone(),
            smallest: [stride_z, edge, edge],
            step: [stride_z, stride, stride],
            margin: [deep(margin, 0), margin, margin],
            halo: halo(architecture),
        }
    }

    /// Returns the smallest input that is at least so long, `[z, y, x]`.
    pub fn fitting(&self, at_least: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|axis| {
            let (smallest, step) = (self.smallest[axis], self.step[axis]);
            smallest + at_least[axis].saturating_sub(smallest).next_multiple_of(step)
        })
    }

    /// Returns the lengths of the axes of space alone: `[y, x]`, or `[z, y, x]`.
    pub fn of_space<T: Copy>(&self, lengths: [T; 3]) -> Vec<T> {
        lengths[3 - self.dimensions..].to_vec()
    }

    /// Returns the shape of an input of so many voxels `[z, y, x]`, batch and channels first.
    pub fn input_shape(&self, lengths: [usize; 3]) -> Vec<usize> {
        [vec![1, self.sections], self.of_space(lengths)].concat()
    }
}

/// The halo that predictions have: as far as a network of sections sees, and as far as chunks of a
/// network of volumes overlap. Valid convolutions have given away theirs.
fn halo(architecture: &Architecture) -> [usize; 3] {
    match (architecture.padding, architecture.dimensions) {
        (Padding::Valid, _) => [0; 3],
        (Padding::Same, 3) => {
            let plan = VolumePlan::new(architecture, crate::PredictConfig::default().tile_size);
            [plan.halo_z, plan.halo, plan.halo]
        }
        (Padding::Same, _) => [0, architecture.receptive_radius(), architecture.receptive_radius()],
    }
}
