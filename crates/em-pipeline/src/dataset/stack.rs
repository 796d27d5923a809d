//! A stack with its labels: opened, then read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_data::{IGNORED, LabelledVolume, outlines, without_value};
use em_io::{Mask, MaskValues, Roi, Volume, Voxel, match_voxels};
use em_model::{ModelConfig, PixelMatch, boundary_of};
use em_objects::{Components, Connectivity, Extent};
use ndarray::Array3;

use crate::config::SourceConfig;
use crate::error::{Result, UserError};
use crate::{Observer, open, pairing};

/// One stack with its labels, opened.
pub struct Stack {
    path: PathBuf,
    /// The raw volume.
    pub raw: Volume,
    /// One label per class.
    pub labels: BTreeMap<String, Volume>,
    /// The part in use.
    pub roi: Roi,
}

impl Stack {
    /// Opens a stack and its labels and checks that their sizes match.
    pub fn open(source: &SourceConfig, observer: &mut Observer<'_>) -> Result<Self> {
        let raw = open(&source.raw, observer)?;
        let [start, end] = source.sections.unwrap_or([0, raw.shape()[0]]);
        if start >= end || end > raw.shape()[0] {
            return Err(UserError::new(
                format!(
                    "sections = [{start}, {end}] of `{}`, which has {} sections",
                    source.raw.display(),
                    raw.shape()[0]
                ),
                "sections are numbered from 0; the second number is one after the last",
            )
            .into());
        }
        let mut labels = BTreeMap::new();
        for (class, path) in &source.labels {
            let label = open(path, observer)?;
            pairing::check(&format!("the label `{class}`"), &raw, &label, observer)?;
            if label.shape() != raw.shape() {
                return Err(em_data::Error::LabelShape {
                    volume: source.raw.display().to_string(),
                    class: format!("{class}` in `{}", path.display()),
                    found: label.shape(),
                    expected: raw.shape(),
                }
                .into());
            }
            labels.insert(class.clone(), label);
        }
        Ok(Self { path: source.raw.clone(), roi: Roi::sections(raw.shape(), start..end), raw, labels })
    }

    /// Returns the raw volume and the labels, with their files.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&Path, &Volume)> {
        let volumes = std::iter::once(&self.raw).chain(self.labels.values());
        volumes.map(|volume| (volume.path().unwrap_or(&self.path), volume))
    }

    /// Reads the stack, its masks in the order of `classes`, and the outlines of each where the
    /// model learns them; all of it at other pixels where `pixels` says so.
    pub fn read(
        &self,
        classes: &[String],
        model: &ModelConfig,
        pixels: Option<PixelMatch>,
    ) -> Result<LabelledVolume> {
        let mut masks = Vec::new();
        for class in classes {
            let label = &self.labels[class];
            if model.learns_boundaries() {
                let objects = objects(label, self.roi)?;
                let outlines = outlines(objects.view(), model.boundary_width);
                let size = label.voxel_size_nm();
                masks.push((boundary_of(class), Mask::new(outlines, size)));
                masks.push((class.clone(), Mask::new(objects.mapv(|object| object > 0), size)));
            } else {
                masks.push((class.clone(), Mask::from_volume(label, self.roi)?));
            }
        }
        let mut raw = self.raw.read(self.roi)?;
        let mut ignored =
            self.labels.get(IGNORED).map(|label| Mask::from_volume(label, self.roi)).transpose()?;
        if let Some(pixels) = pixels {
            // Resampling fills gaps, which stay labelled by no one.
            if let Some(gaps) = without_value(&raw) {
                let with_gaps = ignored.map_or(gaps.clone(), |ignored| &ignored.view() | &gaps);
                ignored = Some(Mask::new(with_gaps, None));
            }
            raw = pixels.of_grey_values(&raw);
            masks = masks.into_iter().map(|(class, mask)| (class, pixels.of_mask(&mask))).collect();
            ignored = ignored.map(|ignored| pixels.of_mask(&ignored));
        }
        let volume = LabelledVolume::new(self.path.display().to_string(), raw, masks)?;
        Ok(match ignored {
            Some(ignored) => volume.with_ignored(ignored)?,
            None => volume,
        })
    }
}

/// The objects of a label `[z, y, x]`: its numbers, or the connected parts of a mask.
fn objects(label: &Volume, roi: Roi) -> Result<Array3<u32>> {
    let voxels = label.read(roi)?;
    let mut values = MaskValues::default();
    (0..roi.shape[0]).for_each(|z| values.add_section(&voxels, z));
    let numbers: Array3<f64> = match_voxels!(&voxels, array => array.mapv(Voxel::to_f64));
    if values.is_mask() {
        let mask = numbers.mapv(|value| value > 0.0);
        return Ok(Components::of(mask.view(), Extent::Volume, Connectivity::Corners).labels());
    }
    let is_number = |value: f64| (0.0..=f64::from(u32::MAX)).contains(&value) && value.fract() == 0.0;
    if let Some(value) = numbers.iter().find(|&&value| !is_number(value)) {
        let path = label.path().unwrap_or(Path::new("memory"));
        return Err(UserError::new(
            format!("label `{}` holds {value}, expected whole numbers of objects, or a mask", path.display()),
            "with model.targets = [\"mask\", \"boundary\"] a label numbers its objects from 1, or holds 0 and 255",
        )
        .into());
    }
    // Checked to be whole and in range.
    Ok(numbers.mapv(|value| value as u32))
}
