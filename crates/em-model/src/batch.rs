//! Cutting and changing batches on the device, from parameters that em-data drew.

use em_data::{Normalization, TileSample, TileTransform, TrainingSet};
use em_io::Voxels;
use ndarray::{Array3, ArrayView3};
use tch::{Kind, Tensor};

use crate::Result;
use crate::parameters::channels_last;

/// The volumes of a training on the device, uploaded once.
#[derive(Debug)]
pub(crate) struct DeviceVolumes {
    /// Raw `[z, y, x]` and masks `[class, z, y, x]` of each volume.
    volumes: Vec<(Tensor, Tensor)>,
}

/// How a batch is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchConfig {
    pub tile_size: usize,
    /// Voxels that the network's output lacks on each side.
    pub margin: usize,
    pub in_channels: usize,
    pub normalization: Normalization,
}

impl DeviceVolumes {
    pub fn upload(set: &TrainingSet, device: tch::Device) -> Result<Self> {
        let volumes = set.volumes().iter().map(|volume| {
            let masks: Vec<Tensor> = (0..set.classes().len())
                .map(|class| mask_tensor(volume.mask(class)))
                .collect::<Result<_>>()?;
            let masks = Tensor::f_stack(&masks, 0)?.f_to_device(device)?;
            Ok((raw_tensor(volume.raw())?.f_to_device(device)?, masks))
        });
        Ok(Self { volumes: volumes.collect::<Result<_>>()? })
    }

    /// Returns inputs `[n, in_channels, tile, tile]` and masks `[n, class, tile - 2 margin, ...]`.
    pub fn batch(&self, samples: &[TileSample], config: &BatchConfig) -> Result<(Tensor, Tensor)> {
        let _guard = tch::no_grad_guard();
        let mut inputs = Vec::with_capacity(samples.len());
        let mut masks = Vec::with_capacity(samples.len());
        for sample in samples {
            let (raw, labels) = &self.volumes[sample.volume];
            let tile = cut(&raw.f_get(sample.start[0] as i64)?, sample.start, config.tile_size)?;
            let tile = normalized(&tile.f_to_kind(Kind::Float)?, config.normalization)?;
            inputs.push(intensity(&turned(&tile, &sample.transform)?, &sample.transform)?);
            let label = cut(&labels.f_select(1, sample.start[0] as i64)?, sample.start, config.tile_size)?;
            masks.push(centre(&turned(&label, &sample.transform)?, config.margin)?);
        }
        let inputs = Tensor::f_stack(&inputs, 0)?.f_unsqueeze(1)?;
        let repeated = inputs.f_expand([-1, config.in_channels as i64, -1, -1], false)?;
        Ok((channels_last(&repeated)?, Tensor::f_stack(&masks, 0)?.f_to_kind(Kind::Float)?))
    }
}

/// Normalises a section or tile `[y, x]`, or a stack of them `[n, y, x]`, of 32-bit floats.
pub(crate) fn normalized(section: &Tensor, normalization: Normalization) -> Result<Tensor> {
    let Some(linear) = normalization.linear() else {
        let Normalization::L2Axis1 { tile_size } = normalization else {
            unreachable!("only l2-axis1 has no linear form")
        };
        let bands = section.f_split(tile_size.max(1) as i64, -2)?.into_iter().map(|band| {
            let norm = band.f_square()?.f_sum_dim_intlist([-2].as_slice(), true, Kind::Float)?.f_sqrt()?;
            let divisor = norm.f_where_self(&norm.f_gt(0.0)?, &norm.f_ones_like()?)?;
            Ok(band.f_div(&divisor)?)
        });
        return Ok(Tensor::f_cat(&bands.collect::<Result<Vec<_>>>()?, -2)?);
    };
    let scaled = section * linear.gain + linear.shift;
    Ok(match linear.clip {
        Some((low, high)) => scaled.f_clamp(low, high)?,
        None => scaled,
    })
}

/// Cuts a square tile out of the last two axes.
fn cut(section: &Tensor, start: [usize; 3], size: usize) -> Result<Tensor> {
    let rows = section.f_narrow(-2, start[1] as i64, size as i64)?;
    Ok(rows.f_narrow(-1, start[2] as i64, size as i64)?)
}

fn centre(tile: &Tensor, margin: usize) -> Result<Tensor> {
    if margin == 0 {
        return Ok(tile.shallow_clone());
    }
    let inner = tile.size().last().copied().unwrap_or(0) - 2 * margin as i64;
    Ok(tile.f_narrow(-2, margin as i64, inner)?.f_narrow(-1, margin as i64, inner)?)
}

/// Mirrors and turns the last two axes.
fn turned(tile: &Tensor, transform: &TileTransform) -> Result<Tensor> {
    let mut axes = Vec::new();
    if transform.flip_y {
        axes.push(-2);
    }
    if transform.flip_x {
        axes.push(-1);
    }
    let flipped = if axes.is_empty() { tile.shallow_clone() } else { tile.f_flip(axes)? };
    Ok(match transform.quarter_turns {
        0 => flipped,
        turns => flipped.f_rot90(i64::from(turns), [-2, -1])?,
    })
}

fn intensity(tile: &Tensor, transform: &TileTransform) -> Result<Tensor> {
    let mut changed = tile.shallow_clone();
    if transform.gain != 1.0 || transform.shift != 0.0 {
        changed = changed * f64::from(transform.gain) + f64::from(transform.shift);
    }
    if transform.noise > 0.0 {
        changed = &changed + changed.f_randn_like()? * f64::from(transform.noise);
    }
    Ok(changed)
}

fn raw_tensor(raw: &Voxels) -> Result<Tensor> {
    let size = raw.shape().map(|edge| edge as i64);
    let flat = match raw {
        Voxels::U8(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        Voxels::I8(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        Voxels::I16(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        Voxels::I32(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        Voxels::F32(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        // libtorch computes little with unsigned 16 and 32 bits; a tile becomes float anyway.
        Voxels::U16(a) => Tensor::f_from_slice(&contiguous(a.mapv(i32::from).view()))?,
        Voxels::U32(_) => Tensor::f_from_slice(&contiguous(raw.to_f32().view()))?,
    };
    Ok(flat.f_reshape(size)?)
}

fn mask_tensor(mask: ArrayView3<'_, bool>) -> Result<Tensor> {
    let (z, y, x) = mask.dim();
    let values: Array3<u8> = mask.mapv(u8::from);
    Ok(Tensor::f_from_data_size(&contiguous(values.view()), &[z as i64, y as i64, x as i64], Kind::Uint8)?)
}

fn contiguous<T: Copy>(array: ArrayView3<'_, T>) -> Vec<T> {
    array.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_data::LabelledVolume;
    use em_io::Mask;
    use ndarray::Array2;

    fn upload(raw: Array3<u8>, mask: Array3<bool>) -> DeviceVolumes {
        let volume =
            LabelledVolume::new("v", Voxels::U8(raw), vec![("m".into(), Mask::new(mask, None))]).unwrap();
        let set = TrainingSet::new(vec!["m".into()], vec![volume]).unwrap();
        DeviceVolumes::upload(&set, tch::Device::Cpu).unwrap()
    }

    const PLAIN: BatchConfig = BatchConfig {
        tile_size: 2,
        margin: 0,
        in_channels: 1,
        normalization: Normalization::Scale { divisor: 1.0 },
    };

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
                let transform = TileTransform { flip_y, flip_x, quarter_turns, ..TileTransform::IDENTITY };
                let sample = TileSample { volume: 0, start: [1, 2, 1], transform };
                let (x, y) = volumes.batch(&[sample], &PLAIN).unwrap();
                let odd: Vec<f32> = values(&x).iter().map(|v| v % 2.0).collect();
                assert_eq!(odd, values(&y));
            }
        }
        // [[31, 32], [36, 37]]: mirrored along x, then a quarter turn from y to x, as numpy.rot90.
        let transform = TileTransform {
            flip_x: true,
            quarter_turns: 1,
            gain: 2.0,
            shift: 1.0,
            ..TileTransform::IDENTITY
        };
        let (x, _) = volumes.batch(&[TileSample { volume: 0, start: [1, 2, 1], transform }], &PLAIN).unwrap();
        assert_eq!(values(&x), [63.0, 73.0, 65.0, 75.0]);
    }

    #[test]
    fn normalising_on_the_device_equals_em_data() {
        let section =
            Array2::from_shape_fn((6, 5), |(y, x)| if x == 3 { 0.0 } else { (y * 31 + x * 7) as f32 });
        let flat: Vec<f32> = section.iter().copied().collect();
        for normalization in [
            Normalization::Zscore { mean: 80.0, std: 12.0 },
            Normalization::Percentile { low: 10.0, high: 90.0 },
            Normalization::L2Axis1 { tile_size: 4 },
        ] {
            let mut expected = section.clone();
            normalization.apply(expected.view_mut());
            let found = values(&normalized(&Tensor::from_slice(&flat).view([6, 5]), normalization).unwrap());
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-6, "{normalization:?}: {a} {b}");
            }
        }
    }

    #[test]
    fn masks_of_valid_networks_lose_their_margin() {
        let mut mask = Array3::from_elem((1, 6, 6), false);
        mask[[0, 2, 2]] = true;
        let volumes = upload(Array3::zeros((1, 6, 6)), mask);
        let config = BatchConfig { tile_size: 6, margin: 2, in_channels: 3, ..PLAIN };
        let sample = TileSample { volume: 0, start: [0; 3], transform: TileTransform::IDENTITY };
        let (x, y) = volumes.batch(&[sample], &config).unwrap();
        assert_eq!((x.size(), y.size()), (vec![1, 3, 6, 6], vec![1, 1, 2, 2]));
        assert_eq!(values(&y), [1.0, 0.0, 0.0, 0.0]);
    }
}
