//! `em-cli measure`: masks in; a table of objects, label volumes and a summary out, section by section.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use em_io::{Content, Volume, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions};
use em_objects::{
    Connectivity, Extent, FindConfig, Foreground, LARGEST_BOX, Nearest, Object, Objects, SplitCounts,
    measure, nearest,
};

use crate::commands::convert::voxel_size;
use crate::commands::predict::with_class;
use crate::drawing::{Histogram, histograms};
use crate::error::UserError;
use crate::output;

mod page;
mod summary;
mod table;

use summary::Summary;
use table::{Column, Row};

/// Arguments of `measure`.
#[derive(Debug, Args)]
pub struct MeasureArgs {
    /// A mask of each class, as CLASS=FILE, of values 0 and 255 or 0 and 1; FILE alone is named after the file.
    #[arg(required = true, value_name = "CLASS=MASK")]
    masks: Vec<String>,
    /// The folder to write objects.csv, objects.parquet, summary.json, histograms.png, report.html and the labels to.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Probabilities of a class, as CLASS=FILE, for the mean probability of each object.
    #[arg(long, value_name = "CLASS=FILE")]
    probabilities: Vec<String>,
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
    boundary: Vec<String>,
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
}

fn connectivity(text: &str) -> Result<Connectivity, String> {
    match text {
        "6" => Ok(Connectivity::Faces),
        "18" => Ok(Connectivity::Edges),
        "26" => Ok(Connectivity::Corners),
        _ => Err("expected 6, 18 or 26".into()),
    }
}

fn distance(text: &str) -> Result<f64, String> {
    let known: Option<f64> = text.parse().ok();
    known.filter(|nm| nm.is_finite() && *nm >= 0.0).ok_or_else(|| "expected a distance in nm".into())
}

fn neck(text: &str) -> Result<f64, String> {
    let known: Option<f64> = text.parse().ok();
    known.filter(|nm| nm.is_finite() && *nm > 0.0).ok_or_else(|| "expected a number of nm above 0".into())
}

/// A class that was found and measured.
struct Class {
    name: String,
    objects: Objects,
    measured: Vec<Object>,
}

/// Runs the command.
pub fn run(args: &MeasureArgs) -> Result<()> {
    let masks = open(&args.masks)?;
    let probabilities = open(&args.probabilities)?;
    check_named(&masks, &probabilities, "probabilities")?;
    let boundaries = open(&args.boundary)?;
    check_named(&masks, &boundaries, "boundary")?;
    let others = Others { probabilities, boundaries };
    let is_new = !args.output.exists();
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot create folder `{}`", args.output.display()))?;
    em_io::remove_unfinished(&args.output)?;
    let result = measure_all(args, &masks, &others);
    if result.is_err() && is_new {
        // An empty folder goes; one that holds results stays.
        let _ = std::fs::remove_dir(&args.output);
    }
    result
}

/// Files that go with some of the masks, each with the name of its class.
struct Others {
    probabilities: Vec<(String, Volume)>,
    boundaries: Vec<(String, Volume)>,
}

fn measure_all(args: &MeasureArgs, masks: &[(String, Volume)], others: &Others) -> Result<()> {
    let mut classes = Vec::new();
    for (name, mask) in masks {
        classes.push(measured(args, name, mask, others)?);
    }
    let nearest = distances(args, &classes)?;
    write_tables(&args.output, &classes, &nearest)?;
    for class in &classes {
        let path = args.labels.clone().unwrap_or_else(|| args.output.join("labels.tif"));
        let path = if classes.len() > 1 { with_class(&path, &class.name) } else { path };
        write_labels(&class.objects, &path)?;
    }
    write_summary(args, &classes, &nearest)
}

/// Opens files given as CLASS=FILE; all must have one shape, and no class may come twice.
fn open(given: &[String]) -> Result<Vec<(String, Volume)>> {
    let mut volumes: Vec<(String, Volume)> = Vec::new();
    for text in given {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) => (name.to_owned(), path),
            None => {
                let stem = Path::new(text).file_stem().unwrap_or_default();
                (stem.to_string_lossy().into_owned(), text.as_str())
            }
        };
        let volume = output::open(Path::new(path))?;
        if volumes.iter().any(|(other, _)| *other == name) {
            let message = format!("two files are given for the class `{name}`");
            return Err(UserError::new(message, "name each, as in mitochondria=m.tif synapses=s.tif").into());
        }
        if let Some((other, first)) = volumes.first().filter(|(_, first)| first.shape() != volume.shape()) {
            let [here, there] = [volume.shape(), first.shape()].map(output::shape);
            let message = format!("`{path}` is {here} voxels, and `{other}` is {there} [z, y, x]");
            return Err(UserError::new(message, "measure volumes of one size together").into());
        }
        volumes.push((name, volume));
    }
    Ok(volumes)
}

/// Files of an option must be of classes that have a mask, and as large.
fn check_named(masks: &[(String, Volume)], others: &[(String, Volume)], option: &str) -> Result<()> {
    if let Some((class, _)) = others.iter().find(|(class, _)| masks.iter().all(|(name, _)| name != class)) {
        let names: Vec<&str> = masks.iter().map(|(name, _)| name.as_str()).collect();
        let message =
            format!("--{option} is given for `{class}`, which has no mask; masks are: {}", names.join(", "));
        let hint = format!("name both alike, as in m=mask.tif --{option} m=file.tif");
        return Err(UserError::new(message, hint).into());
    }
    let shape = masks[0].1.shape();
    match others.iter().find(|(_, volume)| volume.shape() != shape) {
        None => Ok(()),
        Some((class, volume)) => {
            let [here, there] = [volume.shape(), shape].map(output::shape);
            let message =
                format!("--{option} of `{class}` is {here} voxels, and the masks are {there} [z, y, x]");
            Err(UserError::new(message, "measure volumes of one size together").into())
        }
    }
}

/// The file of a class.
fn of_class<'a>(volumes: &'a [(String, Volume)], name: &str) -> Option<&'a Volume> {
    volumes.iter().find(|(class, _)| class == name).map(|(_, volume)| volume)
}

/// Finds the objects of a class, measures them, and drops the small ones.
fn measured(args: &MeasureArgs, name: &str, mask: &Volume, others: &Others) -> Result<Class> {
    let config = FindConfig {
        foreground: if args.instances { Foreground::Instances } else { Foreground::Mask },
        extent: if args.flat { Extent::Section } else { Extent::Volume },
        connectivity: args.connectivity,
        fill_holes: args.fill_holes,
    };
    let bar = output::voxel_bar(mask.shape());
    let mut objects = Objects::find(mask, config, &args.output, |sections| bar.inc(sections))?;
    bar.finish_and_clear();
    objects.set_voxel_size_nm(args.voxel_size.or(mask.voxel_size_nm()));
    if objects.voxel_size_nm().is_none() {
        eprintln!(
            "warning: `{name}` has no voxel size, so that nothing is measured in nm; give --voxel-size"
        );
    }
    if let Some(neck_nm) = args.split {
        check_neck(&objects, name, neck_nm)?;
        objects = split(&objects, name, |bar| objects.split(neck_nm, &args.output, bar))?;
    }
    if let Some(boundary) = of_class(&others.boundaries, name) {
        let bar = output::voxel_bar(mask.shape());
        let found = Objects::find(boundary, config, &args.output, |sections| bar.inc(sections))?;
        bar.finish_and_clear();
        objects = split(&objects, name, |bar| objects.split_at(&found, &args.output, bar))?;
    }
    if args.min_voxels > 1 {
        // Before they are measured: noise has millions of specks, which would take memory.
        let sizes = objects.sizes()?;
        objects.retain(|number| sizes[number as usize - 1] >= args.min_voxels);
    }
    let bar = output::voxel_bar(mask.shape());
    let probabilities = of_class(&others.probabilities, name);
    let measured = measure(&objects, probabilities, |sections| bar.inc(sections))?;
    bar.finish_and_clear();
    Ok(Class { name: name.to_owned(), measured, objects })
}

fn check_neck(objects: &Objects, name: &str, neck_nm: f64) -> Result<()> {
    if objects.voxel_size_nm().is_some() {
        return Ok(());
    }
    let message =
        format!("`{name}` has no voxel size, so that --split {neck_nm} nm cannot be told in voxels");
    Err(UserError::new(message, "give --voxel-size").into())
}

/// Splits the objects of a class, and says so.
fn split(
    objects: &Objects,
    name: &str,
    cut: impl FnOnce(&mut dyn FnMut(u64)) -> em_objects::Result<(Objects, SplitCounts)>,
) -> Result<Objects> {
    let [depth, height, width] = objects.shape();
    // The sections are gone through twice.
    let bar = output::voxel_bar([2 * depth, height, width]);
    let (parts, counts) = cut(&mut |sections| bar.inc(sections))?;
    bar.finish_and_clear();
    let made = parts.count() - (objects.count() - counts.split);
    println!("{name}: {} of {} objects were split, into {made}", counts.split, objects.count());
    if counts.too_large > 0 {
        eprintln!(
            "warning: {} objects of `{name}` lie in boxes of more than {LARGEST_BOX} voxels and were not split",
            counts.too_large
        );
    }
    Ok(parts)
}

/// For each class, the nearest object of each other class.
type Distances = Vec<BTreeMap<String, Vec<Option<Nearest>>>>;

fn distances(args: &MeasureArgs, classes: &[Class]) -> Result<Distances> {
    let to_others = |class: &Class| {
        let others = classes.iter().filter(|other| other.name != class.name);
        others
            .map(|other| {
                let bar = output::voxel_bar(class.objects.shape());
                let found = nearest(&class.objects, &other.objects, args.nearest_within, |sections| {
                    bar.inc(sections)
                });
                bar.finish_and_clear();
                Ok((other.name.clone(), found?))
            })
            .collect()
    };
    classes.iter().map(to_others).collect()
}

fn write_tables(folder: &Path, classes: &[Class], nearest: &Distances) -> Result<()> {
    let groups = || table_of(classes, nearest);
    em_io::write_atomically(&folder.join("objects.csv"), |file| {
        table::write_csv(groups(), file).map_err(io::Error::other)
    })?;
    em_io::write_atomically(&folder.join("objects.parquet"), |file| {
        table::write_parquet(groups(), file).map_err(io::Error::other)
    })?;
    Ok(())
}

/// The columns of a few objects at a time; of none where there are none.
fn table_of(classes: &[Class], nearest: &Distances) -> impl Iterator<Item = Vec<Column>> {
    let names: Vec<String> = classes.iter().map(|class| class.name.clone()).collect();
    let places = classes.iter().enumerate();
    let mut rows =
        places.flat_map(|(number, class)| (0..class.measured.len()).map(move |place| (number, place)));
    let mut is_first = true;
    std::iter::from_fn(move || {
        let group: Vec<Row<'_>> = rows
            .by_ref()
            .take(table::ROWS_AT_ONCE)
            .map(|(number, place)| Row {
                class: &classes[number].name,
                object: &classes[number].measured[place],
                nearest: names
                    .iter()
                    .map(|other| nearest[number].get(other).and_then(|found| found[place]))
                    .collect(),
            })
            .collect();
        let goes_on = is_first || !group.is_empty();
        is_first = false;
        goes_on.then(|| table::columns(&names, &group))
    })
}

/// Sections that are painted and written at a time.
const SECTIONS_AT_ONCE: usize = 4;

fn write_labels(objects: &Objects, path: &Path) -> Result<()> {
    let shape = objects.shape();
    let spec = VolumeSpec { shape, voxel_type: VoxelType::U32, voxel_size_nm: objects.voxel_size_nm() };
    let options = WriteOptions::default().with_content(Content::Label);
    let mut writer = VolumeWriter::with_options(path, spec, options)?;
    let bar = output::voxel_bar(shape);
    for z in (0..shape[0]).step_by(SECTIONS_AT_ONCE) {
        let end = (z + SECTIONS_AT_ONCE).min(shape[0]);
        writer.write(&Voxels::U32(objects.paint(z..end)?))?;
        bar.inc((end - z) as u64);
    }
    bar.finish_and_clear();
    Ok(writer.finish()?)
}

fn write_summary(args: &MeasureArgs, classes: &[Class], nearest: &Distances) -> Result<()> {
    let objects = &classes[0].objects;
    let voxel_size_nm = objects.voxel_size_nm();
    let voxels: f64 = objects.shape().iter().map(|&edge| edge as f64).product();
    let volume_um3 = voxel_size_nm.map(|size| size.iter().product::<f64>() * 1e-9 * voxels);
    let mut summaries = BTreeMap::new();
    let mut drawn = Vec::new();
    for (class, nearest) in classes.iter().zip(nearest) {
        let summary = summary::of_class(&class.objects, &class.measured, nearest, volume_um3)?;
        summary::print(&class.name, &summary);
        summaries.insert(class.name.clone(), summary);
        drawn.extend(pictured(class, nearest));
    }
    let summary =
        Summary { format_version: 1, shape: objects.shape(), voxel_size_nm, volume_um3, classes: summaries };
    let json = serde_json::to_string_pretty(&summary)?;
    em_io::write_atomically(&args.output.join("summary.json"), |file| writeln!(file, "{json}"))?;
    let picture = crate::drawing::png(&histograms(&drawn)?)?;
    em_io::write_atomically(&args.output.join("histograms.png"), |file| file.write_all(&picture))?;
    let page = page::of_objects(&summary, &picture);
    let report = args.output.join("report.html");
    em_io::write_atomically(&report, |file| file.write_all(page.as_bytes()))?;
    println!(
        "objects.csv, objects.parquet, summary.json and histograms.png are in `{}`",
        args.output.display()
    );
    println!("report: {}", report.display());
    Ok(())
}

/// The histograms of a class: diameters, or voxels where the voxel size is not known, and distances.
fn pictured(class: &Class, nearest: &BTreeMap<String, Vec<Option<Nearest>>>) -> Vec<Histogram> {
    let diameters: Option<Vec<f64>> = class
        .measured
        .iter()
        .map(|object| object.physical.as_ref().map(|physical| physical.equivalent_diameter_nm))
        .collect();
    let size = match diameters {
        Some(values) => Histogram { title: format!("{}: equivalent diameter, nm", class.name), values },
        None => {
            let values = class.measured.iter().map(|object| object.voxels as f64).collect();
            Histogram { title: format!("{}: voxels", class.name), values }
        }
    };
    let near = nearest.iter().map(|(other, nearest)| Histogram {
        title: format!("{} to {other}, nm", class.name),
        values: nearest.iter().flatten().map(|nearest| nearest.distance_nm).collect(),
    });
    std::iter::once(size).chain(near).collect()
}
