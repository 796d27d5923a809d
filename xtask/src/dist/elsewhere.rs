//! The tarball, unpacked in the root folder of another system: what is in it is all that is there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use flate2::read::GzDecoder;

use super::start;
use crate::workspace::run;

/// Where it is unpacked, in the other system.
const PLACE: &str = "opt/em-cli-trial";

/// A training of seconds.
const CONFIG: &str = "\
[data]
folder = \"data\"
classes = [\"mitochondria\"]
[tiling]
tile_size = 32
tiles_per_epoch = 16
[model]
filters = [4, 8]
[train]
epochs = 2
batch_size = 4
";

/// Does what the README begins with, trains, predicts, measures and opens a project there, with no variable set; leaves nothing behind.
pub fn runs(packed: &Path, system: &Path) -> Result<()> {
    let place = system.join(PLACE);
    remove(&place)?;
    let outcome = unpack(packed, &place).and_then(|()| use_it(system, &place));
    remove(&place)?;
    outcome
}

fn use_it(system: &Path, place: &Path) -> Result<()> {
    fs::write(place.join("run.toml"), CONFIG).context("cannot write into the root folder")?;
    let name = packed_name(place)?;
    let em_cli = |words: &[&str]| {
        let mut command = Command::new("unshare");
        // The loader asks /proc where a program lies, which every system has; it goes with the process.
        let mut proc = OsString::from("--mount-proc=");
        proc.push(system.join("proc"));
        command.args(["--fork", "--pid", "--kill-child"]).arg(proc).arg("chroot");
        // From a folder of its own, as `cd` would; nothing of this machine's environment.
        command.arg(system).args(["/usr/bin/env", "-i", "-C"]).arg(Path::new("/").join(PLACE));
        command.arg(format!("./{name}/bin/em-cli")).args(words);
        command
    };
    run(Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(place.join(&name)))?;
    start::lines_run(place, em_cli)?;
    let typed = |words: &str| em_cli(&words.split_whitespace().collect::<Vec<_>>());
    for words in [
        "--version",
        "phantom data --size 64 --train-sections 4 --gap 0 --val-sections 2",
        "train run.toml --device cpu --set output.folder=\"run\"",
        "predict --device cpu --model run data/val.tif -o phantom.tif",
        "measure mitochondria=mask.tif -o objects",
    ] {
        run(&mut typed(words))?;
    }
    start::opens_a_page(typed("annotate stack.tif -o project --classes mitochondria --no-browser"))
}

fn unpack(packed: &Path, place: &Path) -> Result<()> {
    let failed = || format!("cannot unpack `{}`", packed.display());
    let file = File::open(packed).with_context(failed)?;
    tar::Archive::new(GzDecoder::new(file)).unpack(place).with_context(failed)
}

/// The one folder of a tarball.
fn packed_name(place: &Path) -> Result<String> {
    let mut names = fs::read_dir(place)
        .with_context(|| format!("cannot read `{}`", place.display()))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.find(|name| name.starts_with("em-cli-")).context("the tarball has no folder `em-cli-...`")
}

fn remove(place: &Path) -> Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", place.display()))
        }
        _ => Ok(()),
    }
}
