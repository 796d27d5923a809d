//! What a prediction takes in memory.

use std::fmt;

use em_io::{Blocks, Volume};
use em_model::Predictor;

use super::outputs::Output;
use crate::Result;

/// A bound on the memory of a prediction, in bytes, whatever the depth of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PredictMemory {
    /// The network and the sections that go through it, on the CPU.
    pub network: u64,
    /// The blocks that are read, predicted or written, or wait for it.
    pub blocks: u64,
}

impl PredictMemory {
    pub(super) fn of(
        predictor: &Predictor,
        volume: &Volume,
        blocks: Blocks,
        outputs: &[Output],
    ) -> Result<Self> {
        let [_, height, width] = volume.shape();
        let network = predictor.memory_bytes([height, width])?;
        // Three blocks are read or wait, each as it is stored and as floats; three are written or wait,
        // and one of them is being compressed. Writers of chunked formats hold another 16 sections.
        let read = 3 * (volume.voxel_type().bytes() + size_of::<f32>());
        let written = outputs.len() * (5 + 16_usize.div_ceil(blocks.roi(0).shape[0]));
        // The votes of a median that goes through sections, as 32-bit numbers.
        let windows = outputs.iter().filter_map(|output| output.kind.volume_cleaning());
        let votes =
            windows.map(|steps| (steps.median_size + 1) * height * width * size_of::<u32>()).sum::<usize>();
        let halo = 2 * predictor.halo_sections() * height * width * read;
        let blocks = (blocks.voxels() * (read + written) + halo + votes) as u64;
        Ok(Self { network, blocks })
    }

    /// Returns all of it.
    pub fn total(&self) -> u64 {
        self.network + self.blocks
    }
}

/// As `at most 120 MB (network 100 MB, blocks 20 MB)`, each rounded up.
impl fmt::Display for PredictMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [total, network, blocks] =
            [self.total(), self.network, self.blocks].map(|bytes| bytes.div_ceil(1_000_000));
        write!(f, "at most {total} MB (network {network} MB, blocks {blocks} MB)")
    }
}
