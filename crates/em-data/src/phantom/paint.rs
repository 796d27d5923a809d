//! The grey value of a place in the tissue, before the microscope: 0 black, 255 white.
//!
//! The tones were set by eye and by histogram against the EPFL CA1 stack:
//! there the mean is 137 ± 31, mitochondria have 108 ± 15 and synapses 88.

use super::noise::{Draws, Noise, Vector, bump, dot, mix, ramp};
use super::tissue::{Near, SYNAPSE_REACH_NM, Site};

/// Cytoplasm of ordinary and of dark cells.
const CYTOPLASM: [f32; 2] = [142.0, 174.0];
const DARK_CYTOPLASM: [f32; 2] = [104.0, 124.0];
/// Membranes, and the gap between two of them.
const MEMBRANE: f32 = 84.0;
const GAP: f32 = 128.0;
/// Matrix of mitochondria, between cristae; overlaps with dark cytoplasm.
const MATRIX: [f32; 2] = [100.0, 120.0];
/// Cristae are darker than their matrix by this much.
const CRISTA_CONTRAST: [f32; 2] = [28.0, 42.0];
/// Cristae repeat after this length (30-50 nm in hippocampal mitochondria, as seen in the EPFL stack).
const CRISTA_PERIOD_NM: [f32; 2] = [34.0, 52.0];
/// Outer and inner membrane of mitochondria.
const MITOCHONDRION_MEMBRANE: f32 = 72.0;
/// Postsynaptic density.
const DENSITY: f32 = 70.0;
/// Membranes of the endoplasmic reticulum, and its inside.
const RETICULUM: f32 = 98.0;

const SALT_PAINT: u64 = 0x9a17;
const SALT_RETICULUM: u64 = 0xe12e;

/// Knows the textures. It remembers the surroundings of the last point.
pub(super) struct Paint {
    grain: Noise,
    clumps: Noise,
    patches: Noise,
    reticulum: Noise,
}

impl Paint {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            grain: Noise::new(seed ^ SALT_PAINT, 17.0),
            clumps: Noise::new(seed ^ SALT_PAINT ^ 1, 48.0),
            patches: Noise::new(seed ^ SALT_PAINT ^ 2, 260.0),
            reticulum: Noise::new(seed ^ SALT_RETICULUM, 190.0),
        }
    }

    /// The grey value at `position`, where the tissue is `site`.
    pub(super) fn grey(&mut self, position: Vector, site: &Site) -> f32 {
        let texture = Texture {
            grain: self.grain.at(position),
            clumps: self.clumps.at(position),
            patches: self.patches.at(position),
        };
        let mut grey = cytoplasm(site, &texture);
        grey = self.reticulum(grey, site, &texture);
        if let Some(near) = &site.mitochondrion {
            grey = mitochondrion(grey, near, site.warped, &texture);
        }
        grey = membrane(grey, site, &texture);
        synapse(grey, site, &texture)
    }

    /// Draws thin dark cisternae where a smooth field is near 0, in patches, away from other things.
    fn reticulum(&mut self, grey: f32, site: &Site, texture: &Texture) -> f32 {
        let room = ramp(24.0, 44.0, site.room_nm());
        let present = room * ramp(0.02, 0.2, texture.patches[1]);
        if present <= 0.0 {
            return grey;
        }
        let [field, ..] = self.reticulum.at(site.warped);
        // The field changes by about 1 over half its pitch: 0.1 is some 12 nm.
        let walls = bump(0.13, 0.09, field.abs());
        let lumen = 1.0 - ramp(0.06, 0.14, field.abs());
        let grey = mix(grey, grey + 6.0, lumen * present);
        mix(grey, RETICULUM + 10.0 * texture.clumps[0], 0.85 * walls * present)
    }
}

/// The textures at one point, each with three independent fields in -1..=1.
struct Texture {
    grain: Vector,
    clumps: Vector,
    patches: Vector,
}

fn cytoplasm(site: &Site, texture: &Texture) -> f32 {
    let mut draws = Draws::new(site.cell.key ^ SALT_PAINT);
    let [low, high] = if site.cell.dark { DARK_CYTOPLASM } else { CYTOPLASM };
    let mean = draws.between(low, high);
    let granularity = draws.between(0.7, 1.3);
    // Ribosomes, filaments and microtubules cut across: scattered dark dots.
    let dots = 26.0 * ramp(0.35, 0.85, -texture.grain[1] - 0.35 * texture.clumps[1]);
    let cloud = 15.0 * texture.grain[0] + 16.0 * texture.clumps[0] + 12.0 * texture.patches[0];
    mean + granularity * (cloud - dots)
}

/// Two dark membranes with a lighter gap that is not everywhere resolved.
fn membrane(grey: f32, site: &Site, texture: &Texture) -> f32 {
    let thickness = 15.0 + 4.0 * texture.patches[2];
    let dark = 1.0 - ramp(thickness - 7.0, thickness + 7.0, site.membrane_nm);
    let resolved = 0.8 * ramp(-0.2, 0.8, texture.patches[0] + 0.4 * texture.clumps[2]);
    let gap = resolved * (1.0 - ramp(1.0, 8.0, site.membrane_nm));
    let tone = mix(MEMBRANE + 8.0 * texture.clumps[0], GAP, gap);
    mix(grey, tone, dark)
}

fn synapse(grey: f32, site: &Site, texture: &Texture) -> f32 {
    let Some(synapse) = &site.synapse else {
        return grey;
    };
    let inside = 1.0 - ramp(-14.0, 6.0, synapse.rim_nm + 8.0 * texture.clumps[0]);
    if inside <= 0.0 {
        return grey;
    }
    let reach = SYNAPSE_REACH_NM[usize::from(synapse.receiving)];
    let dark = 1.0 - ramp(reach - 8.0, reach + 6.0, site.membrane_nm + 5.0 * texture.clumps[1]);
    let cleft = 0.6 * (1.0 - ramp(1.0, 7.0, site.membrane_nm));
    let tone = mix(DENSITY + 10.0 * texture.clumps[2], GAP, cleft);
    mix(grey, tone, dark * inside)
}

fn mitochondrion(grey: f32, near: &Near, warped: Vector, texture: &Texture) -> f32 {
    let depth = -near.distance_nm;
    if depth < -24.0 {
        return grey;
    }
    let mut draws = Draws::new(near.key);
    let matrix = draws.between(MATRIX[0], MATRIX[1]);
    let cristae = Cristae::draw(&mut draws);
    let inside = ramp(-2.0, 3.0, depth);
    let inner = matrix + 9.0 * texture.clumps[1] + 12.0 * texture.grain[0] + 6.0 * texture.patches[1];
    let shaded = inner - cristae.darkness(warped, texture) * ramp(14.0, 24.0, depth);
    let membranes = bump(5.0, 7.0, depth).max(0.85 * bump(19.0, 7.0, depth));
    let tone = mix(shaded, MITOCHONDRION_MEMBRANE + 6.0 * texture.clumps[2], membranes);
    mix(grey, tone, inside)
}

/// The folds inside one mitochondrion: wavy parallel sheets.
struct Cristae {
    across: Vector,
    period_nm: f32,
    contrast: f32,
    /// Amplitude of the waves, in periods.
    waviness: f32,
}

impl Cristae {
    fn draw(draws: &mut Draws) -> Self {
        Self {
            across: draws.direction(),
            period_nm: draws.between(CRISTA_PERIOD_NM[0], CRISTA_PERIOD_NM[1]),
            contrast: draws.between(CRISTA_CONTRAST[0], CRISTA_CONTRAST[1]),
            waviness: draws.between(0.3, 0.8),
        }
    }

    /// By how much the point is darker than the matrix; below 0 in the light space inside a fold.
    fn darkness(&self, warped: Vector, texture: &Texture) -> f32 {
        let waves = self.waviness * (texture.clumps[0] + 0.8 * texture.patches[2]);
        let phase = dot(warped, self.across) / self.period_nm + waves;
        let from_sheet = (phase - phase.floor() - 0.5).abs();
        let sheet = 1.0 - ramp(0.1, 0.3, from_sheet);
        let light = ramp(0.34, 0.48, from_sheet);
        let present = 0.6 + 0.4 * ramp(-0.5, 0.2, texture.patches[0] + 0.4 * texture.clumps[2]);
        present * self.contrast * (sheet - 0.5 * light)
    }
}
