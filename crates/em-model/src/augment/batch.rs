//! Cutting batches on the device, from parameters that em-data drew.

use em_data::{Normalization, TileSample, TilingConfig};
use em_io::Roi;
use tch::{Kind, Tensor};

use super::defects::slipped;
use super::geometry::{read, turned, turned_through, warp_grid};
use super::intensity::intensity;
use super::targets::{Labels, Targets};
use super::volumes::DeviceVolumes;
use crate::Architecture;
use crate::error::Computed;
use crate::network::{channels_last, normalized};
use crate::ranks::Share;

/// How a batch is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchConfig {
    pub tile_size: usize,
    /// Sections of a tile, for networks of volumes.
    pub tile_depth: Option<usize>,
    /// Voxels that the network's output lacks on each side.
    pub margin: usize,
    pub in_channels: usize,
    /// Sections that the network sees at once, the labelled one in the middle.
    pub context_sections: usize,
    pub normalization: Normalization,
}

impl BatchConfig {
    pub fn new(architecture: &Architecture, tiling: &TilingConfig, normalization: Normalization) -> Self {
        Self {
            tile_size: tiling.tile_size,
            tile_depth: (architecture.dimensions == 3).then_some(tiling.tile_depth),
            margin: architecture.margin(),
            in_channels: architecture.in_channels,
            context_sections: architecture.context_sections,
            normalization,
        }
    }
}

impl DeviceVolumes {
    /// Returns inputs `[n, in_channels, tile, tile]` and masks `[n, class, tile - 2 margin, ...]`; of
    /// volumes `[n, in_channels, depth, tile, tile]` and `[n, class, depth, tile, tile]`.
    pub fn batch(&self, samples: &[TileSample], config: &BatchConfig) -> Computed<(Tensor, Targets)> {
        self.part_of_batch(samples, &Share::whole(samples.len()), config)
    }

    /// As [`batch`](Self::batch), the tiles of a share alone.
    pub fn part_of_batch(
        &self,
        samples: &[TileSample],
        share: &Share<'_>,
        config: &BatchConfig,
    ) -> Computed<(Tensor, Targets)> {
        let _guard = tch::no_grad_guard();
        let mut inputs = Vec::with_capacity(share.tiles().len());
        let mut labels = Vec::with_capacity(share.tiles().len());
        for (number, sample) in samples.iter().enumerate() {
            let is_own = share.tiles().contains(&number);
            // Noise is drawn for the tiles of other ranks, too, so that each tile has that of one process.
            if !is_own && sample.augmentation.noise == 0.0 {
                continue;
            }
            let (input, of_tile) = self.tile(sample, config)?;
            if !is_own {
                continue;
            }
            inputs.push(input);
            labels.push(of_tile.map(|labels| centre(labels, config.margin))?);
        }
        let inputs = Tensor::f_stack(&inputs, 0)?;
        let inputs = match config.tile_depth {
            Some(_) => inputs.f_unsqueeze(1)?.f_expand([-1, config.in_channels as i64, -1, -1, -1], false)?,
            None if config.context_sections > 1 => inputs,
            None => inputs.f_expand([-1, config.in_channels as i64, -1, -1], false)?,
        };
        Ok((channels_last(&inputs)?, Labels::stacked(&labels)?))
    }

    /// One changed tile: `[section, y, x]`, normalised, and its labels `[class, y, x]`, or
    /// `[class, z, y, x]` of a volume.
    fn tile(&self, sample: &TileSample, config: &BatchConfig) -> Computed<(Tensor, Labels)> {
        let size = config.tile_size;
        let augmentation = &sample.augmentation;
        let depth = config.tile_depth.unwrap_or(1);
        let (raw, labels) = match &augmentation.warp {
            None => {
                let [z, y, x] = sample.start;
                let roi = Roi { start: [z, y, x], shape: [depth, size, size] };
                self.window(sample.volume, roi, sample.bounds, config.context_sections)?
            }
            Some(warp) => {
                let roi = warp_window(sample, [depth, size, size]);
                let (raw, labels) =
                    self.window(sample.volume, roi, sample.bounds, config.context_sections)?;
                let offset = [1, 2].map(|axis| (sample.start[axis] - roi.start[axis]) as f64);
                let grid = warp_grid(&raw, warp, size, offset)?;
                let labels =
                    labels.map(|labels| Ok(read(labels, &grid)?.f_gt(0.5)?.f_to_kind(Kind::Uint8)?))?;
                (read(&raw, &grid)?, labels)
            }
        };
        let raw = normalized(&raw.f_to_kind(Kind::Float)?, config.normalization)?;
        let raw = slipped(&turned(&raw, augmentation)?, augmentation)?;
        let labels = labels.map(|labels| slipped(&turned(labels, augmentation)?, augmentation))?;
        let raw = intensity(&raw, augmentation)?;
        if config.tile_depth.is_none() {
            return Ok((raw, labels));
        }
        let shape = [-1, depth as i64, size as i64, size as i64];
        let labels = labels.map(|labels| turned_through(&labels.f_view(shape)?, augmentation))?;
        Ok((turned_through(&raw, augmentation)?, labels))
    }
}

/// What a warped tile may read: the tile and what lies around it, within its bounds.
fn warp_window(sample: &TileSample, tile: [usize; 3]) -> Roi {
    // Half a tile reaches the corners of any rotation; what is farther away is mirrored.
    let size = tile[1];
    let around = size / 2;
    let mut roi = Roi { start: sample.start, shape: tile };
    for axis in 1..3 {
        let bounds = (sample.bounds.start[axis], sample.bounds.start[axis] + sample.bounds.shape[axis]);
        let start = sample.start[axis].saturating_sub(around).max(bounds.0);
        let end = (sample.start[axis] + size + around).min(bounds.1);
        (roi.start[axis], roi.shape[axis]) = (start, end - start);
    }
    roi
}

fn centre(tile: &Tensor, margin: usize) -> Computed<Tensor> {
    if margin == 0 {
        return Ok(tile.shallow_clone());
    }
    let inner = tile.size().last().copied().unwrap_or(0) - 2 * margin as i64;
    Ok(tile.f_narrow(-2, margin as i64, inner)?.f_narrow(-1, margin as i64, inner)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_data::{LabelledVolume, Region, TileAugmentation, TrainingSet, Warp};
    use em_io::{Mask, Voxels};
    use ndarray::Array3;

    fn upload(raw: Array3<u8>, mask: Array3<bool>) -> DeviceVolumes {
        let volume =
            LabelledVolume::new("v", Voxels::U8(raw), vec![("m".into(), Mask::new(mask, None))]).unwrap();
        let set = TrainingSet::new(vec!["m".into()], vec![volume]).unwrap();
        DeviceVolumes::upload(&set, tch::Device::Cpu).unwrap()
    }

    const PLAIN: BatchConfig = BatchConfig {
        tile_size: 2,
        tile_depth: None,
        margin: 0,
        in_channels: 1,
        context_sections: 1,
        normalization: Normalization::Scale { divisor: 1.0 },
    };

    const BOUNDS: Roi = Roi { start: [0; 3], shape: [2, 4, 5] };

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.contiguous().view(-1)).unwrap()
    }

    #[test]
    fn raw_and_mask_are_cut_and_turned_alike() {
        let raw = Array3::from_shape_fn((2, 4, 5), |(z, y, x)| (z * 20 + y * 5 + x) as u8);
        let mask = raw.mapv(|v| v % 2 == 1);
        let volumes = upload(raw, mask);
        for quarter_turns in 0..4 {
            for (flip_y, flip_x) in [(false, false), (true, false), (false, true), (true, true)] {
                let augmentation =
                    TileAugmentation { flip_y, flip_x, quarter_turns, ..TileAugmentation::IDENTITY };
                let sample = TileSample { volume: 0, start: [1, 2, 1], bounds: BOUNDS, augmentation };
                let (x, y) = volumes.batch(&[sample], &PLAIN).unwrap();
                let odd: Vec<f32> = values(&x).iter().map(|v| v % 2.0).collect();
                assert_eq!(odd, values(&y.masks));
            }
        }
        // [[31, 32], [36, 37]]: mirrored along x, then a quarter turn from y to x, as numpy.rot90.
        let augmentation = TileAugmentation {
            flip_x: true,
            quarter_turns: 1,
            gain: 2.0,
            shift: 1.0,
            ..TileAugmentation::IDENTITY
        };
        let (x, _) = volumes
            .batch(&[TileSample { volume: 0, start: [1, 2, 1], bounds: BOUNDS, augmentation }], &PLAIN)
            .unwrap();
        assert_eq!(values(&x), [63.0, 73.0, 65.0, 75.0]);
    }

    #[test]
    fn masks_of_valid_networks_lose_their_margin() {
        let mut mask = Array3::from_elem((1, 6, 6), false);
        mask[[0, 2, 2]] = true;
        let volumes = upload(Array3::zeros((1, 6, 6)), mask);
        let config = BatchConfig { tile_size: 6, margin: 2, in_channels: 3, ..PLAIN };
        let bounds = Roi::whole([1, 6, 6]);
        let sample =
            TileSample { volume: 0, start: [0; 3], bounds, augmentation: TileAugmentation::IDENTITY };
        let (x, y) = volumes.batch(&[sample], &config).unwrap();
        assert_eq!((x.size(), y.masks.size()), (vec![1, 3, 6, 6], vec![1, 1, 2, 2]));
        assert_eq!(values(&y.masks), [1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn context_is_mirrored_at_the_bounds() {
        let raw = Array3::from_shape_fn((6, 2, 2), |(z, _, _)| z as u8);
        let mask = Array3::from_elem((6, 2, 2), false);
        let volumes = upload(raw, mask);
        let config = BatchConfig { context_sections: 5, in_channels: 5, ..PLAIN };
        let bounds = Roi { start: [1, 0, 0], shape: [4, 2, 2] };
        let sections = |z| {
            let sample =
                TileSample { volume: 0, start: [z, 0, 0], bounds, augmentation: TileAugmentation::IDENTITY };
            let (x, _) = volumes.batch(&[sample], &config).unwrap();
            values(&x).chunks(4).map(|section| section[0] as usize).collect::<Vec<_>>()
        };
        assert_eq!(sections(1), [3, 2, 1, 2, 3]);
        assert_eq!(sections(3), [1, 2, 3, 4, 3]);
        let region = Region { volume: 0, roi: bounds };
        let (x, _) = volumes.section(&region, 2, 5).unwrap();
        assert_eq!(
            values(&x.to_kind(Kind::Float)).chunks(4).map(|s| s[0]).collect::<Vec<_>>(),
            [1., 2., 3., 4., 3.]
        );
    }

    #[test]
    fn volumes_are_cut_and_turned_through_all_axes_alike() {
        let raw = Array3::from_shape_fn((5, 4, 5), |(z, y, x)| (z * 20 + y * 5 + x) as u8);
        let volumes = upload(raw.clone(), raw.mapv(|v| v % 2 == 1));
        let config = BatchConfig { tile_depth: Some(2), ..PLAIN };
        let bounds = Roi::whole([5, 4, 5]);
        let mut seen = Vec::new();
        for axis_turns in 0..3 {
            for flip_z in [false, true] {
                let augmentation = TileAugmentation { flip_z, axis_turns, ..TileAugmentation::IDENTITY };
                let sample = TileSample { volume: 0, start: [2, 1, 1], bounds, augmentation };
                let (x, y) = volumes.batch(&[sample], &config).unwrap();
                assert_eq!((x.size(), y.masks.size()), (vec![1, 1, 2, 2, 2], vec![1, 1, 2, 2, 2]));
                let odd: Vec<f32> = values(&x).iter().map(|v| v % 2.0).collect();
                assert_eq!(odd, values(&y.masks));
                seen.push(values(&x));
            }
        }
        assert_eq!(seen[0], [46., 47., 51., 52., 66., 67., 71., 72.]);
        assert_eq!(seen[1], [66., 67., 71., 72., 46., 47., 51., 52.]);
        // numpy.transpose(tile, (1, 2, 0)): y, x, z become z, y, x.
        assert_eq!(seen[2], [46., 66., 47., 67., 51., 71., 52., 72.]);
        seen.sort_by(|a, b| a.partial_cmp(b).unwrap());
        seen.dedup();
        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn a_warp_moves_raw_and_mask_alike_and_reads_around_the_tile() {
        let raw =
            Array3::from_shape_fn((1, 40, 40), |(_, y, x)| if (y / 5 + x / 5) % 2 == 0 { 200 } else { 0 });
        let volumes = upload(raw.clone(), raw.mapv(|v| v > 0));
        let config = BatchConfig { tile_size: 16, ..PLAIN };
        let quarter = Warp { matrix: [[0.0, -1.0], [1.0, 0.0]], elastic: 0.0, spacing: 8, seed: 0 };
        let at = |warp| TileSample {
            volume: 0,
            start: [0, 12, 12],
            bounds: Roi::whole([1, 40, 40]),
            augmentation: TileAugmentation { warp, ..TileAugmentation::IDENTITY },
        };
        let batch = |warp| volumes.batch(&[at(warp)], &config).unwrap();
        // A quarter turn by interpolation is the exact one, `numpy.rot90(tile, k=-1)`.
        let (plain, _) = batch(None);
        let (turned, _) = batch(Some(quarter));
        let difference = (&turned - plain.rot90(-1, [2, 3])).abs().max().double_value(&[]);
        assert!(difference < 1e-2, "{difference}");
        // A free one with displacements keeps raw and mask together, but for edges between voxels.
        let (sin, cos) = 0.5_f32.sin_cos();
        let free = Warp { matrix: [[cos, -sin], [sin, cos]], elastic: 1.0, spacing: 8, seed: 3 };
        let (x, y) = batch(Some(free));
        let agree =
            x.gt(100.0).eq_tensor(&y.masks.gt(0.5)).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
        assert!(agree > 0.97, "{agree}");
        assert_ne!(values(&x), values(&plain));
    }
}
