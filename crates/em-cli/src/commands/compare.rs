//! `em-cli compare`: runs side by side: what differs in their configurations, and how they score.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_pipeline::Comparison;

use crate::console::{self, say};

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The folders of two runs or more; the first is what the others are compared with.
    #[arg(required = true, num_args = 2..)]
    runs: Vec<PathBuf>,
    /// Write all scores to this CSV file, a row for each run, class and score.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Draw the scores over the reviewed regions that the runs were trained on to this PNG file.
    #[arg(long, value_name = "FILE.PNG")]
    curve: Option<PathBuf>,
    /// Write a page with what differs, the scores and the curves of all runs to this HTML file.
    #[arg(long, value_name = "FILE.HTML")]
    page: Option<PathBuf>,
    /// Replace the page if it is there.
    #[arg(long, requires = "page")]
    overwrite: bool,
}

/// Runs the command.
pub fn run(args: &CompareArgs) -> Result<()> {
    let comparison = Comparison::read(&args.runs)?;
    console::print(format_args!("{}", comparison.to_text()?));
    if let Some(path) = &args.output {
        let text = comparison.to_csv()?;
        em_io::write_atomically(path, |file| file.write_all(text.as_bytes()))?;
    }
    if let Some(path) = &args.curve {
        let picture = comparison.curve()?;
        em_io::write_atomically(path, |file| file.write_all(&picture))?;
    }
    if let Some(path) = &args.page {
        comparison.write_page(path, args.overwrite)?;
        say!("page: {}", path.display());
    }
    Ok(())
}
