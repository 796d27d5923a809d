//! `em-cli cluster`: job files that share a prediction and a measurement out among the machines of a cluster.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use em_pipeline::cluster::{ClusterConfig, Scheduler, write_jobs};

use crate::console::say;

/// Arguments of `cluster`.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// What runs the jobs.
    scheduler: SchedulerArg,
    /// What is to be done, as TOML with `shards` and the sections `predict`, `measure` and `resources`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder to write the job files to.
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    output: PathBuf,
    /// Replace job files that are there.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SchedulerArg {
    /// Job arrays of SLURM.
    Slurm,
    /// Indexed jobs of Kubernetes.
    Kubernetes,
    /// A Python script for daisy 2.
    Daisy,
}

impl From<SchedulerArg> for Scheduler {
    fn from(scheduler: SchedulerArg) -> Self {
        match scheduler {
            SchedulerArg::Slurm => Self::Slurm,
            SchedulerArg::Kubernetes => Self::Kubernetes,
            SchedulerArg::Daisy => Self::Daisy,
        }
    }
}

/// Runs the command.
pub fn run(args: &ClusterArgs) -> Result<()> {
    let config = ClusterConfig::load(&args.config)?;
    let paths = write_jobs(args.scheduler.into(), &config, &args.output, args.overwrite)?;
    for path in &paths {
        say!("{}", path.display());
    }
    if let Some(last) = paths.last() {
        let with = if matches!(args.scheduler, SchedulerArg::Daisy) { "python3" } else { "sh" };
        say!("read them, then start all with `{with} {}`", last.display());
    }
    Ok(())
}
