//! `cargo xtask dist`: what users install, made of the built program.
//!
//! | file | owns |
//! |---|---|
//! | `binary.rs` | a copy of a program without symbols, which finds libtorch beside itself |
//! | `symbols.rs` | how new a system's libraries have to be |
//! | `licences.rs` | the licences of what is linked |
//! | `wheel.rs` | the wheel: its files, tag and metadata, the same bytes for the same files |
//! | `trial.rs` | the wheel, installed and run |

mod binary;
mod licences;
mod symbols;
mod trial;
mod wheel;

use std::path::PathBuf;

use anyhow::Result;

pub use trial::wheel_runs;
pub use wheel::lay_out;

use crate::workspace::target_folder;

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct Args {
    /// Make a wheel, which pip installs with the PyTorch that it needs
    #[arg(long, required = true)]
    wheel: bool,
    /// Pack the program and the module that are built already
    #[arg(long)]
    built: bool,
    /// The folder to write to; target/dist if absent
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Makes what is asked for.
pub fn run(args: &Args) -> Result<()> {
    let folder = args.output.clone().unwrap_or_else(|| target_folder().join("dist"));
    if args.wheel {
        if !args.built {
            wheel::build()?;
        }
        wheel::pack(&folder)?;
    }
    Ok(())
}
