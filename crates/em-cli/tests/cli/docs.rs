//! The commands in the documentation, run: each block in a folder of its own, from top to bottom, with files of the names that it uses, and trainings of a moment.
//!
//! `tutorial.rs` runs those of the tutorial; that all of them are understood is tested beside the command line, in `src/docs`.

mod inputs;

use std::sync::Mutex;

use crate::blocks::{Block, blocks, em_cli, pages};
use crate::lab::Lab;

/// Commands that are only read, and why: the beginning of a line, or a part of it.
const READ_ONLY: [(&str, &str); 9] = [
    ("em-cli view ", "opens a page and stays"),
    ("em-cli annotate ", "opens a page and stays"),
    ("torchrun ", "is another program, which starts several"),
    ("srun ", "is another program, which starts several"),
    ("mpirun ", "is another program, which starts several"),
    ("--device cuda", "needs a GPU"),
    ("https://", "asks a server"),
    ("s3://", "asks a server"),
    ("gs://", "asks a server"),
];

fn is_read_only(line: &str) -> bool {
    READ_ONLY.iter().any(|(part, _)| line.contains(part))
}

/// What a line says, and what is typed in its place, so that it takes a moment here.
const SMALLER: [(&str, &str); 3] = [
    ("train.epochs=40", "train.epochs=2"),
    ("/mnt/new/place", inputs::MOVED),
    ("--shard 0/16", "--shard 0/2"),
];

/// The command lines that stand for one of a page: the same with smaller numbers, and of a shared work every part.
fn smaller(line: &str) -> Vec<String> {
    let line = SMALLER.iter().fold(line.to_owned(), |line, (large, small)| line.replace(large, small));
    if line.contains(" --shard 0/2") {
        return vec![line.clone(), line.replace(" --shard 0/2", " --shard 1/2")];
    }
    vec![line]
}

/// Runs the commands of a block; returns how many of its lines were run.
fn run(page: &str, block: &Block) -> usize {
    let lab = Lab::new();
    let commands = block.commands();
    let lines = commands.iter().filter(|line| em_cli(line).is_some() && !is_read_only(line));
    let run = |line: &String| {
        for typed in smaller(line) {
            let words = em_cli(&typed).expect("the line is one of em-cli");
            inputs::make(&lab, &words);
            let mut words: Vec<&str> = words[1..].iter().map(String::as_str).collect();
            match words[0] {
                "train" => drop(words.splice(1..1, inputs::MOMENT)),
                // At the network's own pixel size, the stack is smaller than a tile is by default.
                "adapt" => drop(
                    words.splice(1..1, inputs::MOMENT.into_iter().chain(["--set", "tiling.tile_size=64"])),
                ),
                _ => {}
            }
            // What is there from an earlier line of the block is what a reader has, too.
            let output = lab.command(env!("CARGO_BIN_EXE_em-cli"), &words).output().unwrap();
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{page}: `{typed}`: {}\n{message}", output.status);
        }
    };
    lines.map(run).count()
}

#[test]
fn commands_of_the_documentation_run() {
    let pages = pages().into_iter().filter(|page| page != "docs/tutorial.md");
    let all: Vec<_> =
        pages.flat_map(|page| blocks(&page).into_iter().map(move |block| (page.clone(), block))).collect();
    let (waiting, total) = (Mutex::new(all.iter()), Mutex::new(0));
    // Most of a short command is waiting: for the program to be loaded, and for the disk.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((page, block)) = waiting.lock().unwrap().next() else { break };
                    let count = run(page, block);
                    *total.lock().unwrap() += count;
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    assert!(total >= 40, "{total} commands ran");
}

#[test]
fn what_is_only_read_or_made_smaller_is_somewhere_in_the_documentation() {
    let lines: Vec<String> =
        pages().iter().flat_map(|page| blocks(page)).flat_map(|block| block.commands()).collect();
    let parts = READ_ONLY.iter().chain(&SMALLER).map(|(part, _)| part);
    let idle = parts.filter(|part| !lines.iter().any(|line| line.contains(*part)));
    assert_eq!(idle.collect::<Vec<_>>(), Vec::<&&str>::new());
}
