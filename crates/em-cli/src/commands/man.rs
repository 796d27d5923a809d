//! `em-cli man`: the manual, a page for each command, from the description of the command line.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory, ValueHint};

use crate::cli::Cli;
use crate::console::say;

/// Arguments of `em-cli man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  em-cli man ~/.local/share/man/man1")]
pub struct ManArgs {
    /// The folder for the pages; `man` looks for those of programs in folders called `man1`.
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

/// Writes the pages; those that are there already are written again.
pub fn run(args: &ManArgs) -> Result<()> {
    let shown = args.folder.display();
    std::fs::create_dir_all(&args.folder).with_context(|| format!("cannot make the folder `{shown}`"))?;
    clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), &args.folder)
        .with_context(|| format!("cannot write the pages of the manual into `{shown}`"))?;
    say!("wrote the manual into `{shown}`");
    Ok(())
}
