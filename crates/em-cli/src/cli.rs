//! The commands and what they share.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use em_io::OpenOptions;
use em_model::Device;

use crate::commands;
use crate::console::Mode;

/// From electron-microscopy stacks to masks, scores and pictures.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    /// Print nothing but what was asked for, warnings and errors.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Save the sections of a stack as PNG, or put a folder of PNG together to a stack.
    Extract(commands::extract::ExtractArgs),
    /// Turn a volume into another format, type or part of itself.
    Convert(commands::convert::ConvertArgs),
    /// Cut sections into tiles named {name}-{row}_{column}.png.
    Tile(commands::tile::TileArgs),
    /// Show shape, type, voxel size and grey values of a volume.
    Inspect(commands::inspect::InspectArgs),
    /// Make, check or describe a configuration.
    Config(commands::config::ConfigArgs),
    /// Tell what would make a training fail or go wrong, before it starts.
    Check(commands::check::CheckArgs),
    /// Train a network.
    Train(commands::train::TrainArgs),
    /// Make a network suit a stack that nobody labelled.
    Adapt(commands::adapt::AdaptArgs),
    /// Make labels on the screen, with suggestions, and train on them.
    Annotate(commands::annotate::AnnotateArgs),
    /// Look at a volume and what was found in it, in three dimensions.
    View(commands::view::ViewArgs),
    /// Predict the masks of a volume with a trained network.
    Predict(commands::predict::PredictArgs),
    /// Write a network for other programs: ONNX, a package of the BioImage Model Zoo, TorchScript.
    Export(commands::export::ExportArgs),
    /// Make a run of a network of another program: ONNX, TorchScript, a package of the BioImage Model Zoo.
    Import(commands::import::ImportArgs),
    /// Score a predicted mask against a label.
    Evaluate(commands::evaluate::EvaluateArgs),
    /// Show runs side by side: what differs in their configurations, and how they score.
    Compare(commands::compare::CompareArgs),
    /// Choose thresholds and the cleaning of masks on the validation sections of a run.
    Tune(commands::tune::TuneArgs),
    /// Find the objects of masks and measure them: sizes, places, shapes, distances.
    Measure(commands::measure::MeasureArgs),
    /// Show which shards of a shared prediction or measurement are done, missing or broken; end a prediction.
    Shards(commands::shards::ShardsArgs),
    /// Write job files that share a prediction and a measurement out among the machines of a cluster.
    Cluster(commands::cluster::ClusterArgs),
    /// Correct the objects of label volumes by a list of edits: delete, merge, split, fill.
    Correct(commands::correct::CorrectArgs),
    /// List the networks that are built in, which need no labels.
    Models,
    /// Show which pixel size suits a network: the same crops at several.
    Scales(commands::scales::ScalesArgs),
    /// Write curves, pictures and the report of a run again.
    Report(commands::report::ReportArgs),
    /// Make a phantom: an EM-like stack with labels, for trying things out.
    Phantom(commands::phantom::PhantomArgs),
    /// Print what a shell needs to complete commands, options and files.
    Completions(commands::completions::CompletionsArgs),
    /// Write the pages of the manual, which `man` shows.
    Man(commands::man::ManArgs),
}

impl Command {
    /// Tells whether it runs a network, on many threads.
    pub fn computes(&self) -> bool {
        match self {
            Self::Train(_)
            | Self::Adapt(_)
            | Self::Annotate(_)
            | Self::Predict(_)
            | Self::Export(_)
            | Self::Import(_)
            | Self::Scales(_)
            | Self::Tune(_)
            | Self::Report(_) => true,
            Self::Check(args) => args.computes(),
            _ => false,
        }
    }
}

impl Cli {
    /// Returns how much is printed, and for whom.
    pub fn mode(&self) -> Mode {
        let events = match &self.command {
            Command::Extract(args) => args.events,
            Command::Convert(args) => args.events,
            Command::Tile(args) => args.events,
            Command::Train(_) if commands::train::is_follower() => {
                return Mode { quiet: true, events: false, answers: false };
            }
            Command::Train(args) => args.events,
            Command::Adapt(args) => args.events,
            Command::Predict(args) => args.events,
            Command::Export(args) => args.events,
            Command::Import(args) => args.events,
            Command::Tune(args) => args.events,
            Command::Measure(args) => args.events,
            Command::Shards(args) if args.finishes() => args.events,
            Command::Correct(args) => args.events,
            Command::Scales(args) => args.events,
            Command::Report(args) => args.events,
            Command::Phantom(args) => args.events,
            // It prints its tables whatever is asked for; its lines tell of files beside them.
            Command::Compare(_) => return Mode { quiet: self.quiet, events: false, answers: false },
            // Their lines are what was asked for, and some print them as JSON instead.
            Command::Inspect(_)
            | Command::Config(_)
            | Command::Check(_)
            | Command::Annotate(_)
            | Command::View(_)
            | Command::Evaluate(_)
            | Command::Shards(_)
            | Command::Cluster(_)
            | Command::Completions(_)
            | Command::Man(_)
            | Command::Models => return Mode { quiet: self.quiet, events: false, answers: true },
        };
        Mode { quiet: self.quiet, events: events.json, answers: false }
    }
}

/// `--json`, for commands whose results are files.
#[derive(Clone, Copy, Debug, Args)]
pub struct EventArgs {
    /// Print events as JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

/// The file of a configuration, by its place or as `--config`.
#[derive(Debug, Args)]
pub struct ConfigFile {
    /// The configuration.
    #[arg(value_name = "RUN.TOML", required_unless_present = "config", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The same, as an option.
    #[arg(long, value_name = "RUN.TOML")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    /// Returns the path.
    ///
    /// # Panics
    ///
    /// Does not: one of the two is required.
    pub fn path(&self) -> &Path {
        self.file.as_ref().or(self.config.as_ref()).expect("clap requires one of the two")
    }
}

/// `--device`, for every command that computes.
#[derive(Debug, Args)]
pub struct DeviceArgs {
    /// Where to compute: auto, cpu, cuda or cuda:N.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
}

impl DeviceArgs {
    /// Returns the device, which is known to be there.
    pub fn get(&self) -> em_model::Result<Device> {
        Device::parse(&self.device)
    }

    /// Returns the device of one of several ranks on this machine.
    pub fn of_rank(&self, local_rank: usize) -> em_model::Result<Device> {
        Device::of_rank(&self.device, local_rank)
    }
}

/// Which stack of a file is read, where it holds several, and whether its values are turned.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ReadingArgs {
    /// The channel to read, counted from 0, where the file has several.
    #[arg(long, value_name = "N")]
    channel: Option<usize>,
    /// The time point to read, counted from 0, where the file has several.
    #[arg(long, value_name = "N")]
    time: Option<usize>,
    /// The volume to read, counted from 0, where the file has several, one behind the other.
    #[arg(long, value_name = "N")]
    volume: Option<usize>,
    /// Turn black and white; without it, values are turned only where a file shows 0 as white, as a picture.
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    invert: Option<bool>,
}

impl ReadingArgs {
    /// Returns the options for opening a volume.
    pub fn options(self) -> OpenOptions {
        let Self { channel, time, volume, invert } = self;
        OpenOptions { channel, time, volume, invert }
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".into()),
    }
}
