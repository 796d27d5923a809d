//! Predictions within the memory that they state: the kernel gives them no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::lab::{BUILT_IN, Lab, raw};
use crate::bench::program::measured;
use crate::workspace::capture;

/// Where version 1 of control groups has those of memory.
const VERSION_1: &str = "/sys/fs/cgroup/memory";
/// Where version 2 has all.
const VERSION_2: &str = "/sys/fs/cgroup";

/// Predicts in groups that are as large as what is stated, and prints the peak beside it.
pub fn run(lab: &Lab) -> Result<()> {
    let mut rows = Vec::new();
    for (name, command) in predictions(lab)? {
        let stated = stated_mb(&mut command())?;
        let (_, free_mb) = measured(&mut command())?;
        let Some(group) = Group::new(stated * 1_000_000) else {
            println!("skipped: limits of memory, since this user may make no control group");
            return Ok(());
        };
        let within = measured(&mut group.limited(&command()));
        let verdict = if within.is_ok() { "ends" } else { "IS KILLED" };
        println!("| {name} | {stated} MB | {free_mb:.0} MB | {verdict} |");
        rows.push((format!("| {name} | {stated} MB | {free_mb:.0} MB | {verdict} |"), within.is_ok()));
    }
    println!(
        "\n| prediction | stated | peak without a limit | within a group of what is stated |\n|---|---|---|---|"
    );
    rows.iter().for_each(|(row, _)| println!("{row}"));
    ensure!(rows.iter().all(|(_, is_within)| *is_within), "a prediction takes more than it states");
    Ok(())
}

type Made<'a> = Box<dyn Fn() -> Command + 'a>;

/// Predictions of several kinds, each made anew as often as it is asked for.
fn predictions(lab: &Lab) -> Result<Vec<(&'static str, Made<'_>)>> {
    let stack = lab.tall_stack("memory.npy", 96)?;
    let predict = move |model: PathBuf, input: PathBuf, options: &'static [&'static str]| {
        let mut command = lab.em_cli(["predict", "--device", "cpu", "--overwrite", "--model"]);
        command.arg(model).arg(input).arg("-o").arg(lab.path("limited/mask.zarr")).args(options);
        command
    };
    let (run, deep) = (lab.path("run"), stack);
    Ok(vec![
        ("built-in, 16 x 300 x 352", Box::new(move || predict(BUILT_IN.into(), raw(), &[])) as Made<'_>),
        ("built-in, 8 views", Box::new(move || predict(BUILT_IN.into(), raw(), &["--views", "8"]))),
        ("small, 96 x 512 x 512", {
            let (run, deep) = (run.clone(), deep.clone());
            Box::new(move || predict(run.clone(), deep.clone(), &[]))
        }),
        ("small, blocks of 16 million voxels", {
            Box::new(move || predict(run.clone(), deep.clone(), &["--set", "predict.block_voxels=16777216"]))
        }),
    ])
}

/// The megabytes of `memory: at most 423 MB (...)`.
fn stated_mb(command: &mut Command) -> Result<u64> {
    let printed = capture(command)?;
    let line = printed.lines().find_map(|line| line.strip_prefix("memory: at most "));
    let number = line.and_then(|line| line.split(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("no memory is stated in `{printed}`"))
}

/// A control group, which is removed when it is dropped.
struct Group {
    folder: PathBuf,
}

impl Group {
    /// Makes a group of so many bytes; `None` where that is not allowed.
    fn new(bytes: u64) -> Option<Self> {
        let name = format!("em-faults-{}", std::process::id());
        [(VERSION_1, "memory.limit_in_bytes"), (VERSION_2, "memory.max")].iter().find_map(|(place, limit)| {
            let group = Self { folder: Path::new(place).join(&name) };
            fs::create_dir_all(&group.folder).ok()?;
            // The folder has the file where the kernel takes it for a group.
            let file = group.folder.join(limit);
            (file.is_file() && fs::write(&file, bytes.to_string()).is_ok()).then_some(group)
        })
    }

    /// The same command, which joins the group before it begins.
    fn limited(&self, command: &Command) -> Command {
        let mut limited = Command::new("sh");
        let joins = format!("echo $$ > {} && exec \"$0\" \"$@\"", self.folder.join("cgroup.procs").display());
        limited.args(["-c", &joins]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            limited.envs(value.map(|value| (name, value)));
        }
        limited
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group without processes is removed as a folder.
        let _ = fs::remove_dir(&self.folder);
    }
}
