//! `cargo xtask interop`: em-io against the libraries that labs use, in both directions, a training against TensorBoard, exported networks against other runtimes, and a training on ranks that each launcher starts.
//!
//! What em-io writes is opened with each library, and what each library writes is read by em-io; voxels, voxel size and axes have to be the same.
//! A prediction and a measurement shared out by SLURM and by daisy have to end with the bytes of one program.
//! What TensorBoard reads of a run that was resumed has to be its `history.csv`.
//! Networks of PyTorch that are imported have to say what PyTorch says.
//! Exported networks have to give the program's own probabilities in ONNX Runtime and OpenVINO, and packages have to pass the test of `bioimageio.core`.
//! The scripts lie in `tests/interop` of em-io and em-cli; their Python environment is made in the target folder and kept.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::libtorch;
use crate::python;
use crate::workspace::{build_em_cli, cargo, em_cli, root, run as run_command, target_folder};

/// Runs all of it.
pub fn run() -> Result<()> {
    let volumes = volumes();
    let curves = curves();
    let clusters = clusters();
    let networks = networks();
    let imports = imports();
    volumes.and(curves).and(clusters).and(networks).and(imports).and(launchers())
}

/// Shares work out by the schedulers that are on this machine, and by way of a server of S3 that fails.
fn clusters() -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;
    let python = environment(&root().join("crates/em-io/tests/interop/requirements.txt"))?;
    let script = |name: &str| {
        let path = root().join("crates/em-cli/tests/interop").join(name);
        run_command(Command::new(&python).arg(path).arg(target_folder().join("release/em-cli")))
    };
    let bucket = script("bucket.py");
    bucket.and(script("cluster.py"))
}

/// Writes volumes that the libraries read, and reads those that they write.
fn volumes() -> Result<()> {
    let mut build = cargo(["build", "--release", "--package", "em-io", "--example", "interop"]);
    let with_hdf5 = has_hdf5();
    if with_hdf5 {
        build.args(["--features", "hdf5-write"]);
    } else {
        println!("skipped: HDF5, since pkg-config finds no libhdf5");
    }
    run_command(&mut build)?;
    let program = target_folder().join("release/examples/interop");
    let scripts = root().join("crates/em-io/tests/interop");
    let python = environment(&scripts.join("requirements.txt"))?;

    let folder = tempfile::tempdir().context("no temporary folder")?;
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    for folder in [&ours, &theirs] {
        crate::workspace::create_folder(folder)?;
    }
    let script = |name: &str| {
        let mut command = Command::new(&python);
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(scripts.join(name));
        command
    };
    run_command(Command::new(&program).arg("write").arg(&ours))?;
    let wrote = run_command(script("ours.py").arg(&ours));
    let read = run_command(script("theirs.py").arg(&theirs).arg(&program).args(with_hdf5.then_some("hdf5")));
    wrote.and(read)
}

/// A training of seconds, whose learning rate does not follow its length.
const TRAINING: &str = "\
[tiling]
tile_size = 32
tiles_per_epoch = 8
[model]
filters = [4, 8]
[train]
batch_size = 4
[train.schedule]
kind = \"constant\"
warmup_fraction = 0.0
[output]
folder = \"run\"
";

/// Trains, goes on, and compares what TensorBoard reads with the history.
fn curves() -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;
    let python = environment(&root().join("crates/em-io/tests/interop/requirements.txt"))?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let run_there = |arguments: &[&str]| run_command(em_cli(arguments).current_dir(folder.path()));
    std::fs::write(folder.path().join("run.toml"), TRAINING).context("no room for a configuration")?;
    run_there(&["phantom", ".", "--train-sections", "8", "--val-sections", "3", "--size", "192", "--quiet"])?;
    let train = ["train", "run.toml", "--device", "cpu", "--quiet", "--set", "data.folder=."];
    // Two epochs in all: a third one without any foreground would be refused.
    run_there(&[&train[..], &["--set", "train.epochs=1"]].concat())?;
    run_there(&[&train[..], &["--set", "train.epochs=2", "--resume"]].concat())?;
    let script = root().join("crates/em-cli/tests/interop/curves.py");
    run_command(Command::new(&python).arg(script).arg(folder.path().join("run")))
}

/// Exports networks of each preset, and holds them against other runtimes.
fn networks() -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;
    run_command(&mut cargo(["build", "--release", "--package", "em-model", "--example", "export_network"]))?;
    let python = environment(&root().join("crates/em-io/tests/interop/requirements.txt"))?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let program = target_folder().join("release/examples/export_network");
    run_command(Command::new(program).arg(folder.path()))?;
    let script = root().join("crates/em-cli/tests/interop/export.py");
    run_command(Command::new(&python).arg(script).arg(folder.path()).arg(em_cli([""; 0]).get_program()))
}

/// Imports networks of PyTorch, MONAI and others, and their weights alone, and holds them against PyTorch.
fn imports() -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;
    run_command(&mut cargo([
        "build",
        "--release",
        "--package",
        "em-pipeline",
        "--example",
        "import_weights",
    ]))?;
    let requirements = root().join("crates/em-cli/tests/interop/import-requirements.txt");
    let python = python::environment("interop-torch", &requirements)?;
    let program = em_cli([""; 0]);
    let script = root().join("crates/em-cli/tests/interop/import.py");
    let networks = run_command(Command::new(&python).arg(script).arg(program.get_program()));
    let script = root().join("crates/em-pipeline/tests/interop/weights.py");
    let example = target_folder().join("release/examples/import_weights");
    networks.and(run_command(Command::new(&python).arg(script).arg(example)))
}

/// What starts ranks, each as it starts two on one machine.
const LAUNCHERS: [(&str, &[&str]); 2] =
    [("torchrun", &["--no-python", "--standalone", "--nproc-per-node", "2"]), ("mpirun", &["-np", "2"])];

/// Trains on two ranks of each launcher that is there.
fn launchers() -> Result<()> {
    build_em_cli()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    std::fs::write(folder.path().join("run.toml"), TRAINING).context("no room for a configuration")?;
    let phantom =
        ["phantom", ".", "--train-sections", "8", "--val-sections", "3", "--size", "192", "--quiet"];
    run_command(em_cli(phantom).current_dir(folder.path()))?;
    for (name, arguments) in LAUNCHERS {
        if Command::new(name).arg("--version").output().is_err() {
            println!("skipped: ranks that {name} starts, since it is not installed");
            continue;
        }
        let output = format!("output.folder={name}");
        let train = ["train", "run.toml", "--device", "cpu", "--set", "data.folder=.", "--set", &output];
        let mut command = Command::new(name);
        command
            .args(arguments)
            .arg(em_cli([""; 0]).get_program())
            .args(train)
            .args(["--set", "train.epochs=1"]);
        command.current_dir(folder.path()).env("OMP_NUM_THREADS", "1");
        // Open MPI's: a container's user is root, and has few cores.
        for variable in ["ALLOW_RUN_AS_ROOT", "ALLOW_RUN_AS_ROOT_CONFIRM", "MCA_rmaps_base_oversubscribe"] {
            command.env(format!("OMPI_{variable}"), "1");
        }
        run_command(&mut command)?;
        let history = std::fs::read_to_string(folder.path().join(name).join("history.csv"));
        let rows =
            history.with_context(|| format!("{name} started no ranks that wrote a run"))?.lines().count();
        ensure!(rows == 2, "the ranks of {name} wrote {rows} lines of a history, expected 2");
    }
    Ok(())
}

/// Tells whether the system has the library of HDF5.
pub fn has_hdf5() -> bool {
    let found = Command::new("pkg-config").args(["--exists", "hdf5"]).status();
    found.is_ok_and(|status| status.success())
}

/// The environment of the libraries that volumes are compared with.
fn environment(requirements: &Path) -> Result<std::path::PathBuf> {
    python::environment("interop-python", requirements)
}
