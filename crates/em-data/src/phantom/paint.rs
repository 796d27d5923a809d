//! The grey value of a place in the tissue, before the microscope: 0 black, 255 white.

use super::config::{CristaShares, ToneConfig};
use super::noise::{Draws, Noise, Vector, bump, dot, mix, ramp};
use super::tissue::{CellKind, Near, NearNucleus, Site};

/// Lamellae of myelin repeat after this length (Harris and Weinberg 2012: 10-12 nm; compacted less evenly).
const LAMELLA_PERIOD_NM: f32 = 13.0;
/// The two membranes of a nucleus, with the space between them.
const ENVELOPE_NM: f32 = 34.0;
/// Sarcomeres of muscle.
const SARCOMERE_NM: f32 = 2000.0;
/// Filaments of muscle and thick bundles.
const FILAMENT_PERIOD_NM: f32 = 42.0;

const SALT_PAINT: u64 = 0x9a17;
const SALT_RETICULUM: u64 = 0xe12e;
const SALT_CHROMATIN: u64 = 0xc401;

/// Knows the textures. It remembers the surroundings of the last point.
pub(super) struct Paint<'a> {
    tones: &'a ToneConfig,
    grain: Noise,
    clumps: Noise,
    patches: Noise,
    reticulum: Noise,
    chromatin: Noise,
}

impl<'a> Paint<'a> {
    pub(super) fn new(seed: u64, tones: &'a ToneConfig) -> Self {
        Self {
            tones,
            grain: Noise::new(seed ^ SALT_PAINT, 17.0),
            clumps: Noise::new(seed ^ SALT_PAINT ^ 1, 48.0),
            patches: Noise::new(seed ^ SALT_PAINT ^ 2, 260.0),
            reticulum: Noise::new(seed ^ SALT_RETICULUM, 190.0),
            chromatin: Noise::new(seed ^ SALT_CHROMATIN, 420.0),
        }
    }

    /// The grey value at `position`, where the tissue is `site`.
    pub(super) fn grey(&mut self, position: Vector, site: &Site) -> f32 {
        let texture = Texture {
            grain: self.grain.at(position),
            clumps: self.clumps.at(position),
            patches: self.patches.at(position),
        };
        let tones = self.tones;
        let mut grey = if site.cell.kind == CellKind::Void {
            tones.void + 2.0 * texture.patches[0]
        } else {
            let grey = cytoplasm(tones, site, &texture);
            self.reticulum(grey, site, &texture)
        };
        if let Some(near) = site.nucleus.as_ref().filter(|near| near.distance_nm < 12.0) {
            grey = self.nucleus(grey, near, site.warped, &texture);
        }
        if let Some(near) = &site.mitochondrion {
            grey = mitochondrion(tones, grey, near, site.warped, &texture);
        }
        grey = membrane(tones, grey, site, &texture);
        synapse(tones, grey, site, &texture)
    }

    /// Draws thin dark cisternae where a smooth field is near 0, in patches, away from other things.
    fn reticulum(&mut self, grey: f32, site: &Site, texture: &Texture) -> f32 {
        let from = self.tones.reticulum_from;
        let room = ramp(24.0, 44.0, site.room_nm());
        let present = room * ramp(from, from + 0.18, texture.patches[1]);
        if present <= 0.0 {
            return grey;
        }
        let [field, ..] = self.reticulum.at(site.warped);
        let field = sheet(field, self.tones.reticulum_sheets);
        // The field changes by about 1 over half its pitch: 0.1 is some 12 nm.
        let walls = bump(0.13, 0.09, field.abs());
        let lumen = 1.0 - ramp(0.06, 0.14, field.abs());
        let grey = mix(grey, grey + 6.0, lumen * present);
        mix(grey, self.tones.reticulum + 10.0 * texture.clumps[0], 0.85 * walls * present)
    }

    /// Chromatin in clumps, more of it along the envelope, and a nucleolus.
    fn nucleus(&mut self, grey: f32, near: &NearNucleus, warped: Vector, texture: &Texture) -> f32 {
        let mut draws = Draws::new(near.key ^ SALT_CHROMATIN);
        let tone = draws.between(self.tones.nucleus[0], self.tones.nucleus[1]);
        let clumping = draws.between(-0.3, 0.5);
        let contrast = self.tones.chromatin_contrast;
        let [field, ..] = self.chromatin.at(warped);
        let depth = -near.distance_nm - 12.0 * texture.clumps[0];
        let along_envelope = 0.7 * (1.0 - ramp(40.0, 180.0, depth));
        let clump = ramp(clumping, clumping + 0.35, field + 0.3 * texture.clumps[1] + along_envelope);
        let nucleolus = 1.0 - ramp(-30.0, 30.0, near.nucleolus_nm + 40.0 * texture.patches[2]);
        let dark = clump.max(1.2 * nucleolus);
        let inside = tone - contrast * dark + 9.0 * texture.clumps[2] + 11.0 * texture.grain[0];
        let walls = bump(4.0, 8.0, depth).max(bump(ENVELOPE_NM - 4.0, 8.0, depth));
        let gap = bump(ENVELOPE_NM / 2.0, 12.0, depth);
        let lined = mix(inside, tone + 12.0, 0.6 * gap);
        let lined = mix(lined, self.tones.membrane + 10.0, 0.85 * walls);
        mix(grey, lined, ramp(-6.0, 0.0, depth))
    }
}

/// The textures at one point, each with three independent fields in -1..=1.
struct Texture {
    grain: Vector,
    clumps: Vector,
    patches: Vector,
}

/// Repeats the neighbourhood of 0 of a smooth field `sheets` times on its way to 1.
fn sheet(field: f32, sheets: f32) -> f32 {
    if sheets <= 1.0 {
        return field;
    }
    // A wall and its lumen take 0.3 of the field.
    let phase = (field * 0.5 * sheets + 0.5).clamp(0.0, sheets - 0.001);
    (phase - phase.floor() - 0.5) * 2.0 / sheets.max(1.0) * sheets * 0.3
}

fn cytoplasm(tones: &ToneConfig, site: &Site, texture: &Texture) -> f32 {
    let mut draws = Draws::new(site.cell.key ^ SALT_PAINT);
    let [low, high] = if site.cell.kind == CellKind::Dark { tones.dark_cytoplasm } else { tones.cytoplasm };
    let mean = draws.between(low, high);
    let granularity = draws.between(tones.granularity[0], tones.granularity[1]);
    // Ribosomes, filaments and microtubules cut across: scattered dark dots.
    let dots = tones.dots * ramp(0.35, 0.85, -texture.grain[1] - 0.35 * texture.clumps[1]);
    let cloud = 15.0 * texture.grain[0] + 16.0 * texture.clumps[0] + 12.0 * texture.patches[0];
    let plain = mean + granularity * (cloud - dots);
    if tones.filaments <= 0.0 {
        return plain;
    }
    let along = draws.direction();
    plain - tones.filaments * filaments(along, site.warped, texture)
}

/// Darkness of a bundle of filaments, and of the bands across it as in muscle; 0 to 1.
fn filaments(along: Vector, warped: Vector, texture: &Texture) -> f32 {
    // Any two directions across will do.
    let across: Vector = [along[1], -along[0], 0.0];
    let phase = dot(warped, across) / FILAMENT_PERIOD_NM + 0.3 * texture.clumps[0];
    let fine = ramp(0.15, 0.35, (phase - phase.floor() - 0.5).abs());
    let place = dot(warped, along) / SARCOMERE_NM + 0.05 * texture.patches[0];
    let place = (place - place.floor() - 0.5).abs();
    let dark_band = 1.0 - ramp(0.2, 0.26, place);
    let disc = ramp(0.47, 0.495, place);
    (0.35 * fine + 0.45 * dark_band + 0.8 * disc).min(1.0)
}

/// Two dark membranes with a lighter gap that is not everywhere resolved, and myelin inside of them.
fn membrane(tones: &ToneConfig, grey: f32, site: &Site, texture: &Texture) -> f32 {
    let mut grey = grey;
    if site.cell.sheath_nm > 0.0 {
        let depth = site.membrane_nm + 6.0 * texture.patches[0];
        let phase = depth / LAMELLA_PERIOD_NM;
        let lamella = bump(0.5, 0.5, phase - phase.floor());
        let tone = mix(tones.myelin + 26.0, tones.myelin - 8.0, lamella) + 6.0 * texture.clumps[1];
        let inside = 1.0 - ramp(site.cell.sheath_nm - 4.0, site.cell.sheath_nm + 6.0, depth);
        grey = mix(grey, tone, inside);
    }
    let thickness = tones.membrane_nm + 4.0 * texture.patches[2];
    let dark = 1.0 - ramp(thickness - 7.0, thickness + 7.0, site.membrane_nm);
    let resolved = 0.8 * ramp(-0.2, 0.8, texture.patches[0] + 0.4 * texture.clumps[2]);
    let gap = resolved * (1.0 - ramp(1.0, 8.0, site.membrane_nm));
    let tone = mix(tones.membrane + 8.0 * texture.clumps[0], tones.gap, gap);
    mix(grey, tone, dark)
}

fn synapse(tones: &ToneConfig, grey: f32, site: &Site, texture: &Texture) -> f32 {
    let Some(synapse) = &site.synapse else {
        return grey;
    };
    let inside = 1.0 - ramp(-14.0, 6.0, synapse.rim_nm + 8.0 * texture.clumps[0]);
    if inside <= 0.0 {
        return grey;
    }
    let reach = synapse.reach_nm;
    let dark = 1.0 - ramp(reach - 8.0, reach + 6.0, site.membrane_nm + 5.0 * texture.clumps[1]);
    let cleft = 0.6 * (1.0 - ramp(1.0, 7.0, site.membrane_nm));
    let tone = mix(tones.density + 10.0 * texture.clumps[2], tones.gap, cleft);
    mix(grey, tone, dark * inside)
}

fn mitochondrion(tones: &ToneConfig, grey: f32, near: &Near, warped: Vector, texture: &Texture) -> f32 {
    let depth = -near.distance_nm;
    if depth < -24.0 {
        return grey;
    }
    let mut draws = Draws::new(near.key);
    let matrix = draws.between(tones.matrix[0], tones.matrix[1]);
    let cristae = Cristae::draw(tones, &mut draws);
    let inside = ramp(-2.0, 3.0, depth);
    let inner = matrix + 9.0 * texture.clumps[1] + 12.0 * texture.grain[0] + 6.0 * texture.patches[1];
    let shaded = inner - cristae.darkness(warped, depth, texture) * ramp(14.0, 24.0, depth);
    let membranes = bump(5.0, 7.0, depth).max(0.85 * bump(19.0, 7.0, depth));
    let tone = mix(shaded, tones.mitochondrion_membrane + 6.0 * texture.clumps[2], membranes);
    mix(grey, tone, inside)
}

/// The folds inside one mitochondrion.
struct Cristae {
    arrangement: Arrangement,
    across: Vector,
    period_nm: f32,
    contrast: f32,
    /// Amplitude of the waves, in periods.
    waviness: f32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrangement {
    Lamellar,
    Tubular,
    Sparse,
    Concentric,
    None,
}

impl Arrangement {
    fn draw(shares: &CristaShares, draws: &mut Draws) -> Self {
        let others = [
            (shares.tubular, Self::Tubular),
            (shares.sparse, Self::Sparse),
            (shares.concentric, Self::Concentric),
            (shares.none, Self::None),
        ];
        let total = shares.lamellar + others.iter().map(|(share, _)| share).sum::<f32>();
        let mut drawn = draws.unit() * total;
        for (share, arrangement) in others {
            if drawn < share {
                return arrangement;
            }
            drawn -= share;
        }
        Self::Lamellar
    }
}

impl Cristae {
    fn draw(tones: &ToneConfig, draws: &mut Draws) -> Self {
        Self {
            across: draws.direction(),
            period_nm: draws.between(tones.crista_period_nm[0], tones.crista_period_nm[1]),
            contrast: draws.between(tones.crista_contrast[0], tones.crista_contrast[1]),
            waviness: draws.between(0.3, 0.8),
            arrangement: Arrangement::draw(&tones.cristae, draws),
        }
    }

    /// By how much the point is darker than the matrix; below 0 in the light space inside a fold.
    fn darkness(&self, warped: Vector, depth_nm: f32, texture: &Texture) -> f32 {
        let waves = self.waviness * (texture.clumps[0] + 0.8 * texture.patches[2]);
        let place = match self.arrangement {
            Arrangement::None => return 0.0,
            Arrangement::Concentric => depth_nm,
            _ => dot(warped, self.across),
        };
        let mut folds = fold(place / self.period_nm + waves);
        if self.arrangement == Arrangement::Tubular {
            // A second set of sheets across the first leaves the tubes where both meet.
            let second: Vector = [self.across[1], self.across[2], -self.across[0]];
            let other = fold(dot(warped, second) / self.period_nm + waves);
            folds = [folds[0] * other[0], folds[1].max(other[1])];
        }
        let gaps = if self.arrangement == Arrangement::Sparse { 0.5 } else { 0.0 };
        let field = texture.patches[0] + 0.4 * texture.clumps[2] - gaps;
        let present = if gaps > 0.0 { ramp(-0.3, 0.2, field) } else { 0.6 + 0.4 * ramp(-0.5, 0.2, field) };
        present * self.contrast * (folds[0] - 0.5 * folds[1])
    }
}

/// How dark the wall of a fold and how light its inside is, 0 to 1, at a phase of 1 per fold.
fn fold(phase: f32) -> [f32; 2] {
    let from_sheet = (phase - phase.floor() - 0.5).abs();
    [1.0 - ramp(0.1, 0.3, from_sheet), ramp(0.34, 0.48, from_sheet)]
}
