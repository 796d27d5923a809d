//! Vesicles, lysosomes, endosomes and multivesicular bodies: round things drawn over the tissue.
//!
//! Each kind has a lattice with at most one particle per lattice cell.
//! A section asks only for the layers that it can cut, so nothing is kept between sections.

use super::Plane;
use super::noise::{Draws, Noise, Vector, bump, dot, hash, mix, ramp, subtract};
use super::tissue::{Site, Tissue};

/// Spacing of possible vesicles; at most one in each cube of this size.
const VESICLE_PITCH_NM: f32 = 46.0;
/// Synaptic vesicles are about 40 nm across (Harris and Weinberg 2012).
const VESICLE_RADIUS_NM: [f32; 2] = [18.0, 25.0];
/// Chance of a vesicle far from any synapse.
const LONE_VESICLE_SHARE: f32 = 0.018;
/// Chance of a vesicle in the middle of a cloud.
const CLOUD_VESICLE_SHARE: f32 = 0.8;
/// Coarser pixels do not resolve vesicles.
const VESICLE_PIXEL_LIMIT_NM: f32 = 20.0;

/// Spacing of possible bodies.
const BODY_PITCH_NM: f32 = 270.0;
/// Radii of lysosomes and endosomes; the larger ones look like cut mitochondria.
const BODY_RADIUS_NM: [f32; 2] = [42.0, 125.0];
/// Chance of a body at each place with enough room.
const BODY_SHARE: f32 = 0.4;
/// Coarser pixels do not resolve bodies.
const BODY_PIXEL_LIMIT_NM: f32 = 80.0;

const SALT_VESICLE: u64 = 0x7e51;
const SALT_BODY: u64 = 0xb0d1;

struct Particle {
    centre: Vector,
    radius: f32,
    kind: Kind,
    tone: f32,
}

#[derive(Clone, Copy)]
enum Kind {
    /// A small sphere with a dark rim.
    Vesicle,
    /// Filled, dark, granular.
    Lysosome,
    /// A dark rim around a light inside.
    Endosome,
}

/// Draws all particles that the section cuts over its grey values.
pub(super) fn draw(seed: u64, plane: &Plane, tissue: &mut Tissue, grey: &mut [f32]) {
    let pixel = plane.step_nm[0].max(plane.step_nm[1]);
    let mut granules = Noise::new(seed ^ SALT_BODY ^ 1, 38.0);
    if pixel <= BODY_PIXEL_LIMIT_NM {
        let lattice = Lattice { pitch: BODY_PITCH_NM, reach: BODY_RADIUS_NM[1], salt: SALT_BODY };
        lattice.visit(seed, plane, |centre, draws| {
            if let Some(body) = body(centre, draws, &tissue.locate(centre)) {
                body.draw(plane, &mut granules, grey);
            }
        });
    }
    if pixel <= VESICLE_PIXEL_LIMIT_NM {
        let lattice = Lattice { pitch: VESICLE_PITCH_NM, reach: VESICLE_RADIUS_NM[1], salt: SALT_VESICLE };
        lattice.visit(seed, plane, |centre, draws| {
            if let Some(vesicle) = vesicle(centre, draws, tissue) {
                vesicle.draw(plane, &mut granules, grey);
            }
        });
    }
}

fn body(centre: Vector, draws: &mut Draws, site: &Site) -> Option<Particle> {
    if !draws.chance(BODY_SHARE) {
        return None;
    }
    let radius = draws.between(BODY_RADIUS_NM[0], BODY_RADIUS_NM[1]).min(site.room_nm() - 26.0);
    let filled = draws.chance(0.55);
    let (kind, tone) = if filled {
        (Kind::Lysosome, draws.between(78.0, 118.0))
    } else {
        (Kind::Endosome, draws.between(120.0, 175.0))
    };
    (radius >= BODY_RADIUS_NM[0]).then_some(Particle { centre, radius, kind, tone })
}

fn vesicle(centre: Vector, draws: &mut Draws, tissue: &mut Tissue) -> Option<Particle> {
    let chance = draws.unit();
    if chance > CLOUD_VESICLE_SHARE {
        return None;
    }
    let radius = draws.between(VESICLE_RADIUS_NM[0], VESICLE_RADIUS_NM[1]);
    let site = tissue.locate(centre);
    if site.room_nm() < radius + 16.0 {
        return None;
    }
    let share = mix(LONE_VESICLE_SHARE, CLOUD_VESICLE_SHARE, tissue.vesicle_density(&site));
    let tone = draws.between(98.0, 130.0);
    (chance < share).then_some(Particle { centre, radius, kind: Kind::Vesicle, tone })
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
    fn draw(&self, plane: &Plane, granules: &mut Noise, grey: &mut [f32]) {
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
                    let value = &mut grey[y * plane.size[1] + x];
                    *value = self.grey(*value, depth, position, granules);
                }
            }
        }
    }

    fn grey(&self, grey: f32, depth: f32, position: Vector, granules: &mut Noise) -> f32 {
        match self.kind {
            Kind::Vesicle => {
                let rim = bump(5.0, 9.0, depth);
                let tone = mix(self.tone, 84.0, rim);
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
                let tone = mix(self.tone + 8.0 * grain, 88.0, bump(7.0, 12.0, depth));
                mix(grey, tone, ramp(-4.0, 4.0, depth))
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
