//! Whoever reads the output may leave, close the terminal, or have no room for it; and other work may
//! share the machine.

use crate::lab::Lab;

#[test]
#[cfg(unix)]
fn a_reader_that_leaves_is_no_error() {
    let lab = Lab::new();
    let script = format!("{} config init | true; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_em-cli"));
    let output = lab.command("bash", &["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Starts a program whose output nobody reads from its first line on, and waits for it.
#[cfg(unix)]
fn unread(lab: &Lab, arguments: &str, then: impl FnOnce(u32)) -> std::process::ExitStatus {
    use std::process::Stdio;
    let mut child = lab.em_cli(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    then(child.id());
    child.wait().unwrap()
}

#[test]
#[cfg(unix)]
fn work_is_finished_whoever_reads() {
    let lab = Lab::with_stacks();
    let status = unread(&lab, "train run.toml --device cpu --set train.epochs=3", |_| {});
    assert!(status.success(), "{status}");
    assert_eq!(lab.read("run/history.csv").lines().count(), 4);
    assert!(lab.path("run/report.html").is_file());
    let status = unread(&lab, "measure a=train_mitochondria.tif b=val_mitochondria.tif -o out", |_| {});
    assert_eq!(status.code(), Some(1), "an error is one, though nobody reads it: two shapes");
    assert!(unread(&lab, "measure train_mitochondria.tif -o out", |_| {}).success());
    assert!(lab.path("out/summary.json").is_file() && lab.path("out/report.html").is_file());
}

#[test]
#[cfg(unix)]
fn a_terminal_that_is_closed_ends_no_training() {
    let lab = Lab::with_stacks();
    let hang_up = |process: u32| {
        let begun = std::time::Instant::now();
        while !lab.path("run/last/state.safetensors").exists() {
            assert!(begun.elapsed().as_secs() < 120, "no epoch after two minutes");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        assert!(lab.command("kill", &["-HUP", &process.to_string()]).status().unwrap().success());
    };
    let status = unread(&lab, "train run.toml --device cpu --set train.epochs=40", hang_up);
    assert!(status.success(), "{status}");
    assert_eq!(lab.read("run/history.csv").lines().count(), 41);
}

#[cfg(target_os = "linux")]
#[test]
fn threads_sleep_while_they_wait_unless_a_user_says_otherwise() {
    let lab = Lab::with_stacks();
    let spins = |variables: &[(&str, &str)]| {
        let mut command = lab.em_cli("train run.toml --device cpu --overwrite");
        command.env_remove("OMP_WAIT_POLICY").env_remove("GOMP_SPINCOUNT");
        command.env("OMP_DISPLAY_ENV", "verbose").envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert!(output.status.success());
        let told = String::from_utf8(output.stderr).unwrap();
        // The last one is the process that computes.
        let line = told.lines().rfind(|line| line.contains("GOMP_SPINCOUNT")).unwrap_or_default().to_owned();
        line.split('\'').nth(1).map(str::to_owned)
    };
    assert_eq!(spins(&[]).as_deref(), Some("0"));
    assert_eq!(spins(&[("OMP_WAIT_POLICY", "active")]).as_deref(), Some("30000000000"));
    assert_eq!(spins(&[("GOMP_SPINCOUNT", "77")]).as_deref(), Some("77"));
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_is_not_written_is_an_error() {
    let lab = Lab::new();
    let full = std::fs::File::create("/dev/full").unwrap();
    let output = lab.em_cli("config init").stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.starts_with("error: standard output cannot be written: "), "{message}");
}
