//! Work that is shared out among many programs, on one machine or many: each does one shard, some of the sections.
//!
//! ```text
//! mask.zarr                       chunks of all shards; the metadata comes with the end
//! mask.zarr.shards/request.json   what is asked for, and where the cuts lie: the same for all
//!                  00003.json     shard 3 is done: its files with their lengths and checksums
//! ```
//!
//! A shard may be killed and begun again at any time, and be done twice at the same time: no two write one file, each
//! file appears whole, and the same shard has the same bytes. What schedules the programs is not our concern.

mod store;

pub(crate) use self::store::{Job, Marker, named, noted};
pub use self::store::{ShardFile, ShardState, ShardStore};

use std::fmt;
use std::ops::Range;

use crate::error::{Result, UserError};

/// The variables in which schedulers tell the number of a task, with the number of the first one: those of SLURM and
/// Kubernetes are what their job says, from 0 in ours; those of LSF and SGE count from 1.
const TASK_VARIABLES: [(&str, usize); 4] =
    [("SLURM_ARRAY_TASK_ID", 0), ("JOB_COMPLETION_INDEX", 0), ("LSB_JOBINDEX", 1), ("SGE_TASK_ID", 1)];

/// More shards than any scheduler starts; where all are cut is kept in memory.
pub(crate) const MOST: usize = 1 << 20;

/// One of `count` shards of a work, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// Reads `3/16`, the fourth of 16, or `auto/16`, whose number the scheduler of an array of jobs tells in the
    /// environment: `SLURM_ARRAY_TASK_ID` and `JOB_COMPLETION_INDEX` (Kubernetes) from 0, `LSB_JOBINDEX` and
    /// `SGE_TASK_ID` from 1.
    ///
    /// ```
    /// use em_pipeline::shards::Shard;
    ///
    /// let none = |_: &str| None;
    /// assert_eq!(Shard::parse("3/16", none)?, Shard { index: 3, count: 16 });
    /// let sge = |name: &str| (name == "SGE_TASK_ID").then(|| "4".to_owned());
    /// assert_eq!(Shard::parse("auto/16", sge)?, Shard { index: 3, count: 16 });
    /// assert!(Shard::parse("16/16", none).is_err());
    /// # Ok::<(), em_pipeline::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Fails where the text or the variable is no number of a shard, and where no scheduler tells one.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let hint = "give the number of a shard, from 0, and how many there are, as in 3/16, or auto/16 in an array of jobs";
        let wrong = || UserError::new(format!("`{text}` is no shard"), hint);
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let count: usize = count.parse().ok().filter(|count| (1..=MOST).contains(count)).ok_or_else(wrong)?;
        if index == "auto" {
            return Self::of_task(count, environment);
        }
        match index.parse() {
            Ok(index) if index < count => Ok(Self { index, count }),
            Ok(_) => {
                let message = format!("there is no shard {text}");
                Err(UserError::new(message, format!("shards are counted from 0 to {}", count - 1)).into())
            }
            Err(_) => Err(wrong().into()),
        }
    }

    fn of_task(count: usize, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        // SGE sets its variable to `undefined` in jobs that are no array, LSF to 0.
        let told = TASK_VARIABLES.iter().find_map(|&(name, first)| {
            let value = environment(name).filter(|value| value != "undefined")?;
            (first == 0 || value != "0").then_some((name, first, value))
        });
        let Some((name, first, value)) = told else {
            let names = TASK_VARIABLES.map(|(name, _)| name).join(", ");
            let message = format!("no scheduler tells the number of the shard in {names}");
            return Err(
                UserError::new(message, "start an array of jobs, or give the number, as in 3/16").into()
            );
        };
        let index = value.parse::<usize>().ok().and_then(|number| number.checked_sub(first));
        match index.filter(|&index| index < count) {
            Some(index) => Ok(Self { index, count }),
            None => {
                let message = format!("{name} is `{value}`, expected {first} to {}", first + count - 1);
                Err(UserError::new(message, "start an array of as many jobs as there are shards").into())
            }
        }
    }

    /// Returns the sections of this shard.
    pub(crate) fn sections(self, cuts: &[usize]) -> Range<usize> {
        cuts[self.index]..cuts[self.index + 1]
    }
}

/// Cuts `depth` sections into `count` shards of about the same number of units, `unit` sections each; where there are
/// more shards than units, some are empty.
pub(crate) fn cuts(depth: usize, unit: usize, count: usize) -> Vec<usize> {
    let units = depth.div_ceil(unit);
    // In 128 bits: both may be large.
    let first = |index: usize| (units as u128 * index as u128 / count as u128) as usize;
    (0..=count).map(|index| (first(index) * unit).min(depth)).collect()
}

/// Returns the smallest number of sections that is a multiple of both, each at least 1.
pub(crate) fn common_multiple(a: usize, b: usize) -> usize {
    let (mut larger, mut smaller) = (a, b);
    while smaller > 0 {
        (larger, smaller) = (smaller, larger % smaller);
    }
    a / larger * b
}

/// Writes numbers as ranges, as `sbatch --array` takes them: `3,7-9`.
pub fn ranges(numbers: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let texts = ranges.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    texts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_shard_is_given_or_told_by_the_scheduler() {
        let of = |text: &str, variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
            Shard::parse(text, find).map_err(|error| error.to_string())
        };
        assert_eq!(of("0/1", &[]), Ok(Shard { index: 0, count: 1 }));
        assert_eq!(of("auto/9", &[("SLURM_ARRAY_TASK_ID", "8")]), Ok(Shard { index: 8, count: 9 }));
        assert_eq!(of("auto/9", &[("JOB_COMPLETION_INDEX", "0")]), Ok(Shard { index: 0, count: 9 }));
        assert_eq!(of("auto/9", &[("LSB_JOBINDEX", "9")]), Ok(Shard { index: 8, count: 9 }));
        let both = [("SGE_TASK_ID", "undefined"), ("LSB_JOBINDEX", "0"), ("SLURM_ARRAY_TASK_ID", "2")];
        assert_eq!(of("auto/3", &both), Ok(Shard { index: 2, count: 3 }));
        assert!(of("auto/3", &both[..2]).unwrap_err().starts_with("no scheduler tells"));
        assert_eq!(
            of("auto/9", &[("SGE_TASK_ID", "10")]).unwrap_err(),
            "SGE_TASK_ID is `10`, expected 1 to 9"
        );
        assert!(of("auto/9", &[("SLURM_ARRAY_TASK_ID", "x")]).is_err());
        for wrong in ["", "3", "1/0", "0/18446744073709551615", "-1/3", "a/3", "1/3/4", "auto/", "3/3"] {
            assert!(of(wrong, &[]).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_section_is_in_one_shard(depth in 1_usize..5000, unit in 1_usize..70, count in 1_usize..300) {
            let cuts = cuts(depth, unit, count);
            prop_assert_eq!((cuts.len(), cuts[0], cuts[count]), (count + 1, 0, depth));
            prop_assert!(cuts.is_sorted());
            prop_assert!(cuts.iter().all(|&cut| cut == depth || cut.is_multiple_of(unit)));
            let sizes: Vec<_> = (0..count).map(|index| Shard { index, count }.sections(&cuts).len()).collect();
            let [least, most] = [sizes.iter().min(), sizes.iter().max()].map(|size| *size.unwrap());
            prop_assert!(most - least < 2 * unit);
        }

        #[test]
        fn a_common_multiple_is_the_smallest(a in 1_usize..60, b in 1_usize..60) {
            let expected = (1..).find(|n: &usize| n.is_multiple_of(a) && n.is_multiple_of(b)).unwrap();
            prop_assert_eq!(common_multiple(a, b), expected);
        }
    }

    #[test]
    fn numbers_are_written_as_ranges() {
        assert_eq!(ranges(&[3, 7, 8, 9, 11, 12]), "3,7-9,11-12");
        assert_eq!(ranges(&[]), "");
    }
}
