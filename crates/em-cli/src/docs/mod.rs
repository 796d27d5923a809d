//! Tests that hold the documentation to the program: its commands are understood, its options are there, and the pages that are made from types are those types.
//!
//! Commands that run within seconds are run, too, by `tests/cli/docs.rs`.

mod blocks;
mod command_line;
mod configuration;
mod reference;

use clap::{CommandFactory, Parser};

use crate::cli::Cli;

/// What stands before `em-cli` on a line, or without it; another program would be checked by nobody.
const OTHER_PROGRAMS: [&str; 13] = [
    "cargo", // `cargo xtask` is parsed in xtask
    "echo",  // run with the tutorial
    "export",
    "mpirun",
    "napari",
    "pip",
    "srun",
    "tensorboard",
    "torchrun",
    "python3",
    "cd",
    "podman",
    "tar",
];

/// Says what is wrong with the arguments of a command line, if anything.
fn misunderstood(words: &[String]) -> Option<String> {
    let error = Cli::try_parse_from(words).err()?;
    error.use_stderr().then(|| error.to_string())
}

#[test]
fn every_command_in_a_block_of_the_documentation_is_understood() {
    let (mut parsed, mut wrong) = (0, Vec::new());
    for page in blocks::pages() {
        for line in blocks::blocks(&page).iter().flat_map(|block| block.commands()) {
            let first = line.split_whitespace().next().unwrap();
            match blocks::em_cli(&line) {
                Some(words) => {
                    parsed += 1;
                    wrong.extend(misunderstood(&words).map(|why| format!("{page}: {line}\n{why}")));
                }
                None if OTHER_PROGRAMS.contains(&first) => {}
                None => wrong.push(format!("{page}: {line}\nno test knows this program")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(parsed > 60, "{parsed} commands");
}

/// The pieces of a page's sentences that are set as code and begin with the program's name.
fn commands_in_sentences(page: &str) -> Vec<String> {
    let text = blocks::text(page);
    let sentences = text.split("\n```").step_by(2).flat_map(|part| part.lines().skip(1));
    let code = sentences.flat_map(|line| line.split('`').skip(1).step_by(2));
    code.filter(|code| code.starts_with("em-cli ")).map(str::to_owned).collect()
}

/// The options of a command line that its command does not have.
fn unknown_options(command: &clap::Command, line: &str) -> Vec<String> {
    let mut command = command;
    let words: Vec<&str> = line.split([' ', '=', '|']).skip(1).collect();
    for word in &words {
        match command.find_subcommand(word) {
            Some(inner) => command = inner,
            None => break,
        }
    }
    let known = |option: &str| {
        ["help", "version", "quiet"].contains(&option)
            || command.get_arguments().any(|argument| argument.get_long() == Some(option))
    };
    let options = words
        .iter()
        .filter_map(|word| word.strip_prefix("--"))
        .map(|word| word.trim_end_matches([',', '.', ']']));
    options.filter(|option| !known(option)).map(str::to_owned).collect()
}

#[test]
fn commands_and_options_in_sentences_are_those_of_the_program() {
    let mut command = Cli::command();
    command.build();
    let (mut seen, mut wrong) = (0, Vec::new());
    for page in blocks::pages() {
        for line in commands_in_sentences(&page) {
            seen += 1;
            let name = line.split_whitespace().nth(1).unwrap();
            let is_command = name.starts_with('-') || command.find_subcommand(name).is_some();
            let unknown = unknown_options(&command, &line);
            if !is_command || !unknown.is_empty() {
                wrong.push(format!("{page}: `{line}`: {unknown:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 60, "{seen} commands");
}

#[test]
fn the_macro_for_fiji_calls_a_command_that_is_understood() {
    let block =
        blocks::blocks("docs/how-to/fiji.md").into_iter().find(|block| block.language == "ijm").unwrap();
    let call = block.lines.iter().find_map(|line| line.strip_prefix("answer = exec(program, ")).unwrap();
    let arguments = call.strip_suffix(");").unwrap().split(", ");
    // What has no quotes is a variable of the macro.
    let words = arguments.map(|word| word.trim_matches('"').to_owned());
    let words: Vec<String> = std::iter::once("em-cli".to_owned()).chain(words).collect();
    assert_eq!(misunderstood(&words), None);
}
