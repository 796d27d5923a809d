//! Where the workspace lies, and how its chores start child processes.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};

/// Returns the workspace's root folder.
///
/// Cargo sets the variable for every `cargo run`, so a binary that several checkouts share still finds the one that it was started in.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest.parent().expect("xtask lies in the workspace root").to_owned()
}

/// Starts a command line for the cargo that runs this program.
pub fn cargo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(args);
    // What cargo tells this program of its own package: build scripts look at it, and would run again, with all that is
    // compiled upon them, after each command that somebody starts by hand.
    let of_this_package = |name: &OsString| {
        name.to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
    };
    for name in env::vars_os().map(|(name, _)| name).filter(of_this_package) {
        command.env_remove(name);
    }
    command
}

/// Prints a command line, runs it and checks its exit status.
pub fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", display(command));
    let status = command.status().with_context(|| format!("cannot start `{}`", display(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", display(command));
    }
    Ok(())
}

/// Prints a command line, runs it and returns what it wrote to its standard output.
pub fn capture(command: &mut Command) -> Result<String> {
    println!("$ {}", display(command));
    command.stderr(std::process::Stdio::inherit());
    let output = command.output().with_context(|| format!("cannot start `{}`", display(command)))?;
    if !output.status.success() {
        bail!("`{}` failed ({})", display(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no UTF-8", display(command)))
}

/// Returns the folder of cargo's outputs.
pub fn target_folder() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Builds the program, with the features that its users get.
pub fn build_em_cli() -> Result<()> {
    run(&mut cargo(["build", "--release", "--package", "em-cli"]))
}

/// Starts a command line of the built program.
pub fn em_cli<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(args: I) -> Command {
    let mut command = Command::new(target_folder().join("release/em-cli"));
    command.args(args);
    command
}

/// Writes `CLASS=FILE`, the form in which `em-cli` takes the files of a class.
pub fn named(class: &str, file: &Path) -> OsString {
    let mut text = OsString::from(format!("{class}="));
    text.push(file);
    text
}

/// Creates a folder and those above it.
pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot create the folder `{}`", path.display()))
}

/// Shows a command line as it would be typed: the program by its name, quotes where a shell needs them.
pub fn display(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name).chain(command.get_args()).map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_line_can_be_pasted_into_a_shell() {
        let mut command = Command::new("/opt/bin/em-cli");
        command.args(["train", "--set", r#"data.folder="my data""#, "it's"]);
        assert_eq!(display(&command), r#"em-cli train --set 'data.folder="my data"' 'it'\''s'"#);
    }

    #[test]
    fn the_root_holds_the_lock_file() {
        assert!(root().join("Cargo.lock").is_file());
    }

    #[test]
    fn the_files_that_contributing_names_exist() {
        let text = fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap();
        let named = text.split('`').skip(1).step_by(2);
        let paths = named.filter(|word| {
            let placeholder = word.contains("NAME") || word.contains(' ');
            !placeholder
                && ["crates/", "docs/", "fuzz/", "xtask/"].iter().any(|start| word.starts_with(start))
        });
        let missing: Vec<&str> = paths.filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = run(Command::new("false").arg("--now")).unwrap_err();
        assert!(error.to_string().starts_with("`false --now` failed"), "{error}");
    }
}
