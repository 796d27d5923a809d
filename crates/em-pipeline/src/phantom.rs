//! A generated training and a validation stack with labels, as files.

use std::ops::Range;
use std::path::PathBuf;

use em_data::phantom::{Phantom, PhantomConfig, phantom};
use em_io::{Mask, Voxels};
use ndarray::{Array3, s};

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
}

impl PhantomRequest {
    /// Asks for 40 sections of 512 x 512 voxels to train on and 8 to validate on, with 8 between them.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), train_sections: 40, gap: 8, val_sections: 8, size: 512, seed: 0 }
    }
}

/// Generates both stacks with their labels and writes them: train.tif, train_mitochondria.tif,
/// train_synapses.tif, and the same of val. Returns the shape of the phantom with the gap, `[z, y, x]`.
///
/// # Errors
///
/// Fails if a stack has no section or no size, or cannot be written.
pub fn write_phantom(request: &PhantomRequest) -> Result<[usize; 3]> {
    let sections = request.train_sections + request.gap + request.val_sections;
    if request.train_sections == 0 || request.val_sections == 0 || request.size == 0 {
        let message = "a phantom needs at least one section in each stack, and a size above 0";
        return Err(UserError::new(message, "raise --train-sections, --val-sections or --size").into());
    }
    let shape = [sections, request.size, request.size];
    let config = PhantomConfig { shape, seed: request.seed, ..Default::default() };
    let made = phantom(&config);
    write(request, &made, "train", 0..request.train_sections, config.voxel_size_nm)?;
    write(request, &made, "val", request.train_sections + request.gap..sections, config.voxel_size_nm)?;
    Ok(shape)
}

fn write(
    request: &PhantomRequest,
    made: &Phantom,
    name: &str,
    z: Range<usize>,
    voxel_size_nm: [f64; 3],
) -> Result<()> {
    let part =
        |mask: &Array3<bool>| Mask::new(mask.slice(s![z.clone(), .., ..]).to_owned(), Some(voxel_size_nm));
    let file = |suffix: &str| request.folder.join(format!("{name}{suffix}.tif"));
    let raw = Voxels::U8(made.raw.slice(s![z.clone(), .., ..]).to_owned());
    em_io::write_volume(file(""), &raw, Some(voxel_size_nm))?;
    em_io::write_mask(file("_mitochondria"), &part(&made.mitochondria))?;
    em_io::write_mask(file("_synapses"), &part(&made.synapses))?;
    Ok(())
}
