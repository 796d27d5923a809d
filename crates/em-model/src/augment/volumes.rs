//! The volumes of a training on the device, and what is cut out of them.

use em_data::{GreyValues, LabelledVolume, Region, TrainingSet, fill_missing};
use em_io::{Roi, Voxels};
use ndarray::{Array3, ArrayView3};
use tch::{Kind, Tensor};

use super::targets::Labels;
use crate::error::Computed;
use crate::network::context_of;

/// The volumes of a training on the device, uploaded once.
#[derive(Debug)]
pub(crate) struct DeviceVolumes {
    /// Raw `[z, y, x]` and labels `[class, z, y, x]` of each volume; where any volume has voxels that
    /// nobody labelled, all tell which.
    volumes: Vec<(Tensor, Labels)>,
}

impl DeviceVolumes {
    pub fn upload(set: &TrainingSet, device: tch::Device) -> Computed<Self> {
        let volumes = set.volumes().iter().map(|volume| {
            let masks = (0..set.classes().len()).map(|class| mask_tensor(volume.mask(class)));
            let masks = Tensor::f_stack(&masks.collect::<Computed<Vec<_>>>()?, 0)?;
            let ignored = ignored(set, volume)?;
            let labels = Labels { masks, ignored }.map(|labels| Ok(labels.f_to_device(device)?))?;
            Ok((raw_tensor(volume.raw())?.f_to_device(device)?, labels))
        });
        Ok(Self { volumes: volumes.collect::<Computed<_>>()? })
    }

    /// The raw voxels of a region, `[z, y, x]` of the volume's own numbers, and its labels
    /// `[class, z, y, x]`.
    pub fn block(&self, region: &Region) -> Computed<(Tensor, Labels)> {
        let (raw, labels) = self.window(region.volume, region.roi, region.roi, 1)?;
        let [depth, height, width] = region.roi.shape.map(|edge| edge as i64);
        Ok((raw, labels.map(|labels| Ok(labels.f_view([-1, depth, height, width])?))?))
    }

    /// Cuts section `z` of a region whole: inputs `[context, y, x]` of the volume's own numbers, and
    /// labels `[class, y, x]`.
    pub fn section(&self, region: &Region, z: usize, context: usize) -> Computed<(Tensor, Labels)> {
        let [start, shape] = [region.roi.start, region.roi.shape];
        let roi = Roi { start: [start[0] + z, start[1], start[2]], shape: [1, shape[1], shape[2]] };
        self.window(region.volume, roi, region.roi, context)
    }

    /// Cuts one section of a volume with its neighbours, those outside `bounds` mirrored, or several
    /// without; of several, the labels are `[class * section, y, x]`.
    pub(super) fn window(
        &self,
        volume: usize,
        roi: Roi,
        bounds: Roi,
        context: usize,
    ) -> Computed<(Tensor, Labels)> {
        let (raw, labels) = &self.volumes[volume];
        let cut = |section: &Tensor| -> Computed<Tensor> {
            let rows = section.f_narrow(-2, roi.start[1] as i64, roi.shape[1] as i64)?;
            Ok(rows.f_narrow(-1, roi.start[2] as i64, roi.shape[2] as i64)?)
        };
        let (z, depth) = (roi.start[0], roi.shape[0]);
        let labels =
            labels.map(|labels| Ok(cut(&labels.f_narrow(1, z as i64, depth as i64)?)?.f_flatten(0, 1)?))?;
        if depth > 1 {
            return Ok((cut(&raw.f_narrow(0, z as i64, depth as i64)?)?, labels));
        }
        let sections = context_of(z - bounds.start[0], bounds.shape[0], context)
            .into_iter()
            .map(|inner| cut(&raw.f_get((bounds.start[0] + inner) as i64)?))
            .collect::<Computed<Vec<_>>>()?;
        Ok((Tensor::f_stack(&sections, 0)?, labels))
    }
}

/// Which voxels nobody labelled: `[1, z, y, x]`, or `[class, z, y, x]` where that differs between the
/// classes of any volume of the set.
fn ignored(set: &TrainingSet, volume: &LabelledVolume) -> Computed<Option<Tensor>> {
    if !set.has_ignored() {
        return Ok(None);
    }
    let per_class = set.volumes().iter().any(LabelledVolume::differs_by_class);
    let classes = if per_class { set.classes().len() } else { 1 };
    let of_class = |class| match volume.ignored(class) {
        Some(ignored) => mask_tensor(ignored),
        None => Ok(Tensor::f_zeros(volume.shape().map(|edge| edge as i64), (Kind::Uint8, tch::Device::Cpu))?),
    };
    let masks = (0..classes).map(of_class).collect::<Computed<Vec<_>>>()?;
    Ok(Some(Tensor::f_stack(&masks, 0)?))
}

fn raw_tensor(raw: &Voxels) -> Computed<Tensor> {
    let size = raw.shape().map(|edge| edge as i64);
    let flat = match raw {
        Voxels::U8(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        Voxels::I8(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        Voxels::I16(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        Voxels::I32(a) => Tensor::f_from_slice(&contiguous(a.view()))?,
        Voxels::F32(a) => {
            let grey = GreyValues::of(raw);
            if grey.missing == 0 {
                Tensor::f_from_slice(&contiguous(a.view()))?
            } else {
                let mut filled = a.clone();
                filled.outer_iter_mut().for_each(|section| fill_missing(section, grey.mean));
                Tensor::f_from_slice(&contiguous(filled.view()))?
            }
        }
        // libtorch computes little with unsigned 16 and 32 bits, and 64 bits are much; a tile becomes
        // float anyway.
        Voxels::U16(a) => Tensor::f_from_slice(&contiguous(a.mapv(i32::from).view()))?,
        Voxels::U32(_) | Voxels::U64(_) | Voxels::I64(_) => {
            Tensor::f_from_slice(&contiguous(raw.to_f32().view()))?
        }
    };
    Ok(flat.f_reshape(size)?)
}

fn mask_tensor(mask: ArrayView3<'_, bool>) -> Computed<Tensor> {
    let (z, y, x) = mask.dim();
    let values: Array3<u8> = mask.mapv(u8::from);
    Ok(Tensor::f_from_data_size(&contiguous(values.view()), &[z as i64, y as i64, x as i64], Kind::Uint8)?)
}

fn contiguous<T: Copy>(array: ArrayView3<'_, T>) -> Vec<T> {
    array.iter().copied().collect()
}
