//! Vesicles, lysosomes, endosomes and multivesicular bodies: round things drawn over the tissue.
//!
//! Each kind has a lattice with at most one particle per lattice cell.
//! A section asks only for the layers that it can cut, so nothing is kept between sections.

use super::Plane;
use super::config::PhantomConfig;
use super::noise::{Draws, Noise, Vector, bump, dot, hash, mix, ramp, subtract};
use super::tissue::{CellKind, Site, Tissue};

/// Spacing of possible vesicles of the usual size; at most one in each cube of this size.
const VESICLE_PITCH_NM: f32 = 46.0;
/// The largest radius that the spacing was chosen for.
const USUAL_VESICLE_RADIUS_NM: f32 = 25.0;
/// Chance of a vesicle in the middle of a cloud.
const CLOUD_VESICLE_SHARE: f32 = 0.8;
/// Coarser pixels do not resolve vesicles.
const VESICLE_PIXEL_LIMIT_NM: f32 = 20.0;

/// Spacing of possible bodies of the usual size.
const BODY_PITCH_NM: f32 = 270.0;
/// The largest radius that the spacing was chosen for.
const USUAL_BODY_RADIUS_NM: f32 = 125.0;
/// Coarser pixels do not resolve bodies.
const BODY_PIXEL_LIMIT_NM: f32 = 80.0;

const SALT_VESICLE: u64 = 0x7e51;
const SALT_BODY: u64 = 0xb0d1;

struct Particle {
    centre: Vector,
    radius: f32,
    kind: Kind,
    /// Grey value inside, and of its membrane.
    tone: f32,
    rim: f32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A small sphere with a dark rim.
    Vesicle,
    /// Filled, dark, granular.
    Lysosome,
    /// A dark rim around a light inside.
    Endosome,
    /// Smooth and even.
    Lipid,
    /// A rim around small vesicles.
    Multivesicular,
    /// Nested membranes.
    Whorl,
}

/// Draws all particles that the section cuts over its grey values, and marks its vesicles.
pub(super) fn draw(
    config: &PhantomConfig,
    plane: &Plane,
    tissue: &mut Tissue<'_>,
    grey: &mut [f32],
    vesicles: &mut [bool],
) {
    let seed = config.seed;
    let pixel = plane.step_nm[0].max(plane.step_nm[1]);
    let mut granules = Noise::new(seed ^ SALT_BODY ^ 1, 38.0);
    if pixel <= BODY_PIXEL_LIMIT_NM {
        let reach = config.tissue.body_radius_nm[1];
        let pitch = BODY_PITCH_NM * (reach / USUAL_BODY_RADIUS_NM).max(1.0);
        Lattice { pitch, reach, salt: SALT_BODY }.visit(seed, plane, |centre, draws| {
            if let Some(body) = body(config, centre, draws, &tissue.locate(centre)) {
                body.draw(plane, &mut granules, grey, vesicles);
            }
        });
    }
    if pixel <= VESICLE_PIXEL_LIMIT_NM {
        let reach = config.tissue.vesicle_radius_nm[1];
        let pitch = VESICLE_PITCH_NM * (reach / USUAL_VESICLE_RADIUS_NM).max(1.0);
        Lattice { pitch, reach, salt: SALT_VESICLE }.visit(seed, plane, |centre, draws| {
            if let Some(vesicle) = vesicle(config, centre, draws, tissue) {
                vesicle.draw(plane, &mut granules, grey, vesicles);
            }
        });
    }
}

fn body(config: &PhantomConfig, centre: Vector, draws: &mut Draws, site: &Site) -> Option<Particle> {
    let (tissue, tones) = (&config.tissue, &config.tones);
    if !draws.chance(tissue.body_share) || site.cell.kind == CellKind::Void {
        return None;
    }
    let [smallest, largest] = tissue.body_radius_nm;
    let radius = draws.between(smallest, largest).min(site.room_nm() - 26.0);
    let shares = &tissue.bodies;
    let kinds = [
        (shares.lysosome, Kind::Lysosome),
        (shares.endosome, Kind::Endosome),
        (shares.lipid, Kind::Lipid),
        (shares.multivesicular, Kind::Multivesicular),
        (shares.whorl, Kind::Whorl),
    ];
    let mut drawn = draws.unit() * kinds.iter().map(|(share, _)| share).sum::<f32>();
    let chosen = kinds.into_iter().find(|(share, _)| {
        let is_it = drawn < *share;
        drawn -= share;
        is_it
    });
    let (_, kind) = chosen?;
    let [low, high] = match kind {
        Kind::Lysosome => tones.lysosome,
        // Lipid is dark with much osmium, light where it was washed out.
        Kind::Lipid if draws.chance(0.5) => [tones.lysosome[0] - 20.0, tones.lysosome[0]],
        Kind::Whorl => [tones.myelin, tones.myelin + 30.0],
        _ => tones.endosome,
    };
    let tone = draws.between(low, high);
    (radius >= smallest).then_some(Particle { centre, radius, kind, tone, rim: tones.membrane })
}

fn vesicle(
    config: &PhantomConfig,
    centre: Vector,
    draws: &mut Draws,
    tissue: &mut Tissue<'_>,
) -> Option<Particle> {
    let chance = draws.unit();
    let most = CLOUD_VESICLE_SHARE * config.tissue.vesicles;
    if chance > most {
        return None;
    }
    let radius = draws.between(config.tissue.vesicle_radius_nm[0], config.tissue.vesicle_radius_nm[1]);
    let site = tissue.locate(centre);
    if site.room_nm() < radius + 16.0 || site.cell.kind == CellKind::Void {
        return None;
    }
    let share = mix(config.tissue.lone_vesicle_share.min(most), most, tissue.vesicle_density(&site));
    let tone = draws.between(config.tones.vesicle[0], config.tones.vesicle[1]);
    (chance < share).then_some(Particle {
        centre,
        radius,
        kind: Kind::Vesicle,
        tone,
        rim: config.tones.membrane,
    })
}

/// Possible places of one kind of particle.
struct Lattice {
    pitch: f32,
    reach: f32,
    salt: u64,
}

impl Lattice {
    /// Calls `place` for every lattice cell whose particle could reach into the section, in a fixed order.
    fn visit(&self, seed: u64, plane: &Plane, mut place: impl FnMut(Vector, &mut Draws)) {
        let last = plane.position_nm(plane.size[0] - 1, plane.size[1] - 1);
        let first_cell = plane.origin_nm.map(|v| ((v - self.reach) / self.pitch).floor() as i32);
        let last_cell = last.map(|v| ((v + self.reach) / self.pitch).floor() as i32);
        for z in first_cell[0]..=last_cell[0] {
            for y in first_cell[1]..=last_cell[1] {
                for x in first_cell[2]..=last_cell[2] {
                    let mut draws = Draws::new(hash(seed ^ self.salt, [z, y, x]));
                    let centre = [z, y, x].map(|v| (v as f32 + draws.unit()) * self.pitch);
                    if (centre[0] - plane.origin_nm[0]).abs() < self.reach {
                        place(centre, &mut draws);
                    }
                }
            }
        }
    }
}

impl Particle {
    fn draw(&self, plane: &Plane, granules: &mut Noise, grey: &mut [f32], vesicles: &mut [bool]) {
        let reach = self.radius + 16.0;
        let rows = pixel_range(self.centre[1] - plane.origin_nm[1], reach, plane.step_nm[0], plane.size[0]);
        let columns =
            pixel_range(self.centre[2] - plane.origin_nm[2], reach, plane.step_nm[1], plane.size[1]);
        for y in rows {
            for x in columns.clone() {
                let position = plane.position_nm(y, x);
                let offset = subtract(position, self.centre);
                let depth = self.radius - dot(offset, offset).sqrt();
                if depth > -16.0 {
                    let index = y * plane.size[1] + x;
                    grey[index] = self.grey(grey[index], depth, position, granules);
                    vesicles[index] |= self.kind == Kind::Vesicle && depth > 0.0;
                }
            }
        }
    }

    fn grey(&self, grey: f32, depth: f32, position: Vector, granules: &mut Noise) -> f32 {
        match self.kind {
            Kind::Vesicle => {
                let rim = bump(5.0, 9.0, depth);
                let tone = mix(self.tone, self.rim, rim);
                mix(grey, tone, 0.85 * ramp(-3.0, 4.0, depth))
            }
            Kind::Lysosome => {
                let [grain, outline, _] = granules.at(position);
                let depth = depth + 12.0 * outline;
                mix(grey, self.tone + 14.0 * grain, ramp(-5.0, 8.0, depth))
            }
            Kind::Endosome => {
                let [grain, outline, _] = granules.at(position);
                let depth = depth + 8.0 * outline;
                let tone = mix(self.tone + 8.0 * grain, self.rim + 4.0, bump(7.0, 12.0, depth));
                mix(grey, tone, ramp(-4.0, 4.0, depth))
            }
            Kind::Lipid => {
                let tone = mix(self.tone, self.tone - 15.0, bump(4.0, 8.0, depth));
                mix(grey, tone, ramp(-4.0, 4.0, depth))
            }
            Kind::Multivesicular => {
                let [grain, outline, other] = granules.at(position);
                let inner = self.tone - 45.0 * ramp(0.1, 0.4, grain + 0.3 * other) * ramp(12.0, 22.0, depth);
                let tone = mix(inner, self.rim, bump(6.0, 10.0, depth + 5.0 * outline));
                mix(grey, tone, ramp(-4.0, 4.0, depth))
            }
            Kind::Whorl => {
                let [grain, outline, _] = granules.at(position);
                let phase = (depth + 14.0 * outline) / 24.0;
                let ring = bump(0.5, 0.5, phase - phase.floor());
                mix(grey, self.tone + 60.0 * (1.0 - ring) + 8.0 * grain, ramp(-4.0, 4.0, depth))
            }
        }
    }
}

/// The pixels within `reach` of `centre` along one axis, cut to the section.
fn pixel_range(centre: f32, reach: f32, step: f32, size: usize) -> std::ops::Range<usize> {
    // A cast from float saturates, so places left of the section give 0.
    let first = ((centre - reach) / step).floor() as usize;
    let end = ((centre + reach) / step + 1.0).ceil() as usize;
    first.min(size)..end.min(size)
}
