//! `em-cli train`: load and check the configuration, open the volumes, split, fit the
//! normalisation, build the network, train, report.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_model::{EpochRecord, Progress, RunFolder, RunLock};
use indicatif::ProgressBar;
use toml::{Table, Value};

use crate::cli::DeviceArgs;
use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::error::UserError;
use crate::{output, report};

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// The configuration.
    #[arg(long, value_name = "RUN.TOML")]
    config: PathBuf,
    /// Go on after the last epoch that the run has saved.
    #[arg(long)]
    resume: bool,
    /// Replace a run that is already in the output folder.
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Override a key, as in train.epochs=5.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    device: DeviceArgs,
}

/// Runs the command.
pub fn run(args: &TrainArgs) -> Result<()> {
    let config = RunConfig::load(&args.config, &args.set)?;
    let device = args.device.get()?;
    let dataset = Dataset::read(&config)?;
    let architecture = config.model.architecture(dataset.set.classes().len())?;
    let run = RunFolder::new(&config.output.folder);
    let training = dataset.training(&config, &dataset.split, &architecture, device)?;
    // Before the run's folder changes, so that a mistake costs no earlier run.
    training.check()?;
    let lock = run.lock()?;
    prepare(&lock, &config, args)?;

    println!(
        "training {} on {device}: {} parameters, {}",
        dataset.set.classes().join(" and "),
        architecture.parameter_count(),
        output::shape(dataset.set.volumes()[0].shape())
    );
    if dataset.split.leaks {
        eprintln!("warning: the split `random-tiles` leaks, so validation scores are too good");
    }
    report::write_samples(&run, &training)?;
    let mut bar = Bar::default();
    let start = if args.resume { em_model::resume } else { em_model::train };
    start(&training, &lock, &mut |progress| {
        bar.show(&progress, config.train.epochs);
        ControlFlow::Continue(())
    })?;
    let written = report::write(&run, &config, &dataset, device)?;
    println!("report: {}", written.display());
    Ok(())
}

/// Makes the run's folder and keeps the configuration in it, unless another run would be lost.
fn prepare(lock: &RunLock, config: &RunConfig, args: &TrainArgs) -> Result<()> {
    let run = lock.run();
    let text = config.to_toml()?;
    let started = run.is_started();
    let earlier = std::fs::read_to_string(run.config()).ok().map(with_all_keys);
    match earlier {
        Some(earlier) if args.resume && started && earlier != text => {
            return Err(other_config(run, &earlier, &text));
        }
        _ if started && args.overwrite => lock.clear()?,
        _ if started && !args.resume => {
            return Err(UserError::new(
                format!("`{}` holds a run already", run.path().display()),
                "go on with --resume, start anew with --overwrite, or take another folder with --set output.folder=DIR",
            )
            .into());
        }
        _ => {}
    }
    for folder in [run.path(), &run.last()] {
        em_io::remove_unfinished(folder)?;
    }
    em_io::write_atomically(&run.config(), |file| file.write_all(text.as_bytes()))?;
    Ok(())
}

/// A configuration that an earlier version wrote lacks keys that are new, which had their defaults.
fn with_all_keys(text: String) -> String {
    let config: Option<RunConfig> = toml::from_str(&text).ok();
    config.and_then(|config| config.to_toml().ok()).unwrap_or(text)
}

/// Names the first key in which the configuration of a resumed run differs.
fn other_config(run: &RunFolder, earlier: &str, now: &str) -> anyhow::Error {
    // A damaged file has no key, so that the first one of all is named.
    let [earlier, now] = [earlier, now].map(|text| toml::from_str::<Table>(text).unwrap_or_default());
    let (key, values) = first_difference(&earlier, &now).unwrap_or_default();
    let [before, after] = values.map(|value| value.map_or("nothing".into(), |value| value.to_string()));
    UserError::new(
        format!("`{}` was started with `{key}` = {before}, and now it is {after}", run.path().display()),
        format!("resume with --config {}, or start anew with --overwrite", run.config().display()),
    )
    .into()
}

/// The first key, with its sections and dots, whose values differ, and the two values.
fn first_difference(a: &Table, b: &Table) -> Option<(String, [Option<Value>; 2])> {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    keys.into_iter().find_map(|key| match (a.get(key), b.get(key)) {
        (a, b) if a == b => None,
        (Some(Value::Table(a)), Some(Value::Table(b))) => {
            first_difference(a, b).map(|(rest, values)| (format!("{key}.{rest}"), values))
        }
        (a, b) => Some((key.clone(), [a.cloned(), b.cloned()])),
    })
}

/// The live bar of a training, and a line per epoch.
#[derive(Default)]
struct Bar {
    bar: Option<ProgressBar>,
}

impl Bar {
    fn show(&mut self, progress: &Progress<'_>, epochs: usize) {
        match progress {
            Progress::Resumed { epochs } => println!("resumed after epoch {epochs}"),
            Progress::Step { epoch, tiles, of, loss } => {
                let bar = self.bar.get_or_insert_with(|| {
                    let bar = output::bar(*of as u64, "tiles");
                    bar.set_prefix(format!("epoch {epoch}/{epochs} "));
                    bar
                });
                bar.set_position(*tiles as u64);
                if let Some(loss) = loss {
                    bar.set_message(format!("loss {loss:.4}"));
                }
            }
            Progress::Validating => {
                if let Some(bar) = &self.bar {
                    bar.set_message("validating");
                }
            }
            Progress::Epoch { record, best } => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                println!("{}", line(record, epochs, *best));
            }
            Progress::StoppedEarly => {
                println!("stopped early: no better score for the configured number of epochs")
            }
            _ => {}
        }
    }
}

fn line(record: &EpochRecord, epochs: usize, best: bool) -> String {
    format!(
        "epoch {:>3}/{epochs}  loss {:.4}  val loss {:.4}  val IoU {}  val accuracy {}  {:.1} tiles/s  {}{}",
        record.epoch,
        record.train.loss,
        record.validation.loss,
        output::score(record.validation.iou()),
        output::score(record.validation.accuracy()),
        record.tiles_per_second,
        output::duration(record.seconds),
        if best { "  best" } else { "" }
    )
}
