//! What the imaging adds: drift of the sections, blur, uneven light, contrast, noise and damage.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Plane;
use super::clahe::clahe;
use super::config::{MicroscopeConfig, PhantomConfig};
use super::noise::{Draws, Noise, hash, mix, ramp};

/// Sections over which the slow part of the drift changes.
const DRIFT_PERIOD_SECTIONS: f32 = 9.0;
/// Share of the drift that is slow; the rest jumps from section to section.
const SLOW_DRIFT_SHARE: f64 = 0.7;
/// Sections over which the illumination changes.
const ILLUMINATION_PERIOD_SECTIONS: f32 = 25.0;
/// Contrast is changed around this grey, and the shot noise has its configured strength here.
const MID_GREY: f32 = 137.0;
/// Length over which curtains change across and along their stripes.
const CURTAIN_PITCH_NM: [f32; 2] = [9000.0, 60.0];
/// Brightness of a spoiled section changes by up to this.
const SPOILED: f32 = 70.0;
/// What is lighter than this charges.
const CHARGING_FROM: f32 = 150.0;
/// A streak of charge fades by this factor from pixel to pixel.
const CHARGE_DECAY: f32 = 0.96;

const SALT_DRIFT: u64 = 0xd21f;
const SALT_LIGHT: u64 = 0x1197;
const SALT_SHOT: u64 = 0x5407;
const SALT_DAMAGE: u64 = 0xda3a;
const SALT_CURTAIN: u64 = 0xc037;

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
        let microscope = &config.microscope;
        let slow = Noise::new(config.seed ^ SALT_DRIFT, DRIFT_PERIOD_SECTIONS).at([z as f32, 0.5, 0.5]);
        let mut draws = Draws::new(section_hash(config.seed ^ SALT_DRIFT, z));
        let shift_voxels = std::array::from_fn(|axis| {
            let jump = f64::from(draws.between(-1.0, 1.0));
            let drift = SLOW_DRIFT_SHARE * f64::from(slow[axis]) + (1.0 - SLOW_DRIFT_SHARE) * jump;
            microscope.drift_voxels * drift
        });
        Self {
            shift_voxels,
            gain: draws.between(1.0 - microscope.gain_jitter, 1.0 + microscope.gain_jitter),
            offset: draws.between(-microscope.offset_jitter, microscope.offset_jitter),
        }
    }
}

/// Turns the grey values of a section into its picture.
pub(super) struct Microscope<'a> {
    config: &'a MicroscopeConfig,
    exposure: Exposure,
    light: Noise,
    light_z: f32,
    curtain: Noise,
    shots: ChaCha8Rng,
    damage: Draws,
}

impl<'a> Microscope<'a> {
    pub(super) fn new(config: &'a PhantomConfig, z: usize, exposure: Exposure) -> Self {
        Self {
            config: &config.microscope,
            exposure,
            light: Noise::new(config.seed ^ SALT_LIGHT, 1.0),
            light_z: z as f32 / ILLUMINATION_PERIOD_SECTIONS,
            curtain: Noise::new(config.seed ^ SALT_CURTAIN, 1.0),
            shots: ChaCha8Rng::seed_from_u64(section_hash(config.seed ^ SALT_SHOT, z)),
            damage: Draws::new(section_hash(config.seed ^ SALT_DAMAGE, z)),
        }
    }

    pub(super) fn expose(mut self, plane: &Plane, grey: &[f32], raw: &mut [u8]) {
        let [_, width] = plane.size;
        let config = self.config;
        let mut seen = blurred(grey, plane.size, config.blur);
        self.damage(plane, &mut seen);
        for (index, seen) in seen.iter_mut().enumerate() {
            let [_, y, x] = plane.position_nm(index / width, index % width);
            let pitch = config.illumination_pitch_nm;
            let [light, ..] = self.light.at([self.light_z, y / pitch, x / pitch]);
            *seen = MID_GREY
                + self.exposure.gain * (*seen - MID_GREY)
                + self.exposure.offset
                + config.illumination * light;
            if config.curtains > 0.0 {
                let place = [self.light_z, y / CURTAIN_PITCH_NM[0], x / CURTAIN_PITCH_NM[1]];
                *seen += config.curtains * self.curtain.at(place)[0];
            }
        }
        let noise = self.noise(&seen, plane.size);
        for ((raw, seen), noise) in raw.iter_mut().zip(seen).zip(noise) {
            // The cast saturates at 0 and 255.
            *raw = (self.developed(seen + noise) + 0.5) as u8;
        }
        if config.clahe > 0.0 {
            clahe(raw, plane.size, config.clahe);
        }
    }

    /// Shot noise, and lines that differ from the next.
    fn noise(&mut self, seen: &[f32], size: [usize; 2]) -> Vec<f32> {
        let config = self.config;
        let sd = config.noise_sd as f32;
        // Counting noise grows with the root of the signal.
        let shot = |seen: &f32| sd * (seen.max(0.0) / MID_GREY).sqrt() * normal(self.shots.next_u64());
        let mut noise: Vec<f32> = seen.iter().map(shot).collect();
        if config.noise_softness > 0.0 {
            let soft = blur(&noise, size);
            // The blur takes 0.375 of the deviation along each axis; it is given back.
            let parts =
                noise.iter().zip(soft).map(|(hard, soft)| mix(*hard, 2.67 * soft, config.noise_softness));
            noise = parts.collect();
        }
        if config.line_noise > 0.0 {
            for row in noise.chunks_exact_mut(size[1]) {
                let offset = config.line_noise * normal(self.shots.next_u64());
                row.iter_mut().for_each(|value| *value += offset);
            }
        }
        noise
    }

    /// Contrast, brightness, curve and sign as somebody set them.
    fn developed(&self, seen: f32) -> f32 {
        let config = self.config;
        let mut value = MID_GREY + config.contrast * (seen - MID_GREY) + config.brightness;
        if config.curve != 0.0 {
            let share = (value / 255.0).clamp(0.0, 1.0);
            value += 255.0 * config.curve * share * (1.0 - share);
        }
        if config.inverted { 255.0 - value } else { value }
    }

    /// Folds, streaks of charge, and sections that are far too dark or light.
    fn damage(&mut self, plane: &Plane, seen: &mut [f32]) {
        let config = self.config;
        let [height, width] = plane.size;
        if self.damage.chance(config.spoiled_share) {
            let change = self.damage.between(-SPOILED, SPOILED);
            seen.iter_mut().for_each(|value| *value += change);
        }
        if self.damage.chance(config.charging_share) {
            for row in seen.chunks_exact_mut(width) {
                let mut charge = 0.0_f32;
                for value in row {
                    let light = *value;
                    *value -= 0.5 * charge;
                    charge = charge * CHARGE_DECAY + 0.04 * (light - CHARGING_FROM).max(0.0);
                }
            }
        }
        if self.damage.chance(config.fold_share) {
            let through = [self.damage.unit() * height as f32, self.damage.unit() * width as f32];
            let [_, dy, dx] = self.damage.direction();
            let length = (dy * dy + dx * dx).sqrt().max(0.1);
            let half_width = self.damage.between(1.5, 12.0);
            let tone = self.damage.between(10.0, 70.0);
            let mut wobble = Noise::new(self.damage.bits(), 60.0);
            for (index, value) in seen.iter_mut().enumerate() {
                let (y, x) = ((index / width) as f32, (index % width) as f32);
                let bend = 14.0 * wobble.at([0.5, y, x])[0];
                let away = ((y - through[0]) * dx - (x - through[1]) * dy) / length + bend;
                *value = mix(tone, *value, ramp(half_width, half_width + 3.0, away.abs()));
            }
        }
    }
}

/// Several passes of a blur, the last one in part.
fn blurred(grey: &[f32], size: [usize; 2], passes: f32) -> Vec<f32> {
    let mut seen = grey.to_vec();
    let whole = passes.floor();
    for _ in 0..whole as usize {
        seen = blur(&seen, size);
    }
    if passes > whole {
        let next = blur(&seen, size);
        seen = seen.iter().zip(next).map(|(now, next)| mix(*now, next, passes - whole)).collect();
    }
    seen
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
