//! Work shared out among programs: the bytes of one program, kills, and what is refused.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use insta::assert_snapshot;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::lab::{self, Lab};

/// A trained run whose masks are cleaned as volumes, and a stack of 70 sections: chunks of 16 and a rest.
fn lab_with_run(cleaning: bool) -> Lab {
    let lab = Lab::with_stacks();
    let config = lab.read("run.toml").replace("[output]", "[predict]\nblock_voxels = 50000\n[output]");
    lab.write("run.toml", &config);
    lab.ok("train --config run.toml --device cpu");
    lab.write_volume("stack.tif", lab::raw([70, 96, 96]));
    if cleaning {
        let card: Value = serde_json::from_str(&lab.read("run/model.json")).unwrap();
        let postprocess =
            json!({"extent": "volume", "median_size": 3, "minimum_voxels": 5, "fill_holes": true});
        let class = json!({"threshold": 0.5, "postprocess": postprocess, "steps": []});
        let tuning = json!({
            "format_version": 1, "weights_sha256": card["weights_sha256"], "classes": {"mitochondria": class},
        });
        lab.write("run/tune.json", &tuning.to_string());
    }
    lab
}

/// All files below a folder of the lab, with their bytes.
pub fn contents(lab: &Lab, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{folder}/");
    let names = lab.files().into_keys().filter_map(|name| Some(name.strip_prefix(&prefix)?.to_owned()));
    let files = names.filter(|name| lab.path(&format!("{folder}/{name}")).is_file());
    files.map(|name| (name.clone(), lab.bytes(&format!("{folder}/{name}")))).collect()
}

fn assert_same_images(lab: &Lab, shared: &str, whole: &str) {
    let (shared, whole) = (contents(lab, shared), contents(lab, whole));
    assert!(shared.keys().eq(whole.keys()), "{:?}\n{:?}", shared.keys(), whole.keys());
    for (name, bytes) in &whole {
        let (found, expected) = (&shared[name], bytes);
        if name.ends_with(".json") && !name.contains('/') {
            // The name of the image is that of its folder.
            let text =
                |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("whole", "").replace("shared", "");
            assert_eq!(text(found), text(expected), "{name}");
        } else {
            assert!(found == expected, "{name}");
        }
    }
}

const SHARED: &str =
    "predict --model run stack.tif -o shared.zarr --probabilities shared_p.zarr --device cpu";

#[test]
fn shards_make_the_bytes_of_one_program_whatever_is_killed() {
    for cleaning in [false, true] {
        let lab = lab_with_run(cleaning);
        lab.ok(&SHARED.replace("shared", "whole"));
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        // Out of order; the last of them is empty, since there are five chunks along z.
        for shard in [4, 0, 6, 5, 2, 1, 3] {
            let arguments = format!("{SHARED} --shard {shard}/7");
            let mut child = lab.em_cli(&arguments).spawn().unwrap();
            thread::sleep(Duration::from_millis(rng.random_range(0..400)));
            child.kill().unwrap();
            child.wait().unwrap();
            lab.ok(&arguments);
        }
        assert!(lab.ok(&format!("{SHARED} --shard 3/7")).contains("shard 3/7 was done before"));
        assert_eq!(lab.ok("shards shared.zarr --missing"), "\n");
        assert!(em_io::open(lab.path("shared_p.zarr")).is_err(), "what is not finished cannot be opened");
        lab.ok("shards shared.zarr --finish");
        assert_same_images(&lab, "shared.zarr", "whole.zarr");
        assert_same_images(&lab, "shared_p.zarr", "whole_p.zarr");
        let left: Vec<String> = lab
            .files()
            .into_keys()
            .filter(|name| name.contains(".part") || name.contains(".shards"))
            .collect();
        assert_eq!(left, Vec::<String>::new());
    }
}

#[test]
fn what_is_missing_or_broken_is_told_and_made_again() {
    let lab = lab_with_run(false);
    for shard in [0, 2] {
        let mut command = lab.em_cli(&format!("{SHARED} --shard auto/3"));
        assert!(command.env("SLURM_ARRAY_TASK_ID", shard.to_string()).output().unwrap().status.success());
    }
    assert_snapshot!(lab.ok("shards shared.zarr"), @"
    2 of 3 shards are done
    missing: 1
    ");
    let marker: Value = serde_json::from_str(&lab.read("shared.zarr.shards/00002.json")).unwrap();
    let file = marker["files"][0]["path"].as_str().unwrap().to_owned();
    let bytes = lab.bytes(&file);
    let mut changed = bytes.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(lab.path(&file), changed).unwrap();
    assert!(!lab.ok("shards shared.zarr").contains("broken"), "a look at the lengths sees nothing");
    let told = lab.ok("shards shared.zarr --verify --json");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["done"], &told["missing"], &told["broken"][0]["shard"]),
        (&json!(1), &json!([1]), &json!(2))
    );
    fs::remove_file(lab.path(&file)).unwrap();
    assert!(lab.ok("shards shared.zarr").contains(&format!("broken: 2: `{file}` is missing")));
    assert_eq!(lab.ok("shards shared.zarr --missing"), "1-2\n");
    assert_snapshot!(lab.mistake("shards shared.zarr --finish"), @"
    error: 2 of 3 shards of `shared.zarr` are not done: 1-2
    hint: do these first; `em-cli shards shared.zarr` tells what is wrong with each
    ");
    lab.ok(&format!("{SHARED} --shard 2/3"));
    assert_eq!(lab.bytes(&file), bytes, "the same shard has the same bytes");
}

#[test]
fn shards_of_another_request_are_refused() {
    let lab = lab_with_run(false);
    lab.write("shared.zarr", "somebody's");
    let message = lab.mistake(&format!("{SHARED} --shard 0/3"));
    assert!(message.starts_with("error: `shared.zarr` exists already"), "{message}");
    fs::remove_file(lab.path("shared.zarr")).unwrap();
    lab.ok(&format!("{SHARED} --shard 0/3"));
    assert_snapshot!(lab.mistake(&format!("{SHARED} --shard 1/3 --threshold 0.4")), @"
    error: shards of `shared.zarr` were begun otherwise: `shared.zarr` was a mask above 0.5, found a mask above 0.4
    hint: give what they were begun with, or remove `shared.zarr.shards` and what they have written
    ");
    let message = lab.mistake(&format!("{SHARED} --shard 1/4"));
    assert!(message.contains("the number of parts was 3 shards, found 4 shards"), "{message}");
    let tif = SHARED.replace("shared.zarr", "shared.tif");
    let message = lab.mistake(&format!("{tif} --shard 1/3"));
    assert!(message.contains("expected a path that ends in .zarr"), "{message}");
    assert_snapshot!(lab.mistake("shards stack.tif"), @"
    error: `stack.tif` has no shards
    hint: name the output as it was given to `predict --shard` or `measure --shard`; where shards are finished, nothing is left of them
    ");
}

#[test]
fn shards_are_ended_from_any_folder_and_lie_in_any() {
    let lab = lab_with_run(true);
    for folder in ["out", "elsewhere", "away"] {
        fs::create_dir(lab.path(folder)).unwrap();
    }
    let predict = |place: &str| {
        format!(
            "predict --model run stack.tif -o {place}m.zarr --probabilities elsewhere/{place}p.zarr --device cpu"
        )
    };
    fs::create_dir(lab.path("elsewhere/out")).unwrap();
    lab.ok(&predict(""));
    for shard in 0..2 {
        lab.ok(&format!("{} --shard {shard}/2", predict("out/")));
    }
    assert_eq!(
        lab.ok("shards out/m.zarr --verify"),
        "2 of 2 shards are done\nend the prediction with --finish\n"
    );
    let before = lab.files();
    let finish = lab.em_cli("shards ../out/m.zarr --finish").current_dir(lab.path("away")).output().unwrap();
    assert!(finish.status.success(), "{finish:?}");
    assert_eq!(fs::read_dir(lab.path("away")).unwrap().count(), 0, "nothing is written where it is started");
    assert_same_images(&lab, "out/m.zarr", "m.zarr");
    assert_same_images(&lab, "elsewhere/out/p.zarr", "elsewhere/p.zarr");
    assert!(before.contains_key("out/m.zarr.shards") && !lab.path("out/m.zarr.shards").exists());
}

#[test]
fn job_files_name_every_step_and_are_not_replaced_unasked() {
    let lab = Lab::new();
    let config = "\
shards = 12
folder = \"/data/my volumes\"
[predict]
model = [\"built-in mito\"]
input = \"raw.zarr\"
output = \"mask.zarr\"
options = [\"--threshold\", \"0.4\"]
[measure]
masks = [\"m=mask.zarr\"]
output = \"results\"
[resources]
at_once = 4
gpus = 1
[slurm]
options = [\"--partition=gpu\"]
";
    lab.write("cluster.toml", config);
    lab.ok("cluster slurm --config cluster.toml -o jobs");
    assert_snapshot!(lab.read("jobs/predict.sbatch"), @r##"
    #!/bin/sh
    # Each job of the array does one shard. A shard may be killed and begun again at any time.
    # Those that are missing, once more: sbatch --array="$(em-cli shards mask.zarr --missing)" predict.sbatch
    #SBATCH --job-name=em-predict
    #SBATCH --array=0-11%4
    #SBATCH --chdir='/data/my volumes'
    #SBATCH --output=em-predict-%a.log
    #SBATCH --requeue
    #SBATCH --cpus-per-task=4
    #SBATCH --mem=16G
    #SBATCH --gpus=1
    #SBATCH --partition=gpu
    set -eu
    export RAYON_NUM_THREADS=4 OMP_NUM_THREADS=4
    tries=0
    until em-cli predict raw.zarr -o mask.zarr --model 'built-in mito' --threshold 0.4 --shard auto/12; do
        tries=$((tries + 1))
        [ "$tries" -le 3 ] || exit 1
    done
    "##);
    assert_snapshot!(lab.read("jobs/submit.sh"), @r##"
    #!/bin/sh
    # Submits all jobs, each after the one that it needs.
    set -eu
    cd "$(dirname "$0")"
    predict=$(sbatch --parsable predict.sbatch)
    echo "predict: job $predict"
    finish=$(sbatch --parsable --dependency="afterok:$predict" --kill-on-invalid-dep=yes finish.sbatch)
    echo "finish: job $finish"
    measure=$(sbatch --parsable --dependency="afterok:$finish" --kill-on-invalid-dep=yes measure.sbatch)
    echo "measure: job $measure"
    merge=$(sbatch --parsable --dependency="afterok:$measure" --kill-on-invalid-dep=yes merge.sbatch)
    echo "merge: job $merge"
    "##);
    assert!(lab.read("jobs/merge.sbatch").ends_with("em-cli measure m=mask.zarr -o results --merge\n"));
    for script in ["predict.sbatch", "finish.sbatch", "measure.sbatch", "merge.sbatch", "submit.sh"] {
        assert!(lab.command("sh", &["-n", &format!("jobs/{script}")]).output().unwrap().status.success());
    }
    let message = lab.mistake("cluster slurm --config cluster.toml -o jobs");
    assert!(message.starts_with("error: `jobs/predict.sbatch` exists already"), "{message}");
    lab.ok("cluster kubernetes --config cluster.toml -o pods");
    let pods = lab.read("pods/predict.yaml");
    for line in [
        "  name: em-predict",
        "  completionMode: Indexed",
        "  completions: 12",
        "  parallelism: 4",
        "              nvidia.com/gpu: \"1\"",
    ] {
        assert!(pods.lines().any(|found| found == line), "{line} is not in\n{pods}");
    }
    let words = r#"["em-cli", "predict", "raw.zarr", "-o", "mask.zarr", "--model", "built-in mito", "--threshold", "0.4", "--shard", "auto/12"]"#;
    assert!(pods.contains(&format!("          command: {words}\n")), "{pods}");
    lab.ok("cluster daisy --config cluster.toml -o jobs");
    let compiled = lab.command("python3", &["-m", "py_compile", "jobs/run_daisy.py"]).output().unwrap();
    assert!(compiled.status.success(), "{compiled:?}");

    lab.write("cluster.toml", &config.replace("[measure]", "[mesure]"));
    let message = lab.mistake("cluster daisy --config cluster.toml -o other");
    assert!(message.ends_with("hint: did you mean `measure`?\n"), "{message}");
    lab.write("cluster.toml", "shards = 3");
    assert_snapshot!(lab.mistake("cluster daisy --config cluster.toml -o other"), @"
    error: there is neither [predict] nor [measure]
    hint: say in a section what is to be done
    ");
}
