//! `em-cli phantom`: a training and a validation stack with labels.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_data::phantom::{Phantom, PhantomConfig, phantom};
use em_io::{Mask, Voxels};
use ndarray::{Array3, s};

use crate::error::UserError;
use crate::output;

/// Arguments of `phantom`.
#[derive(Debug, Args)]
pub struct PhantomArgs {
    /// The folder to write train.tif, val.tif and their labels to.
    output: PathBuf,
    /// Sections of the training stack.
    #[arg(long, default_value_t = 40)]
    train_sections: usize,
    /// Sections left out between the stacks.
    #[arg(long, default_value_t = 8)]
    gap: usize,
    /// Sections of the validation stack.
    #[arg(long, default_value_t = 8)]
    val_sections: usize,
    /// Height and width of a section.
    #[arg(long, default_value_t = 512)]
    size: usize,
    /// Another seed is another phantom.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Runs the command.
pub fn run(args: &PhantomArgs) -> Result<()> {
    let sections = args.train_sections + args.gap + args.val_sections;
    if args.train_sections == 0 || args.val_sections == 0 || args.size == 0 {
        let message = "a phantom needs at least one section in each stack, and a size above 0";
        return Err(UserError::new(message, "raise --train-sections, --val-sections or --size").into());
    }
    let config =
        PhantomConfig { shape: [sections, args.size, args.size], seed: args.seed, ..Default::default() };
    let made = phantom(&config);
    let size = config.voxel_size_nm;
    write(args, &made, "train", 0..args.train_sections, size)?;
    write(args, &made, "val", args.train_sections + args.gap..sections, size)?;
    println!(
        "phantom {} in `{}`: {} training and {} validation sections",
        output::shape(config.shape),
        args.output.display(),
        args.train_sections,
        args.val_sections
    );
    Ok(())
}

fn write(
    args: &PhantomArgs,
    made: &Phantom,
    name: &str,
    z: std::ops::Range<usize>,
    voxel_size_nm: [f64; 3],
) -> Result<()> {
    let part =
        |mask: &Array3<bool>| Mask::new(mask.slice(s![z.clone(), .., ..]).to_owned(), Some(voxel_size_nm));
    let file = |suffix: &str| args.output.join(format!("{name}{suffix}.tif"));
    let raw = Voxels::U8(made.raw.slice(s![z.clone(), .., ..]).to_owned());
    em_io::write_volume(file(""), &raw, Some(voxel_size_nm))?;
    em_io::write_mask(file("_mitochondria"), &part(&made.mitochondria))?;
    em_io::write_mask(file("_synapses"), &part(&made.synapses))?;
    Ok(())
}
