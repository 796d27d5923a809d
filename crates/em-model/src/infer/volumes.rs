//! Volumes through a 3D network: chunks of sections on a fixed grid, each with a halo.
//!
//! What a network of volumes sees is wider than most tiles, so that the halo is bounded by
//! [`LARGEST_HALO`]. The chunks and tiles lie on a grid that starts at the first section; a volume
//! that is predicted in blocks of whole chunks therefore gives the same voxels for any size of block.

use std::ops::Range;

use em_data::Normalization;
use em_data::tile::mirrored_without_edge;
use tch::Tensor;

use super::sections::{self, SectionConfig};
use crate::Architecture;
use crate::error::Computed;
use crate::network::FoldedNetwork;

/// Voxels of halo, in the plane, beyond which a tile reads nothing of its neighbours.
const LARGEST_HALO: usize = 16;

/// How a volume is cut for a 3D network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VolumePlan {
    /// Sections of a chunk.
    pub depth: usize,
    /// Further sections on each side that the network reads.
    pub halo_z: usize,
    /// Largest edge of a tile, before its halo.
    pub tile_size: usize,
    /// Further voxels around it.
    pub halo: usize,
}

impl VolumePlan {
    /// Plans chunks of which tiles hold about as many voxels as a section's tile of edge `tile_size`,
    /// and more where half of a tile would be halo.
    pub fn new(architecture: &Architecture, tile_size: usize) -> Self {
        let (stride, stride_z) = (architecture.stride(), architecture.stride_z());
        let halo = architecture.receptive_radius().min(LARGEST_HALO.next_multiple_of(stride));
        // As far in nm: a flat level is there because sections are thicker.
        let halo_z = (LARGEST_HALO >> architecture.flat_levels).max(1).next_multiple_of(stride_z);
        let halo_z = architecture.receptive_radius_z().min(halo_z);
        let voxels = (tile_size * tile_size) as f64;
        let cube = voxels.cbrt() as usize;
        // Tiles that are mostly halo would cost many times what they give.
        let core = |edge: usize, halo: usize, stride: usize| {
            (edge.saturating_sub(2 * halo) / stride * stride).max(2 * halo)
        };
        let depth = core(cube >> architecture.flat_levels, halo_z, stride_z);
        let edge = (voxels / (depth + 2 * halo_z) as f64).sqrt() as usize;
        // Where sections of a tile are bounded, its edges are, too, by who knows the whole (`sections.rs`).
        let depth = architecture.largest_core(0, usize::MAX).map_or(depth, |core| depth.min(core));
        Self { depth, halo_z, tile_size: core(edge, halo, stride), halo }
    }

    /// Returns the largest tile that goes through the network, `[z, y, x]`.
    pub fn largest_tile(&self) -> [usize; 3] {
        let edge = self.tile_size + 2 * self.halo;
        [self.depth + 2 * self.halo_z, edge, edge]
    }

    /// Cuts `keep`, at most a chunk, out of sections `[z, y, x]`, with the halo and up to what the
    /// network takes: `[1, z, y, x]`. What the sections lack is mirrored.
    pub fn chunk(
        &self,
        architecture: &Architecture,
        block: &Tensor,
        keep: &Range<usize>,
    ) -> Computed<Tensor> {
        let length = keep.len().next_multiple_of(architecture.stride_z()) + 2 * self.halo_z;
        let (depth, ..) = block.size3()?;
        let places =
            mirrored_without_edge(depth as usize, self.halo_z, self.halo_z + architecture.stride_z());
        let places: Vec<i64> = places[keep.start..keep.start + length].iter().map(|&z| z as i64).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(block.device())?;
        Ok(block.f_index_select(0, &places)?.f_unsqueeze(0)?)
    }

    /// Cuts the sections that were asked for out of what a [`chunk`](Self::chunk) gave, `[..., z, y, x]`.
    pub fn kept(&self, output: &Tensor, keep: &Range<usize>) -> Computed<Tensor> {
        Ok(output.f_narrow(-3, self.halo_z as i64, keep.len() as i64)?)
    }

    /// How the sections of a chunk are cut.
    pub fn section_config(&self, border: usize, normalization: Normalization) -> SectionConfig {
        SectionConfig { tile_size: self.tile_size, border, largest_halo: self.halo, normalization }
    }
}

/// Maps sections `keep` of a block `[z, y, x]`, at most a chunk, to logits `[1, channel, z, y, x]`.
pub(crate) fn logits(
    net: &FoldedNetwork,
    block: &Tensor,
    keep: &Range<usize>,
    plan: &VolumePlan,
    config: &SectionConfig,
) -> Computed<Tensor> {
    let chunk = plan.chunk(net.architecture(), block, keep)?;
    plan.kept(&sections::logits(net, &chunk, config)?, keep)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Mode, Network};
    use crate::{Device, Preset};
    use tch::Kind;

    fn architecture(flat_levels: usize) -> Architecture {
        Architecture { flat_levels, filters: vec![4, 6, 8], ..Preset::Unet3d.architecture() }
    }

    fn plan(flat_levels: usize, tile_size: usize) -> VolumePlan {
        VolumePlan::new(&architecture(flat_levels), tile_size)
    }

    #[test]
    fn tiles_hold_about_as_many_voxels_as_those_of_sections() {
        for (architecture, tile_size) in [
            (Preset::Unet3d.architecture(), 1536),
            (architecture(2), 512),
            (Architecture { flat_levels: 3, ..Preset::Unet3d.architecture() }, 1536),
        ] {
            let plan = VolumePlan::new(&architecture, tile_size);
            let voxels: usize = plan.largest_tile().iter().product();
            assert!(voxels <= tile_size * tile_size && voxels > tile_size * tile_size / 3, "{plan:?}");
            assert!(plan.depth.is_multiple_of(architecture.stride_z()), "{plan:?}");
        }
        assert_eq!(plan(0, 8), VolumePlan { depth: 32, halo_z: 16, tile_size: 32, halo: 16 });
    }

    #[test]
    fn blocks_of_any_number_of_chunks_give_the_same_voxels() {
        for flat_levels in [0, 1] {
            let net = Network::new(&architecture(flat_levels), Device::Cpu, 5).unwrap().folded().unwrap();
            let plan = VolumePlan { depth: 8, tile_size: 24, ..plan(flat_levels, 64) };
            let config = plan.section_config(4, Normalization::Zscore { mean: 100.0, std: 50.0 });
            let volume = Tensor::randint(255, [27, 40, 50], (Kind::Uint8, tch::Device::Cpu));
            let of = |block: &Tensor, keep: Range<usize>| {
                let chunks = keep.clone().step_by(plan.depth).map(|start| {
                    let keep = start..(start + plan.depth).min(keep.end);
                    logits(&net, block, &keep, &plan, &config).unwrap()
                });
                Tensor::cat(&chunks.collect::<Vec<_>>(), 2)
            };
            let whole = of(&volume, 0..27);
            assert_eq!(whole.size(), [1, 1, 27, 40, 50]);
            for (start, end) in [(0, 8), (8, 24), (16, 27), (24, 27)] {
                // A block holds its halo, but for the ends of the volume.
                let first = start - plan.halo_z.min(start);
                let last = (end + plan.halo_z).min(27);
                let block = volume.narrow(0, first as i64, (last - first) as i64);
                let part = of(&block, start - first..end - first);
                let difference = (whole.narrow(2, start as i64, (end - start) as i64) - part).abs().max();
                assert_eq!(difference.double_value(&[]), 0.0, "{start}..{end}, {flat_levels} flat levels");
            }
        }
    }

    #[test]
    fn volumes_smaller_than_a_chunk_come_back_in_their_size() {
        let net = Network::new(&architecture(0), Device::Cpu, 5).unwrap().folded().unwrap();
        let plan = plan(0, 64);
        let config = plan.section_config(0, Normalization::Scale { divisor: 255.0 });
        for shape in [[1, 1, 1], [3, 9, 20], [7, 33, 16]] {
            let volume = Tensor::randint(255, shape, (Kind::Uint8, tch::Device::Cpu));
            let out = logits(&net, &volume, &(0..shape[0] as usize), &plan, &config).unwrap();
            assert_eq!(out.size()[2..], shape);
        }
    }

    #[test]
    fn a_chunk_that_holds_all_is_the_bare_network_in_its_middle() {
        let net = Network::new(&architecture(1), Device::Cpu, 5).unwrap();
        let volume = Tensor::randint(255, [4, 32, 32], (Kind::Uint8, tch::Device::Cpu));
        let places = mirrored_without_edge(4, 4, 4).into_iter().map(|z| z as i64).collect::<Vec<_>>();
        let x = volume.index_select(0, &Tensor::from_slice(&places)).to_kind(Kind::Float) / 255.0;
        let bare = tch::no_grad(|| net.forward(&x.view([1, 1, 12, 32, 32]), Mode::Inference).unwrap());
        let plan = VolumePlan { depth: 4, halo_z: 4, tile_size: 32, halo: 8 };
        let config = plan.section_config(0, Normalization::Scale { divisor: 255.0 });
        let out = logits(&net.folded().unwrap(), &volume, &(0..4), &plan, &config).unwrap();
        let difference = (bare.narrow(2, 4, 4) - out).abs().max().double_value(&[]);
        assert!(difference < 1e-4, "{difference}");
    }

    #[test]
    fn flat_levels_do_not_look_along_z_and_the_others_as_far_as_said() {
        for flat_levels in 0..=2 {
            let architecture = architecture(flat_levels);
            let net = Network::new(&architecture, Device::Cpu, 5).unwrap();
            let (radius, stride) = (architecture.receptive_radius_z() as i64, architecture.stride_z() as i64);
            let depth = (2 * radius + 2 * stride).max(8);
            let middle = depth / 2 / stride * stride;
            let x = Tensor::randn([1, 1, depth, 16, 16], (Kind::Float, tch::Device::Cpu));
            let forward = |x: &Tensor| {
                tch::no_grad(|| net.forward(x, Mode::Inference).unwrap()).narrow(2, middle, stride)
            };
            let changed = |first: i64, last: i64| {
                let far = x.copy();
                let _ = far.narrow(2, first, last - first).fill_(3.0);
                (forward(&x) - forward(&far)).abs().max().double_value(&[])
            };
            assert_eq!(changed(0, middle - radius), 0.0, "{flat_levels} flat levels");
            assert!(changed(0, middle) > 0.0 || radius == 0, "{flat_levels} flat levels");
        }
    }
}
