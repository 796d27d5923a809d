//! `cargo xtask dist`: what users install, made of the built program.
//!
//! | file | owns |
//! |---|---|
//! | `binary.rs` | a copy of a program without symbols, which finds libtorch beside itself |
//! | `symbols.rs` | how new a system's libraries have to be |
//! | `licences.rs` | the licences of what is linked |
//! | `tarball.rs` | the tarball: the program, libtorch, and what else is installed with them |
//! | `archive.rs` | a folder as `.tar.gz`, the same bytes for the same files |
//! | `elsewhere.rs` | the tarball, unpacked in the root folder of another system and used there |
//! | `wheel.rs` | the wheel: its files, tag and metadata, the same bytes for the same files |
//! | `trial.rs` | the wheel, installed and used |
//! | `start.rs` | what the README begins with, typed at what is installed |

mod archive;
mod binary;
mod elsewhere;
mod licences;
mod start;
mod symbols;
mod tarball;
mod trial;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use trial::wheel_runs;
pub use wheel::lay_out;

use crate::libtorch;
use crate::workspace::{build_em_cli, target_folder};

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct Args {
    /// Make a wheel, which pip installs with the PyTorch that it needs, and no tarball
    #[arg(long)]
    wheel: bool,
    /// Pack the libtorch with CUDA
    #[arg(long, conflicts_with = "wheel")]
    cuda: bool,
    /// Use the tarball in the root folder of another system, such as debootstrap makes; needs the right to chroot
    #[arg(long, value_name = "ROOT", conflicts_with_all = ["wheel", "cuda"])]
    try_in: Option<PathBuf>,
    /// Pack what is built already
    #[arg(long)]
    built: bool,
    /// The folder to write to; target/dist if absent
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// The version of this workspace's crates, which have one in common.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Makes what is asked for.
pub fn run(args: &Args) -> Result<()> {
    let folder = args.output.clone().unwrap_or_else(|| target_folder().join("dist"));
    if args.wheel {
        if !args.built {
            wheel::build()?;
        }
        return wheel::pack(&folder).map(drop);
    }
    let torch = libtorch::copy(args.cuda)?;
    if !args.built {
        libtorch::ensure()?;
        build_em_cli()?;
    }
    let packed = tarball::pack(&torch, args.cuda, &folder)?;
    args.try_in.as_deref().map_or(Ok(()), |root| elsewhere::runs(&packed, root))
}

/// Lets everybody read a file, which a temporary one does not.
#[cfg(unix)]
fn set_readable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(not(unix))]
fn set_readable(_path: &Path) -> Result<()> {
    Ok(())
}
