//! `em-cli shards`: where the shards of a shared work stand, and its end.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::predict::finish_shards;
use em_pipeline::shards::{Shard, ShardState, ShardStore, ranges};
use serde_json::{Value, json};

use super::predict;
use crate::cli::EventArgs;
use crate::console::{self, observed, say};

/// Arguments of `shards`.
#[derive(Debug, Args)]
pub struct ShardsArgs {
    /// The output that was given to `predict --shard` or `measure --shard` with -o.
    output: PathBuf,
    /// Read all files of the shards, and hold their bytes against their checksums; without it, their lengths.
    #[arg(long, conflicts_with = "finish")]
    verify: bool,
    /// Print only the numbers of the shards that are to be done, as `sbatch --array` takes them.
    #[arg(long, conflicts_with_all = ["finish", "json"])]
    missing: bool,
    /// End a prediction of which all shards are done, so that its files can be opened.
    #[arg(long)]
    finish: bool,
    #[command(flatten)]
    pub events: EventArgs,
}

impl ShardsArgs {
    /// Tells whether there is something to do, and not only to look at.
    pub fn finishes(&self) -> bool {
        self.finish
    }
}

/// Runs the command.
pub fn run(args: &ShardsArgs) -> Result<()> {
    if args.finish {
        let prediction =
            observed("start the command again", |observer| finish_shards(&args.output, observer))?;
        return predict::tell(&prediction);
    }
    let store = ShardStore::open(&args.output)?;
    let states = store.states(args.verify)?;
    let of = |wanted: fn(&ShardState) -> bool| -> Vec<usize> {
        states.iter().enumerate().filter(|(_, state)| wanted(state)).map(|(index, _)| index).collect()
    };
    let open = of(|state| *state != ShardState::Done);
    if args.missing {
        say!("{}", ranges(&open));
        return Ok(());
    }
    let missing = of(|state| *state == ShardState::Missing);
    if args.events.json {
        let broken: Vec<Value> =
            broken(&states).map(|(n, reason)| json!({"shard": n, "reason": reason})).collect();
        let (count, done) = (states.len(), states.len() - open.len());
        return console::json(&json!({"shards": count, "done": done, "missing": missing, "broken": broken}));
    }
    say!("{} of {} shards are done", states.len() - open.len(), states.len());
    if !missing.is_empty() {
        say!("missing: {}", ranges(&missing));
    }
    for (index, reason) in broken(&states) {
        say!("broken: {index}: {reason}");
    }
    match (open.is_empty(), store.is_prediction()) {
        (true, true) => say!("end the prediction with --finish"),
        (true, false) => say!("end the measurement with `em-cli measure ... --merge`"),
        (false, _) => {}
    }
    Ok(())
}

fn broken(states: &[ShardState]) -> impl Iterator<Item = (usize, &str)> {
    states.iter().enumerate().filter_map(|(index, state)| match state {
        ShardState::Broken { reason } => Some((index, reason.as_str())),
        ShardState::Missing | ShardState::Done => None,
    })
}

/// Says that a shard is done.
pub fn told(shard: Shard, is_new: bool) -> Result<()> {
    if console::tells_events() {
        return console::done(&json!({"shard": shard.index, "shards": shard.count, "done_before": !is_new}));
    }
    match is_new {
        true => say!("shard {shard} is done"),
        false => say!("shard {shard} was done before"),
    }
    Ok(())
}
