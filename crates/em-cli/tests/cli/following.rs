//! How a work is followed: in a terminal of any width, in a file, by a program, or not at all.

use std::process::Output;

use serde_json::Value;

use crate::lab::Lab;

/// Trains long enough for a bar.
const TRAIN: &str = "train run.toml --device cpu --set train.epochs=3 --set tiling.tiles_per_epoch=96";

/// What a terminal of so many columns gets from a command, with its control characters.
#[cfg(target_os = "linux")]
fn in_terminal(lab: &Lab, columns: usize, arguments: &str, variables: &str) -> String {
    let program = env!("CARGO_BIN_EXE_em-cli");
    let line = format!("stty cols {columns} rows 40; {variables} {program} {arguments}");
    let mut command = lab.command("script", &["-qec", &line, "/dev/null"]);
    let output = command.env("TERM", "xterm-256color").env_remove("NO_COLOR").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text
}

/// Text as lines, without what moves the cursor and changes colours.
#[cfg(target_os = "linux")]
fn lines(text: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A sequence ends with its first letter.
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            plain.push(character);
        }
    }
    let lines = plain.split(['\r', '\n']).map(str::trim_end).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_followed_fits_terminals_of_any_width() {
    let lab = Lab::with_stacks();
    for columns in [20, 40, 80, 200] {
        let shown = lines(&in_terminal(&lab, columns, &format!("{TRAIN} --overwrite"), ""));
        // Words are never broken, such as the path of the report.
        let followed: Vec<&String> = shown.iter().filter(|line| !line.contains("report.html")).collect();
        assert!(followed.iter().all(|line| line.chars().count() <= columns), "{columns}: {followed:#?}");
        assert_eq!(
            followed.iter().any(|line| line.contains("95 % interval")),
            columns >= 60,
            "{followed:#?}"
        );
        let is_bar = |line: &&&String| line.contains("/96");
        assert!(followed.iter().any(|line| is_bar(&line)), "{columns}: {followed:#?}");
        assert_eq!(
            followed.iter().filter(is_bar).any(|line| line.contains('░')),
            columns > 20,
            "{followed:#?}"
        );
        let epochs = followed.iter().filter(|line| line.contains("/3") && line.contains("IoU")).count();
        assert_eq!(epochs, 3, "each epoch is one line of {columns} columns: {followed:#?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn only_a_terminal_has_colours_and_only_where_they_are_wanted() {
    let lab = Lab::with_stacks();
    lab.ok("train run.toml --device cpu");
    let shown = |epochs: usize, variables: &str| {
        let resume = format!("train run.toml --device cpu --resume --set train.epochs={epochs}");
        let text = in_terminal(&lab, 80, &resume, variables);
        assert!(lines(&text).iter().any(|line| line.starts_with("warning: after epoch")), "{text:?}");
        text
    };
    let has_colour = |text: &str| text.contains("\u{1b}[3");
    assert!(!has_colour(&shown(2, "NO_COLOR=1")));
    assert!(has_colour(&shown(3, "")));
}

#[test]
fn a_pipe_gets_lines_and_no_control_characters() {
    let lab = Lab::with_stacks();
    let Output { status, stdout, stderr } = lab.em_cli(TRAIN).output().unwrap();
    assert!(status.success());
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    let text = String::from_utf8(stdout).unwrap();
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text:?}");
    assert_eq!(text.lines().filter(|line| line.starts_with("epoch ")).count(), 3, "{text}");
}

#[test]
fn whoever_wants_quiet_gets_what_was_asked_for_warnings_and_errors() {
    let lab = Lab::with_stacks();
    let quiet = |arguments: &str| {
        let Output { stdout, stderr, .. } = lab.em_cli(&format!("--quiet {arguments}")).output().unwrap();
        [stdout, stderr].map(|text| String::from_utf8(text).unwrap())
    };
    assert_eq!(quiet("train run.toml --device cpu"), ["", ""]);
    assert_eq!(quiet("predict --model run val.tif -o p.tif --device cpu"), ["", ""]);
    assert_eq!(quiet("measure p.tif -o objects --voxel-size 5,5,5"), ["", ""]);
    let [told, warned] = quiet("train run.toml --device cpu --resume --set train.epochs=2");
    assert!(told.is_empty() && warned.starts_with("warning: after epoch 1"), "{told}{warned}");
    let [told, error] = quiet("measure p.tif -o objects");
    assert!(told.is_empty() && error.starts_with("error: "), "{told}{error}");
    assert!(quiet("evaluate --prediction p.tif --label val_mitochondria.tif")[0].contains("IoU"));
    assert!(quiet("inspect val.tif")[0].contains("shape"));
}

/// The events of a command, whose standard output has nothing else.
fn events(lab: &Lab, arguments: &str) -> Vec<Value> {
    let Output { stdout, .. } = lab.em_cli(&format!("{arguments} --json")).output().unwrap();
    let lines = String::from_utf8(stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A program gets what a person would read of such a path.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_utf_8_is_told_as_far_as_it_can_be() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let lab = Lab::new();
    let mut command = lab.em_cli("phantom --json --size 64 --train-sections 2 --val-sections 1");
    let Output { status, stdout, stderr } = command.arg(OsStr::from_bytes(b"p\xff")).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    let lines = String::from_utf8(stdout).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((last["event"].as_str(), last["folder"].as_str()), (Some("done"), Some("p\u{fffd}")));
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[test]
fn a_program_gets_each_event_as_a_line_of_json() {
    let lab = Lab::with_stacks();
    let trained = events(&lab, TRAIN);
    let told = names(&trained);
    assert_eq!((told[0], told[1], told[told.len() - 1]), ("begun", "planned", "done"), "{told:?}");
    assert_eq!(trained[0]["format_version"], 1);
    assert_eq!(trained[1]["classes"], serde_json::json!(["mitochondria"]));
    assert!(told.contains(&"step"), "{told:?}");
    let history = lab.read("run/history.csv");
    let epochs = trained.iter().filter(|event| event["event"] == "epoch");
    let ious: Vec<String> =
        epochs.map(|epoch| format!("{:.6}", epoch["validation"]["iou"].as_f64().unwrap())).collect();
    let column = history.lines().next().unwrap().split(',').position(|name| name == "val_iou").unwrap();
    let expected: Vec<&str> =
        history.lines().skip(1).map(|row| row.split(',').nth(column).unwrap()).collect();
    assert_eq!(ious, expected);
    let done = trained.last().unwrap();
    let scores: Value = serde_json::from_str(&lab.read("run/scores.json")).unwrap();
    let report = lab.path("run/report.html");
    assert_eq!((&done["scores"], done["report"].as_str().unwrap()), (&scores, report.to_str().unwrap()));

    let resumed = events(&lab, &TRAIN.replace("=3", "=4").replace("train run", "train --resume run"));
    assert!(names(&resumed).contains(&"resumed") && names(&resumed).contains(&"warning"), "{resumed:?}");

    let predicted = events(&lab, "predict --model run val.tif -o p.tif --probabilities q.tif --device cpu");
    let told = names(&predicted);
    assert!(told.contains(&"stage_started") && told.contains(&"stage_finished"), "{told:?}");
    let files = predicted.last().unwrap()["files"].as_array().unwrap();
    assert_eq!(
        (files[0]["path"].as_str(), files[1]["kind"].as_str()),
        (Some("p.tif"), Some("probabilities"))
    );

    let measured = events(&lab, "measure m=p.tif -o objects");
    assert!(measured.last().unwrap()["classes"]["m"]["objects"].is_u64(), "{measured:?}");
    let refused = events(&lab, "measure m=p.tif -o objects");
    assert_eq!(names(&refused), ["begun", "error"]);
    assert!(refused[1]["hint"].as_str().unwrap().contains("--overwrite"));
    for command in ["convert val.tif val.zarr", "extract val.tif sections", "tile val.tif tiles --size 32"] {
        let told = events(&lab, command);
        assert_eq!(names(&told).last(), Some(&"done"), "{command}: {told:?}");
    }
}
