//! The command line: each command is one file in [`commands`], each error one message.

mod arguments;
mod cli;
mod commands;
mod console;
#[cfg(test)]
mod docs;
mod error;
mod interrupt;
#[cfg(unix)]
mod threads;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// Serves libtorch too, whose tensors it is for: its functions stand for `malloc` and its kin.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    console::begin();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version come as errors, too. A closed pipe is no reason to complain.
            let _ = answer.print();
            return if answer.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    #[cfg(unix)]
    if cli.command.computes() {
        threads::let_sleep();
    }
    console::set_mode(cli.mode());
    let result = match cli.command {
        Command::Extract(args) => commands::extract::run(&args),
        Command::Convert(args) => commands::convert::run(&args),
        Command::Tile(args) => commands::tile::run(&args),
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Config(args) => return exit(commands::config::run(&args)),
        Command::Check(args) => return exit(commands::check::run(&args)),
        Command::Scales(args) => commands::scales::run(&args),
        Command::Adapt(args) => commands::adapt::run(&args),
        Command::Annotate(args) => commands::annotate::run(&args),
        Command::View(args) => commands::view::run(&args),
        Command::Train(args) => return exit(commands::train::run(&args)),
        Command::Predict(args) => commands::predict::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Evaluate(args) => commands::evaluate::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Tune(args) => commands::tune::run(&args),
        Command::Measure(args) => commands::measure::run(&args),
        Command::Cluster(args) => commands::cluster::run(&args),
        Command::Shards(args) => commands::shards::run(&args),
        Command::Correct(args) => commands::correct::run(&args),
        Command::Models => commands::models::run(),
        Command::Report(args) => commands::report::run(&args),
        Command::Phantom(args) => commands::phantom::run(&args),
        Command::Completions(args) => commands::completions::run(&args),
        Command::Man(args) => commands::man::run(&args),
    };
    exit(result.map(|()| true))
}

/// Prints an error, and returns the program's status: a failure also where what is wrong has been printed.
fn exit(result: anyhow::Result<bool>) -> ExitCode {
    let result = match console::failure() {
        Some(reason) if result.is_ok() => {
            let hint = "what is on standard output is not whole: free some space and start again";
            Err(error::UserError::new(format!("standard output cannot be written: {reason}"), hint).into())
        }
        _ => result,
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            error::print(&error);
            ExitCode::FAILURE
        }
    }
}
