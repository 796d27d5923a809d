//! Blocks of sections on their way: the next one is read while the present one is written.

use std::sync::mpsc::sync_channel;

use anyhow::Result;
use em_io::{Roi, Volume, VolumeSpec, VolumeWriter, Voxels, WriteOptions};

use super::values::Change;
use crate::{interrupt, output};

/// The voxels of one block, in bytes. Two blocks are in memory at once, and what became of the
/// values of one.
const BLOCK_BYTES: usize = 64 << 20;

/// What is said where the command is asked to stop.
const STOPPED: &str = "nothing was written: start the command again";

/// Returns how many sections go at once: as many as the budget holds, and a multiple of a chunk's
/// depth where a chunk fits, so that no chunk is decoded twice.
pub fn sections_at_once(volume: &Volume, target: VolumeSpec, options: WriteOptions) -> usize {
    let [depth, height, width] = target.shape;
    let voxel = volume.voxel_type().bytes().max(target.voxel_type.bytes());
    let section = height.saturating_mul(width).saturating_mul(voxel).max(1);
    let fitting = (BLOCK_BYTES / section).clamp(1, depth.max(1));
    let chunk = options.chunk[0].max(1);
    if fitting < chunk { fitting } else { fitting - fitting % chunk }
}

/// Copies a part of a volume into a writer and finishes it.
pub fn copy(
    volume: &Volume,
    part: Roi,
    change: &Change,
    mut writer: VolumeWriter,
    at_once: usize,
) -> Result<()> {
    let bar = output::byte_bar((part.voxels() * volume.voxel_type().bytes()) as u64);
    std::thread::scope(|scope| {
        // Nothing is queued: one block is being read or waits, one is being written.
        let (sender, receiver) = sync_channel::<Result<Voxels>>(0);
        scope.spawn(move || {
            for block in blocks(part, at_once) {
                let voxels = volume.read(block).map_err(Into::into).and_then(|voxels| change.apply(voxels));
                let failed = voxels.is_err();
                // The other side hangs up where the writing failed.
                if sender.send(voxels).is_err() || failed {
                    break;
                }
            }
        });
        for voxels in receiver {
            interrupt::check(STOPPED)?;
            let voxels = voxels.map_err(|error| change.explain(error, volume, part, at_once))?;
            writer.write(&voxels)?;
            bar.inc((voxels.shape().iter().product::<usize>() * volume.voxel_type().bytes()) as u64);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    interrupt::check(STOPPED)?;
    writer.finish()?;
    bar.finish_and_clear();
    Ok(())
}

/// Cuts a part into blocks of whole sections of it.
pub fn blocks(part: Roi, at_once: usize) -> impl Iterator<Item = Roi> {
    let ([z, y, x], [depth, height, width]) = (part.start, part.shape);
    (0..depth).step_by(at_once.max(1)).map(move |offset| Roi {
        start: [z + offset, y, x],
        shape: [at_once.min(depth - offset), height, width],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_io::VoxelType;
    use ndarray::Array3;

    fn at_once(shape: [usize; 3], chunk: usize) -> usize {
        let volume = Volume::from_voxels(Array3::<u8>::zeros((1, 1, 1)).into(), None);
        let spec = VolumeSpec { shape, voxel_type: VoxelType::U16, voxel_size_nm: None };
        let options = WriteOptions::default().with_chunk([chunk, 256, 256]);
        sections_at_once(&volume, spec, options)
    }

    #[test]
    fn blocks_keep_to_the_budget_and_to_chunks() {
        // 2 MB a section: 32 fit.
        assert_eq!(at_once([1000, 1024, 1024], 1), 32);
        assert_eq!(at_once([1000, 1024, 1024], 24), 24);
        assert_eq!(at_once([1000, 1024, 1024], 64), 32);
        assert_eq!(at_once([3, 1024, 1024], 16), 3);
        assert_eq!(at_once([10, 100_000, 100_000], 16), 1);
    }

    #[test]
    fn blocks_cover_a_part_once() {
        let part = Roi { start: [2, 1, 0], shape: [5, 3, 4] };
        let blocks: Vec<Roi> = blocks(part, 2).collect();
        assert_eq!(blocks.len(), 3);
        assert_eq!(blocks[2], Roi { start: [6, 1, 0], shape: [1, 3, 4] });
        assert_eq!(blocks.iter().map(Roi::voxels).sum::<usize>(), part.voxels());
    }
}
