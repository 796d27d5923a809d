//! Pages of the reference that are made from the program, compared with those that are committed.

use std::fs;

use super::{blocks, command_line, configuration};

/// Set, it has the tests write the pages; `cargo xtask book --renew` sets it.
const RENEW: &str = "RENEW_DOCS";

fn is_committed(page: &str, text: &str) {
    let path = blocks::root().join(page);
    if std::env::var_os(RENEW).is_some() {
        fs::write(path, text).unwrap();
        return;
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    let line = committed.lines().zip(text.lines()).position(|(old, new)| old != new);
    let line = line.unwrap_or(committed.lines().count().min(text.lines().count()));
    assert!(
        committed == text,
        "{page} is not what the program has, from line {} on: `{}`; `cargo xtask book --renew` writes it",
        line + 1,
        text.lines().nth(line).unwrap_or_default()
    );
}

#[test]
fn the_page_of_keys_is_that_of_the_configuration_types() {
    is_committed("docs/reference/configuration.md", &configuration::page());
}

#[test]
fn the_page_of_commands_is_that_of_the_command_line() {
    is_committed("docs/reference/command-line.md", &command_line::page());
}

/// Makes a text fit for a cell of a table, which ends at `|` and would take `<class>` for a tag of HTML.
pub fn cell(text: &str) -> String {
    let pieces = text.split('`').enumerate().map(|(index, piece)| {
        let piece = piece.replace('|', "\\|").replace('\n', " ");
        if index % 2 == 0 { piece.replace('<', "\\<").replace('*', "\\*") } else { piece }
    });
    pieces.collect::<Vec<_>>().join("`")
}

/// A first letter in upper case and a full stop.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if text.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

#[test]
fn cells_keep_code_and_hide_what_markdown_would_read() {
    assert_eq!(cell("a <b> | `c <d> | e`\nf*"), "a \\<b> \\| `c <d> \\| e` f\\*");
    assert_eq!(sentence("write it"), "Write it.");
}
