//! The geometry of the tissue: which cell a point lies in, how far its membrane is,
//! and whether it lies in a mitochondrion, a nucleus or a synapse. It knows nothing of grey values.
//!
//! Cells are the regions of a Voronoi diagram with weights, in space warped by smooth noise;
//! some neighbouring regions are joined, which gives branched and elongated processes.
//!
//! | file | owns |
//! |---|---|
//! | `cell.rs` | the seeds of cells, and what kind of cell each belongs to |
//! | `large.rs` | cell bodies, nuclei, vessels |
//! | `mitochondrion.rs` | bent tubes |
//! | `synapse.rs` | discs on the membranes |

mod cell;
mod large;
mod mitochondrion;
mod synapse;

use std::collections::HashMap;

use super::config::TissueConfig;
use super::noise::{Noise, Vector, add, dot, scale, subtract};

pub(super) use cell::{Cell, CellKind};
use cell::{Seed, seed_at, seeds_around};
use large::Large;
pub(super) use large::NearNucleus;
pub(super) use mitochondrion::Near;
use synapse::Synapse;
pub(super) use synapse::SynapseSite;

/// The pitch that the bends below were chosen for; they grow with the cells.
const USUAL_PITCH_NM: f32 = 560.0;
/// Large bends of the processes: pitch and amplitude.
const COARSE_WARP_NM: [f32; 2] = [720.0, 210.0];
/// Dents and bulges of the processes: pitch and amplitude.
const MIDDLE_WARP_NM: [f32; 2] = [330.0, 88.0];
/// Small irregularities of the membranes: pitch and amplitude.
const FINE_WARP_NM: [f32; 2] = [120.0, 24.0];
/// A mitochondrion keeps this distance to its cell's membrane, and to the nucleus.
const MITOCHONDRION_CLEARANCE_NM: f32 = 24.0;
/// Rounds the edges where a mitochondrion is pressed against the membrane.
const MITOCHONDRION_ROUNDING_NM: f32 = 60.0;

const SALT_COARSE: u64 = 0xc0a5;
const SALT_MIDDLE: u64 = 0x31dd;
const SALT_FINE: u64 = 0xf13e;

/// What is at one point of the tissue.
pub(super) struct Site {
    /// The point after warping: textures that bend with the tissue are drawn from it.
    pub(super) warped: Vector,
    /// The cell around the point.
    pub(super) cell: Cell,
    /// Distance to the middle of the gap between this cell and the nearest other one.
    pub(super) membrane_nm: f32,
    /// The nearest mitochondrion of the cell.
    pub(super) mitochondrion: Option<Near>,
    /// The synapse on the nearest membrane.
    pub(super) synapse: Option<SynapseSite>,
    /// The nearest nucleus.
    pub(super) nucleus: Option<NearNucleus>,
}

impl Site {
    pub(super) fn in_mitochondrion(&self) -> bool {
        self.mitochondrion.as_ref().is_some_and(|near| near.distance_nm < 0.0)
    }

    pub(super) fn in_nucleus(&self) -> bool {
        self.nucleus.as_ref().is_some_and(|near| near.distance_nm < 0.0)
    }

    pub(super) fn in_synapse(&self) -> bool {
        self.synapse
            .as_ref()
            .is_some_and(|synapse| synapse.rim_nm < 0.0 && self.membrane_nm < synapse.reach_nm)
    }

    /// Whether the point is in the gap of a synapse, of this width.
    pub(super) fn in_cleft(&self, width_nm: f32) -> bool {
        self.synapse.as_ref().is_some_and(|synapse| synapse.rim_nm < 0.0 && self.membrane_nm < width_nm / 2.0)
    }

    /// Room around the point for other organelles: distance to membranes, mitochondria, the nucleus.
    pub(super) fn room_nm(&self) -> f32 {
        let mitochondrion = self.mitochondrion.as_ref().map_or(f32::INFINITY, |near| near.distance_nm);
        let nucleus = self.nucleus.as_ref().map_or(f32::INFINITY, |near| near.distance_nm);
        (self.membrane_nm - self.cell.sheath_nm).min(mitochondrion).min(nucleus)
    }
}

/// Answers where a point of the tissue lies. It remembers the surroundings of the last point.
pub(super) struct Tissue<'a> {
    seed: u64,
    config: &'a TissueConfig,
    large: Large,
    coarse_warp: Noise,
    middle_warp: Noise,
    fine_warp: Noise,
    around: Option<[i32; 3]>,
    seeds: [Seed; 27],
    /// All seeds that were looked up so far, by lattice cell: rows come back to the same ones.
    known: HashMap<[i32; 3], Seed>,
}

impl<'a> Tissue<'a> {
    pub(super) fn new(seed: u64, config: &'a TissueConfig) -> Self {
        let growth = config.cell_pitch_nm / USUAL_PITCH_NM;
        let mut large = Large::new();
        Self {
            seed,
            config,
            coarse_warp: Noise::new(seed ^ SALT_COARSE, COARSE_WARP_NM[0] * growth),
            middle_warp: Noise::new(seed ^ SALT_MIDDLE, MIDDLE_WARP_NM[0] * growth),
            fine_warp: Noise::new(seed ^ SALT_FINE, FINE_WARP_NM[0]),
            around: None,
            seeds: seeds_around([0; 3], |lattice| seed_at(seed, config, &mut large, lattice)),
            large,
            known: HashMap::new(),
        }
    }

    /// Finds what is at `position`.
    pub(super) fn locate(&mut self, position: Vector) -> Site {
        let position = self.relaxed(position);
        let bending = self.config.bending * (self.config.cell_pitch_nm / USUAL_PITCH_NM);
        let coarse = scale(self.coarse_warp.at(position), COARSE_WARP_NM[1] * bending);
        let middle = scale(self.middle_warp.at(position), MIDDLE_WARP_NM[1] * bending);
        let fine = scale(self.fine_warp.at(position), FINE_WARP_NM[1]);
        let point = add(add(position, coarse), add(middle, fine));
        let around = point.map(|v| (v / self.config.cell_pitch_nm).floor() as i32);
        if self.around != Some(around) {
            self.around = Some(around);
            let (seed, config, large, known) = (self.seed, self.config, &mut self.large, &mut self.known);
            self.seeds = seeds_around(around, |lattice| {
                *known.entry(lattice).or_insert_with(|| seed_at(seed, config, large, lattice))
            });
        }
        let nucleus = self.large.nucleus(self.seed, self.config, point);
        let own = self.own_seed(point);
        let (membrane_nm, other) = self.nearest_membrane(point, own);
        let to_wall = (membrane_nm - own.cell.sheath_nm)
            .min(nucleus.as_ref().map_or(f32::INFINITY, |near| near.distance_nm));
        Site {
            warped: point,
            cell: own.cell,
            membrane_nm,
            mitochondrion: self.nearest_mitochondrion(point, own.cell.key, to_wall),
            synapse: Synapse::between(self.seed, self.config, own, other)
                .map(|synapse| synapse.site(point, membrane_nm, own, fine[0])),
            nucleus,
        }
    }

    /// The position before the tissue was stretched.
    fn relaxed(&self, position: Vector) -> Vector {
        let (stretch, axis) = (self.config.stretch, self.config.stretch_axis);
        if stretch == 1.0 {
            return position;
        }
        let along = dot(position, axis);
        add(position, scale(axis, along / stretch - along))
    }

    /// How strongly vesicles gather at the point that was located last, 0 to 1.
    pub(super) fn vesicle_density(&self, site: &Site) -> f32 {
        let own = self.own_seed(site.warped);
        let mut nearest = f32::INFINITY;
        for other in self.seeds.iter().filter(|other| other.cell.key != own.cell.key) {
            if let Some(synapse) = Synapse::between(self.seed, self.config, own, other)
                && synapse.sender == own.key
            {
                let offset = subtract(site.warped, synapse.centre);
                nearest = nearest.min(dot(offset, offset).sqrt());
            }
        }
        (1.3 * (1.0 - nearest / self.config.vesicle_cloud_nm)).clamp(0.0, 1.0)
    }

    fn own_seed(&self, point: Vector) -> &Seed {
        let mut own = &self.seeds[0];
        let mut least = f32::INFINITY;
        for seed in &self.seeds {
            let power = seed.power(point);
            if power < least {
                (least, own) = (power, seed);
            }
        }
        own
    }

    /// The distance to the plane between the point's cell and the nearest other, and that other seed.
    fn nearest_membrane<'s>(&'s self, point: Vector, own: &'s Seed) -> (f32, &'s Seed) {
        let power = own.power(point);
        let mut nearest = (f32::INFINITY, own);
        for other in self.seeds.iter().filter(|other| other.cell.key != own.cell.key) {
            let apart = subtract(other.at, own.at);
            let distance = (other.power(point) - power) / (2.0 * dot(apart, apart).sqrt());
            if distance < nearest.0 {
                nearest = (distance, other);
            }
        }
        nearest
    }

    fn nearest_mitochondrion(&self, point: Vector, cell: u64, to_wall_nm: f32) -> Option<Near> {
        let inside_cell = MITOCHONDRION_CLEARANCE_NM - to_wall_nm;
        self.seeds
            .iter()
            .filter(|seed| seed.cell.key == cell)
            .flat_map(|seed| seed.mitochondria.iter().flatten())
            .map(|tube| Near {
                distance_nm: smooth_max(tube.distance_nm(point), inside_cell, MITOCHONDRION_ROUNDING_NM),
                key: tube.key,
            })
            .min_by(|a, b| a.distance_nm.total_cmp(&b.distance_nm))
    }
}

/// The larger of two lengths, rounded where they are closer than `rounding` (Quilez, polynomial smooth minimum).
fn smooth_max(a: f32, b: f32, rounding: f32) -> f32 {
    let overlap = (rounding - (a - b).abs()).max(0.0);
    a.max(b) + overlap * overlap / (4.0 * rounding)
}
