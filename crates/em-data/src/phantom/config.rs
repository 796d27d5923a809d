//! What a phantom shows, in numbers: the tissue, its tones, the microscope.
//!
//! The defaults are hippocampus in a FIB-SEM, as the EPFL CA1 stack; `vary.rs` draws others.
//! A range `[low, high]` is drawn from evenly, once for each thing.

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
    /// What the tissue is made of.
    pub tissue: TissueConfig,
    /// How dark each thing is.
    pub tones: ToneConfig,
    /// How it is imaged.
    pub microscope: MicroscopeConfig,
}

impl Default for PhantomConfig {
    fn default() -> Self {
        Self {
            shape: [40, 512, 512],
            voxel_size_nm: [5.0; 3],
            seed: 0,
            tissue: TissueConfig::default(),
            tones: ToneConfig::default(),
            microscope: MicroscopeConfig::default(),
        }
    }
}

/// What the tissue is made of; lengths in nanometres, shares from 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct TissueConfig {
    /// Spacing of the seeds of cells. Default 560: processes 0.3-1 µm across, as in neuropil.
    pub cell_pitch_nm: f32,
    /// Bends and bulges of the processes, as a factor; above 1.2 membranes fold over. Default 1.
    pub bending: f32,
    /// Stretches everything along an axis, as in bundles of axons, by this factor; below 1 it is
    /// flattened, as between sheets of glia. Default 1.
    pub stretch: f32,
    /// The axis, of length 1.
    pub stretch_axis: [f32; 3],
    /// Share of seeds that neighbours may join, which gives branched and elongated processes. Default 0.4.
    pub root_share: f32,
    /// Spacing of cells that take up all seeds within them, as in liver or a culture. Default none.
    pub large_cell_pitch_nm: Option<f32>,
    /// Share of these that are there; the seeds of the others stay as they are. Default 1.
    pub large_cell_share: f32,
    /// Share of cells with dark cytoplasm (glia and degenerating dendrites look so). Default 0.12.
    pub dark_share: f32,
    /// Share of cells in a sheath of myelin. Default 0.
    pub myelinated_share: f32,
    /// Thickness of the sheaths.
    pub myelin_nm: [f32; 2],
    /// Chance of a cell body with a nucleus in each cube of 10 µm. Default 0.
    pub soma_share: f32,
    /// Radius of cell bodies, at most 4500.
    pub soma_radius_nm: [f32; 2],
    /// Radius of the nucleus as a share of the cell body's.
    pub nucleus_share: [f32; 2],
    /// Chance of a vessel or of empty resin in each such cube. Default 0.
    pub void_share: f32,
    /// Radius of vessels, at most 4500.
    pub void_radius_nm: [f32; 2],
    /// The mitochondria.
    pub mitochondria: MitochondriaConfig,
    /// The synapses.
    pub synapses: SynapseConfig,
    /// Crowding of vesicles at synapses, as a factor. Default 1.
    pub vesicles: f32,
    /// Vesicles gather within this distance of a synapse. Default 400.
    pub vesicle_cloud_nm: f32,
    /// Chance of a vesicle at each place far from any synapse. Default 0.018.
    pub lone_vesicle_share: f32,
    /// Radius of vesicles.
    pub vesicle_radius_nm: [f32; 2],
    /// Chance of a lysosome or the like at each place with enough room. Default 0.4.
    pub body_share: f32,
    /// Radius of such bodies; the larger ones look like cut mitochondria.
    pub body_radius_nm: [f32; 2],
    /// How common each kind of body is.
    pub bodies: BodyShares,
}

impl Default for TissueConfig {
    fn default() -> Self {
        Self {
            cell_pitch_nm: 560.0,
            bending: 1.0,
            stretch: 1.0,
            stretch_axis: [0.0, 0.0, 1.0],
            root_share: 0.4,
            large_cell_pitch_nm: None,
            large_cell_share: 1.0,
            dark_share: 0.12,
            myelinated_share: 0.0,
            myelin_nm: [50.0, 160.0],
            soma_share: 0.0,
            soma_radius_nm: [2200.0, 4200.0],
            nucleus_share: [0.6, 0.85],
            void_share: 0.0,
            void_radius_nm: [1200.0, 4200.0],
            mitochondria: MitochondriaConfig::default(),
            synapses: SynapseConfig::default(),
            vesicles: 1.0,
            vesicle_cloud_nm: 400.0,
            lone_vesicle_share: 0.018,
            vesicle_radius_nm: [18.0, 25.0],
            body_share: 0.4,
            body_radius_nm: [42.0, 125.0],
            bodies: BodyShares::default(),
        }
    }
}

/// Weights of the kinds of round bodies that are no mitochondria.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BodyShares {
    /// Filled, dark, granular. Default 0.55.
    pub lysosome: f32,
    /// A dark rim around a light inside. Default 0.45.
    pub endosome: f32,
    /// Smooth and even, dark or light. Default 0.
    pub lipid: f32,
    /// A rim around small vesicles. Default 0.
    pub multivesicular: f32,
    /// Nested membranes, as degenerating myelin. Default 0.
    pub whorl: f32,
}

impl Default for BodyShares {
    fn default() -> Self {
        Self { lysosome: 0.55, endosome: 0.45, lipid: 0.0, multivesicular: 0.0, whorl: 0.0 }
    }
}

/// Where mitochondria are and which shape they have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MitochondriaConfig {
    /// Share of seeds with one. Default 0.66, which makes about 10 % of the voxels foreground, as in the EPFL stack.
    pub share: f32,
    /// Radius. Default 115 to 170: 5 nm pixels cut discs 40-70 pixels wide.
    pub radius_nm: [f32; 2],
    /// Half the length of the axis; what exceeds a cell's pitch with the radius is cut off. Default 60 to 370.
    pub half_length_nm: [f32; 2],
    /// Share with a branch. Default 0.
    pub branched_share: f32,
    /// Share with another one that touches it. Default 0.
    pub touching_share: f32,
}

impl Default for MitochondriaConfig {
    fn default() -> Self {
        Self {
            share: 0.66,
            radius_nm: [115.0, 170.0],
            half_length_nm: [60.0, 370.0],
            branched_share: 0.0,
            touching_share: 0.0,
        }
    }
}

/// Where synapses are and how far they reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SynapseConfig {
    /// Share of the touching pairs of seeds with one. Default 0.14, for 0.5-1 % of the voxels.
    pub share: f32,
    /// Radius of the disc: 0.2-0.4 µm across (Harris and Weinberg 2012, Cold Spring Harb. Perspect. Biol. 4).
    pub radius_nm: [f32; 2],
    /// Reach from the middle of the cleft into the sending and the receiving cell. Default 18 and 34;
    /// the T-bars of insects are the other way round.
    pub reach_nm: [f32; 2],
}

impl Default for SynapseConfig {
    fn default() -> Self {
        Self { share: 0.14, radius_nm: [90.0, 190.0], reach_nm: [18.0, 34.0] }
    }
}

/// Grey values before the microscope, 0 black to 255 white.
///
/// The defaults were set by eye and by histogram against the EPFL CA1 stack:
/// there the mean is 137 ± 31, mitochondria have 108 ± 15 and synapses 88.
#[derive(Clone, Debug, PartialEq)]
pub struct ToneConfig {
    /// Cytoplasm of ordinary cells.
    pub cytoplasm: [f32; 2],
    /// Cytoplasm of dark cells.
    pub dark_cytoplasm: [f32; 2],
    /// How grainy cytoplasm is, as a factor; 1 on average by default.
    pub granularity: [f32; 2],
    /// How much darker ribosomes and cut filaments are. Default 26.
    pub dots: f32,
    /// Filaments in bundles, as a contrast. Default 0; muscle has 40.
    pub filaments: f32,
    /// Membranes between cells.
    pub membrane: f32,
    /// Half the thickness of two membranes with their gap, in nm. Default 15.
    pub membrane_nm: f32,
    /// The gap between two membranes.
    pub gap: f32,
    /// Matrix of mitochondria, between cristae; the default overlaps with dark cytoplasm.
    pub matrix: [f32; 2],
    /// Cristae are darker than their matrix by this much.
    pub crista_contrast: [f32; 2],
    /// Cristae repeat after this length: 30-50 nm in hippocampal mitochondria, as seen in the EPFL stack.
    pub crista_period_nm: [f32; 2],
    /// How common each arrangement of cristae is.
    pub cristae: CristaShares,
    /// Outer and inner membrane of mitochondria.
    pub mitochondrion_membrane: f32,
    /// Postsynaptic densities.
    pub density: f32,
    /// Walls of the endoplasmic reticulum.
    pub reticulum: f32,
    /// How common the reticulum is, from -1 (everywhere) to 1 (nowhere). Default 0.02.
    pub reticulum_from: f32,
    /// Parallel sheets of reticulum. Default 1; more look like rough reticulum or Golgi.
    pub reticulum_sheets: f32,
    /// Lamellae of myelin.
    pub myelin: f32,
    /// Nuclei, between chromatin.
    pub nucleus: [f32; 2],
    /// Chromatin and nucleoli are darker by this much.
    pub chromatin_contrast: f32,
    /// Vessels and empty resin.
    pub void: f32,
    /// Inside of vesicles.
    pub vesicle: [f32; 2],
    /// Inside of lysosomes.
    pub lysosome: [f32; 2],
    /// Inside of endosomes.
    pub endosome: [f32; 2],
}

impl Default for ToneConfig {
    fn default() -> Self {
        Self {
            cytoplasm: [142.0, 174.0],
            dark_cytoplasm: [104.0, 124.0],
            granularity: [0.7, 1.3],
            dots: 26.0,
            filaments: 0.0,
            membrane: 84.0,
            membrane_nm: 15.0,
            gap: 128.0,
            matrix: [100.0, 120.0],
            crista_contrast: [28.0, 42.0],
            crista_period_nm: [34.0, 52.0],
            cristae: CristaShares::default(),
            mitochondrion_membrane: 72.0,
            density: 70.0,
            reticulum: 98.0,
            reticulum_from: 0.02,
            reticulum_sheets: 1.0,
            myelin: 60.0,
            nucleus: [135.0, 160.0],
            chromatin_contrast: 30.0,
            void: 190.0,
            vesicle: [98.0, 130.0],
            lysosome: [78.0, 118.0],
            endosome: [120.0, 175.0],
        }
    }
}

/// Weights of the arrangements of cristae.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CristaShares {
    /// Wavy parallel sheets. Default 1, the others 0.
    pub lamellar: f32,
    /// Tubes, cut across as dots.
    pub tubular: f32,
    /// A few sheets here and there.
    pub sparse: f32,
    /// Sheets along the outer membrane.
    pub concentric: f32,
    /// None that can be seen.
    pub none: f32,
}

impl Default for CristaShares {
    fn default() -> Self {
        Self { lamellar: 1.0, tubular: 0.0, sparse: 0.0, concentric: 0.0, none: 0.0 }
    }
}

/// How the tissue is imaged; grey values of 255.
#[derive(Clone, Debug, PartialEq)]
pub struct MicroscopeConfig {
    /// Standard deviation of the shot noise at mid grey. Default 9, as measured in the EPFL stack.
    pub noise_sd: f64,
    /// Share of the noise that neighbours have in common, 0 to 1. Default 0.
    pub noise_softness: f32,
    /// Offset of a line against the next, standard deviation. Default 0.
    pub line_noise: f32,
    /// Largest displacement of a section in y and in x, in voxels. Default 2.
    pub drift_voxels: f64,
    /// Thickness of a section that is seen through, in nm. Default 0: an infinitely thin cut.
    pub section_nm: f32,
    /// Passes of a 1-2-1 blur; 1.5 is halfway between one and two. Default 1.
    pub blur: f32,
    /// Largest change of a section's contrast around 1. Default 0.07.
    pub gain_jitter: f32,
    /// Largest change of a section's brightness. Default 6.
    pub offset_jitter: f32,
    /// Amplitude of uneven light. Default 9.
    pub illumination: f32,
    /// Length over which the light changes, in nm. Default 1700.
    pub illumination_pitch_nm: f32,
    /// Amplitude of curtains: stripes along y of an ion beam. Default 0.
    pub curtains: f32,
    /// Chance that a section has a fold or crack, drawn as a dark band. Default 0.
    pub fold_share: f32,
    /// Chance that a section is far too dark or light. Default 0.
    pub spoiled_share: f32,
    /// Chance that a section has streaks of charge beside what is light. Default 0.
    pub charging_share: f32,
    /// Factor of the grey values' distance to mid grey; large ones clip. Default 1.
    pub contrast: f32,
    /// Added to all grey values. Default 0.
    pub brightness: f32,
    /// Bends the grey values: above 0 lightens the middle, below 0 darkens it; -1 to 1. Default 0.
    pub curve: f32,
    /// Share of a local equalisation (CLAHE) in the picture, 0 to 1. Default 0.
    pub clahe: f32,
    /// Whether membranes are light, as in a negative. Default false.
    pub inverted: bool,
}

impl Default for MicroscopeConfig {
    fn default() -> Self {
        Self {
            noise_sd: 9.0,
            noise_softness: 0.0,
            line_noise: 0.0,
            drift_voxels: 2.0,
            section_nm: 0.0,
            blur: 1.0,
            gain_jitter: 0.07,
            offset_jitter: 6.0,
            illumination: 9.0,
            illumination_pitch_nm: 1700.0,
            curtains: 0.0,
            fold_share: 0.0,
            spoiled_share: 0.0,
            charging_share: 0.0,
            contrast: 1.0,
            brightness: 0.0,
            curve: 0.0,
            clahe: 0.0,
            inverted: false,
        }
    }
}
