//! Generated EM-like volumes with labels: for demos, tests and benchmarks, where real data cannot be shipped.
//!
//! A volume is a function of position in nanometres: cells, mitochondria and synapses stand where
//! hashed lattices put them, so any block of any size can be drawn section by section, in parallel,
//! and the same configuration gives the same bytes on every machine.
//! For that reason the arithmetic uses only operations that IEEE 754 rounds exactly
//! (`+ - * /`, `sqrt`, `floor`); `sin`, `exp` and fused multiply-add differ between machines.
//!
//! | file | owns |
//! |---|---|
//! | `phantom.rs` | the public types; a volume assembled from sections |
//! | `phantom/config.rs` | what a phantom shows, in numbers |
//! | `phantom/vary.rs` | such numbers drawn from a space of microscopes and tissues |
//! | `phantom/scenes.rs` | many of them, to train on |
//! | `phantom/tissue/` | geometry: cells, membranes, nuclei, mitochondria, synapses |
//! | `phantom/paint.rs` | the grey value of a place in the tissue |
//! | `phantom/particles.rs` | vesicles, lysosomes and endosomes, drawn over the tissue |
//! | `phantom/microscope.rs` | drift, light, contrast, noise, damage |
//! | `phantom/clahe.rs` | local equalisation |
//! | `phantom/noise.rs` | hashes, smooth noise and small vector functions |
//!
//! Not modelled: knife marks, tears, sections that are missing or in another order.

mod clahe;
mod config;
mod microscope;
mod noise;
mod paint;
mod particles;
mod scenes;
mod tissue;
mod vary;

use std::collections::HashMap;

use ndarray::{Array3, ArrayView3};
use rayon::prelude::*;

pub use config::{
    BodyShares, CristaShares, MicroscopeConfig, MitochondriaConfig, PhantomConfig, SynapseConfig,
    TissueConfig, ToneConfig,
};
use microscope::{Exposure, Microscope};
use paint::Paint;
pub use scenes::ScenesConfig;
use tissue::{CellKind, Tissue};

/// Membranes are labelled to this distance from their middle.
const MEMBRANE_LABEL_NM: f32 = 12.0;
/// Width of the cleft between the membranes of a synapse (Harris and Weinberg 2012: 15-25 nm).
const CLEFT_NM: f32 = 18.0;

/// A generated volume and its labels, all of one shape, `[z, y, x]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phantom {
    /// Grey values: membranes dark, cytoplasm light.
    pub raw: Array3<u8>,
    /// Mitochondria with their outer membrane: 8-14 % of the default tissue, 4-15 % of a thin block.
    pub mitochondria: Array3<bool>,
    /// Synapses: both membranes, the cleft and the density: 0.4-1.3 % of the default tissue.
    pub synapses: Array3<bool>,
    /// The clefts of the synapses.
    pub clefts: Array3<bool>,
    /// Synaptic and other small vesicles.
    pub vesicles: Array3<bool>,
    /// Membranes between cells.
    pub membranes: Array3<bool>,
    /// Nuclei with their envelope.
    pub nuclei: Array3<bool>,
    /// The cells, numbered from 1 in the order in which they are met; 0 in vessels and resin.
    pub cells: Array3<u32>,
    /// The synapses whose cleft is in the volume, once for each section that it is in.
    pub partners: Vec<Partners>,
}

impl Phantom {
    /// The names of the masks.
    pub const CLASSES: [&str; 6] = ["mitochondria", "synapses", "clefts", "vesicles", "membranes", "nuclei"];

    /// Returns the mask of one of [`CLASSES`](Self::CLASSES).
    pub fn mask(&self, class: &str) -> Option<ArrayView3<'_, bool>> {
        let mask = match class {
            "mitochondria" => &self.mitochondria,
            "synapses" => &self.synapses,
            "clefts" => &self.clefts,
            "vesicles" => &self.vesicles,
            "membranes" => &self.membranes,
            "nuclei" => &self.nuclei,
            _ => return None,
        };
        Some(mask.view())
    }
}

/// The two cells of a synapse, in one section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partners {
    /// The first voxel of the cleft in that section, `[z, y, x]`.
    pub at: [usize; 3],
    /// Number of the synapse, from 1; two cells may share several.
    pub synapse: u32,
    /// Number of the sending cell; 0 if none of it is in the volume.
    pub sender: u32,
    /// Number of the receiving cell; 0 if none of it is in the volume.
    pub receiver: u32,
}

/// Generates the volume that `config` describes; the same bytes for the same configuration.
///
/// Sections are drawn in parallel on the current rayon pool, whose size does not change the result.
///
/// ```
/// use em_data::phantom::{PhantomConfig, phantom};
///
/// let config = PhantomConfig { shape: [2, 64, 64], seed: 7, ..Default::default() };
/// let volume = phantom(&config);
/// assert_eq!(volume.raw.dim(), (2, 64, 64));
/// assert_eq!(volume, phantom(&config));
/// ```
///
/// # Panics
///
/// If a voxel edge is not finite and above 0, or the volume does not fit into memory.
pub fn phantom(config: &PhantomConfig) -> Phantom {
    phantom_from(config, [0.0; 3])
}

/// Generates a volume whose first voxel is at `origin_nm` in the tissue.
fn phantom_from(config: &PhantomConfig, origin_nm: [f32; 3]) -> Phantom {
    assert!(
        config.voxel_size_nm.iter().all(|edge| edge.is_finite() && *edge > 0.0),
        "voxel size must be finite and above 0, found {:?}",
        config.voxel_size_nm
    );
    // A section without voxels cannot be drawn.
    let depth = if config.shape.contains(&0) { 0 } else { config.shape[0] };
    let mut sections: Vec<Section> =
        (0..depth).into_par_iter().map(|z| draw_section(config, origin_nm, z)).collect();
    let cells = Numbers::of(sections.iter().flat_map(|section| section.cells.iter().copied()));
    let partners = partners(&sections, &cells, config.shape);
    let mut stack =
        |take: fn(&mut Section) -> Vec<bool>| stacked(config.shape, sections.iter_mut().map(take));
    Phantom {
        mitochondria: stack(|section| std::mem::take(&mut section.mitochondria)),
        synapses: stack(|section| std::mem::take(&mut section.synapses)),
        clefts: stack(|section| std::mem::take(&mut section.clefts)),
        vesicles: stack(|section| std::mem::take(&mut section.vesicles)),
        membranes: stack(|section| std::mem::take(&mut section.membranes)),
        nuclei: stack(|section| std::mem::take(&mut section.nuclei)),
        cells: stacked(config.shape, sections.iter().map(|section| cells.all(&section.cells))),
        raw: stacked(config.shape, sections.into_iter().map(|section| section.raw)),
        partners,
    }
}

/// One section of the arrays, row by row; a cell is its hash, and 0 is none.
struct Section {
    raw: Vec<u8>,
    mitochondria: Vec<bool>,
    synapses: Vec<bool>,
    clefts: Vec<bool>,
    vesicles: Vec<bool>,
    membranes: Vec<bool>,
    nuclei: Vec<bool>,
    cells: Vec<u64>,
    clefts_met: Vec<CleftMet>,
}

/// The first voxel of a cleft in a section, and the hashes of the synapse and of the cells on both sides.
struct CleftMet {
    index: usize,
    synapse: u64,
    partners: [u64; 2],
}

fn stacked<T: Clone>(shape: [usize; 3], sections: impl Iterator<Item = Vec<T>>) -> Array3<T> {
    let voxels: Vec<T> = sections.flatten().collect();
    Array3::from_shape_vec(shape, voxels).expect("every section has height times width voxels")
}

/// Numbers in place of hashes, from 1 in the order in which they are met.
struct Numbers(HashMap<u64, u32>);

impl Numbers {
    fn of(hashes: impl Iterator<Item = u64>) -> Self {
        let mut numbers = HashMap::from([(0, 0)]);
        let mut last = None;
        for hash in hashes {
            // Neighbours are mostly in one cell.
            if last != Some(hash) {
                let next = numbers.len() as u32;
                numbers.entry(hash).or_insert(next);
                last = Some(hash);
            }
        }
        Self(numbers)
    }

    /// 0 for a hash that was never met.
    fn of_hash(&self, hash: u64) -> u32 {
        self.0.get(&hash).copied().unwrap_or(0)
    }

    fn all(&self, hashes: &[u64]) -> Vec<u32> {
        hashes.iter().map(|&hash| self.of_hash(hash)).collect()
    }
}

fn partners(sections: &[Section], cells: &Numbers, [_, _, width]: [usize; 3]) -> Vec<Partners> {
    let synapses =
        Numbers::of(sections.iter().flat_map(|section| section.clefts_met.iter().map(|met| met.synapse)));
    let of_section = |(z, section): (usize, &Section)| -> Vec<Partners> {
        let partners = |met: &CleftMet| Partners {
            at: [z, met.index / width, met.index % width],
            synapse: synapses.of_hash(met.synapse),
            sender: cells.of_hash(met.partners[0]),
            receiver: cells.of_hash(met.partners[1]),
        };
        section.clefts_met.iter().map(partners).collect()
    };
    sections.iter().enumerate().flat_map(of_section).collect()
}

/// Where the pixels of one section lie in the tissue.
#[derive(Clone, Copy, Debug)]
struct Plane {
    /// Height and width in voxels.
    size: [usize; 2],
    /// Position of the first pixel, in nanometres.
    origin_nm: [f32; 3],
    /// Step from row to row and from column to column, in nanometres.
    step_nm: [f32; 2],
}

impl Plane {
    fn position_nm(&self, y: usize, x: usize) -> [f32; 3] {
        let [z0, y0, x0] = self.origin_nm;
        [z0, y0 + y as f32 * self.step_nm[0], x0 + x as f32 * self.step_nm[1]]
    }

    /// The same pixels deeper in the section.
    fn deeper(&self, by_nm: f32) -> Self {
        let [z, y, x] = self.origin_nm;
        Self { origin_nm: [z + by_nm, y, x], ..*self }
    }
}

fn draw_section(config: &PhantomConfig, origin_nm: [f32; 3], z: usize) -> Section {
    let exposure = Exposure::of_section(config, z);
    let [dz, dy, dx] = config.voxel_size_nm;
    let plane = Plane {
        size: [config.shape[1], config.shape[2]],
        origin_nm: [
            origin_nm[0] + (z as f64 * dz) as f32,
            origin_nm[1] + (exposure.shift_voxels[0] * dy) as f32,
            origin_nm[2] + (exposure.shift_voxels[1] * dx) as f32,
        ],
        step_nm: [dy as f32, dx as f32],
    };
    let (mut grey, mut section) = draw_plane(config, &plane);
    let thickness = config.microscope.section_nm;
    if thickness > 0.0 {
        // What is above and below is seen through.
        for by in [-thickness / 3.0, thickness / 3.0] {
            let (other, _) = draw_plane(config, &plane.deeper(by));
            grey.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
        }
        grey.iter_mut().for_each(|sum| *sum /= 3.0);
    }
    Microscope::new(config, z, exposure).expose(&plane, &grey, &mut section.raw);
    section
}

/// The grey values of an infinitely thin cut, and all labels.
fn draw_plane(config: &PhantomConfig, plane: &Plane) -> (Vec<f32>, Section) {
    let [height, width] = plane.size;
    let area = height * width;
    let mut section = Section {
        raw: vec![0; area],
        mitochondria: vec![false; area],
        synapses: vec![false; area],
        clefts: vec![false; area],
        vesicles: vec![false; area],
        membranes: vec![false; area],
        nuclei: vec![false; area],
        cells: vec![0; area],
        clefts_met: Vec::new(),
    };
    let mut tissue = Tissue::new(config.seed, &config.tissue);
    let mut paint = Paint::new(config.seed, &config.tones);
    let mut grey = vec![0.0; area];
    for (index, value) in grey.iter_mut().enumerate() {
        let position = plane.position_nm(index / width, index % width);
        let site = tissue.locate(position);
        *value = paint.grey(position, &site);
        section.mitochondria[index] = site.in_mitochondrion();
        section.synapses[index] = site.in_synapse();
        section.clefts[index] = site.in_cleft(CLEFT_NM);
        section.membranes[index] = site.membrane_nm < MEMBRANE_LABEL_NM;
        section.nuclei[index] = site.in_nucleus();
        section.cells[index] = if site.cell.kind == CellKind::Void { 0 } else { site.cell.key };
        if let Some(synapse) = site.synapse.as_ref().filter(|_| section.clefts[index])
            && section.clefts_met.iter().all(|met| met.synapse != synapse.key)
        {
            let (synapse, partners) = (synapse.key, synapse.partners);
            section.clefts_met.push(CleftMet { index, synapse, partners });
        }
    }
    particles::draw(config, plane, &mut tissue, &mut grey, &mut section.vesicles);
    (grey, section)
}
