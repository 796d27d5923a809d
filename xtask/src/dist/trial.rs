//! The wheel, installed by pip beside a stand-in of the package `torch`, does what the README begins with.
//!
//! PyTorch's own wheel brings gigabytes for NVIDIA's cards; the libtorch that this workspace builds with is the
//! part of it that the program needs, and is linked to where that wheel would lie.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{start, wheel};
use crate::libtorch;
use crate::workspace::{create_folder, run as run_command};

/// Makes the wheel of the program and the module that are built, installs it, and uses it, with no variable set.
pub fn wheel_runs() -> Result<()> {
    libtorch::ensure()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let wheel = wheel::pack(folder.path())?;
    let again = wheel::pack(&folder.path().join("again"))?;
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()));
    ensure!(read(&wheel)? == read(&again)?, "two wheels of the same files differ");

    let environment = folder.path().join("environment");
    run_command(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let bin = environment.join("bin");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    run_command(Command::new(bin.join("python3")).args(pip).args(["numpy", "--no-deps"]).arg(&wheel))?;

    let program = |arguments: &[&str]| {
        let mut command = Command::new(bin.join("em-cli"));
        command.env_clear().args(arguments);
        command
    };
    let refused = program(&["--version"]).output().context("cannot start the installed program")?;
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(
        refused.status.code() == Some(1) && text.contains("needs torch"),
        "without torch it says: {text}"
    );
    stand_in_for_torch(&environment)?;
    // A library of that name elsewhere, as clusters have them, is not taken.
    let decoy = folder.path().join("decoy");
    create_folder(&decoy)?;
    std::fs::write(decoy.join("libtorch_cpu.so"), "no library").context("cannot write a decoy")?;
    run_command(program(&["--version"]).env("LD_LIBRARY_PATH", &decoy))?;
    run_command(Command::new(bin.join("python3")).env_clear().args(["-m", "em_cli", "models"]))?;

    start::lines_run(folder.path(), |arguments| {
        let mut command = program(arguments);
        command.current_dir(folder.path());
        command
    })?;
    let script = "import em_cli, sys; v = em_cli.open(sys.argv[1]); assert (v[:] > 0).any(), v; print(v)";
    run_command(
        Command::new(bin.join("python3"))
            .env_clear()
            .args(["-c", script])
            .arg(folder.path().join("mask.tif")),
    )
}

/// Links libtorch to where pip would put the package `torch`, with the version that it has.
fn stand_in_for_torch(environment: &Path) -> Result<()> {
    let site = site_packages(environment)?;
    let library = libtorch::library_folder().canonicalize().context("libtorch has no folder")?;
    create_folder(&site.join("torch"))?;
    let link = site.join("torch/lib");
    libtorch::symlink(&library, &link).with_context(|| format!("cannot create `{}`", link.display()))?;
    let metadata = site.join(format!("torch-{}.dist-info/METADATA", libtorch::VERSION));
    create_folder(metadata.parent().expect("it lies in a folder"))?;
    let text = format!("Metadata-Version: 2.1\nName: torch\nVersion: {}\n", libtorch::VERSION);
    std::fs::write(&metadata, text).with_context(|| format!("cannot write `{}`", metadata.display()))
}

fn site_packages(environment: &Path) -> Result<PathBuf> {
    let script = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let found =
        crate::workspace::capture(Command::new(environment.join("bin/python3")).args(["-c", script]))?;
    Ok(PathBuf::from(found.trim_end()))
}
