//! What predictions and trainings take in memory, before they start. Upper bounds, not measurements.

use super::{Architecture, Imported};

/// The program with libtorch, before anything is computed (measured: 230 MB with the CPU library).
const PROGRAM_BYTES: u64 = 300 << 20;

/// What the convolutions of the first level hold besides the skips, in features of that level:
/// raised features, their concatenation with the skip (two), two outputs, and a copy of input (two)
/// and output in the layout of the convolution.
const WORKING_FEATURES: u64 = 8;

/// What a residual block holds besides: its input stays (two, in the last block), and the shortcut
/// and the sum are two more.
const RESIDUAL_FEATURES: u64 = 4;

/// Bounds the bytes of a forward pass over `[depth, height, width]` voxels, weights and program included.
///
/// Each number of a feature takes `feature_bytes`.
pub(crate) fn inference_bytes(architecture: &Architecture, tile: [usize; 3], feature_bytes: u64) -> u64 {
    let voxels = tile.iter().fold(1, |product: u64, &edge| product.saturating_mul(edge as u64));
    let float = size_of::<f32>() as u64;
    if let Some(imported) = &architecture.imported {
        return of_imported(imported, tile, 1, imported.bytes_per_voxel, 2);
    }
    let features = |level: usize| {
        (architecture.filters[level] as u64)
            .saturating_mul(voxels >> halvings(architecture, level))
            .saturating_mul(feature_bytes)
    };
    let skips: u64 = (0..architecture.filters.len()).map(features).fold(0, u64::saturating_add);
    // Input and logits, and the same once more while they are normalised and stitched.
    let channels = (2 * (architecture.in_channels + architecture.out_channels)) as u64;
    let ends = channels.saturating_mul(voxels).saturating_mul(float);
    let weights = architecture.parameter_count() as u64 * float * 2;
    let working = WORKING_FEATURES + if architecture.residual { RESIDUAL_FEATURES } else { 0 };
    [skips, features(0).saturating_mul(working), ends, weights, PROGRAM_BYTES]
        .into_iter()
        .fold(0, u64::saturating_add)
}

/// What was measured for each voxel of `tiles` tiles, in the sizes that go through the network, and so many
/// copies of the weights.
fn of_imported(imported: &Imported, tile: [usize; 3], tiles: usize, per_voxel: u64, copies: u64) -> u64 {
    // Tiles of a network of one size are no larger.
    let sizes = imported.run_sizes(tile).unwrap_or(imported.sizes.map(|sizes| sizes.smallest));
    let voxels =
        sizes.into_iter().chain([tiles]).fold(1, |product: u64, edge| product.saturating_mul(edge as u64));
    let weights = (imported.parameters * size_of::<f32>()) as u64 * copies;
    voxels.saturating_mul(per_voxel).saturating_add(weights).saturating_add(PROGRAM_BYTES)
}

/// How often the voxels of a level were halved: twice per level above it in 2D, and a third time
/// where pooling goes along z.
fn halvings(architecture: &Architecture, level: usize) -> usize {
    2 * level + (0..level).filter(|&above| architecture.is_deep(above)).count()
}

impl Architecture {
    /// Returns the bytes of the weights.
    pub(crate) fn weight_bytes(&self) -> u64 {
        (self.parameter_count() * size_of::<f32>()) as u64
    }
}

/// Features that a training step keeps per level with same-sized convolutions, for the gradients:
/// two blocks of two convolutions with their norms and activations, the raised features and their
/// concatenation with the skip.
const TRAINING_FEATURES: u64 = 15;

/// Estimates the bytes of a training step on `batch_size` tiles `[z, y, x]`, weights, optimiser and
/// program included.
///
/// On a processor, the default network with 8 tiles of 256 voxels was measured at five sixths of it.
pub fn training_bytes(architecture: &Architecture, tile: [usize; 3], batch_size: usize) -> u64 {
    let float = size_of::<f32>() as u64;
    if let Some(imported) = &architecture.imported {
        return of_imported(imported, tile, batch_size, imported.training_bytes_per_voxel, 4);
    }
    let edges = tile.into_iter().chain([batch_size]);
    let voxels = edges.fold(1, |product: u64, edge| product.saturating_mul(edge as u64));
    let features = architecture.filters.iter().enumerate();
    let features = features
        .map(|(level, &filters)| (voxels >> halvings(architecture, level)).saturating_mul(filters as u64))
        .fold(0, u64::saturating_add);
    // Weights, their gradients and two moments.
    let weights = architecture.parameter_count() as u64 * float * 4;
    let channels = (architecture.in_channels + 4 * architecture.out_channels) as u64;
    [
        features.saturating_mul(TRAINING_FEATURES).saturating_mul(float),
        channels.saturating_mul(voxels).saturating_mul(float),
        weights,
        PROGRAM_BYTES,
    ]
    .into_iter()
    .fold(0, u64::saturating_add)
}

/// Bounds the bytes of scoring validation sections of `[height, width]` voxels that go through the
/// network in parts of `tile_size`, weights and program included.
pub fn validation_bytes(architecture: &Architecture, section: [usize; 2], tile_size: usize) -> u64 {
    // Sections below a million voxels are scored several at a time.
    let voxels = section[0].saturating_mul(section[1]).max(1 << 20);
    let tile = tile_size.saturating_mul(tile_size).max(1 << 20);
    inference_bytes(architecture, [1, voxels.min(tile), 1], size_of::<f32>() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn more_voxels_take_more_memory_and_no_size_overflows() {
        let unet = Preset::Unet.architecture();
        let small = inference_bytes(&unet, [1, 256, 256], 4);
        let large = inference_bytes(&unet, [1, 1024, 1024], 4);
        assert!(small < large && large < 1 << 30, "{small} {large}");
        assert!(inference_bytes(&unet, [1, 1024, 1024], 2) < large);
        assert_eq!(inference_bytes(&unet, [1, usize::MAX, usize::MAX], 4), u64::MAX);
    }

    #[test]
    fn a_training_takes_at_least_what_was_measured() {
        // Peak of /proc/PID/status on a CPU, 1 class, 256-voxel tiles, fp32: 1,263 MB in a run with
        // 8 tiles, of which the volumes were 156 MB.
        let unet = Preset::Unet.architecture();
        let estimated = training_bytes(&unet, [1, 256, 256], 8);
        assert!((1_107_000_000..1_600_000_000).contains(&estimated), "{estimated}");
        assert!(training_bytes(&unet, [1, 256, 256], 16) > estimated);
        assert_eq!(training_bytes(&unet, [1, usize::MAX, 256], 8), u64::MAX);
        assert!(validation_bytes(&unet, [64, 64], 1536) > 500 << 20);
    }
}
