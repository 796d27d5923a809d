//! What shells and `man` are told of the command line.

use std::process::Command;

use crate::lab::Lab;

/// Words that bash would offer for the last of `words`, or `None` where there is no bash.
fn offered(lab: &Lab, words: &[&str]) -> Option<Vec<String>> {
    Command::new("bash").arg("--version").output().ok()?;
    let last = words.len() - 1;
    let script = format!(
        "set -e; source completions.bash; COMP_WORDS=({}); COMP_CWORD={last}; \
         set -- $(complete -p em-cli); while [ \"$1\" != -F ]; do shift; done; \
         \"$2\" em-cli '{}' '{}' || true; echo \"${{COMPREPLY[@]}}\"",
        words.join(" "),
        words[last],
        words[last - 1]
    );
    let output = lab.command("bash", &["--norc", "-c", &script]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().split_whitespace().map(str::to_owned).collect())
}

#[test]
fn bash_completes_commands_options_and_values() {
    let lab = Lab::new();
    lab.write("completions.bash", &lab.ok("completions bash"));
    let Some(commands) = offered(&lab, &["em-cli", "pre"]) else {
        eprintln!("skipped: there is no bash");
        return;
    };
    assert_eq!(commands, ["predict"]);
    assert_eq!(offered(&lab, &["em-cli", "predict", "--thr"]).unwrap(), ["--threshold"]);
    assert_eq!(offered(&lab, &["em-cli", "completions", "fi"]).unwrap(), ["fish"]);
}

#[test]
fn each_shell_has_a_script_that_names_each_command() {
    let lab = Lab::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = lab.ok(&format!("completions {shell}"));
        for command in ["annotate", "measure", "predict", "shards", "train"] {
            assert!(script.contains(command), "{shell} does not know `{command}`");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_each_command_with_its_options() {
    let lab = Lab::new();
    lab.ok("man pages/man1");
    let main = lab.read("pages/man1/em-cli.1");
    let help = lab.ok("--help");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  "))
        // What is told of a command goes on further to the right.
        .filter(|line| !line.starts_with(' '))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 20, "{help}");
    for command in commands {
        if command == "help" {
            continue;
        }
        assert!(main.contains(&command.replace('-', "\\-")), "`{command}` is not in the first page");
        assert!(lab.path(&format!("pages/man1/em-cli-{command}.1")).exists(), "`{command}` has no page");
    }
    assert!(lab.read("pages/man1/em-cli-predict.1").contains("\\-\\-threshold"));
    // Written again, they are the same.
    lab.ok("man pages/man1");
    assert_eq!(lab.read("pages/man1/em-cli.1"), main);
}

#[test]
fn a_folder_that_is_a_file_is_no_place_for_the_manual() {
    let lab = Lab::new();
    lab.write("pages", "");
    let message = lab.mistake("man pages");
    assert!(message.starts_with("error: cannot make the folder `pages`"), "{message}");
}
