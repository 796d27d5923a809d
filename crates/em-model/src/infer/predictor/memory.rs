//! What a prediction takes in memory.

use super::Predictor;
use crate::Result;
use crate::infer::sections;
use crate::network::inference_bytes;

impl Predictor {
    /// Bounds the memory, in bytes, that the program takes to predict sections of `[y, x]` voxels,
    /// as many as it takes [at once](Self::sections_at_once), on the CPU; blocks that wait to be predicted or written come on top.
    ///
    /// # Errors
    ///
    /// Fails if the sections are empty.
    pub fn memory_bytes(&self, section: [usize; 2]) -> Result<u64> {
        let input = section;
        let section = self.pixels.map_or(input, |pixels| pixels.network_size(input));
        let config = self.section_config(self.card.normalization);
        let depth = self.plan().map_or(1, |plan| plan.largest_tile()[0]);
        let features = self.config.precision.kind(self.device).elt_size_in_bytes() as u64;
        // One network computes at a time, and all keep their weights.
        let mut network = 0;
        for architecture in self.nets.iter().map(|net| net.architecture()) {
            let [height, width] = sections::largest_tile(architecture, section, &config)?;
            network = inference_bytes(architecture, [depth, height, width], features).max(network);
        }
        let section_bytes = (depth * section[0] * section[1] * size_of::<f32>()) as u64;
        // Grey values, their mirrored extension, logits and probabilities of whole sections.
        let channels = (self.card.architecture.in_channels + self.card.architecture.out_channels) as u64;
        // With several views the sum of the probabilities, and a mirrored copy of them and the input.
        let views = if self.config.views > 1 { 2 * channels } else { 0 };
        let planes = 2 * channels + 1 + views;
        let others: u64 = self.nets[1..].iter().map(|net| net.architecture().weight_bytes()).sum();
        // The grey values at the network's pixels, and probabilities at both.
        let matched = self.pixels.map_or(0, |_| {
            let (depth, seen) = (self.sections_at_once() as u64, self.halo_sections() as u64 * 2);
            let areas = [input, section].map(|[height, width]| (height * width) as u64);
            ((depth + seen) * areas[1] + depth * channels * (areas[0] + areas[1])) * size_of::<f32>() as u64
        });
        Ok(network + planes * section_bytes + others + matched)
    }
}
