//! A space of microscopes and tissues: from a seed, what a laboratory might have.
//!
//! The ranges are wider than any one laboratory's, so that a network that was trained on them has to
//! rely on what mitochondria and synapses have in common everywhere: membranes, folds, shape and place.
//! They come from textbooks and from looking at published pictures; none is fitted to a data set.

use super::config::{
    BodyShares, CristaShares, MicroscopeConfig, MitochondriaConfig, PhantomConfig, SynapseConfig,
    TissueConfig, ToneConfig,
};
use super::noise::Draws;

const SALT_VARY: u64 = 0x7a21;
/// Cytoplasm is lighter than membranes by at least this.
const LEAST_CONTRAST: f32 = 48.0;
/// Largest radius of a mitochondrion, in spacings of the cells.
const WIDEST_MITOCHONDRION: f32 = 0.4;

impl PhantomConfig {
    /// Draws a microscope and a tissue, with a voxel size that fits both; the shape is the default one.
    ///
    /// ```
    /// use em_data::phantom::{PhantomConfig, phantom};
    ///
    /// let config = PhantomConfig { shape: [1, 64, 64], ..PhantomConfig::varied(3) };
    /// assert_ne!(config.tissue, PhantomConfig::varied(4).tissue);
    /// assert_eq!(phantom(&config).nuclei.dim(), (1, 64, 64));
    /// ```
    pub fn varied(seed: u64) -> Self {
        let draws = &mut Draws::new(seed ^ SALT_VARY);
        let tissue = tissue(draws);
        let tones = tones(draws);
        let (microscope, voxel_size_nm) = microscope(draws);
        Self { seed, voxel_size_nm, tissue, tones, microscope, ..Self::default() }
    }
}

/// A range around a drawn middle, `spread` of it to each side.
fn around(draws: &mut Draws, low: f32, high: f32, spread: f32) -> [f32; 2] {
    let middle = draws.between(low, high);
    [middle * (1.0 - spread), middle * (1.0 + spread)]
}

/// Drawn from `low` to `high` with a chance, else 0.
fn maybe(draws: &mut Draws, chance: f32, low: f32, high: f32) -> f32 {
    let value = draws.between(low, high);
    if draws.chance(chance) { value } else { 0.0 }
}

fn tissue(draws: &mut Draws) -> TissueConfig {
    let mut tissue = match draws.unit() {
        kind if kind < 0.45 => neuropil(draws),
        kind if kind < 0.72 => insect_neuropil(draws),
        kind if kind < 0.86 => packed_cells(draws),
        _ => spread_cells(draws),
    };
    tissue.bending = draws.between(0.75, 1.15);
    tissue.stretch_axis = draws.direction();
    tissue.stretch = match draws.unit() {
        kind if kind < 0.3 => draws.between(1.2, 2.6),
        kind if kind < 0.5 => draws.between(0.55, 0.9),
        _ => 1.0,
    };
    tissue.vesicles = draws.between(0.4, 1.25);
    tissue.vesicle_cloud_nm = draws.between(250.0, 900.0);
    tissue.lone_vesicle_share = maybe(draws, 0.6, 0.005, 0.12);
    tissue.soma_share = maybe(draws, 0.65, 0.5, 1.0);
    tissue.soma_radius_nm = [2800.0, 4500.0];
    tissue.nucleus_share = [0.6, 0.92];
    // Wider ones would be pressed into the shape of their cells.
    let widest = WIDEST_MITOCHONDRION * tissue.cell_pitch_nm;
    tissue.mitochondria.radius_nm = tissue.mitochondria.radius_nm.map(|radius| radius.min(widest));
    tissue.void_share = maybe(draws, 0.25, 0.1, 0.4);
    tissue.body_share = draws.between(0.05, 0.7);
    let smallest = draws.between(18.0, 60.0);
    tissue.body_radius_nm = [smallest, smallest + draws.between(40.0, 220.0)];
    tissue.bodies = BodyShares {
        lysosome: draws.unit(),
        endosome: draws.unit(),
        lipid: maybe(draws, 0.4, 0.1, 0.8),
        multivesicular: draws.between(0.0, 0.4),
        whorl: maybe(draws, 0.4, 0.05, 0.3),
    };
    tissue
}

/// The neuropil of mammals.
fn neuropil(draws: &mut Draws) -> TissueConfig {
    TissueConfig {
        cell_pitch_nm: draws.between(420.0, 760.0),
        root_share: draws.between(0.2, 0.6),
        large_cell_pitch_nm: Some(draws.between(1000.0, 2200.0)),
        large_cell_share: draws.between(0.0, 0.4),
        dark_share: draws.between(0.0, 0.3),
        myelinated_share: maybe(draws, 0.5, 0.03, 0.25),
        myelin_nm: [40.0, 190.0],
        mitochondria: MitochondriaConfig {
            share: draws.between(0.35, 0.8),
            radius_nm: around(draws, 95.0, 210.0, 0.25),
            half_length_nm: [30.0, draws.between(150.0, 600.0)],
            branched_share: draws.between(0.0, 0.15),
            touching_share: draws.between(0.0, 0.15),
        },
        synapses: SynapseConfig {
            share: draws.between(0.06, 0.24),
            radius_nm: around(draws, 90.0, 190.0, 0.4),
            reach_nm: [draws.between(12.0, 22.0), draws.between(26.0, 48.0)],
        },
        vesicle_radius_nm: around(draws, 17.0, 27.0, 0.15),
        ..TissueConfig::default()
    }
}

/// The neuropil of insects: thin processes beside thick ones, T-bars on the sending side.
fn insect_neuropil(draws: &mut Draws) -> TissueConfig {
    TissueConfig {
        cell_pitch_nm: draws.between(260.0, 520.0),
        root_share: draws.between(0.2, 0.6),
        large_cell_pitch_nm: Some(draws.between(800.0, 2000.0)),
        large_cell_share: draws.between(0.2, 0.6),
        dark_share: draws.between(0.05, 0.4),
        mitochondria: MitochondriaConfig {
            share: draws.between(0.15, 0.5),
            radius_nm: around(draws, 100.0, 260.0, 0.3),
            half_length_nm: [20.0, draws.between(150.0, 600.0)],
            branched_share: draws.between(0.0, 0.2),
            touching_share: draws.between(0.0, 0.1),
        },
        synapses: SynapseConfig {
            share: draws.between(0.03, 0.12),
            radius_nm: around(draws, 50.0, 120.0, 0.4),
            reach_nm: [draws.between(22.0, 60.0), draws.between(12.0, 28.0)],
        },
        vesicle_radius_nm: around(draws, 15.0, 26.0, 0.25),
        ..TissueConfig::default()
    }
}

/// Cells side by side and full of mitochondria, as in liver, kidney and muscle.
fn packed_cells(draws: &mut Draws) -> TissueConfig {
    TissueConfig {
        cell_pitch_nm: draws.between(480.0, 900.0),
        large_cell_pitch_nm: Some(draws.between(4000.0, 9000.0)),
        large_cell_share: 1.0,
        dark_share: draws.between(0.0, 0.2),
        mitochondria: MitochondriaConfig {
            share: draws.between(0.4, 1.0),
            radius_nm: around(draws, 140.0, 330.0, 0.25),
            half_length_nm: [20.0, draws.between(60.0, 600.0)],
            branched_share: draws.between(0.0, 0.2),
            touching_share: draws.between(0.0, 0.3),
        },
        synapses: SynapseConfig { share: 0.0, ..SynapseConfig::default() },
        ..TissueConfig::default()
    }
}

/// Large cells with few mitochondria, as in a culture or among glia.
fn spread_cells(draws: &mut Draws) -> TissueConfig {
    let mut tissue = packed_cells(draws);
    tissue.cell_pitch_nm = draws.between(500.0, 1100.0);
    tissue.mitochondria.share = draws.between(0.1, 0.5);
    tissue.mitochondria.radius_nm = around(draws, 90.0, 220.0, 0.3);
    tissue.void_share = draws.between(0.0, 0.5);
    tissue
}

fn tones(draws: &mut Draws) -> ToneConfig {
    let cytoplasm = draws.between(135.0, 195.0);
    let spread = draws.between(3.0, 20.0);
    let membrane = draws.between(35.0, (cytoplasm - LEAST_CONTRAST).min(105.0));
    let below = |draws: &mut Draws, low: f32, high: f32| {
        let share = draws.between(low, high);
        cytoplasm + share * (membrane - cytoplasm)
    };
    // Matrix: dark, middling, or as light as the cytoplasm; 0 is cytoplasm, 1 is membrane.
    let share = match draws.unit() {
        kind if kind < 0.45 => [0.55, 0.95],
        kind if kind < 0.83 => [0.3, 0.65],
        _ => [-0.05, 0.3],
    };
    let matrix = below(draws, share[0], share[1]);
    let matrix_spread = draws.between(2.0, 12.0);
    let contrast = matrix - membrane.min(matrix);
    // Light mitochondria are told by their folds, dark ones may be even.
    let folds = draws.between(if share[0] > 0.5 { 4.0 } else { 20.0 }, (0.7 * contrast + 22.0).max(24.0));
    let period = draws.between(26.0, 60.0);
    let dark = below(draws, 0.15, 0.9);
    let nucleus = below(draws, -0.3, 0.5);
    let vesicle = below(draws, -0.1, 0.95);
    let lysosome = below(draws, 0.4, 1.1);
    let endosome = below(draws, -0.3, 0.5);
    ToneConfig {
        cytoplasm: [cytoplasm - spread, cytoplasm + spread],
        dark_cytoplasm: [dark - 10.0, dark + 10.0],
        granularity: around(draws, 0.3, 1.3, 0.3),
        dots: draws.between(0.0, 45.0),
        filaments: maybe(draws, 0.1, 15.0, 50.0),
        membrane,
        membrane_nm: draws.between(10.0, 20.0),
        gap: membrane + draws.between(0.0, 0.9) * (cytoplasm - membrane),
        matrix: [matrix - matrix_spread, matrix + matrix_spread],
        crista_contrast: [0.7 * folds, 1.2 * folds],
        crista_period_nm: [0.8 * period, 1.25 * period],
        cristae: CristaShares {
            lamellar: draws.between(0.2, 1.0),
            tubular: maybe(draws, 0.5, 0.1, 1.0),
            sparse: maybe(draws, 0.5, 0.1, 0.8),
            concentric: maybe(draws, 0.3, 0.05, 0.4),
            none: if share[0] > 0.5 { maybe(draws, 0.5, 0.1, 1.5) } else { 0.0 },
        },
        mitochondrion_membrane: (membrane + draws.between(-10.0, 25.0)).min(matrix - 4.0),
        density: membrane + draws.between(-25.0, 10.0),
        reticulum: below(draws, 0.5, 0.9),
        reticulum_from: draws.between(-0.6, 0.4),
        reticulum_sheets: if draws.chance(0.4) { draws.between(2.0, 6.0) } else { 1.0 },
        myelin: membrane + draws.between(-25.0, 15.0),
        nucleus: [nucleus - 6.0, nucleus + 6.0],
        chromatin_contrast: draws.between(8.0, 55.0),
        void: draws.between(membrane, 245.0),
        vesicle: [vesicle - 12.0, vesicle + 12.0],
        lysosome: [lysosome - 15.0, lysosome + 15.0],
        endosome: [endosome - 15.0, endosome + 25.0],
    }
}

/// A FIB-SEM, a block-face SEM or a TEM of serial sections, and its voxels.
fn microscope(draws: &mut Draws) -> (MicroscopeConfig, [f64; 3]) {
    let common = MicroscopeConfig {
        noise_sd: f64::from(draws.between(1.0, 15.0)),
        noise_softness: maybe(draws, 0.5, 0.2, 0.9),
        drift_voxels: f64::from(draws.between(0.0, 3.0)),
        blur: draws.between(0.2, 2.2),
        gain_jitter: draws.between(0.02, 0.15),
        offset_jitter: draws.between(1.0, 12.0),
        illumination: draws.between(1.0, 18.0),
        illumination_pitch_nm: draws.between(1200.0, 6000.0),
        contrast: draws.between(0.55, 1.3),
        brightness: draws.between(-25.0, 25.0),
        curve: draws.between(-0.45, 0.45),
        clahe: maybe(draws, 0.3, 0.3, 1.0),
        inverted: draws.chance(0.04),
        ..MicroscopeConfig::default()
    };
    match draws.unit() {
        kind if kind < 0.35 => {
            let edge = f64::from(draws.between(4.0, 16.0));
            let curtains = maybe(draws, 0.35, 2.0, 12.0);
            (MicroscopeConfig { curtains, ..common }, [edge; 3])
        }
        kind if kind < 0.65 => {
            let edge = f64::from(draws.between(4.0, 20.0));
            let thickness = f64::from(draws.between(20.0, 60.0));
            let block_face = MicroscopeConfig {
                line_noise: maybe(draws, 0.4, 0.5, 4.0),
                charging_share: maybe(draws, 0.25, 0.2, 1.0),
                noise_sd: common.noise_sd * 1.3,
                // A block face is seen to some depth.
                section_nm: maybe(draws, 0.5, 10.0, 25.0),
                ..common
            };
            (block_face, [thickness, edge, edge])
        }
        _ => {
            let edge = f64::from(draws.between(2.0, 10.0));
            let thickness = draws.between(35.0, 60.0);
            let transmission = MicroscopeConfig {
                section_nm: thickness,
                blur: 0.6 * common.blur,
                fold_share: maybe(draws, 0.4, 0.02, 0.2),
                spoiled_share: maybe(draws, 0.4, 0.02, 0.1),
                contrast: common.contrast * 1.15,
                ..common
            };
            (transmission, [f64::from(thickness), edge, edge])
        }
    }
}
