//! The seeds of cells: where they are, which cell each belongs to, and the mitochondria in it.

use super::super::config::TissueConfig;
use super::super::noise::{Draws, Vector, dot, hash, subtract};
use super::USUAL_PITCH_NM;
use super::large::Large;
use super::mitochondrion::{Mitochondrion, draw_mitochondria};

/// A seed keeps this share of the pitch away from the borders of its lattice cell,
/// so that the nearest seeds are always among the 27 lattice cells around a point.
const SEED_BORDER: f32 = 0.14;
/// Largest weight of a seed as a length, at the usual pitch; seeds of high weight have larger regions.
const LARGEST_WEIGHT_NM: f32 = 200.0;

const SALT_SEED: u64 = 0x5eed;
const SALT_CELL: u64 = 0xce11;
const SALT_LARGE_CELL: u64 = 0x1a46;

/// What the points of one cell share.
#[derive(Clone, Copy)]
pub(in super::super) struct Cell {
    /// The cell's own hash.
    pub(in super::super) key: u64,
    pub(in super::super) kind: CellKind,
    /// Thickness of its sheath of myelin; 0 without one.
    pub(in super::super) sheath_nm: f32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum CellKind {
    Ordinary,
    /// With dark cytoplasm.
    Dark,
    /// No cell: the inside of a vessel, or resin.
    Void,
}

#[derive(Clone, Copy)]
pub(super) struct Seed {
    pub(super) at: Vector,
    pub(super) weight: f32,
    pub(super) key: u64,
    pub(super) cell: Cell,
    pub(super) mitochondria: [Option<Mitochondrion>; 2],
}

impl Seed {
    pub(super) fn power(&self, point: Vector) -> f32 {
        let offset = subtract(point, self.at);
        dot(offset, offset) - self.weight
    }
}

/// The seeds of the 27 lattice cells around one of them.
pub(super) fn seeds_around([z, y, x]: [i32; 3], mut seed_at: impl FnMut([i32; 3]) -> Seed) -> [Seed; 27] {
    std::array::from_fn(|index| {
        // 0..27 as three digits of base 3; always fits.
        let [dz, dy, dx] = [index / 9, index / 3 % 3, index % 3].map(|digit| digit as i32 - 1);
        seed_at([z.wrapping_add(dz), y.wrapping_add(dy), x.wrapping_add(dx)])
    })
}

/// The seed of a lattice cell.
pub(super) fn seed_at(seed: u64, tissue: &TissueConfig, large: &mut Large, lattice: [i32; 3]) -> Seed {
    let key = hash(seed ^ SALT_SEED, lattice);
    let mut draws = Draws::new(key);
    let pitch = tissue.cell_pitch_nm;
    let at = std::array::from_fn(|axis| {
        (lattice[axis] as f32 + draws.between(SEED_BORDER, 1.0 - SEED_BORDER)) * pitch
    });
    let largest = LARGEST_WEIGHT_NM * pitch / USUAL_PITCH_NM;
    let weight = draws.unit() * largest * largest;
    let cell = cell_of(seed, tissue, large, lattice, at);
    let holds_one = draws.chance(tissue.mitochondria.share) && cell.kind != CellKind::Void;
    let mitochondria =
        if holds_one { draw_mitochondria(&mut draws, &tissue.mitochondria, at, pitch) } else { [None; 2] };
    Seed { at, weight, key, cell, mitochondria }
}

/// The cell of a seed: a vessel, a cell body, a large cell, its own, or that of a neighbour that is a root.
fn cell_of(seed: u64, tissue: &TissueConfig, large: &mut Large, lattice: [i32; 3], at: Vector) -> Cell {
    if large.is_void(seed, tissue, at) {
        return Cell { key: seed ^ SALT_CELL, kind: CellKind::Void, sheath_nm: 0.0 };
    }
    if let Some(key) = large.soma(seed, tissue, at) {
        return Cell { key, kind: CellKind::Ordinary, sheath_nm: 0.0 };
    }
    let large = tissue.large_cell_pitch_nm.and_then(|pitch| large_cell(seed, tissue, at, pitch));
    let key = large.unwrap_or_else(|| joined(seed, tissue.root_share, lattice));
    let mut draws = Draws::new(key);
    draws.bits();
    let kind = if draws.chance(tissue.dark_share) { CellKind::Dark } else { CellKind::Ordinary };
    let mut sheath_nm = 0.0;
    if kind == CellKind::Ordinary && draws.chance(tissue.myelinated_share) {
        sheath_nm = draws.between(tissue.myelin_nm[0], tissue.myelin_nm[1]);
    }
    Cell { key, kind, sheath_nm }
}

/// The hash of the large cell, a Voronoi region of its own lattice, in which a seed lies.
fn large_cell(seed: u64, tissue: &TissueConfig, at: Vector, pitch: f32) -> Option<u64> {
    let around = at.map(|v| (v / pitch).floor() as i32);
    let mut nearest = (f32::INFINITY, 0);
    for index in 0..27 {
        let step = [index / 9, index / 3 % 3, index % 3].map(|digit| digit - 1);
        let lattice: [i32; 3] = std::array::from_fn(|axis| around[axis].wrapping_add(step[axis]));
        let key = hash(seed ^ SALT_LARGE_CELL, lattice);
        let mut draws = Draws::new(key);
        let offset = subtract(at, lattice.map(|v| (v as f32 + draws.unit()) * pitch));
        let distance = dot(offset, offset);
        if distance < nearest.0 {
            nearest = (distance, key);
        }
    }
    let (_, key) = nearest;
    Draws::new(key ^ SALT_LARGE_CELL).chance(tissue.large_cell_share).then_some(key)
}

fn joined(seed: u64, root_share: f32, lattice: [i32; 3]) -> u64 {
    let is_root = |bits: u64| Draws::new(bits).chance(root_share);
    let key = hash(seed ^ SALT_CELL, lattice);
    if is_root(key) {
        return key;
    }
    let mut neighbour = lattice;
    let direction = (key % 6) as usize;
    let step = if direction.is_multiple_of(2) { 1 } else { -1 };
    neighbour[direction / 2] = neighbour[direction / 2].wrapping_add(step);
    let candidate = hash(seed ^ SALT_CELL, neighbour);
    if is_root(candidate) { candidate } else { key }
}
