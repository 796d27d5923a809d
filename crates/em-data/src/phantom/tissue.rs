//! The geometry of the tissue: which cell a point lies in, how far its membrane is,
//! and whether it lies in a mitochondrion or a synapse. It knows nothing of grey values.
//!
//! Cells are the regions of a Voronoi diagram with weights, in space warped by smooth noise;
//! some neighbouring regions are joined, which gives branched and elongated processes.

use super::noise::{Draws, Noise, Vector, add, dot, hash, scale, subtract};

/// Spacing of the cells' seeds: processes 0.3-1 µm across, as in the neuropil of the EPFL stack.
const SEED_PITCH_NM: f32 = 560.0;
/// A seed keeps this share of the pitch away from the borders of its lattice cell,
/// so that the nearest seeds are always among the 27 lattice cells around a point.
const SEED_BORDER: f32 = 0.14;
/// Largest weight of a seed as a length; seeds of high weight have larger regions.
const LARGEST_WEIGHT_NM: f32 = 200.0;
/// Share of seeds that others may join.
const ROOT_SHARE: f32 = 0.4;
/// Share of cells with dark cytoplasm (glia and degenerating dendrites look so).
const DARK_CELL_SHARE: f32 = 0.12;

/// Large bends of the processes: pitch and amplitude.
const COARSE_WARP_NM: [f32; 2] = [720.0, 210.0];
/// Dents and bulges of the processes: pitch and amplitude.
const MIDDLE_WARP_NM: [f32; 2] = [330.0, 88.0];
/// Small irregularities of the membranes: pitch and amplitude.
const FINE_WARP_NM: [f32; 2] = [120.0, 24.0];

/// Share of seeds with a mitochondrion, set so that about 10 % of the voxels are foreground, as in the EPFL stack.
const MITOCHONDRION_SHARE: f32 = 0.66;
/// Radii of mitochondria: 0.12-0.17 µm, so that 5 nm pixels cut discs 40-70 pixels wide.
const MITOCHONDRION_RADIUS_NM: [f32; 2] = [115.0, 170.0];
/// Half the length of the axis of a mitochondrion. With the radius it stays under the pitch,
/// so that the seed of every mitochondrion near a point is among the 27.
const MITOCHONDRION_HALF_LENGTH_NM: [f32; 2] = [60.0, 370.0];
/// A mitochondrion keeps this distance to its cell's membrane.
const MITOCHONDRION_CLEARANCE_NM: f32 = 24.0;
/// Rounds the edges where a mitochondrion is pressed against the membrane.
const MITOCHONDRION_ROUNDING_NM: f32 = 60.0;

/// Share of the touching pairs of seeds with a synapse, for 0.5-1 % of the voxels.
const SYNAPSE_SHARE: f32 = 0.14;
/// Radii of synaptic discs: 0.2-0.4 µm across (Harris and Weinberg 2012, Cold Spring Harb. Perspect. Biol. 4).
const SYNAPSE_RADIUS_NM: [f32; 2] = [90.0, 190.0];
/// Reach of a synapse from the middle of the cleft into the sending and the receiving cell.
pub(super) const SYNAPSE_REACH_NM: [f32; 2] = [18.0, 34.0];
/// Vesicles gather within this distance of a synapse.
const VESICLE_CLOUD_NM: f32 = 400.0;

/// Keeps the hashes of different things apart.
const SALT_SEED: u64 = 0x5eed;
const SALT_CELL: u64 = 0xce11;
const SALT_SYNAPSE: u64 = 0x57a9;
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
}

/// A mitochondrion near a point.
pub(super) struct Near {
    /// Distance to its outer surface, negative inside.
    pub(super) distance_nm: f32,
    /// The mitochondrion's own hash.
    pub(super) key: u64,
}

/// A point's place in the synapse on the nearest membrane.
pub(super) struct SynapseSite {
    /// Distance from the synapse's centre along the membrane, minus the radius: negative inside.
    pub(super) rim_nm: f32,
    /// Whether the point is in the receiving cell, where the density lies.
    pub(super) receiving: bool,
}

/// What the points of one cell share.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// The cell's own hash.
    pub(super) key: u64,
    /// Whether the cytoplasm is dark.
    pub(super) dark: bool,
}

impl Site {
    pub(super) fn in_mitochondrion(&self) -> bool {
        self.mitochondrion.as_ref().is_some_and(|near| near.distance_nm < 0.0)
    }

    pub(super) fn in_synapse(&self) -> bool {
        self.synapse.as_ref().is_some_and(|synapse| {
            synapse.rim_nm < 0.0 && self.membrane_nm < SYNAPSE_REACH_NM[usize::from(synapse.receiving)]
        })
    }

    /// Room around the point for other organelles: distance to the membrane or the mitochondrion.
    pub(super) fn room_nm(&self) -> f32 {
        let mitochondrion = self.mitochondrion.as_ref().map_or(f32::INFINITY, |near| near.distance_nm);
        self.membrane_nm.min(mitochondrion)
    }
}

/// Answers where a point of the tissue lies. It remembers the surroundings of the last point.
pub(super) struct Tissue {
    seed: u64,
    coarse_warp: Noise,
    middle_warp: Noise,
    fine_warp: Noise,
    around: [i32; 3],
    seeds: [Seed; 27],
}

#[derive(Clone, Copy)]
struct Seed {
    at: Vector,
    weight: f32,
    key: u64,
    cell: Cell,
    mitochondrion: Option<Mitochondrion>,
}

/// A bent tube with round ends.
#[derive(Clone, Copy)]
struct Mitochondrion {
    centre: Vector,
    axis: Vector,
    bend: Vector,
    half_length: f32,
    radius: f32,
    key: u64,
}

impl Tissue {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            coarse_warp: Noise::new(seed ^ SALT_COARSE, COARSE_WARP_NM[0]),
            middle_warp: Noise::new(seed ^ SALT_MIDDLE, MIDDLE_WARP_NM[0]),
            fine_warp: Noise::new(seed ^ SALT_FINE, FINE_WARP_NM[0]),
            around: [0; 3],
            seeds: seeds_around(seed, [0; 3]),
        }
    }

    /// Finds what is at `position`.
    pub(super) fn locate(&mut self, position: Vector) -> Site {
        let coarse = scale(self.coarse_warp.at(position), COARSE_WARP_NM[1]);
        let middle = scale(self.middle_warp.at(position), MIDDLE_WARP_NM[1]);
        let fine = scale(self.fine_warp.at(position), FINE_WARP_NM[1]);
        let point = add(add(position, coarse), add(middle, fine));
        let around = point.map(|v| (v / SEED_PITCH_NM).floor() as i32);
        if around != self.around {
            self.around = around;
            self.seeds = seeds_around(self.seed, around);
        }
        let own = self.own_seed(point);
        let (membrane_nm, other) = self.nearest_membrane(point, own);
        Site {
            warped: point,
            cell: own.cell,
            membrane_nm,
            mitochondrion: self.nearest_mitochondrion(point, own.cell.key, membrane_nm),
            synapse: Synapse::between(self.seed, own, other)
                .map(|synapse| synapse.site(point, membrane_nm, own, fine[0])),
        }
    }

    /// How strongly vesicles gather at the point that was located last, 0 to 1.
    pub(super) fn vesicle_density(&self, site: &Site) -> f32 {
        let own = self.own_seed(site.warped);
        let mut nearest = f32::INFINITY;
        for other in self.seeds.iter().filter(|other| other.cell.key != own.cell.key) {
            if let Some(synapse) = Synapse::between(self.seed, own, other)
                && synapse.sender == own.key
            {
                let offset = subtract(site.warped, synapse.centre);
                nearest = nearest.min(dot(offset, offset).sqrt());
            }
        }
        (1.3 * (1.0 - nearest / VESICLE_CLOUD_NM)).clamp(0.0, 1.0)
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
    fn nearest_membrane<'a>(&'a self, point: Vector, own: &'a Seed) -> (f32, &'a Seed) {
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

    fn nearest_mitochondrion(&self, point: Vector, cell: u64, membrane_nm: f32) -> Option<Near> {
        let inside_cell = MITOCHONDRION_CLEARANCE_NM - membrane_nm;
        self.seeds
            .iter()
            .filter(|seed| seed.cell.key == cell)
            .filter_map(|seed| seed.mitochondrion.as_ref())
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

impl Seed {
    fn power(&self, point: Vector) -> f32 {
        let offset = subtract(point, self.at);
        dot(offset, offset) - self.weight
    }
}

fn seeds_around(seed: u64, [z, y, x]: [i32; 3]) -> [Seed; 27] {
    std::array::from_fn(|index| {
        // 0..27 as three digits of base 3; always fits.
        let [dz, dy, dx] = [index / 9, index / 3 % 3, index % 3].map(|digit| digit as i32 - 1);
        seed_at(seed, [z.wrapping_add(dz), y.wrapping_add(dy), x.wrapping_add(dx)])
    })
}

fn seed_at(seed: u64, lattice: [i32; 3]) -> Seed {
    let key = hash(seed ^ SALT_SEED, lattice);
    let mut draws = Draws::new(key);
    let at = std::array::from_fn(|axis| {
        (lattice[axis] as f32 + draws.between(SEED_BORDER, 1.0 - SEED_BORDER)) * SEED_PITCH_NM
    });
    let weight = draws.unit() * LARGEST_WEIGHT_NM * LARGEST_WEIGHT_NM;
    let holds_one = draws.chance(MITOCHONDRION_SHARE);
    let mitochondrion = holds_one.then(|| Mitochondrion::draw(&mut draws, at));
    Seed { at, weight, key, cell: cell_of(seed, lattice), mitochondrion }
}

/// The cell of a seed: its own, or that of a neighbour that is a root.
fn cell_of(seed: u64, lattice: [i32; 3]) -> Cell {
    let is_root = |bits: u64| Draws::new(bits).chance(ROOT_SHARE);
    let mut key = hash(seed ^ SALT_CELL, lattice);
    if !is_root(key) {
        let mut neighbour = lattice;
        let direction = (key % 6) as usize;
        let step = if direction.is_multiple_of(2) { 1 } else { -1 };
        neighbour[direction / 2] = neighbour[direction / 2].wrapping_add(step);
        let candidate = hash(seed ^ SALT_CELL, neighbour);
        if is_root(candidate) {
            key = candidate;
        }
    }
    let mut draws = Draws::new(key);
    draws.bits();
    Cell { key, dark: draws.chance(DARK_CELL_SHARE) }
}

impl Mitochondrion {
    fn draw(draws: &mut Draws, centre: Vector) -> Self {
        let axis = draws.direction();
        let sideways = draws.direction();
        let along = dot(sideways, axis);
        let half_length = draws.between(MITOCHONDRION_HALF_LENGTH_NM[0], MITOCHONDRION_HALF_LENGTH_NM[1]);
        let bend = draws.between(0.0, 0.35) * half_length;
        Self {
            centre,
            axis,
            bend: scale(subtract(sideways, scale(axis, along)), bend),
            half_length,
            radius: draws.between(MITOCHONDRION_RADIUS_NM[0], MITOCHONDRION_RADIUS_NM[1]),
            key: draws.bits(),
        }
    }

    fn distance_nm(&self, point: Vector) -> f32 {
        let offset = subtract(point, self.centre);
        let along = dot(offset, self.axis).clamp(-self.half_length, self.half_length);
        let share = along / self.half_length;
        let nearest = add(scale(self.axis, along), scale(self.bend, share * share));
        let away = subtract(offset, nearest);
        dot(away, away).sqrt() - self.radius
    }
}

/// A disc on the membrane between two cells.
struct Synapse {
    centre: Vector,
    radius: f32,
    sender: u64,
}

impl Synapse {
    fn between(seed: u64, a: &Seed, b: &Seed) -> Option<Self> {
        if a.cell.key == b.cell.key || a.cell.dark || b.cell.dark {
            return None;
        }
        // Symmetric in the two seeds, so that both sides agree.
        let mut draws = Draws::new(seed ^ SALT_SYNAPSE ^ a.key ^ b.key);
        if !draws.chance(SYNAPSE_SHARE) {
            return None;
        }
        let (first, second) = if a.key < b.key { (a, b) } else { (b, a) };
        let apart = subtract(second.at, first.at);
        let share = 0.5 + (first.weight - second.weight) / (2.0 * dot(apart, apart));
        Some(Self {
            centre: add(first.at, scale(apart, share)),
            radius: draws.between(SYNAPSE_RADIUS_NM[0], SYNAPSE_RADIUS_NM[1]),
            sender: if draws.chance(0.5) { a.key.min(b.key) } else { a.key.max(b.key) },
        })
    }

    fn site(&self, point: Vector, membrane_nm: f32, own: &Seed, fraying_nm: f32) -> SynapseSite {
        let offset = subtract(point, self.centre);
        let along_squared = dot(offset, offset) - membrane_nm * membrane_nm;
        SynapseSite {
            rim_nm: along_squared.max(0.0).sqrt() - self.radius + fraying_nm,
            receiving: own.key != self.sender,
        }
    }
}
