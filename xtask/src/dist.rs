//! `cargo xtask dist`: what people install who have no Rust: a tarball with libtorch, or a wheel beside PyTorch.

mod archive;
mod licences;
mod tarball;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use crate::libtorch;
use crate::workspace::root;

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct Args {
    /// Take the libtorch with CUDA
    #[arg(long)]
    cuda: bool,
    /// The folder for what is made
    #[arg(short, long, value_name = "DIR", default_value = "dist")]
    output: PathBuf,
}

/// Makes what is asked for.
pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let torch = libtorch::folder(args.cuda)?;
    let program = root().join("target/dist-program");
    let library = tarball::Library { torch: &torch, device: if args.cuda { "cuda" } else { "cpu" } };
    let packed = tarball::make(&program, env!("CARGO_PKG_VERSION"), &library, &args.output)?;
    println!("`{}` in {:.0} s", packed.display(), started.elapsed().as_secs_f64());
    Ok(())
}
