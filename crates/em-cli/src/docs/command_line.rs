//! `docs/reference/command-line.md`, from the types of the arguments.

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::reference::{cell, sentence};
use crate::cli::Cli;

/// Returns the page.
pub fn page() -> String {
    let mut program = Cli::command().term_width(100);
    program.build();
    let mut page = String::from(
        "# Commands and options\n\n\
         *Made from the program by `cargo xtask book --renew`.*\n\n\
         `--help` behind a command prints the same in a terminal.\n\
         Every command has `--quiet`, which leaves what was asked for, warnings and errors; what else they print is in the [reference](../reference.md#what-commands-print).\n\n\
         | command | does |\n|---|---|\n",
    );
    for command in commands(&program) {
        let name = name(command);
        page += &format!("| [`{name}`](#{}) | {} |\n", name.replace(' ', "-"), cell(&about(command)));
    }
    for command in commands(&program) {
        section(&mut page, command);
    }
    page
}

/// The commands that do something, in their order; those that only hold others are left out.
fn commands(program: &Command) -> Vec<&Command> {
    let inner = |command: &Command| command.get_name() != "help" && !command.is_hide_set();
    let mut all = Vec::new();
    for command in program.get_subcommands().filter(|command| inner(command)) {
        if command.has_subcommands() {
            all.extend(commands(command));
        } else {
            all.push(command);
        }
    }
    all
}

/// The words by which a command is called.
fn name(command: &Command) -> String {
    command.get_bin_name().expect("a built command knows its name").to_owned()
}

fn about(command: &Command) -> String {
    let about = command.get_long_about().or(command.get_about());
    sentence(&about.expect("every command says what it does").to_string())
}

fn section(page: &mut String, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").lines().map(str::trim).collect::<Vec<_>>().join("\n");
    *page += &format!("\n## {}\n\n{}\n\n```text\n{usage}\n```\n", name(command), about(command));
    let shown = |argument: &&Arg| {
        !argument.is_hide_set() && !["help", "version", "quiet"].contains(&argument.get_id().as_str())
    };
    let (places, options): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(shown).partition(|argument| argument.is_positional());
    if places.is_empty() && options.is_empty() {
        return;
    }
    *page += "\n| argument | meaning |\n|---|---|\n";
    for argument in places.into_iter().chain(options) {
        *page += &format!("| {} | {} |\n", cell(&form(argument)), cell(&meaning(argument)));
    }
}

/// An argument as it is typed.
fn form(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let values = names.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" ");
    let values = if argument.get_action().takes_values() { values } else { String::new() };
    let repeated = argument.get_num_args().is_some_and(|range| range.max_values() > 1 && names.len() < 2);
    let values = if repeated { format!("{values}...") } else { values };
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let option = [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ");
    format!("`{}`", format!("{option} {values}").trim())
}

/// What an argument is for, and what it is without being given.
fn meaning(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let mut text = sentence(&help.expect("every argument says what it is for").to_string());
    let choices = argument.get_possible_values();
    if argument.get_action().takes_values() && !choices.is_empty() {
        let one = |value: &clap::builder::PossibleValue| match value.get_help() {
            Some(help) => format!("`{}` ({help})", value.get_name()),
            None => format!("`{}`", value.get_name()),
        };
        text += &format!(" One of {}.", choices.iter().map(one).collect::<Vec<_>>().join(", "));
    }
    let defaults: Vec<_> =
        argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        text += &format!(" Default: `{}`.", defaults.join(" "));
    }
    if matches!(argument.get_action(), ArgAction::Append) && !argument.is_positional() {
        text += " May be given several times.";
    }
    text
}
