//! A generated training and a validation stack with labels, as files.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use em_data::phantom::{Partners, Phantom, PhantomConfig, phantom};
use em_io::{Mask, Voxels};
use ndarray::s;

use crate::error::{Result, UserError};

/// What stacks are to be made, and where.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PhantomRequest {
    /// The folder to write train.tif, val.tif and their labels to.
    pub folder: PathBuf,
    /// Sections of the training stack.
    pub train_sections: usize,
    /// Sections left out between the stacks.
    pub gap: usize,
    /// Sections of the validation stack.
    pub val_sections: usize,
    /// Height and width of a section, in voxels.
    pub size: usize,
    /// Another seed is another phantom.
    pub seed: u64,
    /// Whether the seed also draws the microscope and the tissue, from all that laboratories have.
    pub vary: bool,
}

impl PhantomRequest {
    /// Asks for 40 sections of 512 x 512 voxels to train on and 8 to validate on, with 8 between them.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            train_sections: 40,
            gap: 8,
            val_sections: 8,
            size: 512,
            seed: 0,
            vary: false,
        }
    }
}

/// Generates both stacks with their labels and writes them: train.tif, train_mitochondria.tif,
/// train_synapses.tif, and the same of val.
///
/// A varied phantom also has labels of clefts, vesicles, membranes and nuclei, and in its folder
/// `objects` numbered cells and the partners of each synapse, as train_cells.tif and train_partners.csv.
///
/// # Errors
///
/// Fails if a stack has no section or no size, or cannot be written.
pub fn write_phantom(request: &PhantomRequest) -> Result<PhantomConfig> {
    let sections = request.train_sections + request.gap + request.val_sections;
    if request.train_sections == 0 || request.val_sections == 0 || request.size == 0 {
        let message = "a phantom needs at least one section in each stack, and a size above 0";
        return Err(UserError::new(message, "raise --train-sections, --val-sections or --size").into());
    }
    let shape = [sections, request.size, request.size];
    let seed = request.seed;
    let config = if request.vary {
        PhantomConfig { shape, ..PhantomConfig::varied(seed) }
    } else {
        PhantomConfig { shape, seed, ..Default::default() }
    };
    let made = phantom(&config);
    let voxel_size_nm = config.voxel_size_nm;
    for (name, z) in
        [("train", 0..request.train_sections), ("val", request.train_sections + request.gap..sections)]
    {
        write(request, &made, name, z.clone(), voxel_size_nm)?;
        if request.vary {
            write_objects(&request.folder.join("objects"), &made, name, z, voxel_size_nm)?;
        }
    }
    Ok(config)
}

/// The classes of an ordinary phantom; a varied one has all.
const CLASSES: [&str; 2] = ["mitochondria", "synapses"];

fn write(
    request: &PhantomRequest,
    made: &Phantom,
    name: &str,
    z: Range<usize>,
    voxel_size_nm: [f64; 3],
) -> Result<()> {
    let file = |suffix: &str| request.folder.join(format!("{name}{suffix}.tif"));
    let raw = Voxels::U8(made.raw.slice(s![z.clone(), .., ..]).to_owned());
    em_io::write_volume(file(""), &raw, Some(voxel_size_nm))?;
    for class in if request.vary { &Phantom::CLASSES[..] } else { &CLASSES } {
        let mask = made.mask(class).expect("these are its classes");
        let part = Mask::new(mask.slice(s![z.clone(), .., ..]).to_owned(), Some(voxel_size_nm));
        em_io::write_mask(file(&format!("_{class}")), &part)?;
    }
    Ok(())
}

/// Writes what is no mask: numbered cells, and which of them each synapse joins.
fn write_objects(
    folder: &Path,
    made: &Phantom,
    name: &str,
    z: Range<usize>,
    voxel_size_nm: [f64; 3],
) -> Result<()> {
    let cells = Voxels::U32(made.cells.slice(s![z.clone(), .., ..]).to_owned());
    em_io::write_volume(folder.join(format!("{name}_cells.tif")), &cells, Some(voxel_size_nm))?;
    let mut table = String::from("synapse,z,y,x,sender,receiver\n");
    let mut met = HashSet::new();
    for partners in made.partners.iter().filter(|partners| z.contains(&partners.at[0])) {
        let Partners { at: [depth, y, x], synapse, sender, receiver } = *partners;
        if met.insert(synapse) {
            table += &format!("{synapse},{},{y},{x},{sender},{receiver}\n", depth - z.start);
        }
    }
    crate::write::bytes(&folder.join(format!("{name}_partners.csv")), table.as_bytes())
}
