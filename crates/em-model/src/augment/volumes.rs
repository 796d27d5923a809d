//! The volumes of a training on the device, and what is cut out of them.

use em_data::{Region, TrainingSet};
use em_io::{Roi, Voxels};
use ndarray::{Array3, ArrayView3};
use tch::{Kind, Tensor};

use crate::Result;
use crate::network::context_of;

/// The volumes of a training on the device, uploaded once.
#[derive(Debug)]
pub(crate) struct DeviceVolumes {
    /// Raw `[z, y, x]` and masks `[class, z, y, x]` of each volume; where any volume has voxels that
    /// do not count, a further mask of each tells which.
    volumes: Vec<(Tensor, Tensor)>,
}

impl DeviceVolumes {
    pub fn upload(set: &TrainingSet, device: tch::Device) -> Result<Self> {
        let volumes = set.volumes().iter().map(|volume| {
            let mut masks: Vec<Tensor> = (0..set.classes().len())
                .map(|class| mask_tensor(volume.mask(class)))
                .collect::<Result<_>>()?;
            match volume.ignored() {
                Some(ignored) => masks.push(mask_tensor(ignored)?),
                None if set.has_ignored() => masks.push(masks[0].f_zeros_like()?),
                None => {}
            }
            let masks = Tensor::f_stack(&masks, 0)?.f_to_device(device)?;
            Ok((raw_tensor(volume.raw())?.f_to_device(device)?, masks))
        });
        Ok(Self { volumes: volumes.collect::<Result<_>>()? })
    }

    /// The raw voxels of a region, `[z, y, x]` of the volume's own numbers, and its masks
    /// `[class, z, y, x]` of 0 and 1.
    pub fn block(&self, region: &Region) -> Result<(Tensor, Tensor)> {
        let (raw, masks) = self.window(region.volume, region.roi, region.roi, 1)?;
        let [depth, height, width] = region.roi.shape.map(|edge| edge as i64);
        Ok((raw, masks.f_view([-1, depth, height, width])?))
    }

    /// Cuts section `z` of a region whole: inputs `[context, y, x]` of the volume's own numbers, and
    /// masks `[class, y, x]` of 0 and 1.
    pub fn section(&self, region: &Region, z: usize, context: usize) -> Result<(Tensor, Tensor)> {
        let [start, shape] = [region.roi.start, region.roi.shape];
        let roi = Roi { start: [start[0] + z, start[1], start[2]], shape: [1, shape[1], shape[2]] };
        self.window(region.volume, roi, region.roi, context)
    }

    /// Cuts one section of a volume with its neighbours, those outside `bounds` mirrored, or several
    /// without; of several, the masks are `[class * section, y, x]`.
    pub(super) fn window(
        &self,
        volume: usize,
        roi: Roi,
        bounds: Roi,
        context: usize,
    ) -> Result<(Tensor, Tensor)> {
        let (raw, labels) = &self.volumes[volume];
        let cut = |section: &Tensor| -> Result<Tensor> {
            let rows = section.f_narrow(-2, roi.start[1] as i64, roi.shape[1] as i64)?;
            Ok(rows.f_narrow(-1, roi.start[2] as i64, roi.shape[2] as i64)?)
        };
        let (z, depth) = (roi.start[0], roi.shape[0]);
        let masks = cut(&labels.f_narrow(1, z as i64, depth as i64)?)?.f_flatten(0, 1)?;
        if depth > 1 {
            return Ok((cut(&raw.f_narrow(0, z as i64, depth as i64)?)?, masks));
        }
        let sections = context_of(z - bounds.start[0], bounds.shape[0], context)
            .into_iter()
            .map(|inner| cut(&raw.f_get((bounds.start[0] + inner) as i64)?))
            .collect::<Result<Vec<_>>>()?;
        Ok((Tensor::f_stack(&sections, 0)?, masks))
    }
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
