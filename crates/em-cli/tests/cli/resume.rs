//! A training that is killed at any moment ends as one that was never stopped.

use std::io::{BufRead, BufReader};
use std::process::{ChildStdout, Stdio};
use std::thread;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;

use crate::lab::Lab;

/// Times that the training is killed.
const KILLS: usize = 6;

/// Dropout, warps, noise, batch norm and averaged weights, so that every generator and every statistic matters.
const CONFIG: &str = "\
[data]
folder = \".\"
[tiling]
tile_size = 32
tiles_per_epoch = 64
[model]
preset = \"notebook\"
norm = \"batch\"
filters = [4, 8, 8, 8, 8]
[train]
epochs = 14
batch_size = 4
average_decay = 0.9
[augmentation]
warp_probability = 0.5
rotation = 30
elastic = 2
noise = 0.1
defects = 0.3
[train.schedule]
kind = \"plateau\"
plateau_patience = 1
";

#[test]
fn a_killed_training_ends_with_the_same_bytes() {
    let lab = Lab::with_stacks();
    lab.write("run.toml", CONFIG);
    lab.ok("train --config run.toml --device cpu --set output.folder=whole");

    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut saved_at_kill = Vec::new();
    for _ in 0..KILLS {
        kill_after(&lab, rng.random_range(0..3), Duration::from_millis(rng.random_range(0..150)));
        saved_at_kill.push(finished_epochs(&lab));
    }
    assert!(
        saved_at_kill.last() > saved_at_kill.first(),
        "no kill met a resumed training: {saved_at_kill:?}"
    );
    let printed = lab.ok("train --config run.toml --device cpu --set output.folder=killed --resume");
    assert!(printed.contains("resumed after epoch"), "{printed}");

    assert_eq!(lab.bytes("killed/model.safetensors"), lab.bytes("whole/model.safetensors"));
    assert_eq!(lab.read("killed/model.json"), lab.read("whole/model.json"));
    assert_eq!(lab.read("killed/scores.json"), lab.read("whole/scores.json"));
    assert_eq!(without_timings(&lab, "killed"), without_timings(&lab, "whole"));
    let [killed, whole] = ["killed", "whole"].map(|run| lab.bytes(&format!("{run}/last/state.safetensors")));
    assert_same_tensors(&killed, &whole);
    let unfinished: Vec<String> = lab.files().into_keys().filter(|name| name.ends_with(".part")).collect();
    assert_eq!(unfinished, Vec::<String>::new(), "left behind by the kills");
}

/// Trains on, and kills the training `wait` after it has printed so many epochs (or has started).
fn kill_after(lab: &Lab, epochs: usize, wait: Duration) {
    let mut command = lab.em_cli("train --config run.toml --device cpu --set output.folder=killed --resume");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
    wait_for(&mut printed, "training ");
    (0..epochs).for_each(|_| wait_for(&mut printed, "epoch "));
    thread::sleep(wait);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "the training was over before it was killed: take more epochs");
}

fn wait_for(printed: &mut std::io::Lines<BufReader<ChildStdout>>, start: &str) {
    let met = printed.by_ref().map(Result::unwrap).any(|line| line.starts_with(start));
    assert!(met, "the training ended before it printed `{start}`");
}

fn finished_epochs(lab: &Lab) -> usize {
    let path = lab.path("killed/history.csv");
    std::fs::read_to_string(path).map_or(0, |history| history.lines().count() - 1)
}

/// `history.csv` less its last two columns, `seconds` and `tiles_per_second`.
fn without_timings(lab: &Lab, run: &str) -> Vec<String> {
    let history = lab.read(&format!("{run}/history.csv"));
    history.lines().map(|line| line.rsplitn(3, ',').last().unwrap().to_owned()).collect()
}

fn assert_same_tensors(a: &[u8], b: &[u8]) {
    let [a, b] = [a, b].map(|bytes| SafeTensors::deserialize(bytes).unwrap());
    let mut names = a.names();
    names.sort_unstable();
    assert!(names.iter().any(|name| name.starts_with("optimizer.")), "{names:?}");
    assert_eq!(a.len(), b.len());
    for name in names {
        assert_eq!(a.tensor(name).unwrap(), b.tensor(name).unwrap(), "{name}");
    }
}
