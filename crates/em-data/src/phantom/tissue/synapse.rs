//! Synapses: discs on the membrane between two cells.

use super::super::config::TissueConfig;
use super::super::noise::{Draws, Vector, add, dot, scale, subtract};
use super::cell::{CellKind, Seed};

const SALT_SYNAPSE: u64 = 0x57a9;

/// A point's place in the synapse on the nearest membrane.
pub(in super::super) struct SynapseSite {
    /// Distance from the synapse's centre along the membrane, minus the radius: negative inside.
    pub(in super::super) rim_nm: f32,
    /// How far the density reaches from the middle of the cleft into the point's cell.
    pub(in super::super) reach_nm: f32,
    /// The synapse's own hash.
    pub(in super::super) key: u64,
    /// The hashes of the sending and the receiving cell.
    pub(in super::super) partners: [u64; 2],
}

/// A disc on the membrane between two cells.
pub(super) struct Synapse {
    pub(super) centre: Vector,
    radius: f32,
    reach_nm: [f32; 2],
    key: u64,
    /// The seed on the sending side.
    pub(super) sender: u64,
    partners: [u64; 2],
}

impl Synapse {
    pub(super) fn between(seed: u64, tissue: &TissueConfig, a: &Seed, b: &Seed) -> Option<Self> {
        let is_free = |seed: &Seed| seed.cell.kind == CellKind::Ordinary && seed.cell.sheath_nm == 0.0;
        if a.cell.key == b.cell.key || !is_free(a) || !is_free(b) {
            return None;
        }
        let config = &tissue.synapses;
        // Symmetric in the two seeds, so that both sides agree.
        let key = seed ^ SALT_SYNAPSE ^ a.key ^ b.key;
        let mut draws = Draws::new(key);
        if !draws.chance(config.share) {
            return None;
        }
        let (first, second) = if a.key < b.key { (a, b) } else { (b, a) };
        let apart = subtract(second.at, first.at);
        let share = 0.5 + (first.weight - second.weight) / (2.0 * dot(apart, apart));
        let radius = draws.between(config.radius_nm[0], config.radius_nm[1]);
        let (sender, receiver) = if draws.chance(0.5) { (first, second) } else { (second, first) };
        Some(Self {
            centre: add(first.at, scale(apart, share)),
            radius,
            reach_nm: config.reach_nm,
            key,
            sender: sender.key,
            partners: [sender.cell.key, receiver.cell.key],
        })
    }

    pub(super) fn site(self, point: Vector, membrane_nm: f32, own: &Seed, fraying_nm: f32) -> SynapseSite {
        let offset = subtract(point, self.centre);
        let along_squared = dot(offset, offset) - membrane_nm * membrane_nm;
        SynapseSite {
            rim_nm: along_squared.max(0.0).sqrt() - self.radius + fraying_nm,
            reach_nm: self.reach_nm[usize::from(own.key != self.sender)],
            key: self.key,
            partners: self.partners,
        }
    }
}
