//! Commands whose disk is full at one write after the other: one message, nothing half-written, and they go on.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::Args;
use super::annotator;
use super::disk::{Disk, PAGE, can_mount};
use super::lab::{Lab, copy_folder};
use super::tree::{self, Same, Tree, check_same};
use super::trial::{Ended, Trial};
use super::writers::{ALL, Kept, Writer};

/// A disk on which everything fits.
const LARGE: u64 = 256 << 20;
/// A command that takes longer has lost its way.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of a command.
#[derive(Default)]
struct Tally {
    /// Sizes of the disk that were too small.
    refused: usize,
    /// Bytes of the disk on which it succeeded.
    bytes: u64,
}

/// Runs each command on disks of growing size, and prints what came of it.
pub fn run(args: &Args, lab: &Lab) -> Result<()> {
    if !can_mount(lab.folder()) {
        println!("skipped: full disks, since this user may not mount a tmpfs");
        return Ok(());
    }
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    let mut note = |name: &str, outcome: Result<Tally>| {
        let row = match outcome {
            Ok(Tally { refused, bytes }) => {
                format!("| {name} | {refused} | {} kB | whole |", bytes.div_ceil(1000))
            }
            Err(error) => {
                failures.push(format!("{name}: {error:#}"));
                format!("| {name} | | | NOT WHOLE |")
            }
        };
        println!("{row}");
        rows.push(row);
    };
    for writer in ALL.iter().filter(|writer| writer.name.contains(&args.only)) {
        note(writer.name, fill(writer, args.steps, lab));
    }
    if "annotate".contains(&args.only) {
        note("annotate", annotate(lab));
    }
    println!(
        "\n| command | disks too small | disk that sufficed | files |\n|---|---|---|---|\n{}",
        rows.join("\n")
    );
    if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("\n")) }
}

fn fill(writer: &Writer, steps: u64, lab: &Lab) -> Result<Tally> {
    let disk = Disk::mount(&lab.path("disk"), LARGE)?;
    let before = prepare(writer, lab, &disk)?;
    let ended = start((writer.command)(lab, disk.path()))?;
    ensure!(ended.status.success(), "with room enough: {}", ended.said.trim());
    let expected = tree::read(disk.path(), writer.same)?;
    let expected_bytes = bytes(&expected);
    let base = bytes(&before);
    // At least a page more each time, and half as much again as what is there at the end, for what lies beside it.
    let step = ((expected_bytes + expected_bytes / 2).saturating_sub(base) / steps).max(PAGE);
    let mut tally = Tally::default();
    loop {
        tally.bytes = base + step * (tally.refused as u64 + 1);
        let at = || format!("on a disk of {} bytes", tally.bytes);
        prepare(writer, lab, &disk)?;
        disk.resize(tally.bytes)?;
        let ended = start((writer.command)(lab, disk.path()))?;
        if ended.status.success() {
            check_same(&tree::read(disk.path(), writer.same)?, &expected).with_context(at)?;
            break;
        }
        check_message(&ended, disk.path()).with_context(at)?;
        check_kept(&tree::read(disk.path(), writer.same)?, &before, &expected, writer.kept)
            .with_context(at)?;
        // It goes on when there is room.
        disk.resize(LARGE)?;
        let ended = start((writer.again)(lab, disk.path()))?;
        ensure!(ended.status.success(), "does not go on: {}", ended.said.trim());
        check_same(&tree::read(disk.path(), writer.same)?, &expected).context("went on").with_context(at)?;
        tally.refused += 1;
        ensure!(tally.bytes < LARGE, "the disk is never large enough");
    }
    if let Some(replace) = writer.replace {
        replaced(writer, replace, &expected, step, lab, &disk)?;
    }
    Ok(tally)
}

/// What is there already stays where there is no room for what is to replace it.
fn replaced(
    writer: &Writer,
    replace: fn(&Lab, &Path) -> Command,
    expected: &Tree,
    step: u64,
    lab: &Lab,
    disk: &Disk,
) -> Result<()> {
    prepare(writer, lab, disk)?;
    ensure!(start((writer.command)(lab, disk.path()))?.status.success(), "with room enough");
    let before = tree::read(disk.path(), tree::every_byte)?;
    for pages in [1, 2, 4] {
        disk.resize(bytes(&before) + step.min(PAGE) * pages)?;
        let ended = start(replace(lab, disk.path()))?;
        let after = tree::read(disk.path(), tree::every_byte)?;
        if ended.status.success() {
            // Small results fit beside the earlier ones.
            return check_same(&tree::read(disk.path(), writer.same)?, expected);
        }
        check_message(&ended, disk.path()).context("replacing")?;
        check_kept(&after, &before, &before, writer.kept).context("replacing")?;
        check_same(&after.into_iter().filter(|(name, _)| !(writer.kept)(name)).collect(), &before)
            .context("what was to be replaced")?;
        // What is kept to go on with is not wanted here.
        disk.resize(LARGE)?;
        prepare(writer, lab, disk)?;
        ensure!(start((writer.command)(lab, disk.path()))?.status.success(), "with room enough");
    }
    Ok(())
}

/// An empty disk, with what the command works on where that has to lie there.
fn prepare(writer: &Writer, lab: &Lab, disk: &Disk) -> Result<Tree> {
    disk.resize(LARGE)?;
    for entry in std::fs::read_dir(disk.path())? {
        let path = entry?.path();
        if path.is_dir() { std::fs::remove_dir_all(&path)? } else { std::fs::remove_file(&path)? }
    }
    if let Some(name) = writer.on_disk {
        copy_folder(&lab.path(name), &disk.path().join(name))?;
    }
    tree::read(disk.path(), writer.same)
}

fn start(mut command: Command) -> Result<Ended> {
    let ended = Trial::start(&mut command, Some(PATIENCE))?.wait()?;
    ensure!(!ended.killed, "it does not end: {}", ended.said.trim());
    Ok(ended)
}

/// One message, with exit code 1, that names a file of the disk and the reason.
fn check_message(ended: &Ended, disk: &Path) -> Result<()> {
    let said = ended.said.trim();
    ensure!(ended.status.code() == Some(1), "{}: {said}", ended.status);
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    ensure!(errors.len() == 1, "{} messages: {said}", errors.len());
    ensure!(errors[0].contains(&disk.display().to_string()), "names no file of the disk: {said}");
    ensure!(said.contains("No space left on device"), "gives another reason: {said}");
    let others = |line: &&str| {
        !["error: ", "  because: ", "hint: ", "note: ", "warning: "]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let other = said.lines().find(others);
    ensure!(other.is_none(), "says more than a message: {said}");
    Ok(())
}

/// What is there is as before, whole, or meant to stay.
fn check_kept(found: &Tree, before: &Tree, expected: &Tree, kept: Kept) -> Result<()> {
    for (name, bytes) in found {
        let is_whole = [before, expected].iter().any(|tree| tree.get(name) == Some(bytes));
        ensure!(is_whole || kept(name), "`{name}` is left behind, or not whole ({} bytes)", bytes.len());
    }
    Ok(())
}

/// Bytes that files take on the disk.
fn bytes(tree: &Tree) -> u64 {
    tree.values().map(|bytes| (bytes.len() as u64).next_multiple_of(PAGE)).sum()
}

/// A person paints until the disk is full, frees some space, and paints on.
fn annotate(lab: &Lab) -> Result<Tally> {
    let disk = Disk::mount(&lab.path("disk"), LARGE)?;
    let ended = annotator::paint(lab, disk.path(), |answer| bail!("refused with room enough: {answer}"))?;
    ensure!(ended.status.success(), "with room enough: {}", ended.said.trim());
    let same: Same = annotator::same;
    let expected = tree::read(disk.path(), same)?;
    std::fs::remove_dir_all(disk.path().join("project"))?;
    let mut tally = Tally { refused: 0, bytes: 64 * PAGE / 4 };
    disk.resize(tally.bytes)?;
    let ended = annotator::paint(lab, disk.path(), |answer| {
        let is_told = answer.starts_with("HTTP/1.1 507") && answer.contains("No space left on device");
        ensure!(is_told, "gives another reason: {answer}");
        tally.refused += 1;
        tally.bytes += 2 * PAGE;
        disk.resize(tally.bytes)
    })?;
    ensure!(ended.status.success(), "{}", ended.said.trim());
    check_same(&tree::read(disk.path(), same)?, &expected)?;
    ensure!(tally.refused > 0, "the disk was never full");
    Ok(tally)
}
