//! What a volume is: its format, shape and grey values.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_data::GreyValues;
use em_io::{Blocks, OpenOptions, Roi, Volume, Voxel, match_voxels};
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
    /// Voxels that are NaN or infinite, which the four figures before leave out.
    pub missing: u64,
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
pub fn inspect(path: &Path, options: OpenOptions, observer: &mut Observer<'_>) -> Result<Inspection> {
    let volume = options.open(path)?;
    let values = Values::of(&volume, observer)?;
    Ok(Inspection {
        format_version: 1,
        path: path.to_owned(),
        format: volume.format().to_string(),
        shape: volume.shape(),
        voxel_type: volume.voxel_type().to_string(),
        voxel_size_nm: volume.voxel_size_nm(),
        minimum: values.grey.low,
        maximum: values.grey.high,
        mean: values.grey.mean,
        std: values.grey.std(),
        missing: values.grey.missing,
        shares: values.shares(),
        notes: volume.notes().to_vec(),
    })
}

/// What all voxels are like, gathered section by section.
#[derive(Default)]
struct Values {
    grey: GreyValues,
    /// Counts of the distinct values, by the bits of each.
    distinct: BTreeMap<u64, (f64, u64)>,
}

impl Values {
    fn of(volume: &Volume, observer: &mut Observer<'_>) -> Result<Self> {
        let mut values = Self::default();
        observer.stage(Stage::sections(volume.shape()), |observer| {
            volume.blocks(Blocks::of_sections(Roi::whole(volume.shape()), 1)).try_for_each(|section| {
                let (_, section) = section?;
                values.grey.merge(&GreyValues::of(&section));
                match_voxels!(&section, a => values.add_runs(a.iter().map(|v| v.to_f64())));
                observer.advance(1)
            })
        })?;
        Ok(values)
    }

    /// Adds values. Labels are long runs of one value, of which each is looked up once.
    fn add_runs(&mut self, values: impl Iterator<Item = f64>) {
        let (mut last, mut length) = (f64::NAN, 0);
        // -0.0 is a 0 that would be counted apart from it.
        for value in values.map(|value| value + 0.0) {
            if self.distinct.len() > MOST_LABEL_VALUES {
                return;
            }
            if length > 0 && value.to_bits() == last.to_bits() {
                length += 1;
            } else {
                self.add_run(last, length);
                (last, length) = (value, 1);
            }
        }
        self.add_run(last, length);
    }

    fn add_run(&mut self, value: f64, length: u64) {
        if length > 0 {
            self.distinct.entry(value.to_bits()).or_insert((value, 0)).1 += length;
        }
    }

    fn shares(&self) -> Option<Vec<ValueShare>> {
        let count = (self.grey.numbers + self.grey.missing) as f64;
        let share = |&(value, voxels): &(f64, u64)| ValueShare { value, share: voxels as f64 / count };
        let mut shares: Vec<ValueShare> = self.distinct.values().map(share).collect();
        shares.sort_by(|a, b| a.value.total_cmp(&b.value));
        (shares.len() <= MOST_LABEL_VALUES).then_some(shares)
    }
}
