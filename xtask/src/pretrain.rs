//! `cargo xtask pretrain`: the built-in networks anew, from generated volumes alone.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::libtorch;
use crate::workspace::{build_em_cli, em_cli, root, run as run_command, target_folder};

/// What a network is in `models/`: a folder of that name, and a configuration beside it.
const NETWORKS: [&str; 1] = ["cells"];
/// The files of a run that make a network.
const FILES: [&str; 3] = ["model.json", "model.safetensors", "tune.json"];

/// Arguments of `cargo xtask pretrain`.
#[derive(clap::Args)]
pub struct Args {
    /// Override a key of the configuration, as in train.epochs=100
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Go on with a training that was interrupted
    #[arg(long)]
    resume: bool,
}

/// Builds the program, trains each network and puts it in its place in `models/`.
pub fn run(args: &Args) -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;
    for network in NETWORKS {
        let (models, trained) = (root().join("models"), run_folder(network));
        let mut train = em_cli(["train"]);
        train.arg(models.join(format!("{network}.toml")));
        train.arg("--set").arg(format!("output.folder={:?}", trained.display().to_string()));
        for setting in &args.settings {
            train.args(["--set", setting]);
        }
        train.arg(if args.resume { "--resume" } else { "--overwrite" });
        run_command(&mut train)?;
        for file in FILES {
            let (from, to) = (trained.join(file), models.join(network).join(file));
            fs::copy(&from, &to).with_context(|| format!("cannot copy `{}`", from.display()))?;
        }
        println!("`{network}` is in `{}`; it is part of the next build", models.join(network).display());
    }
    Ok(())
}

fn run_folder(network: &str) -> PathBuf {
    target_folder().join("pretrain").join(network)
}
