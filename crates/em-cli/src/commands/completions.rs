//! `em-cli completions`: what a shell knows of the command line, from its own description.

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::console;

/// Arguments of `em-cli completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  em-cli completions bash > ~/.local/share/bash-completion/completions/em-cli
  em-cli completions zsh > ~/.zfunc/_em-cli
  em-cli completions fish > ~/.config/fish/completions/em-cli.fish")]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the script of a shell.
pub fn run(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "em-cli", &mut script);
    // clap_complete 4.6.12 takes the hyphen of the name for the end of a command in one half of bash's script.
    let script = String::from_utf8(script).context("a script that is no text")?;
    let script = script.replace("em__subcmd__cli__", "em__cli__");
    console::print(format_args!("{script}"));
    Ok(())
}
