//! The command line: each command is one file in [`commands`], each error one message.

mod check;
mod cli;
mod commands;
mod config;
mod dataset;
mod drawing;
mod error;
mod interrupt;
mod machine;
mod output;
mod prediction;
mod recipe;
mod report;
mod scores;
mod streaming;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// Serves libtorch too, whose tensors it is for: its functions stand for `malloc` and its kin.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    end_quietly_without_a_reader();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version come as errors, too. A closed pipe is no reason to complain.
            let _ = answer.print();
            return if answer.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let result = match cli.command {
        Command::Extract(args) => commands::extract::run(&args),
        Command::Convert(args) => commands::convert::run(&args),
        Command::Tile(args) => commands::tile::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Config(args) => commands::config::run(&args),
        Command::Check(args) => match commands::check::run(&args) {
            // What is wrong has been printed.
            Ok(false) => return ExitCode::FAILURE,
            result => result.map(|_| ()),
        },
        Command::Train(args) => commands::train::run(&args),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Evaluate(args) => commands::evaluate::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Tune(args) => commands::tune::run(&args),
        Command::Measure(args) => commands::measure::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Phantom(args) => commands::phantom::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error::print(&error);
            ExitCode::FAILURE
        }
    }
}

/// Whoever reads the output may stop early, as `head` does: `println!` panics then, and there is
/// nobody left to tell.
fn end_quietly_without_a_reader() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        if message.starts_with("failed printing to stdout") && message.contains("Broken pipe") {
            std::process::exit(0);
        }
        report(panic);
    }));
}
