//! Kills at random moments of a run, until it ends; then its files are those of an undisturbed one.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Args;
use super::lab::Lab;
use super::tree::{self, Tree, check_same, every_byte};
use super::trial::Ended;
use super::victims::{self, Start, Victim};
use crate::workspace::create_folder;

/// A run is killed so often at most before it is let go to its end.
const MOST_KILLS: usize = 5;

/// What came of the kills of a program.
#[derive(Default)]
struct Tally {
    /// Seconds of the undisturbed run.
    seconds: f64,
    kills: usize,
    /// Runs that went to their end.
    ends: usize,
    /// Starts that found nothing to go on with, and began anew.
    anew: usize,
    /// Files that each end was compared by.
    files: usize,
}

/// Kills each program so often as is asked for, and prints what came of it.
pub fn run(args: &Args, lab: &Lab) -> Result<()> {
    let victims: Vec<&Victim> =
        victims::ALL.iter().filter(|victim| victim.name.contains(&args.only)).collect();
    ensure!(!victims.is_empty(), "no program is called `{}`", args.only);
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for victim in victims {
        let mut tally = Tally::default();
        let outcome = kill(victim, args, lab, &mut tally);
        println!("{}", row(victim, &tally, outcome.is_ok()));
        rows.push(row(victim, &tally, outcome.is_ok()));
        failures.extend(outcome.err().map(|error| format!("{}: {error:#}", victim.name)));
    }
    println!(
        "\n| program | undisturbed | kills | ends | begun anew | files | bytes |\n|---|---|---|---|---|---|---|"
    );
    println!("{}", rows.join("\n"));
    if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("\n")) }
}

fn row(victim: &Victim, tally: &Tally, is_same: bool) -> String {
    let Tally { seconds, kills, ends, anew, files } = tally;
    let verdict = if is_same { "equal" } else { "NOT EQUAL" };
    format!("| {} | {seconds:.1} s | {kills} | {ends} | {anew} | {files} | {verdict} |", victim.name)
}

fn kill(victim: &Victim, args: &Args, lab: &Lab, tally: &mut Tally) -> Result<()> {
    println!("\n== {} ==", victim.name);
    let folder = lab.path(victim.name);
    let ended = (victim.start)(lab, &fresh(&folder)?, Start::First, None)?;
    check_ended(&ended).context("the undisturbed run failed")?;
    tally.seconds = ended.seconds;
    let expected = tree::read(&folder, victim.same)?;
    tally.files = expected.len();
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    while tally.kills < args.kills {
        let most = rng.random_range(1..=MOST_KILLS).min(args.kills - tally.kills);
        let moments: Vec<f64> = (0..most).map(|_| rng.random_range(0.0..tally.seconds)).collect();
        to_the_end(victim, lab, &fresh(&folder)?, &moments, tally)
            .and_then(|()| check_left(victim, lab, &folder, &expected))
            .with_context(|| format!("after {} kills, the last ones after {moments:.3?} s", tally.kills))?;
        tally.ends += 1;
    }
    Ok(())
}

/// Starts a program and kills it at each of the moments, in seconds after its start, and then no more.
fn to_the_end(victim: &Victim, lab: &Lab, folder: &Path, moments: &[f64], tally: &mut Tally) -> Result<()> {
    let limits = moments.iter().map(|&seconds| Some(Duration::from_secs_f64(seconds))).chain([None]);
    let mut start = Start::First;
    for limit in limits {
        let mut ended = (victim.start)(lab, folder, start, limit)?;
        if start == Start::Again && !ended.killed && (victim.holds_nothing)(&ended) {
            tally.anew += 1;
            ended = (victim.start)(lab, folder, Start::First, limit)?;
        }
        if !ended.killed {
            return if (victim.is_done)(&ended) { Ok(()) } else { check_ended(&ended) };
        }
        tally.kills += 1;
        start = Start::Again;
    }
    bail!("a run that is not killed does not end")
}

fn check_left(victim: &Victim, lab: &Lab, folder: &Path, expected: &Tree) -> Result<()> {
    check_same(&tree::read(folder, victim.same)?, expected)?;
    let temporary = tree::read(&lab.path("tmp"), every_byte)?;
    check_same(&temporary, &Tree::new()).context("in the folder of temporary files")
}

fn check_ended(ended: &Ended) -> Result<()> {
    ensure!(ended.status.success(), "{}: {}", ended.status, ended.said.trim());
    Ok(())
}

/// Makes a folder anew.
fn fresh(folder: &Path) -> Result<std::path::PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove `{}`", folder.display()))?;
    }
    create_folder(folder)?;
    Ok(folder.to_owned())
}
