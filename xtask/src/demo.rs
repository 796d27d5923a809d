//! `cargo xtask demo`: the whole pipeline once, as a user would type it.
//!
//! The steps are child processes of the built `em-cli`; each command line is printed before it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::advice::Advised;
use crate::libtorch;
use crate::tissue;
use crate::workspace::{build_em_cli, create_folder, display, em_cli, root, run as run_command};

/// Arguments of `cargo xtask demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Use this folder of `train.tif`, `train_<class>.tif`, `val.tif`, `val_<class>.tif` instead of a phantom
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Put everything that is made into this folder [default: demo in the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Builds the program, then makes or takes a volume, trains, predicts, evaluates and reports; last, a built-in network predicts real tissue.
pub fn run(args: &Args) -> Result<()> {
    libtorch::ensure()?;
    build_em_cli()?;

    let started = Instant::now();
    let out = args.out.as_deref().map_or_else(|| Ok(root().join("demo")), absolute)?;
    create_folder(&out)?;
    let model = train_and_score(args.data.as_deref(), &out)?;
    println!("\nReal tissue that nobody labelled, and a network that is built in:");
    let found = tissue::predict(&out.join("fib25"))?;
    let objects = tissue::measure(&out.join("fib25"), &found)?;

    println!("\nreport of the training: {}", model.join("report.html").display());
    println!("mask of the real tissue: {}", found.mask.display());
    println!("report of its objects: {}", objects.join("report.html").display());
    println!(
        "to look at them, after `cargo install --path crates/em-cli`:\n  {}",
        display(&tissue::view(&objects))
    );
    println!("done in {:.0} s after the build", started.elapsed().as_secs_f64());
    Ok(())
}

/// Trains on a phantom, or on the volumes of a folder, predicts and scores the held-out block, and returns the run.
fn train_and_score(data: Option<&Path>, out: &Path) -> Result<PathBuf> {
    let volumes = match data {
        Some(folder) => absolute(folder)?,
        None => {
            run_command(em_cli(["phantom"]).arg(out.join("data")))?;
            out.join("data")
        }
    };
    // The phantom's synapses are too few to learn in a few minutes.
    let classes = match data {
        Some(_) => classes_in(&volumes)?,
        None => vec!["mitochondria".to_owned()],
    };
    let model = out.join("run");
    run_command(
        em_cli(["train", "--config"])
            .arg(root().join("configs/demo.toml"))
            .args(["--set", &assignment("data.folder", &volumes)])
            .args(["--set", &assignment("output.folder", &model)])
            .args(["--set", &format!("data.classes={classes:?}")])
            .arg("--overwrite"),
    )?;
    let (mask, probabilities) = (out.join("prediction.tif"), out.join("probabilities.tif"));
    run_command(
        em_cli(["predict", "--model"])
            .arg(&model)
            .arg(volumes.join("val.tif"))
            .arg("-o")
            .arg(&mask)
            .arg("--probabilities")
            .arg(&probabilities)
            .arg("--overwrite"),
    )?;
    for class in &classes {
        // Several classes are written beside each other, as `prediction_<class>.tif`.
        let mask = match classes.len() {
            1 => mask.clone(),
            _ => out.join(format!("prediction_{class}.tif")),
        };
        let label = volumes.join(format!("val_{class}.tif"));
        println!("\n{class}");
        run_command(em_cli(["evaluate", "--prediction"]).arg(mask).arg("--label").arg(label))?;
    }
    Ok(model)
}

/// Returns the classes that have a label for both blocks: the `<class>` of `train_<class>.tif` and `val_<class>.tif`.
fn classes_in(folder: &Path) -> Result<Vec<String>> {
    let read = || -> std::io::Result<Vec<String>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    let names = read().with_context(|| format!("cannot read `{}`", folder.display()))?;
    let class = |name: &String| Some(name.strip_prefix("train_")?.strip_suffix(".tif")?.to_owned());
    let mut classes: Vec<String> = names.iter().filter_map(class).collect();
    classes.retain(|class| names.contains(&format!("val_{class}.tif")));
    classes.sort();
    if classes.is_empty() {
        return Err(Advised::new(
            format!("`{}` holds no labelled volume", folder.display()),
            "expected train.tif, train_<class>.tif, val.tif and val_<class>.tif",
        )
        .into());
    }
    Ok(classes)
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("`{}` is no path", path.display()))
}

/// Writes `key="path"` as TOML, the form that `--set` reads.
fn assignment(key: &str, path: &Path) -> String {
    let path = path.to_string_lossy().replace('\\', r"\\").replace('"', r#"\""#);
    format!(r#"{key}="{path}""#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_a_label_for_both_blocks() {
        let folder = tempfile::tempdir().unwrap();
        assert!(classes_in(folder.path()).is_err());
        for name in [
            "train.tif",
            "val.tif",
            "train_synapses.tif",
            "val_synapses.tif",
            "train_axons.tif",
            "train_a.csv",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(classes_in(folder.path()).unwrap(), ["synapses"]);
    }

    #[test]
    fn a_path_is_quoted_as_toml() {
        assert_eq!(assignment("data.folder", Path::new(r#"/a "b"\c"#)), r#"data.folder="/a \"b\"\\c""#);
    }
}
