//! What the imaging adds: drift of the sections, blur, uneven illumination, contrast jitter and shot noise.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::noise::{Draws, Noise, hash};
use super::{PhantomConfig, Plane};

/// Sections over which the slow part of the drift changes.
const DRIFT_PERIOD_SECTIONS: f32 = 9.0;
/// Share of the drift that is slow; the rest jumps from section to section.
const SLOW_DRIFT_SHARE: f64 = 0.7;
/// Contrast of a section, around 1.
const GAIN_JITTER: f32 = 0.07;
/// Brightness of a section, in grey values.
const OFFSET_JITTER: f32 = 6.0;
/// Amplitude of the uneven illumination, in grey values.
const ILLUMINATION: f32 = 9.0;
/// Length over which the illumination changes.
const ILLUMINATION_PITCH_NM: f32 = 1700.0;
/// Sections over which the illumination changes.
const ILLUMINATION_PERIOD_SECTIONS: f32 = 25.0;
/// Contrast is changed around this grey, and the shot noise has its configured strength here.
const MID_GREY: f32 = 137.0;

const SALT_DRIFT: u64 = 0xd21f;
const SALT_LIGHT: u64 = 0x1197;
const SALT_SHOT: u64 = 0x5407;

/// How one section was imaged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exposure {
    /// Displacement in y and x.
    pub(super) shift_voxels: [f64; 2],
    gain: f32,
    offset: f32,
}

impl Exposure {
    pub(super) fn of_section(config: &PhantomConfig, z: usize) -> Self {
        let slow = Noise::new(config.seed ^ SALT_DRIFT, DRIFT_PERIOD_SECTIONS).at([z as f32, 0.5, 0.5]);
        let mut draws = Draws::new(section_hash(config.seed ^ SALT_DRIFT, z));
        let shift_voxels = std::array::from_fn(|axis| {
            let jump = f64::from(draws.between(-1.0, 1.0));
            let drift = SLOW_DRIFT_SHARE * f64::from(slow[axis]) + (1.0 - SLOW_DRIFT_SHARE) * jump;
            config.drift_voxels * drift
        });
        Self {
            shift_voxels,
            gain: draws.between(1.0 - GAIN_JITTER, 1.0 + GAIN_JITTER),
            offset: draws.between(-OFFSET_JITTER, OFFSET_JITTER),
        }
    }
}

/// Turns the grey values of a section into its picture.
pub(super) struct Microscope {
    exposure: Exposure,
    light: Noise,
    light_z: f32,
    shots: ChaCha8Rng,
    noise_sd: f32,
}

impl Microscope {
    pub(super) fn new(config: &PhantomConfig, z: usize, exposure: Exposure) -> Self {
        Self {
            exposure,
            light: Noise::new(config.seed ^ SALT_LIGHT, 1.0),
            light_z: z as f32 / ILLUMINATION_PERIOD_SECTIONS,
            shots: ChaCha8Rng::seed_from_u64(section_hash(config.seed ^ SALT_SHOT, z)),
            noise_sd: config.noise_sd as f32,
        }
    }

    pub(super) fn expose(mut self, plane: &Plane, grey: &[f32], raw: &mut [u8]) {
        let width = plane.size[1];
        let grey = &blur(grey, plane.size);
        for (index, (&grey, raw)) in grey.iter().zip(raw).enumerate() {
            let [_, y, x] = plane.position_nm(index / width, index % width);
            let [light, ..] =
                self.light.at([self.light_z, y / ILLUMINATION_PITCH_NM, x / ILLUMINATION_PITCH_NM]);
            let seen = MID_GREY
                + self.exposure.gain * (grey - MID_GREY)
                + self.exposure.offset
                + ILLUMINATION * light;
            // Counting noise grows with the root of the signal.
            let sd = self.noise_sd * (seen.max(0.0) / MID_GREY).sqrt();
            // The cast saturates at 0 and 255.
            *raw = (seen + sd * normal(self.shots.next_u64()) + 0.5) as u8;
        }
    }
}

/// Spreads every pixel over its neighbours, 1-2-1 in x and in y: the focus spot is wider than a pixel.
fn blur(grey: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let spread = |before: f32, here: f32, after: f32| 0.25 * (before + after) + 0.5 * here;
    let mut rows = Vec::with_capacity(grey.len());
    for row in grey.chunks_exact(width) {
        rows.extend(
            (0..width).map(|x| spread(row[x.saturating_sub(1)], row[x], row[(x + 1).min(width - 1)])),
        );
    }
    let at = |y: usize, x: usize| rows[y * width + x];
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (y, x)))
        .map(|(y, x)| spread(at(y.saturating_sub(1), x), at(y, x), at((y + 1).min(height - 1), x)))
        .collect()
}

/// A nearly normal number of variance 1: the sum of four uniform ones (Irwin-Hall), which needs no logarithm.
fn normal(bits: u64) -> f32 {
    /// Standard deviation of the sum of four numbers drawn from 0..65536: 65536 / sqrt(3).
    const SUM_SD: f32 = 37_837.23;
    let sum: u64 = (0..4).map(|lane| (bits >> (16 * lane)) & 0xffff).sum();
    (sum as f32 - 131_070.0) / SUM_SD
}

fn section_hash(seed: u64, z: usize) -> u64 {
    // Sections beyond 2^31 do not occur in memory; the low bits are enough.
    hash(seed, [z as i32, 0, 0])
}
