//! The tarball, unpacked in the root folder of another system: what is in it is all that is there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;

use crate::workspace::{root, run};

/// Where it is unpacked, in the other system.
const PLACE: &str = "opt/em-cli-trial";

/// How long the page of `annotate` may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// Trains, predicts, measures and opens a project there, with no variable set; leaves nothing behind.
pub fn runs(packed: &Path, system: &Path) -> Result<()> {
    let place = system.join(PLACE);
    remove(&place)?;
    let outcome = unpack(packed, &place).and_then(|()| use_it(system, &place));
    remove(&place)?;
    outcome
}

fn use_it(system: &Path, place: &Path) -> Result<()> {
    let write = |name: &str, bytes: &[u8]| {
        fs::write(place.join(name), bytes)
            .with_context(|| format!("cannot write `{name}` into the root folder"))
    };
    write("run.toml", CONFIG.as_bytes())?;
    write("raw.tif", &fs::read(root().join("fixtures/fib25/raw.tif")).context("no fixtures")?)?;
    let name = packed_name(place)?;
    let em_cli = |words: &str| {
        let mut command = Command::new("unshare");
        // The loader asks /proc where a program lies, which every system has; it goes with the process.
        let mut proc = OsString::from("--mount-proc=");
        proc.push(system.join("proc"));
        command.args(["--fork", "--pid", "--kill-child"]).arg(proc).arg("chroot");
        // From a folder of its own, as `cd` would; nothing of this machine's environment.
        command.arg(system).args(["/usr/bin/env", "-i", "-C"]).arg(Path::new("/").join(PLACE));
        command.arg(format!("./{name}/bin/em-cli")).args(words.split_whitespace());
        command
    };
    run(Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(place.join(&name)))?;
    for words in [
        "--version",
        "phantom data --size 64 --train-sections 4 --gap 0 --val-sections 2",
        "train run.toml --device cpu --set output.folder=\"run\"",
        "predict --device cpu --model run data/val.tif -o phantom.tif",
        "predict --device cpu --model mitochondria raw.tif -o mask.tif",
        "measure mitochondria=mask.tif -o objects",
    ] {
        run(&mut em_cli(words))?;
    }
    let built = place.join("built.tif");
    run(crate::workspace::em_cli(["predict", "--device", "cpu", "--model", "mitochondria", "--quiet"])
        .arg(root().join("fixtures/fib25/raw.tif"))
        .arg("-o")
        .arg(&built))?;
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    ensure!(read(&built)? == read(&place.join("mask.tif"))?, "it predicts other bytes there than here");
    let page = Page::open(em_cli("annotate raw.tif -o project --classes mitochondria --no-browser"))?;
    page.answers()
}

/// The page of a project, until this is dropped.
struct Page {
    process: Child,
    address: String,
}

impl Page {
    fn open(mut command: Command) -> Result<Self> {
        use std::io::{BufRead, BufReader};
        let mut process = command.stdout(Stdio::piped()).spawn().context("cannot start `annotate`")?;
        let output = process.stdout.take().context("a child has no standard output")?;
        let lines = BufReader::new(output).lines().map_while(Result::ok);
        let address = lines
            .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .find(|word| word.starts_with("http://"));
        Ok(Self { process, address: address.context("`annotate` tells no address")? })
    }

    fn answers(&self) -> Result<()> {
        let started = Instant::now();
        loop {
            match ureq::get(&self.address).call() {
                Ok(answer) => {
                    let text = answer.into_body().read_to_string()?;
                    ensure!(text.contains("<html"), "the page of `annotate` is no page");
                    println!("`annotate` answers");
                    return Ok(());
                }
                Err(error) if started.elapsed() > PATIENCE => {
                    return Err(error).context("`annotate` does not answer");
                }
                Err(_) => sleep(Duration::from_millis(200)),
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
