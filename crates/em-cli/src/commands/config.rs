//! `em-cli config`: make, check or describe a configuration.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use em_pipeline::config::template;
use em_pipeline::suggested_config::suggested_for;

use crate::commands::check;
use crate::console::{self, observed, say};
use crate::error::UserError;

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
    /// Check a configuration and the data that it names, as `em-cli check` does.
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

/// Runs the command; returns whether the configuration is good.
pub fn run(args: &ConfigArgs) -> Result<bool> {
    match &args.action {
        Action::Init { path, data } => init(path.as_deref(), data.as_deref()).map(|()| true),
        Action::Check { path, set } => check::run_untimed(path, set),
        Action::Schema => console::json(&template::schema()).map(|()| true),
    }
}

fn init(path: Option<&Path>, data: Option<&Path>) -> Result<()> {
    let text = match data {
        Some(folder) => suited_to(folder)?,
        None => template::commented()?,
    };
    let Some(path) = path else {
        console::print(format_args!("{text}"));
        return Ok(());
    };
    if path.exists() {
        let hint = "take another name, or remove that file first";
        return Err(UserError::new(format!("`{}` exists already", path.display()), hint).into());
    }
    em_io::write_atomically(path, |file| file.write_all(text.as_bytes()))?;
    say!("wrote `{}`", path.display());
    Ok(())
}

/// The configuration for a folder of stacks, which it names by its absolute path.
fn suited_to(folder: &Path) -> Result<String> {
    let folder = std::path::absolute(folder).with_context(|| format!("`{}` is no path", folder.display()))?;
    observed("nothing was written: start the command again", |observer| suggested_for(&folder, observer))
}
