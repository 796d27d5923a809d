//! `em-cli measure`: masks in; a table of objects, label volumes and a summary out, section by section.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use em_objects::{Connectivity, Extent, FindConfig, Foreground};
use em_pipeline::display;
use em_pipeline::measure::{
    ClassFiles, ClassSummary, MeasureRequest, Measurement, measure, measure_merged, measure_shard,
};
use em_pipeline::shards::Shard;
use serde_json::{Map, json};

use super::shards;
use crate::arguments::{NamedFile, distance, neck, shard, voxel_size};
use crate::cli::EventArgs;
use crate::console::{self, observed, say, shown_path};
use crate::error::UserError;

/// Arguments of `measure`.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// A mask of each class, as CLASS=FILE, of values 0 and 255 or 0 and 1; FILE alone is named after the file. A file whose own name holds a `=` is meant where it is there.
    #[arg(required = true, value_name = "CLASS=MASK")]
    masks: Vec<NamedFile>,
    /// The folder to write objects.csv, objects.parquet, summary.json, histograms.png, report.html and the labels to.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Probabilities of a class, as CLASS=FILE, for the mean probability of each object.
    #[arg(long, value_name = "CLASS=FILE")]
    probabilities: Vec<NamedFile>,
    /// The masks are label volumes: each value but 0 is one object, whether it hangs together or not.
    #[arg(long, conflicts_with = "flat")]
    instances: bool,
    /// Voxels that touch by a face (6), an edge (18) or a corner (26) are one object; 6 is 4 and the others 8 within sections.
    #[arg(long, default_value = "26", value_parser = connectivity)]
    connectivity: Connectivity,
    /// Objects end with their section: for stacks of sections that do not follow each other.
    #[arg(long)]
    flat: bool,
    /// Fill background that the foreground encloses within a section.
    #[arg(long, conflicts_with = "instances")]
    fill_holes: bool,
    /// Split objects that touch, at the outlines that a model with model.targets = ["mask", "boundary"] predicts, as CLASS=FILE.
    #[arg(long, value_name = "CLASS=FILE", conflicts_with_all = ["instances", "split"])]
    boundary: Vec<NamedFile>,
    /// Split objects that touch, where the neck between them is narrower than the thinner one by so many nm on each side.
    #[arg(long, value_name = "NM", value_parser = neck, conflicts_with = "instances")]
    split: Option<f64>,
    /// Leave out objects of fewer voxels.
    #[arg(long, default_value_t = 1, value_name = "N")]
    min_voxels: u64,
    /// Voxel size in nm, where the files do not tell it or tell it wrong.
    #[arg(long, value_name = "Z,Y,X", value_parser = voxel_size)]
    voxel_size: Option<[f64; 3]>,
    /// Farthest distance, in nm, at which a nearest object of another class is looked for.
    #[arg(long, default_value_t = 1000.0, value_name = "NM", value_parser = distance)]
    nearest_within: f64,
    /// Where to write the label volumes, in any format that is written; several classes as {name}_{class}. DIR/labels.tif if absent.
    #[arg(long, value_name = "OUT")]
    labels: Option<PathBuf>,
    /// Replace the results that are in the folder, and the label volumes.
    #[arg(long)]
    overwrite: bool,
    /// Only find the objects in one of N shards, numbered from 0, and keep them in DIR.shards, so that many programs can share the work. auto/N takes the number from an array of jobs (SLURM, Kubernetes, LSF, SGE).
    #[arg(long, value_name = "I/N", value_parser = shard, conflicts_with = "merge")]
    shard: Option<Shard>,
    /// Join what all shards have found, and measure it.
    #[arg(long)]
    merge: bool,
    #[command(flatten)]
    pub events: EventArgs,
}

fn connectivity(text: &str) -> Result<Connectivity, String> {
    match text {
        "6" => Ok(Connectivity::Faces),
        "18" => Ok(Connectivity::Edges),
        "26" => Ok(Connectivity::Corners),
        _ => Err("expected 6, 18 or 26".into()),
    }
}

/// Runs the command.
pub fn run(args: &MeasureArgs) -> Result<()> {
    let request = args.request()?;
    if let Some(shard) = args.shard {
        let is_new = observed("start the shard again", |observer| measure_shard(&request, shard, observer))?;
        return shards::told(shard, is_new);
    }
    let measure = if args.merge { measure_merged } else { measure };
    let measurement = observed("start the command again", |observer| measure(&request, observer))?;
    if console::tells_events() {
        return done(&args.output, &measurement);
    }
    for class in &measurement.classes {
        if let Some(split) = class.split {
            say!("{}: {split}", class.name);
        }
    }
    for class in &measurement.classes {
        print(&class.name, &class.summary);
    }
    say!("objects.csv, objects.parquet, summary.json and histograms.png are in `{}`", args.output.display());
    say!("report: {}", measurement.report.display());
    Ok(())
}

/// Prints the counts and measures of each class as an event.
pub fn done(folder: &Path, measurement: &Measurement) -> Result<()> {
    let classes = measurement.classes.iter().map(|class| (class.name.clone(), json!(class.summary)));
    let classes: Map<_, _> = classes.collect();
    let (folder, report) = (shown_path(folder), shown_path(&measurement.report));
    console::done(&json!({ "folder": folder, "report": report, "classes": classes }))
}

impl MeasureArgs {
    fn request(&self) -> Result<MeasureRequest> {
        let mut classes: Vec<ClassFiles> =
            self.masks.iter().map(|file| ClassFiles::new(&file.name, &file.path)).collect();
        attach(&mut classes, &self.probabilities, "probabilities", |class| &mut class.probabilities)?;
        attach(&mut classes, &self.boundary, "boundary", |class| &mut class.boundary)?;
        let mut request = MeasureRequest::new(classes, &self.output);
        request.find = FindConfig {
            foreground: if self.instances { Foreground::Instances } else { Foreground::Mask },
            extent: if self.flat { Extent::Section } else { Extent::Volume },
            connectivity: self.connectivity,
            fill_holes: self.fill_holes,
        };
        request.split_nm = self.split;
        request.minimum_voxels = self.min_voxels;
        request.voxel_size_nm = self.voxel_size;
        request.nearest_within_nm = self.nearest_within;
        request.labels.clone_from(&self.labels);
        request.overwrite = self.overwrite;
        Ok(request)
    }
}

/// Gives the files of an option to the classes that they are of.
pub fn attach(
    classes: &mut [ClassFiles],
    files: &[NamedFile],
    option: &str,
    place: impl Fn(&mut ClassFiles) -> &mut Option<PathBuf>,
) -> Result<()> {
    for NamedFile { name, path } in files {
        let Some(class) = classes.iter_mut().find(|class| class.name == *name) else {
            let names: Vec<&str> = classes.iter().map(|class| class.name.as_str()).collect();
            let message = format!(
                "--{option} is given for `{name}`, which has no mask; masks are: {}",
                names.join(", ")
            );
            let hint = format!("name both alike, as in m=mask.tif --{option} m=file.tif");
            return Err(UserError::new(message, hint).into());
        };
        if place(class).replace(path.clone()).is_some() {
            let message = format!("two files are given for the class `{name}`");
            return Err(UserError::new(message, "name each, as in mitochondria=m.tif synapses=s.tif").into());
        }
    }
    Ok(())
}

/// Prints a class as a few lines.
fn print(class: &str, summary: &ClassSummary) {
    let of = |value: Option<f64>, unit: &str| {
        value.map_or("unknown".into(), |value| format!("{} {unit}", display::four_digits(value)))
    };
    let noun = if summary.objects == 1 { "object" } else { "objects" };
    say!("{class}: {} {noun}, {} at the border", summary.objects, summary.touching_border);
    let interval = summary.volume_fraction_interval.map_or(String::new(), |interval| {
        format!(" ({:.3} to {:.3} %)", interval.low * 100.0, interval.high * 100.0)
    });
    say!("  volume fraction   {:.3} %{interval}", summary.volume_fraction * 100.0);
    say!("  density           {}", of(summary.objects_per_um3, "objects per µm³"));
    say!(
        "  median volume     {}",
        summary.volume_um3.map_or("unknown".into(), |s| display::volume(s.median))
    );
    say!("  median diameter   {}", of(summary.equivalent_diameter_nm.map(|s| s.median), "nm"));
    for (other, spread) in &summary.nearest_nm {
        let (median, with, all) = (spread.median, spread.objects, summary.objects);
        say!("  to {other}: median {median:.0} nm, for {with} of {all} objects");
    }
}
