//! `em-cli config`: make, check or describe a configuration.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use em_data::Normalization;

use crate::config::{RunConfig, template};
use crate::dataset::Dataset;
use crate::error::UserError;
use crate::output;
use crate::recipe::{Facts, Recipe};

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a configuration with every key, its default and its meaning; or, with --data, one that suits the data, with its reasons.
    Init {
        /// Where to write it; standard output if absent.
        path: Option<PathBuf>,
        /// A folder with `train.tif` and `train_<class>.tif`, and perhaps `val.tif` and `val_<class>.tif`.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Check a configuration and the data that it names.
    Check {
        /// The configuration.
        path: PathBuf,
        /// Override a key, as in train.epochs=5.
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Print the JSON schema of a configuration, for editors.
    Schema,
}

/// Runs the command.
pub fn run(args: &ConfigArgs) -> Result<()> {
    match &args.action {
        Action::Init { path, data } => {
            let text = match data {
                Some(folder) => suited_to(folder)?,
                None => template::commented()?,
            };
            match path {
                Some(path) => init(path, &text),
                None => {
                    print!("{text}");
                    Ok(())
                }
            }
        }
        Action::Check { path, set } => check(path, set),
        Action::Schema => output::json(&template::schema()),
    }
}

/// The configuration for a folder of stacks, which it names by its absolute path.
fn suited_to(folder: &Path) -> Result<String> {
    let folder = std::path::absolute(folder)?;
    Ok(Recipe::for_facts(&folder, &Facts::of(&folder)?).to_toml())
}

fn init(path: &Path, text: &str) -> Result<()> {
    if path.exists() {
        let hint = "take another name, or remove that file first";
        return Err(UserError::new(format!("`{}` exists already", path.display()), hint).into());
    }
    em_io::write_atomically(path, |file| file.write_all(text.as_bytes()))?;
    println!("wrote `{}`", path.display());
    Ok(())
}

fn check(path: &Path, set: &[String]) -> Result<()> {
    let config = RunConfig::load(path, set)?;
    let dataset = Dataset::read(&config)?;
    let architecture = config.model.architecture(dataset.set.classes().len())?;
    config.tiling.check()?;
    config.tiling.check_fit(&dataset.set, &dataset.split.train)?;
    architecture.check_tile_size(config.tiling.tile_size)?;
    architecture.check_tile_depth(config.tiling.tile_depth)?;
    config.loss.check(dataset.set.classes(), architecture.exclusive)?;
    config.train.check()?;
    config.augmentation.check()?;
    config.predict.check()?;
    let blocks = dataset.set.raw_blocks(&dataset.split.train);
    let normalization = Normalization::fit(&config.normalization, &blocks, config.tiling.tile_size)?;
    println!(
        "network     {} parameters, {:.2} billion multiply-adds a tile, filters {:?}",
        architecture.parameter_count(),
        architecture.multiply_adds(config.tiling.tile_depth, config.tiling.tile_size) as f64 / 1e9,
        architecture.filters
    );
    for volume in dataset.set.volumes() {
        println!("volume      `{}`, {} [z, y, x]", volume.name(), output::shape(volume.shape()));
    }
    for (side, regions) in [("training", &dataset.split.train), ("validation", &dataset.split.validation)] {
        let voxels: usize = regions.iter().map(|region| region.roi.voxels()).sum();
        let shares = dataset.foreground_shares(regions);
        let shares = dataset.set.classes().iter().zip(shares);
        let shares: Vec<String> =
            shares.map(|(class, share)| format!("{class} {:.2} %", share * 100.0)).collect();
        println!("{side:<11} {:.1} million voxels, foreground: {}", voxels as f64 / 1e6, shares.join(", "));
    }
    println!("normalised  {}", serde_json::to_string(&normalization)?);
    if dataset.split.leaks {
        println!("split       random tiles: LEAKING, validation tiles have training neighbours");
    }
    let empty = dataset.set.foreground(&dataset.split.train).iter().position(|&voxels| voxels == 0);
    if let Some(class) = empty {
        return Err(em_model::Error::EmptyClass { class: dataset.set.classes()[class].clone() }.into());
    }
    println!("`{}` is good to train with", path.display());
    Ok(())
}
