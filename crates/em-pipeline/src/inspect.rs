//! What a volume is: its format, shape and grey values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_io::{Blocks, Roi, Volume, Voxel, Voxels, match_voxels};
use serde::Serialize;

use crate::{Observer, Result, Stage};

/// Volumes with at most so many distinct values are taken for labels.
const MOST_LABEL_VALUES: usize = 8;

/// What a volume is.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// Version of this layout.
    pub format_version: u32,
    /// The file or folder.
    pub path: PathBuf,
    /// The name of its format.
    pub format: String,
    /// `[z, y, x]`.
    pub shape: [usize; 3],
    /// The type of its voxels, in words.
    pub voxel_type: String,
    /// Edge lengths of a voxel in nm, `[z, y, x]`, where the file tells them.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// The smallest value.
    pub minimum: f64,
    /// The largest value.
    pub maximum: f64,
    /// The mean of all values.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
    /// The share of each value, where there are few: a label.
    pub shares: Option<Vec<ValueShare>>,
    /// What should be known about the file.
    pub notes: Vec<String>,
}

/// How much of a volume has one value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ValueShare {
    /// The value.
    pub value: f64,
    /// The share of the voxels that have it, from 0 to 1.
    pub share: f64,
}

/// Reads a volume section by section and tells what it is. What should be known about the file is in
/// [`Inspection::notes`], and the observer is not told of it.
///
/// # Errors
///
/// Fails if the volume cannot be read; and with [`Error::Stopped`](crate::Error::Stopped).
pub fn inspect(path: &Path, observer: &mut Observer<'_>) -> Result<Inspection> {
    let volume = em_io::open(path)?;
    let values = Values::of(&volume, observer)?;
    Ok(Inspection {
        format_version: 1,
        path: path.to_owned(),
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
    })
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
    fn of(volume: &Volume, observer: &mut Observer<'_>) -> Result<Self> {
        let mut values = Self {
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            distinct: Some(BTreeMap::new()),
        };
        observer.stage(Stage::sections(volume.shape()), |observer| {
            volume.blocks(Blocks::of_sections(Roi::whole(volume.shape()), 1)).try_for_each(|section| {
                values.add_section(&section?.1);
                observer.advance(1)
            })
        })?;
        Ok(values)
    }

    fn add_section(&mut self, section: &Voxels) {
        match section {
            Voxels::F32(a) => {
                self.distinct = None;
                a.iter().for_each(|&v| self.add(f64::from(v), 1.0));
            }
            integers => match_voxels!(integers, a => self.add_runs(a.iter().map(|v| v.to_f64()))),
        }
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

    fn shares(&self) -> Option<Vec<ValueShare>> {
        let distinct = self.distinct.as_ref()?;
        let share = |(&value, &count): (&i64, &u64)| ValueShare {
            value: value as f64,
            share: count as f64 / self.count,
        };
        Some(distinct.iter().map(share).collect())
    }
}
