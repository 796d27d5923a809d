//! What is drawn for each tile: numbers only.
//!
//! Whoever has the voxels cuts and changes the tiles, such as em-model on its device.
//! So a run can be replayed and the draws can be tested without libtorch.

use std::f32::consts::TAU;

use ndarray::Array3;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::AugmentationConfig;

/// What is done to one tile, in this order: warp, mirror, turn; then, after normalisation, blur and
/// lower resolution, gamma, multiply, add, noise, and a defect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TileAugmentation {
    /// A free deformation.
    pub warp: Option<Warp>,
    /// Mirrored along z, where a tile has several labelled sections.
    pub flip_z: bool,
    /// How often, 0 to 2, the axes z, y, x of a cube change places to y, x, z.
    pub axis_turns: u8,
    /// Mirrored along y.
    pub flip_y: bool,
    /// Mirrored along x.
    pub flip_x: bool,
    /// Quarter turns from y towards x, 0 to 3.
    pub quarter_turns: u8,
    /// Standard deviation of a Gaussian blur in voxels; 0 for none.
    pub blur: f32,
    /// Factor by which resolution is lowered; 1 for none.
    pub low_resolution: f32,
    /// Power of the grey values, from 0 to 1 within the tile.
    pub gamma: f32,
    /// Factor on normalised values.
    pub gain: f32,
    /// Added to normalised values.
    pub shift: f32,
    /// Standard deviation of added noise.
    pub noise: f32,
    /// A defect of the image.
    pub defect: Option<Defect>,
}

/// A deformation: a linear map, and displacements of a coarse grid of points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp {
    /// `[[yy, yx], [xy, xx]]`: where, from the tile's middle, an output voxel is read.
    pub matrix: [[f32; 2]; 2],
    /// Standard deviation of the displacements in voxels; 0 for none.
    pub elastic: f32,
    /// Distance of the displaced points in voxels.
    pub spacing: usize,
    /// Seed of the displacements.
    pub seed: u64,
}

impl Warp {
    /// Returns the displacements of a tile's control points, `[axis, y, x]` in voxels, axis 0 being
    /// y, or `None` without elastic deformation.
    ///
    /// The points lie `spacing` apart, at least four along each axis.
    pub fn displacements(&self, tile_size: usize) -> Option<Array3<f32>> {
        if self.elastic == 0.0 {
            return None;
        }
        let points = (tile_size.div_ceil(self.spacing) + 1).max(4);
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        Some(Array3::from_shape_simple_fn((2, points, points), || normal(&mut rng) * self.elastic))
    }
}

/// A defect of electron microscopy. Places are shares of the tile's edge, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Defect {
    /// A rectangle without image: dust, a tear, a tile that the microscope lost.
    Cutout {
        /// Upper left corner, `[y, x]`.
        corner: [f32; 2],
        /// Edges, `[y, x]`.
        size: [f32; 2],
    },
    /// Rows that are darker or brighter: charging, a fold, a change of the beam.
    Band {
        /// First and last row.
        rows: [f32; 2],
        /// Added to normalised values.
        shift: f32,
    },
    /// Rows below a line are moved along x against those above: drift. The labels move along.
    Slip {
        /// The line.
        row: f32,
        /// How far, as a share of the tile's edge.
        distance: f32,
    },
    /// A neighbouring section is lost, and the labelled one stands in its place.
    MissingSection {
        /// Which neighbour, as a share of all context sections.
        section: f32,
    },
    /// A neighbouring section is without image.
    BlankSection {
        /// Which neighbour, as a share of all context sections.
        section: f32,
    },
    /// A neighbouring section is moved.
    MisalignedSection {
        /// Which neighbour, as a share of all context sections.
        section: f32,
        /// How far, `[y, x]`, as a share of the tile's edge.
        distance: [f32; 2],
    },
}

/// Largest edges of a rectangle without image, as a share of the tile's edge.
const LARGEST_CUTOUT: f32 = 0.25;
/// Largest displacement by drift or misalignment, as a share of the tile's edge.
const LARGEST_SLIP: f32 = 0.06;
/// Largest change of a band, in standard deviations of the grey values.
const LARGEST_BAND_SHIFT: f32 = 1.5;

impl Defect {
    fn draw(rng: &mut impl Rng) -> Self {
        let kind = rng.random_range(0..6_u8);
        let [a, b, c, d]: [f32; 4] = std::array::from_fn(|_| rng.random::<f32>());
        let slip = |value: f32| (value * 2.0 - 1.0) * LARGEST_SLIP;
        match kind {
            0 => Self::Cutout { corner: [a, b], size: [c * LARGEST_CUTOUT, d * LARGEST_CUTOUT] },
            1 => Self::Band { rows: [a.min(b), a.max(b)], shift: (c * 2.0 - 1.0) * LARGEST_BAND_SHIFT },
            2 => Self::Slip { row: a, distance: slip(b) },
            3 => Self::MissingSection { section: a },
            4 => Self::BlankSection { section: a },
            _ => Self::MisalignedSection { section: a, distance: [slip(b), slip(c)] },
        }
    }
}

impl TileAugmentation {
    /// Leaves a tile as it is.
    pub const IDENTITY: Self = Self {
        warp: None,
        flip_z: false,
        axis_turns: 0,
        flip_y: false,
        flip_x: false,
        quarter_turns: 0,
        blur: 0.0,
        low_resolution: 1.0,
        gamma: 1.0,
        gain: 1.0,
        shift: 0.0,
        noise: 0.0,
        defect: None,
    };

    /// Draws the change of one tile. The number of draws does not depend on the settings, so that
    /// one setting can be changed and the other draws stay.
    pub fn draw(config: &AugmentationConfig, rng: &mut impl Rng) -> Self {
        let mut own = ChaCha8Rng::seed_from_u64(rng.random());
        let rng = &mut own;
        let (flip_y, flip_x) = (rng.random::<bool>(), rng.random::<bool>());
        let quarter_turns = rng.random_range(0..4_u8);
        let gain = 1.0 + around_zero(rng, config.contrast as f32);
        let shift = around_zero(rng, config.brightness as f32);
        let noise = around_zero(rng, config.noise as f32).abs();
        let gamma = around_one(rng, config.gamma as f32);
        let (has_blur, blur) = (rng.random_bool(0.5), rng.random::<f32>() * config.blur as f32);
        let (is_low, low) = (rng.random_bool(0.25), rng.random::<f32>());
        let is_warped = rng.random::<f32>() < config.warp_probability as f32;
        let warp = draw_warp(config, rng);
        let has_defect = rng.random::<f32>() < config.defects as f32;
        let defect = Defect::draw(rng);
        let flip_z = rng.random::<bool>();
        let axis_turns = rng.random_range(0..3_u8);
        Self {
            flip_z: config.flips && flip_z,
            axis_turns: if config.turn_cubes { axis_turns } else { 0 },
            warp: is_warped.then_some(warp),
            flip_y: config.flips && flip_y,
            flip_x: config.flips && flip_x,
            quarter_turns: if config.turns { quarter_turns } else { 0 },
            blur: if has_blur { blur } else { 0.0 },
            low_resolution: if is_low { 1.0 + low * (config.low_resolution as f32 - 1.0) } else { 1.0 },
            gamma,
            gain,
            shift,
            noise,
            defect: has_defect.then_some(defect),
        }
    }
}

fn draw_warp(config: &AugmentationConfig, rng: &mut impl Rng) -> Warp {
    let angle = around_zero(rng, config.rotation as f32).to_radians();
    // Read from closer to the middle, and the picture grows.
    let factor = 1.0 / around_one(rng, config.scale as f32);
    let shear = around_zero(rng, config.shear as f32);
    let (sin, cos) = angle.sin_cos();
    // The rotation after the shear of x by y.
    let matrix = [[cos - sin * shear, -sin], [sin + cos * shear, cos]].map(|row| row.map(|v| v * factor));
    Warp { matrix, elastic: config.elastic as f32, spacing: config.elastic_spacing, seed: rng.random() }
}

fn around_zero(rng: &mut impl Rng, range: f32) -> f32 {
    (rng.random::<f32>() * 2.0 - 1.0) * range
}

/// A factor from `1 / (1 + range)` to `1 + range`, as often below 1 as above.
fn around_one(rng: &mut impl Rng, range: f32) -> f32 {
    (1.0 + range).powf(rng.random::<f32>() * 2.0 - 1.0)
}

/// A standard normal number (Box and Muller 1958).
fn normal(rng: &mut impl Rng) -> f32 {
    let (a, b): (f32, f32) = (rng.random(), rng.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (TAU * b).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(config: &AugmentationConfig) -> Vec<TileAugmentation> {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        (0..600).map(|_| TileAugmentation::draw(config, &mut rng)).collect()
    }

    #[test]
    fn draws_stay_in_range_and_reach_every_turn() {
        let config = AugmentationConfig {
            noise: 0.1,
            gamma: 0.5,
            blur: 2.0,
            low_resolution: 3.0,
            ..Default::default()
        };
        let draws = draws(&config);
        assert!(draws.iter().all(|t| (0.8..=1.2).contains(&t.gain) && t.shift.abs() <= 0.3));
        assert!(draws.iter().all(|t| (0.0..=0.1).contains(&t.noise)));
        assert!(draws.iter().all(|t| (1.0 / 1.5..=1.5).contains(&t.gamma)));
        let share = |is: fn(&TileAugmentation) -> bool| draws.iter().filter(|t| is(t)).count() as f64 / 600.0;
        assert!((share(|t| t.blur > 0.0) - 0.5).abs() < 0.1);
        assert!((share(|t| t.low_resolution > 1.0) - 0.25).abs() < 0.1);
        for turns in 0..4 {
            let share = draws.iter().filter(|t| t.quarter_turns == turns).count();
            assert!((100..200).contains(&share), "{turns} quarter turns drawn {share} times of 600");
        }
    }

    #[test]
    fn no_augmentation_is_the_identity() {
        assert!(draws(&AugmentationConfig::none()).iter().all(|t| *t == TileAugmentation::IDENTITY));
    }

    #[test]
    fn one_setting_leaves_the_other_draws() {
        let plain = draws(&AugmentationConfig::default());
        let more = AugmentationConfig {
            warp_probability: 0.5,
            rotation: 20.0,
            defects: 0.3,
            gamma: 0.2,
            ..Default::default()
        };
        let more = draws(&more);
        assert!(plain.iter().zip(&more).all(|(a, b)| (a.gain, a.flip_x) == (b.gain, b.flip_x)));
        let warped = more.iter().filter(|t| t.warp.is_some()).count();
        let defects = more.iter().filter(|t| t.defect.is_some()).count();
        assert!((240..360).contains(&warped) && (130..230).contains(&defects), "{warped} {defects}");
    }

    #[test]
    fn warps_rotate_and_scale_as_configured() {
        let base = AugmentationConfig { warp_probability: 1.0, ..AugmentationConfig::none() };
        let determinant = |m: [[f32; 2]; 2]| m[0][0] * m[1][1] - m[0][1] * m[1][0];
        for draw in draws(&AugmentationConfig { rotation: 30.0, ..base.clone() }) {
            let m = draw.warp.unwrap().matrix;
            assert!((determinant(m) - 1.0).abs() < 1e-5 && m[0][0] >= 30_f32.to_radians().cos() - 1e-6);
        }
        let scaled = draws(&AugmentationConfig { scale: 0.25, ..base.clone() });
        let areas: Vec<f32> = scaled.iter().map(|draw| determinant(draw.warp.unwrap().matrix)).collect();
        assert!(areas.iter().all(|area| (0.64 - 1e-5..=1.5626).contains(area)));
        let larger = areas.iter().filter(|area| **area < 1.0).count();
        assert!((240..360).contains(&larger), "{larger} of 600 are magnified");
        let sheared = draws(&AugmentationConfig { shear: 0.2, ..base });
        assert!(sheared.iter().all(|draw| (determinant(draw.warp.unwrap().matrix) - 1.0).abs() < 1e-5));
    }

    #[test]
    fn displacements_follow_from_the_seed_and_have_their_deviation() {
        let warp = Warp { matrix: [[1.0, 0.0], [0.0, 1.0]], elastic: 5.0, spacing: 8, seed: 4 };
        let field = warp.displacements(256).unwrap();
        assert_eq!(field.dim(), (2, 33, 33));
        assert_eq!(field, warp.displacements(256).unwrap());
        assert_ne!(field, Warp { seed: 5, ..warp }.displacements(256).unwrap());
        let deviation = (field.mapv(|v| f64::from(v).powi(2)).sum() / field.len() as f64).sqrt();
        assert!((deviation - 5.0).abs() < 0.3, "{deviation}");
        assert_eq!(Warp { elastic: 0.0, ..warp }.displacements(256), None);
    }
}
