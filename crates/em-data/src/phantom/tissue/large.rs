//! Cell bodies with their nuclei, and vessels: what is larger than a process.
//!
//! Both stand on a lattice of [`LARGE_PITCH_NM`]; a point asks the lattice cells around it.

use super::super::config::TissueConfig;
use super::super::noise::{Draws, Vector, add, dot, hash, scale, subtract};

/// At most one cell body and one vessel are in each cube of this size.
pub(super) const LARGE_PITCH_NM: f32 = 10_000.0;
/// Neither reaches farther from its place than this, so that the 27 cubes around a point are enough.
const LARGEST_RADIUS_NM: f32 = 4_500.0;
/// Radius of a nucleolus as a share of its nucleus'.
const NUCLEOLUS_SHARE: [f32; 2] = [0.2, 0.38];

const SALT_SOMA: u64 = 0x50fa;
const SALT_VOID: u64 = 0x401d;

/// A cell body.
#[derive(Clone, Copy)]
pub(super) struct Soma {
    pub(super) key: u64,
    centre: Vector,
    radius: f32,
    nucleus_radius: f32,
    nucleolus: Vector,
    nucleolus_radius: f32,
}

/// A point's place in the nearest nucleus; distances are negative inside.
#[derive(Clone, Copy)]
pub(in super::super) struct NearNucleus {
    /// Distance to the envelope.
    pub(in super::super) distance_nm: f32,
    /// Distance to the surface of the nucleolus.
    pub(in super::super) nucleolus_nm: f32,
    pub(in super::super) key: u64,
}

/// A tube through the tissue, or a ball of nothing.
#[derive(Clone, Copy)]
struct Void {
    centre: Vector,
    axis: Vector,
    half_length: f32,
    radius: f32,
}

/// What is large around a point.
pub(super) struct Large {
    around: Option<[i32; 3]>,
    somata: Vec<Soma>,
    voids: Vec<Void>,
}

impl Large {
    pub(super) fn new() -> Self {
        Self { around: None, somata: Vec::new(), voids: Vec::new() }
    }

    /// Looks up what is near a point; nothing is done where the tissue has nothing large.
    fn move_to(&mut self, seed: u64, tissue: &TissueConfig, point: Vector) {
        let around = point.map(|v| (v / LARGE_PITCH_NM).floor() as i32);
        if self.around == Some(around) {
            return;
        }
        self.around = Some(around);
        self.somata.clear();
        self.voids.clear();
        for index in 0..27 {
            let step = [index / 9, index / 3 % 3, index % 3].map(|digit| digit - 1);
            let lattice = std::array::from_fn(|axis| around[axis].wrapping_add(step[axis]));
            self.somata.extend(soma(seed, tissue, lattice));
            self.voids.extend(void(seed, tissue, lattice));
        }
    }

    /// The cell body around a point.
    pub(super) fn soma(&mut self, seed: u64, tissue: &TissueConfig, point: Vector) -> Option<u64> {
        if tissue.soma_share == 0.0 {
            return None;
        }
        self.move_to(seed, tissue, point);
        self.somata.iter().find(|soma| distance(point, soma.centre) < soma.radius).map(|soma| soma.key)
    }

    /// Whether a point lies in a vessel.
    pub(super) fn is_void(&mut self, seed: u64, tissue: &TissueConfig, point: Vector) -> bool {
        if tissue.void_share == 0.0 {
            return false;
        }
        self.move_to(seed, tissue, point);
        self.voids.iter().any(|void| {
            let offset = subtract(point, void.centre);
            let along = dot(offset, void.axis).clamp(-void.half_length, void.half_length);
            distance(offset, scale(void.axis, along)) < void.radius
        })
    }

    /// The nucleus nearest to a point.
    pub(super) fn nucleus(&mut self, seed: u64, tissue: &TissueConfig, point: Vector) -> Option<NearNucleus> {
        if tissue.soma_share == 0.0 {
            return None;
        }
        self.move_to(seed, tissue, point);
        let near = |soma: &Soma| NearNucleus {
            distance_nm: distance(point, soma.centre) - soma.nucleus_radius,
            nucleolus_nm: distance(point, soma.nucleolus) - soma.nucleolus_radius,
            key: soma.key,
        };
        self.somata.iter().map(near).min_by(|a, b| a.distance_nm.total_cmp(&b.distance_nm))
    }
}

/// The cell body of a lattice cell, unless an earlier neighbour would reach into it.
fn soma(seed: u64, tissue: &TissueConfig, lattice: [i32; 3]) -> Option<Soma> {
    let key = hash(seed ^ SALT_SOMA, lattice);
    let mut draws = Draws::new(key);
    if !draws.chance(tissue.soma_share) {
        return None;
    }
    let radius = draws.between(tissue.soma_radius_nm[0], tissue.soma_radius_nm[1]).min(LARGEST_RADIUS_NM);
    // All of it stays in its own cube, so that no two of them meet.
    let centre = lattice.map(|v| v as f32 * LARGE_PITCH_NM + draws.between(radius, LARGE_PITCH_NM - radius));
    let nucleus_radius = radius * draws.between(tissue.nucleus_share[0], tissue.nucleus_share[1]);
    let nucleolus_radius = nucleus_radius * draws.between(NUCLEOLUS_SHARE[0], NUCLEOLUS_SHARE[1]);
    let away = draws.between(0.0, 0.6) * (nucleus_radius - nucleolus_radius);
    let nucleolus = add(centre, scale(draws.direction(), away));
    Some(Soma { key, centre, radius, nucleus_radius, nucleolus, nucleolus_radius })
}

fn void(seed: u64, tissue: &TissueConfig, lattice: [i32; 3]) -> Option<Void> {
    let mut draws = Draws::new(hash(seed ^ SALT_VOID, lattice));
    if !draws.chance(tissue.void_share) {
        return None;
    }
    let radius = draws.between(tissue.void_radius_nm[0], tissue.void_radius_nm[1]).min(LARGEST_RADIUS_NM);
    Some(Void {
        centre: lattice.map(|v| (v as f32 + draws.unit()) * LARGE_PITCH_NM),
        axis: draws.direction(),
        half_length: LARGE_PITCH_NM - radius,
        radius,
    })
}

fn distance(a: Vector, b: Vector) -> f32 {
    let offset = subtract(a, b);
    dot(offset, offset).sqrt()
}
