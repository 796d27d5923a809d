//! `em-cli train` on several ranks: one run, one voice, and one end.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use insta::assert_snapshot;

use crate::lab::Lab;

/// Trains for longer than any of these tests looks on, and finds the disc in its first epochs.
const LONG: &str =
    "--set train.epochs=500 --set tiling.tiles_per_epoch=128 --set train.schedule.warmup_fraction=0";

/// Starts as many ranks as there are lists of arguments, as torchrun does.
fn start(lab: &Lab, arguments: &[&str]) -> Vec<Child> {
    let size = arguments.len();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = |(rank, arguments): (usize, &&str)| {
        let mut command = lab.em_cli(&format!("train run.toml --device cpu {arguments}"));
        command.env("RANK", rank.to_string()).env("LOCAL_RANK", rank.to_string());
        command.env("WORLD_SIZE", size.to_string());
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    arguments.iter().enumerate().map(start).collect()
}

fn finish(ranks: Vec<Child>) -> Vec<Output> {
    ranks.into_iter().map(|rank| rank.wait_with_output().unwrap()).collect()
}

/// Waits until rank 0 has told of an epoch, which is saved then.
fn wait_for_an_epoch(first: &mut Child) {
    let mut lines = BufReader::new(first.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("epoch")), "no epoch is told of");
}

fn signal(rank: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &rank.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn ranks_write_one_run_and_rank_0_tells_of_it() {
    let lab = Lab::with_stacks();
    let outputs = finish(start(&lab, &["", ""]));
    for output in &outputs {
        assert!(output.status.success(), "{}", said(output));
    }
    assert!(said(&outputs[0]).contains("on cpu (2 ranks)"), "{}", said(&outputs[0]));
    assert_eq!(said(&outputs[1]), "");
    assert!(lab.path("run/report.html").exists());
    // Any number of ranks goes on.
    let more = "--resume --set train.epochs=2";
    for output in finish(start(&lab, &[more, more, more])) {
        assert!(output.status.success(), "{}", said(&output));
    }
    lab.ok("train run.toml --device cpu --resume --set train.epochs=3");
    assert_eq!(lab.read("run/history.csv").lines().count(), 4);
}

#[test]
fn a_killed_rank_ends_the_others_with_one_message() {
    let lab = Lab::with_stacks();
    let mut ranks = start(&lab, &[LONG, LONG, LONG]);
    wait_for_an_epoch(&mut ranks[0]);
    ranks[2].kill().unwrap();
    let outputs = finish(ranks);
    let message = lab.message(outputs[0].clone());
    let (before, epochs) = message.split_once("after ").unwrap();
    assert_eq!(before, "error: rank 2 of 3 was lost, ");
    let hint = epochs.split_once(" whole epochs\n").unwrap().1;
    assert_snapshot!(hint, @"hint: `em-cli train --resume` goes on after them, with any number of ranks");
    assert_eq!((outputs[1].status.code(), said(&outputs[1]).as_str()), (Some(1), ""));
}

#[test]
fn where_rank_0_is_killed_another_one_says_so() {
    let lab = Lab::with_stacks();
    let mut ranks = start(&lab, &[LONG, LONG, LONG]);
    wait_for_an_epoch(&mut ranks[0]);
    ranks[0].kill().unwrap();
    let outputs = finish(ranks);
    let message = lab.message(outputs[1].clone());
    assert!(message.starts_with("error: rank 0 of 3 was lost, after "), "{message}");
    assert_eq!((outputs[2].status.code(), said(&outputs[2]).as_str()), (Some(1), ""));
}

#[test]
fn a_signal_to_one_rank_stops_all_and_keeps_whole_epochs() {
    let lab = Lab::with_stacks();
    let mut ranks = start(&lab, &[LONG, LONG]);
    wait_for_an_epoch(&mut ranks[0]);
    signal(&ranks[1], "TERM");
    let outputs = finish(ranks);
    assert_snapshot!(lab.message(outputs[0].clone()), @r"
    error: interrupted before the end
    hint: go on after the last whole epoch with --resume
    ");
    assert_eq!((outputs[1].status.code(), said(&outputs[1]).as_str()), (Some(1), ""));
    assert!(lab.read("run/history.csv").lines().count() > 1, "an epoch is kept");
    assert!(lab.path("run/last/state.safetensors").exists());
}

#[test]
fn ranks_that_would_not_train_the_same_are_refused() {
    let lab = Lab::with_stacks();
    let outputs = finish(start(&lab, &["", "--set train.seed=7"]));
    assert_snapshot!(lab.message(outputs[0].clone()), @r"
    error: rank 1 of 2 has `TrainConfig::seed` 7, and rank 0 0
    hint: start all ranks with the same em-cli, configuration and data files
    ");
    assert_eq!((outputs[1].status.code(), said(&outputs[1]).as_str()), (Some(1), ""));
}

#[test]
fn a_mistake_of_another_rank_is_told_by_rank_0() {
    let lab = Lab::with_stacks();
    let outputs = finish(start(&lab, &["", "--set data.folder=elsewhere"]));
    let message = lab.message(outputs[0].clone());
    assert!(message.starts_with("error: rank 1 of 2 failed: "), "{message}");
    assert_eq!((outputs[1].status.code(), said(&outputs[1]).as_str()), (Some(1), ""));
}

#[test]
fn the_environment_of_a_rank_is_checked() {
    let lab = Lab::with_stacks();
    let mut command = lab.em_cli("train run.toml --device cpu");
    command.env("RANK", "0").env("WORLD_SIZE", "2").env_remove("MASTER_ADDR");
    assert_snapshot!(lab.message(command.output().unwrap()), @r"
    error: this process is started as one of several ranks, but nothing says where rank 0 is: MASTER_ADDR is not set
    hint: start all ranks with torchrun --no-python, srun or mpirun; for one process alone, unset RANK and WORLD_SIZE
    ");
    // The shell of a batch job tells of tasks that nobody has started.
    let mut command = lab.em_cli("train run.toml --device cpu --quiet");
    command.env("SLURM_NTASKS", "2").env("SLURM_PROCID", "0").env("SLURM_JOB_ID", "1");
    assert!(command.status().unwrap().success());
}
