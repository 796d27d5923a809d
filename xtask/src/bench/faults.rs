//! `cargo xtask bench faults`: programs that are killed, or find their disk full, end with the bytes of an undisturbed run.
//!
//! | file | owns |
//! |---|---|
//! | `faults/lab.rs` | small volumes and a small network, made once for all |
//! | `faults/trial.rs` | one start of a program, until it ends or is killed |
//! | `faults/kill.rs` | kills at random moments, and the table of what came of them |
//! | `faults/victims.rs` | the programs that are killed: one entry each |
//! | `faults/full.rs`, `faults/disk.rs` | disks that are full at one write after the other |
//! | `faults/memory.rs` | predictions within the memory that they state |
//! | `faults/soak.rs` | a prediction of minutes or hours under load |
//! | `faults/writers.rs` | the commands that write: one entry each |
//! | `faults/shared.rs` | predictions and measurements in shards, and their end |
//! | `faults/annotator.rs` | a person at `em-cli annotate`, over HTTP |
//! | `faults/fetching.rs` | `fetch-data` against a slow server of our own |
//! | `faults/tree.rs` | the files of a folder, and whether they are those of another one |

mod annotator;
mod disk;
mod fetching;
mod full;
mod kill;
mod lab;
mod memory;
mod shared;
mod soak;
mod tree;
mod trial;
mod victims;
mod writers;

use std::path::PathBuf;

use anyhow::Result;

use self::lab::Lab;
use crate::libtorch;
use crate::workspace::build_em_cli;

/// Arguments of `cargo xtask bench faults`.
#[derive(clap::Args)]
pub struct Args {
    /// Kills of each program
    #[arg(long, default_value_t = 100, value_name = "N")]
    kills: usize,
    /// Only the programs whose name holds this
    #[arg(long, value_name = "NAME", default_value = "")]
    only: String,
    /// Let disks be full instead; needs the right to mount a tmpfs
    #[arg(long)]
    disk_full: bool,
    /// Limit the memory of predictions to what they state instead; needs the right to make control groups
    #[arg(long)]
    memory: bool,
    /// Predict for so many minutes under load instead
    #[arg(long, value_name = "MINUTES")]
    soak: Option<f64>,
    /// Sizes of the disk from none to what is needed
    #[arg(long, default_value_t = 24, value_name = "N")]
    steps: u64,
    /// Draws the moments of the kills
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take the program that is built already
    #[arg(long)]
    no_build: bool,
    /// Of the bench itself: what it starts and kills as `fetch-data`
    #[arg(long, hide = true, num_args = 2, value_names = ["URL", "DIR"])]
    fetch: Option<Vec<PathBuf>>,
}

/// Runs what is asked for; fails where a byte differs or a file is left behind.
pub fn run(args: &Args) -> Result<()> {
    if let Some([url, folder]) = args.fetch.as_deref() {
        return fetching::fetch(&url.to_string_lossy(), folder);
    }
    libtorch::ensure()?;
    if !args.no_build {
        build_em_cli()?;
    }
    let lab = Lab::new()?;
    if let Some(minutes) = args.soak {
        return soak::run(minutes, &lab);
    }
    if args.memory {
        return memory::run(&lab);
    }
    if args.disk_full {
        return full::run(args, &lab);
    }
    kill::run(args, &lab)
}
