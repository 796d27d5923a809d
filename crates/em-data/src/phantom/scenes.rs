//! Many small phantoms, each of another microscope and tissue: what a network is trained on that is to
//! work everywhere.

use em_io::{Mask, Voxels};
use ndarray::{Array3, Axis, concatenate};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::PhantomConfig;
use super::noise::Draws;
use super::{Phantom, phantom_from};
use crate::settings::{self, Checks};
use crate::{Error, LabelledVolume, Result, SettingError, robust_mean_and_std};

/// Grey value of the mean of a scene, and of one standard deviation, after all have been made alike.
const MEAN: f64 = 128.0;
const STD: f64 = 36.0;
/// Places of a scene lie so far apart, in nanometres.
const APART_NM: f32 = 37_000.0;

const SALT_SCENE: u64 = 0x5cee;

/// Section `[data.phantom]` of a configuration: scenes to train on in place of files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScenesConfig {
    /// Scenes to train on: each is another tissue under another microscope.
    pub scenes: usize,
    /// Scenes to validate on.
    pub validation_scenes: usize,
    /// Sections of each scene, far from each other.
    pub places: usize,
    /// Height and width of a section, in voxels.
    pub size: usize,
    /// Edge of a pixel, in nm.
    pub pixel_nm: f64,
    /// Pixels are larger or smaller by up to this factor.
    pub pixel_factor: f64,
    /// Another seed gives other scenes.
    pub seed: u64,
}

impl Default for ScenesConfig {
    fn default() -> Self {
        Self {
            scenes: 400,
            validation_scenes: 32,
            places: 4,
            size: 192,
            pixel_nm: 8.0,
            pixel_factor: 1.5,
            seed: 0,
        }
    }
}

impl ScenesConfig {
    /// Returns all settings that are out of range.
    pub fn problems(&self) -> Vec<SettingError> {
        let mut checks = Checks::of("ScenesConfig");
        checks
            .require("scenes", self.scenes, self.scenes > 0, "at least 1")
            .require("validation_scenes", self.validation_scenes, self.validation_scenes > 0, "at least 1")
            .require("places", self.places, self.places > 0, "at least 1")
            .require("size", self.size, self.size > 0, "at least 1")
            .within("pixel_nm", self.pixel_nm, 0.1..=1000.0, "0.1 to 1000")
            .within("pixel_factor", self.pixel_factor, 1.0..=10.0, "1 to 10");
        checks.finish()
    }

    /// Draws the scenes to train on, then those to validate on, with masks of `classes`.
    ///
    /// All scenes have the mean and the spread of grey values that
    /// [`NormalizationKind::Robust`](crate::NormalizationKind::Robust) finds in one of them.
    ///
    /// # Errors
    ///
    /// Fails if a setting is out of range, or a class is none of those of [`Phantom::CLASSES`].
    pub fn draw(&self, classes: &[String]) -> Result<Vec<LabelledVolume>> {
        settings::first(self.problems())?;
        (0..self.scenes + self.validation_scenes).into_par_iter().map(|n| self.scene(n, classes)).collect()
    }

    fn scene(&self, number: usize, classes: &[String]) -> Result<LabelledVolume> {
        let seed = self.seed.wrapping_mul(1 << 32).wrapping_add(number as u64);
        let mut draws = Draws::new(seed ^ SALT_SCENE);
        let mut config = PhantomConfig::varied(seed);
        let factor = f64::from(draws.unit());
        // Evenly from 1 / pixel_factor to 1, or from 1 to pixel_factor.
        let larger = 1.0 + factor * (self.pixel_factor - 1.0);
        let edge = if draws.chance(0.5) { self.pixel_nm * larger } else { self.pixel_nm / larger };
        config.voxel_size_nm = [config.voxel_size_nm[0], edge, edge];
        config.shape = [1, self.size, self.size];
        let places: Vec<Phantom> = (0..self.places)
            .map(|_| phantom_from(&config, [(); 3].map(|()| draws.between(-APART_NM, APART_NM))))
            .collect();
        let masks = classes
            .iter()
            .map(|class| {
                let of_place = |place: &Phantom| place.mask(class).map(|mask| mask.to_owned());
                let masks: Option<Vec<Array3<bool>>> = places.iter().map(of_place).collect();
                let masks = masks.ok_or_else(|| Error::NoSuchClass {
                    class: class.clone(),
                    classes: Phantom::CLASSES.to_vec(),
                })?;
                Ok((class.clone(), Mask::new(stack(&masks), None)))
            })
            .collect::<Result<_>>()?;
        let raw: Vec<Array3<u8>> = places.into_iter().map(|place| place.raw).collect();
        LabelledVolume::new(format!("scene {number}"), Voxels::U8(alike(stack(&raw))), masks)
    }
}

fn stack<T: Clone>(sections: &[Array3<T>]) -> Array3<T> {
    let views: Vec<_> = sections.iter().map(|section| section.view()).collect();
    concatenate(Axis(0), &views).expect("all places have one shape")
}

/// Brings a scene to the mean and the spread that all scenes have.
fn alike(raw: Array3<u8>) -> Array3<u8> {
    let Some((mean, std)) = robust_mean_and_std(&[Voxels::U8(raw.clone())]) else { return raw };
    // The cast saturates at 0 and 255.
    raw.mapv(|value| (MEAN + (f64::from(value) - mean) / std * STD + 0.5) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_alike_in_their_grey_values_and_the_same_each_time() {
        let config =
            ScenesConfig { scenes: 3, validation_scenes: 1, places: 2, size: 128, ..Default::default() };
        let classes = ["mitochondria", "membranes"].map(String::from);
        let scenes = config.draw(&classes).unwrap();
        assert_eq!(scenes.len(), 4);
        for (scene, again) in scenes.iter().zip(config.draw(&classes).unwrap()) {
            assert_eq!((scene.shape(), scene.raw()), ([2, 128, 128], again.raw()));
            let (mean, std) = robust_mean_and_std(&[scene.raw().clone()]).unwrap();
            assert!((mean - MEAN).abs() < 6.0 && (std / STD - 1.0).abs() < 0.2, "{mean} {std}");
        }
        assert_ne!(scenes[0].raw(), scenes[1].raw());
        let error = config.draw(&["axons".into()]).unwrap_err().to_string();
        assert!(error.starts_with("`axons` is no class of a phantom, expected one of"), "{error}");
    }
}
