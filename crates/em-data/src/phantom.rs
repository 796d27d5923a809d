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
//! | `phantom/tissue.rs` | geometry: cells, membranes, mitochondria, synapses |
//! | `phantom/paint.rs` | the grey value of a place in the tissue |
//! | `phantom/particles.rs` | vesicles, lysosomes and endosomes, drawn over the tissue |
//! | `phantom/microscope.rs` | drift, illumination, contrast, shot noise |
//! | `phantom/noise.rs` | hashes, smooth noise and small vector functions |
//!
//! Not modelled: section thickness (a section is an infinitely thin cut), charging, folds and knife marks.

mod microscope;
mod noise;
mod paint;
mod particles;
mod tissue;

use ndarray::Array3;
use rayon::prelude::*;

use microscope::{Exposure, Microscope};
use paint::Paint;
use tissue::Tissue;

/// Describes a volume to generate; axes are `[z, y, x]`.
#[derive(Clone, Debug, PartialEq)]
pub struct PhantomConfig {
    /// Size in voxels. Default `[40, 512, 512]`; a size of 0 gives empty arrays.
    pub shape: [usize; 3],
    /// Edge lengths of a voxel in nanometres, finite and above 0. Default `[5.0; 3]`, as the EPFL stack.
    ///
    /// The structures keep their sizes in nanometres, so coarser voxels show more and smaller ones.
    pub voxel_size_nm: [f64; 3],
    /// Where the tissue is and how it was imaged. Default 0.
    pub seed: u64,
    /// Standard deviation of the shot noise at mid grey, in grey values.
    /// Default 9, as measured in the EPFL stack.
    pub noise_sd: f64,
    /// Largest displacement of a section in y and in x, in voxels. Default 2.
    pub drift_voxels: f64,
}

impl Default for PhantomConfig {
    fn default() -> Self {
        Self { shape: [40, 512, 512], voxel_size_nm: [5.0; 3], seed: 0, noise_sd: 9.0, drift_voxels: 2.0 }
    }
}

/// A generated volume and its labels, all of one shape, `[z, y, x]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phantom {
    /// Grey values: membranes dark, cytoplasm light.
    pub raw: Array3<u8>,
    /// Mitochondria with their outer membrane: 8-14 % of the tissue, 4-15 % of a thin block.
    pub mitochondria: Array3<bool>,
    /// Synapses: both membranes, the cleft and the density: 0.4-1.3 % of the tissue.
    pub synapses: Array3<bool>,
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
    assert!(
        config.voxel_size_nm.iter().all(|edge| edge.is_finite() && *edge > 0.0),
        "voxel size must be finite and above 0, found {:?}",
        config.voxel_size_nm
    );
    let mut raw = Array3::zeros(config.shape);
    let mut mitochondria = Array3::from_elem(config.shape, false);
    let mut synapses = Array3::from_elem(config.shape, false);
    let [_, height, width] = config.shape;
    let area = height * width;
    if let (Some(raw), Some(mitochondria), Some(synapses), 1..) =
        (raw.as_slice_mut(), mitochondria.as_slice_mut(), synapses.as_slice_mut(), area)
    {
        raw.par_chunks_mut(area)
            .zip(mitochondria.par_chunks_mut(area))
            .zip(synapses.par_chunks_mut(area))
            .enumerate()
            .for_each(|(z, ((raw, mitochondria), synapses))| {
                draw_section(config, z, Section { raw, mitochondria, synapses });
            });
    }
    Phantom { raw, mitochondria, synapses }
}

/// One section of the three arrays, row by row.
struct Section<'a> {
    raw: &'a mut [u8],
    mitochondria: &'a mut [bool],
    synapses: &'a mut [bool],
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
}

fn draw_section(config: &PhantomConfig, z: usize, section: Section<'_>) {
    let exposure = Exposure::of_section(config, z);
    let [dz, dy, dx] = config.voxel_size_nm;
    let plane = Plane {
        size: [config.shape[1], config.shape[2]],
        origin_nm: [
            (z as f64 * dz) as f32,
            (exposure.shift_voxels[0] * dy) as f32,
            (exposure.shift_voxels[1] * dx) as f32,
        ],
        step_nm: [dy as f32, dx as f32],
    };
    let mut tissue = Tissue::new(config.seed);
    let mut paint = Paint::new(config.seed);
    let mut grey = vec![0.0; section.raw.len()];
    let width = config.shape[2];
    for (index, value) in grey.iter_mut().enumerate() {
        let position = plane.position_nm(index / width, index % width);
        let site = tissue.locate(position);
        *value = paint.grey(position, &site);
        section.mitochondria[index] = site.in_mitochondrion();
        section.synapses[index] = site.in_synapse();
    }
    particles::draw(config.seed, &plane, &mut tissue, &mut grey);
    Microscope::new(config, z, exposure).expose(&plane, &grey, section.raw);
}
