//! `em-cli predict` in shards: what sharing costs a single worker, and what many would gain, by simulation.
//!
//! Measured: a prediction as a whole, as one shard, and as several; reading and starting included. Modelled, as
//! printed: a scheduler that starts so many jobs a second, a store that gives and takes so many bytes a second to all
//! workers together, and workers that are as fast as this machine.

use std::collections::BinaryHeap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::program::measured;
use super::{Args, median_of};
use crate::libtorch;
use crate::workspace::{build_em_cli, capture, em_cli};

/// Shards of the measured stack; chunks are 16 sections deep, so that smaller stacks have fewer that are not empty.
const SHARDS: usize = 2;

/// Sections of the simulated volume, and of each of its shards.
const SECTIONS: usize = 64_000;
const SECTIONS_A_SHARD: usize = 64;

/// Jobs that a scheduler starts in a second: an array of SLURM.
const JOBS_A_SECOND: f64 = 20.0;

/// Bytes a second of a file server or an object store, for all workers together.
const STORE_BYTES_A_SECOND: f64 = 5e9;

/// What was measured.
struct Costs {
    /// Seconds of a worker before and after its sections.
    start: f64,
    /// Seconds of a section.
    section: f64,
    /// Seconds of the end of all shards, for a section, beside its start.
    finish: f64,
    /// Bytes that are read and written for a section: its voxels and as many for masks, an upper bound.
    bytes: f64,
}

/// Measures and simulates.
pub fn run(args: &Args) -> Result<()> {
    let model = args.model.as_deref().context("give the folder of a run with --model")?;
    libtorch::ensure()?;
    build_em_cli()?;
    let stack = args.data.join("train.tif");
    let [depth, height, width] = shape(&stack)?;
    let [mut plain, mut single, mut parts, mut ends, mut bare] = [const { Vec::new() }; 5];
    for _ in 0..args.runs {
        let scratch = tempfile::tempdir().context("no temporary folder")?;
        let predict = |name: &str, shard: Option<String>| {
            let mut command = em_cli(["predict", "--model"]);
            command.arg(model).arg(&stack).arg("-o").arg(scratch.path().join(name));
            if let Some(shard) = shard {
                command.arg("--shard").arg(shard);
            }
            measured(&mut command).map(|(seconds, _)| seconds)
        };
        let finish = |name: &str| {
            let mut command = em_cli(["shards", "--finish"]);
            measured(command.arg(scratch.path().join(name))).map(|(seconds, _)| seconds)
        };
        plain.push(predict("plain.zarr", None)?);
        single.push(predict("single.zarr", Some("0/1".into()))? + finish("single.zarr")?);
        for shard in 0..SHARDS {
            parts.push(predict("parts.zarr", Some(format!("{shard}/{SHARDS}")))?);
        }
        ends.push(finish("parts.zarr")?);
        bare.push(measured(&mut em_cli(["--version"]))?.0);
    }
    let [plain, single, part, end, bare] = [plain, single, parts, ends, bare].map(median_of);
    println!("{depth} x {height} x {width} voxels, medians of {} runs in turn", args.runs);
    println!(
        "one program {plain:.2} s, one shard and its end {single:.2} s: {:+.1} %",
        100.0 * (single / plain - 1.0)
    );
    println!("each of {SHARDS} shards {part:.2} s, their end {end:.2} s, of which {bare:.2} s are a start");
    // Two equations: all sections, or a part of them, and one start each.
    let section = (plain - part) / (depth as f64 * (1.0 - 1.0 / SHARDS as f64));
    ensure!(section > 0.0, "the parts took as long as the whole: the machine was busy with something else");
    let start = (plain - section * depth as f64).max(0.0);
    let finish = (end - bare).max(0.0) / depth as f64;
    let costs = Costs { start, section, finish, bytes: 2.0 * (height * width) as f64 };
    println!("that is {start:.2} s for a start and {section:.3} s for a section");
    println!(
        "\nsimulated: {SECTIONS} such sections in shards of {SECTIONS_A_SHARD}, {JOBS_A_SECOND} jobs started a second, a store of {:.0} GB/s",
        STORE_BYTES_A_SECOND / 1e9
    );
    println!("{:>8}{:>12}{:>12}{:>12}", "workers", "hours", "speed-up", "of ideal");
    let alone = SECTIONS as f64 * costs.section + costs.start;
    for workers in [1, 4, 16, 64, 250, 1000] {
        let seconds = simulated(&costs, workers);
        let gain = alone / seconds;
        println!(
            "{workers:>8}{:>12.2}{gain:>12.1}{:>11.0} %",
            seconds / 3600.0,
            100.0 * gain / workers as f64
        );
    }
    Ok(())
}

/// Seconds until all shards and their end are done by so many workers.
fn simulated(costs: &Costs, workers: usize) -> f64 {
    let shards = SECTIONS / SECTIONS_A_SHARD;
    // The store is shared: a section takes as long as its worker needs, or as its share of the store gives.
    let by_store = workers as f64 * costs.bytes / STORE_BYTES_A_SECOND;
    let shard = costs.start + SECTIONS_A_SHARD as f64 * costs.section.max(by_store);
    // When each worker is free, in microseconds, the earliest first; jobs are started one after the other.
    let mut free: BinaryHeap<std::cmp::Reverse<u64>> = (0..workers).map(|_| std::cmp::Reverse(0)).collect();
    let micro = |seconds: f64| (seconds * 1e6) as u64;
    let mut last = 0;
    for number in 0..shards {
        let Some(std::cmp::Reverse(at)) = free.pop() else { break };
        let end = at.max(micro(number as f64 / JOBS_A_SECOND)) + micro(shard);
        last = last.max(end);
        free.push(std::cmp::Reverse(end));
    }
    last as f64 / 1e6 + costs.start + SECTIONS as f64 * costs.finish
}

fn shape(stack: &Path) -> Result<[usize; 3]> {
    let printed = capture(em_cli(["inspect", "--json"]).arg(stack))?;
    let line: Value = serde_json::from_str(&printed)?;
    serde_json::from_value(line["shape"].clone())
        .with_context(|| format!("`{}` has no shape", stack.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_the_work_until_scheduler_store_or_end_bound_it() {
        let costs = Costs { start: 0.0, section: 1.0, finish: 0.0, bytes: 1.0 };
        let alone = simulated(&costs, 1);
        assert!((alone - SECTIONS as f64).abs() < 1.0);
        assert!((alone / simulated(&costs, 8) - 8.0).abs() < 0.1);
        // All jobs have to be started.
        let started = (SECTIONS / SECTIONS_A_SHARD) as f64 / JOBS_A_SECOND;
        assert!(simulated(&Costs { section: 1e-6, ..costs }, 1000) >= started - 1.0);
        let busy = Costs { bytes: STORE_BYTES_A_SECOND, ..costs };
        assert!(simulated(&busy, 1000) > 0.9 * SECTIONS as f64, "the store gives a section a second");
        assert!(simulated(&Costs { finish: 1.0, ..costs }, 1000) > SECTIONS as f64);
    }
}
