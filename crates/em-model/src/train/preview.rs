//! Training tiles as the network is fed them, to look at.

use em_data::Sampler;
use ndarray::{Array2, Array3};
use tch::{Kind, Tensor};

use super::{Training, TrainingSettings, generator, state};
use crate::Result;
use crate::augment::{BatchConfig, DeviceVolumes, Targets};
use crate::error::Computed;

/// A changed training tile.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleTile {
    /// The labelled section as the network reads it, normalised, `[y, x]`.
    pub grey: Array2<f32>,
    /// The masks of the classes, `[class, y, x]`; smaller than `grey` for networks of valid
    /// convolutions, whose output lacks a margin.
    pub masks: Array3<bool>,
}

impl Training<'_> {
    /// Cuts and changes the first `count` tiles of the first epoch.
    ///
    /// # Errors
    ///
    /// Fails if settings do not fit together or the data.
    pub fn sample_tiles(&self, count: usize) -> Result<Vec<SampleTile>> {
        Ok(self.cut_samples(count)?)
    }

    fn cut_samples(&self, count: usize) -> Computed<Vec<SampleTile>> {
        let TrainingSettings { tiling, augmentation, train, .. } = &self.settings;
        let sampler = Sampler::new(self.set, &self.split.train, tiling, augmentation, train.seed)?;
        let volumes = DeviceVolumes::upload(self.set, self.device.torch())?;
        let batch = BatchConfig::new(&self.architecture, tiling, self.normalization);
        let _alone = generator::kept();
        tch::manual_seed(state::epoch_seed(train.seed, 0));
        let chosen: Vec<_> = sampler.epoch(0).into_iter().take(count).collect();
        let (inputs, Targets { masks, .. }) = volumes.batch(&chosen, &batch)?;
        // A volume is shown by its middle section.
        let (inputs, masks) = match batch.tile_depth {
            None => (inputs, masks),
            Some(depth) => {
                let middle = depth as i64 / 2;
                (inputs.f_select(2, middle)?, masks.f_select(2, middle)?)
            }
        };
        let middle = batch.context_sections / 2;
        (0..chosen.len() as i64)
            .map(|tile| {
                let grey = inputs.f_get(tile)?.f_get(middle as i64)?;
                let masks = masks.f_get(tile)?;
                let (height, width) = grey.size2()?;
                let (classes, rows, columns) = masks.size3()?;
                let masks: Vec<bool> = floats(&masks)?.into_iter().map(|v| v > 0.5).collect();
                let fits = "the tensor has as many numbers as its shape says";
                Ok(SampleTile {
                    grey: Array2::from_shape_vec((height as usize, width as usize), floats(&grey)?)
                        .expect(fits),
                    masks: Array3::from_shape_vec((classes as usize, rows as usize, columns as usize), masks)
                        .expect(fits),
                })
            })
            .collect()
    }
}

fn floats(tensor: &Tensor) -> Computed<Vec<f32>> {
    let flat = tensor.f_to_device(tch::Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?.f_view(-1)?;
    Ok(Vec::try_from(flat)?)
}
