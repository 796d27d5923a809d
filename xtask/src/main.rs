//! `cargo xtask`: the chores of this workspace, one file each.
//!
//! It drives cargo, Python and the built `em-cli` as child processes and links none of the workspace's crates, so it starts on a machine without libtorch.

mod advice;
mod bench;
mod book;
mod checksum;
mod demo;
mod dist;
mod fetch;
mod fixtures;
mod interop;
mod libtorch;
mod picture;
mod pretrain;
mod progress;
mod python;
mod sbom;
mod test;
mod tissue;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the em-cli workspace
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the whole pipeline once: phantom, training, prediction, scores, report; then real tissue without labels
    Demo(demo::Args),
    /// Run every check: format, licences, lints, docs, layers, tests, examples
    Test(test::Args),
    /// Point `.libtorch` to libtorch 2.11.0, and install a copy if the machine has none
    Libtorch(libtorch::Args),
    /// Download a public data set, resumable and verified
    FetchData(fetch::Args),
    /// Measure em-cli against Python programs in turn, and against kills and full disks
    #[command(subcommand)]
    Bench(bench::What),
    /// Train the built-in networks anew, from generated volumes alone, and put them into `models/`
    Pretrain(pretrain::Args),
    /// Regenerate the committed fixtures, or check them against their list
    Fixtures(fixtures::Args),
    /// Draw the picture of the README anew: what a built-in network finds in the tissue of `fixtures/fib25`
    Picture,
    /// Compare em-io with the libraries that labs use, in both directions
    Interop,
    /// Make what users install without Rust: a tarball with libtorch, or a wheel for pip
    Dist(dist::Args),
    /// Build the documentation as a book, and follow its links
    Book(book::Args),
    /// List what the program is made of, as CycloneDX
    Sbom(sbom::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Demo(args) => demo::run(&args),
        Task::Test(args) => test::run(&args),
        Task::Libtorch(args) => libtorch::run(&args),
        Task::FetchData(args) => fetch::run(&args),
        Task::Bench(what) => bench::run(&what),
        Task::Pretrain(args) => pretrain::run(&args),
        Task::Fixtures(args) => fixtures::run(&args),
        Task::Picture => picture::run(),
        Task::Interop => interop::run(),
        Task::Dist(args) => dist::run(&args),
        Task::Book(args) => book::run(&args),
        Task::Sbom(args) => sbom::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", advice::render(&error));
            ExitCode::FAILURE
        }
    }
}
