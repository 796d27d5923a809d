//! What a training takes: the size of its network, and the memory, before it starts.

use em_data::TilingConfig;
use em_io::VoxelType;

use super::facts::StackFacts;
use super::finding::Finding;
use super::sides::Sides;
use crate::memory::available_bytes;
use crate::{RunConfig, display};

/// Estimates the memory, and compares it with what the machine has left.
pub fn check(
    config: &RunConfig,
    classes: &[String],
    stacks: &[StackFacts],
    sides: &Sides,
    findings: &mut Vec<Finding>,
) {
    let Ok(architecture) = config.model.architecture(classes.len().max(1)) else { return };
    let TilingConfig { tile_depth, tile_size, .. } = config.tiling;
    let parameters = architecture.parameter_count();
    findings.push(Finding::note(match architecture.multiply_adds(tile_depth, tile_size) {
        Some(count) => format!(
            "network: {parameters} parameters, {:.2} billion multiply-adds a tile, filters {:?}",
            count as f64 / 1e9,
            architecture.filters
        ),
        None => format!("network: {parameters} parameters, imported"),
    }));
    let volumes: u64 = stacks.iter().map(|stack| volume_bytes(stack, classes.len())).sum();
    // Validation sections are kept as floats, with their masks, besides.
    let validation = (sides.voxels(1, stacks) * (size_of::<f32>() + classes.len())) as u64;
    let section = stacks.iter().map(|stack| stack.seen).max().unwrap_or_default();
    let tile = [tile_depth, tile_size, tile_size];
    let network = em_model::training_bytes(&architecture, tile, config.train.batch_size)
        .max(em_model::validation_bytes(&architecture, section, config.predict.tile_size));
    let bytes = volumes.saturating_add(validation).saturating_add(network);
    let found = format!(
        "memory: about {} (volumes {}, network with a batch of {} tiles {})",
        display::bytes(bytes),
        display::bytes(volumes + validation),
        config.train.batch_size,
        display::bytes(network)
    );
    findings.push(Finding::note(found));
    if let Some(left) = available_bytes().filter(|left| *left < bytes) {
        let found = format!(
            "a training takes about {} of memory, and {} are left",
            display::bytes(bytes),
            display::bytes(left)
        );
        let hint = "lower train.batch_size, tiling.tile_size or model.filters, or use fewer `sections`";
        findings.push(Finding::warning(found).hint(hint));
    }
}

/// Raw voxels and masks as they are read, and once more where the network computes.
fn volume_bytes(stack: &StackFacts, classes: usize) -> u64 {
    let raw = stack.raw.voxel_type.bytes();
    // libtorch computes little with unsigned 16-bit integers, so that they are widened.
    let on_device = if stack.raw.voxel_type == VoxelType::U16 { size_of::<i32>() } else { raw };
    let voxels: usize = stack.used_shape().iter().product();
    (voxels * (raw + on_device + 2 * classes)) as u64
}
