//! `em-cli inspect`: what a volume is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use em_io::{Volume, Voxel, Voxels, match_voxels};
use serde::Serialize;

use crate::output;

/// Volumes with at most so many distinct values are taken for labels.
const MOST_LABEL_VALUES: usize = 8;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A stack (TIFF, MRC, NIfTI, OME-Zarr), an image, or a folder of images.
    input: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Inspection {
    format_version: u32,
    path: PathBuf,
    format: String,
    /// `[z, y, x]`.
    shape: [usize; 3],
    voxel_type: String,
    voxel_size_nm: Option<[f64; 3]>,
    minimum: f64,
    maximum: f64,
    mean: f64,
    std: f64,
    /// Share of each value, where there are few: a label.
    shares: Option<Vec<Share>>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Share {
    value: f64,
    share: f64,
}

/// Runs the command.
pub fn run(args: &InspectArgs) -> Result<()> {
    let volume = em_io::open(&args.input)?;
    let values = Values::of(&volume)?;
    let inspection = Inspection {
        format_version: 1,
        path: args.input.clone(),
        format: volume.format().to_string(),
        shape: volume.shape(),
        voxel_type: volume.voxel_type().to_string(),
        voxel_size_nm: volume.voxel_size_nm(),
        minimum: values.minimum,
        maximum: values.maximum,
        mean: values.mean(),
        std: values.std(),
        shares: values.shares(),
        notes: volume.notes().to_vec(),
    };
    if args.json {
        return output::json(&inspection);
    }
    print(&inspection);
    Ok(())
}

fn print(i: &Inspection) {
    println!("file        {}", i.path.display());
    println!("format      {}", i.format);
    println!("shape       {} [z, y, x]", output::shape(i.shape));
    println!("type        {}", i.voxel_type);
    match i.voxel_size_nm {
        Some([z, y, x]) => println!("voxel size  {z} x {y} x {x} nm [z, y, x]"),
        None => println!("voxel size  unknown"),
    }
    println!("range       {} to {}", i.minimum, i.maximum);
    println!("mean, std   {:.3}, {:.3}", i.mean, i.std);
    for Share { value, share } in i.shares.iter().flatten() {
        println!("value {value:<6} {:.3} %", share * 100.0);
    }
    for note in &i.notes {
        println!("note        {note}");
    }
}

/// Sums over all voxels, gathered section by section.
struct Values {
    count: f64,
    sum: f64,
    squares: f64,
    minimum: f64,
    maximum: f64,
    /// Counts of the distinct values; `None` once there are too many for a label.
    distinct: Option<BTreeMap<i64, u64>>,
}

impl Values {
    fn of(volume: &Volume) -> Result<Self> {
        let mut values = Self {
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            distinct: Some(BTreeMap::new()),
        };
        let bar = output::bar(volume.shape()[0] as u64, "sections");
        for z in 0..volume.shape()[0] {
            match &volume.read_section(z)? {
                Voxels::F32(a) => {
                    values.distinct = None;
                    a.iter().for_each(|&v| values.add(f64::from(v), 1.0));
                }
                integers => match_voxels!(integers, a => {
                    values.add_runs(a.iter().map(|v| v.to_f64()));
                }),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(values)
    }

    /// Adds integers. Labels are long runs of one value, of which each is looked up once.
    fn add_runs(&mut self, mut values: impl Iterator<Item = f64>) {
        let Some(mut last) = values.next() else {
            return;
        };
        let mut length = 1;
        for value in values {
            if value == last {
                length += 1;
            } else {
                self.add_run(last, length);
                (last, length) = (value, 1);
            }
        }
        self.add_run(last, length);
    }

    fn add_run(&mut self, value: f64, length: u64) {
        self.add(value, length as f64);
        if let Some(distinct) = &mut self.distinct {
            // No integer of 32 bits is too large for it.
            *distinct.entry(value as i64).or_default() += length;
            if distinct.len() > MOST_LABEL_VALUES {
                self.distinct = None;
            }
        }
    }

    fn add(&mut self, value: f64, count: f64) {
        self.count += count;
        self.sum += value * count;
        self.squares += value * value * count;
        self.minimum = self.minimum.min(value);
        self.maximum = self.maximum.max(value);
    }

    fn mean(&self) -> f64 {
        self.sum / self.count
    }

    fn std(&self) -> f64 {
        (self.squares / self.count - self.mean().powi(2)).max(0.0).sqrt()
    }

    fn shares(&self) -> Option<Vec<Share>> {
        let distinct = self.distinct.as_ref()?;
        let share =
            |(&value, &count): (&i64, &u64)| Share { value: value as f64, share: count as f64 / self.count };
        Some(distinct.iter().map(share).collect())
    }
}
