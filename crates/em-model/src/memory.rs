//! What a prediction takes in memory, before it starts. Upper bounds, not measurements.

use crate::architecture::Architecture;

/// The program with libtorch, before anything is computed (measured: 230 MB with the CPU library).
const PROGRAM_BYTES: u64 = 300 << 20;

/// What the convolutions of the first level hold besides the skips, in features of that level:
/// raised features, their concatenation with the skip (two), two outputs, and a copy of input (two)
/// and output in the layout of the convolution.
const WORKING_FEATURES: u64 = 8;

/// Bounds the bytes of a forward pass over `[height, width]` voxels, weights and program included.
pub(crate) fn inference_bytes(architecture: &Architecture, [height, width]: [usize; 2]) -> u64 {
    let voxels = (height as u64).saturating_mul(width as u64);
    let float = size_of::<f32>() as u64;
    let features = |level: usize| {
        // A level has a quarter of the voxels of the one above it.
        (architecture.filters[level] as u64).saturating_mul(voxels >> (2 * level)).saturating_mul(float)
    };
    let skips: u64 = (0..architecture.filters.len()).map(features).fold(0, u64::saturating_add);
    // Input and logits, and the same once more while they are normalised and stitched.
    let channels = (2 * (architecture.in_channels + architecture.out_channels)) as u64;
    let ends = channels.saturating_mul(voxels).saturating_mul(float);
    let weights = architecture.parameter_count() as u64 * float * 2;
    [skips, features(0).saturating_mul(WORKING_FEATURES), ends, weights, PROGRAM_BYTES]
        .into_iter()
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn more_voxels_take_more_memory_and_no_size_overflows() {
        let unet = Preset::Unet.architecture();
        let small = inference_bytes(&unet, [256, 256]);
        let large = inference_bytes(&unet, [1024, 1024]);
        assert!(small < large && large < 1 << 30, "{small} {large}");
        assert_eq!(inference_bytes(&unet, [usize::MAX, usize::MAX]), u64::MAX);
    }
}
