//! Labelled volumes that are in memory and known to fit together.

use em_io::{Mask, Voxels};
use ndarray::ArrayView3;

use crate::{Error, Region, Result};

/// The name, in place of a class, of the label whose foreground does not count.
pub const IGNORED: &str = "ignore";

/// A raw volume and one mask per class, all of one shape.
#[derive(Debug)]
pub struct LabelledVolume {
    name: String,
    raw: Voxels,
    masks: Vec<Mask>,
    ignored: Option<Mask>,
}

impl LabelledVolume {
    /// Puts a raw volume and its masks, one `(class, mask)` each, together.
    ///
    /// # Errors
    ///
    /// Fails if a mask has another shape than `raw`.
    pub fn new(name: impl Into<String>, raw: Voxels, masks: Vec<(String, Mask)>) -> Result<Self> {
        let name = name.into();
        for (class, mask) in &masks {
            if mask.shape() != raw.shape() {
                return Err(Error::LabelShape {
                    volume: name,
                    class: class.clone(),
                    found: mask.shape(),
                    expected: raw.shape(),
                });
            }
        }
        Ok(Self { name, raw, masks: masks.into_iter().map(|(_, mask)| mask).collect(), ignored: None })
    }

    /// Adds a mask of the voxels that no one labelled: they count in no loss and no score.
    ///
    /// # Errors
    ///
    /// Fails if the mask has another shape.
    pub fn with_ignored(mut self, ignored: Mask) -> Result<Self> {
        if ignored.shape() != self.raw.shape() {
            return Err(Error::LabelShape {
                volume: self.name,
                class: IGNORED.into(),
                found: ignored.shape(),
                expected: self.raw.shape(),
            });
        }
        self.ignored = Some(ignored);
        Ok(self)
    }

    /// Returns the name for messages: usually the file of the raw volume.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the raw volume.
    pub fn raw(&self) -> &Voxels {
        &self.raw
    }

    /// Returns the shape `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        self.raw.shape()
    }

    /// Returns the mask of the voxels that do not count, `[z, y, x]`, if there is one.
    pub fn ignored(&self) -> Option<ArrayView3<'_, bool>> {
        self.ignored.as_ref().map(Mask::view)
    }

    /// Returns the mask of class number `class`, `[z, y, x]`.
    pub fn mask(&self, class: usize) -> ArrayView3<'_, bool> {
        self.masks[class].view()
    }
}

/// The volumes of a training and their classes.
#[derive(Debug)]
pub struct TrainingSet {
    classes: Vec<String>,
    volumes: Vec<LabelledVolume>,
}

impl TrainingSet {
    /// Puts volumes together that carry the masks of `classes`, in that order.
    ///
    /// # Errors
    ///
    /// Fails if a volume has another number of masks than there are classes.
    pub fn new(classes: Vec<String>, volumes: Vec<LabelledVolume>) -> Result<Self> {
        if let Some(odd) = volumes.iter().find(|volume| volume.masks.len() != classes.len()) {
            return Err(Error::Classes {
                volume: odd.name.clone(),
                found: vec![format!("{} classes", odd.masks.len())],
                expected: classes,
            });
        }
        Ok(Self { classes, volumes })
    }

    /// Returns the names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Returns the volumes.
    pub fn volumes(&self) -> &[LabelledVolume] {
        &self.volumes
    }

    /// Returns how many voxels of each class are foreground within `regions`.
    pub fn foreground(&self, regions: &[Region]) -> Vec<u64> {
        (0..self.classes.len())
            .map(|class| {
                regions
                    .iter()
                    .map(|region| {
                        let mask = self.volumes[region.volume].masks[class].view();
                        region.slice(mask).iter().filter(|&&v| v).count() as u64
                    })
                    .sum()
            })
            .collect()
    }

    /// Returns the share of foreground of each class among the voxels of `regions`; 0 without any.
    pub fn foreground_shares(&self, regions: &[Region]) -> Vec<f64> {
        let voxels: usize = regions.iter().map(|region| region.roi.voxels()).sum();
        self.foreground(regions).into_iter().map(|n| n as f64 / voxels.max(1) as f64).collect()
    }

    /// Returns whether any volume has voxels that do not count.
    pub fn has_ignored(&self) -> bool {
        self.volumes.iter().any(|volume| volume.ignored.is_some())
    }

    /// Returns the raw voxels of `regions`, copied.
    pub fn raw_blocks(&self, regions: &[Region]) -> Vec<Voxels> {
        regions.iter().map(|region| self.volumes[region.volume].raw.cut(region.roi)).collect()
    }
}
