//! `cargo xtask fetch-data`: public data sets, downloaded so that a lost connection costs little and a wrong byte is found.
//!
//! `catalogue` says what there is, `http` moves bytes, `stacks` and `archive` verify them; nothing gets its final name before that.

mod archive;
mod catalogue;
mod http;
mod pieces;
mod place;
pub mod server;
mod stacks;
pub mod synthetic;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use self::catalogue::{Contents, Name, Source};
use self::http::Client;
use crate::advice::Advised;
use crate::workspace::{self, create_folder};

/// Arguments of `cargo xtask fetch-data`.
#[derive(clap::Args)]
pub struct Args {
    /// The data set
    #[arg(value_enum, default_value_t = Name::Epfl)]
    source: Name,
    /// Take the files from this folder instead of the network, verified in the same way
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Put the files into this folder [default: data/<SOURCE> in the workspace]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Fetch these files of `epfl` only: testing, testing_groundtruth, training, training_groundtruth, volumedata (3.4 GB, not among the default ones)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    files: Vec<String>,
}

/// Where the bytes come from.
enum Origin<'a> {
    Web(&'a Client),
    Folder(&'a Path),
}

/// Fetches one source, verifies it and says what to do with it.
pub fn run(args: &Args) -> Result<()> {
    let source = catalogue::describe(args.source);
    let folder = match &args.to {
        Some(folder) => folder.clone(),
        None => workspace::root().join("data").join(source.name),
    };
    println!("{}\nterms: {}", source.title, source.terms);
    let client = Client::new(http::Retry::default());
    let origin = args.from.as_deref().map_or(Origin::Web(&client), Origin::Folder);
    fetch(&source, &args.files, &folder, &origin)
        .with_context(|| format!("cannot fetch `{}` into `{}`", source.name, folder.display()))?;
    println!("next: {}", source.next_step);
    Ok(())
}

/// Keeps another fetch out of a folder, until what is returned is dropped or the process ends.
fn hold(folder: &Path) -> Result<File> {
    let failed = || format!("cannot write into `{}`", folder.display());
    // The folder itself is held, so that no file has to stay.
    let held = File::open(folder).with_context(failed)?;
    match held.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let message = format!("another fetch is at work in `{}`", folder.display());
            Err(Advised::new(message, "wait until it is done, or choose another folder with --to DIR").into())
        }
        // Where a file system knows no locks, nobody is kept out; a wrong byte is found all the same.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(held),
    }
}

fn fetch(source: &Source, names: &[String], folder: &Path, origin: &Origin<'_>) -> Result<()> {
    if let Origin::Folder(from) = origin {
        ensure!(from.is_dir(), "`{}` is no folder", from.display());
    }
    create_folder(folder)?;
    let _held = hold(folder)?;
    match &source.contents {
        Contents::Stacks(stacks) => stacks::fetch(stacks, &stacks.select(names)?, folder, origin),
        Contents::Archive(_) if !names.is_empty() => {
            bail!("`{}` is one archive: --files does not apply", source.name)
        }
        Contents::Archive(archive) => archive::fetch(archive, folder, origin),
    }
}
