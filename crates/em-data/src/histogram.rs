//! How often each grey value occurs, and the statistics that follow from it.

use em_io::{Voxel, Voxels, match_voxels};
use em_metrics::quantile_of_counts;

/// The values that are counted in a table: those of signed and unsigned 16-bit integers.
const TABLE: std::ops::Range<i32> = i16::MIN as i32..u16::MAX as i32 + 1;

/// Values in ascending order, each with its count: exact for every voxel type.
pub(crate) struct Histogram {
    values: Vec<(f64, u64)>,
}

impl Histogram {
    pub fn of(blocks: &[Voxels]) -> Self {
        // Integers of up to 16 bits, signed or not, are counted in a table; others are sorted.
        let mut table = vec![0_u64; TABLE.len()];
        let mut count = |v: i32| table[(v - TABLE.start) as usize] += 1;
        let (mut floats, mut wide) = (Vec::new(), Vec::new());
        for block in blocks {
            match block {
                Voxels::U8(a) => a.iter().for_each(|&v| count(v.into())),
                Voxels::I8(a) => a.iter().for_each(|&v| count(v.into())),
                Voxels::U16(a) => a.iter().for_each(|&v| count(v.into())),
                Voxels::I16(a) => a.iter().for_each(|&v| count(v.into())),
                Voxels::F32(a) => floats.extend(a.iter().copied().filter(|v| v.is_finite())),
                other => match_voxels!(other, a => wide.extend(a.iter().map(|v| v.to_f64()))),
            }
        }
        floats.sort_by(f32::total_cmp);
        let counted = TABLE.zip(&table).filter(|(_, n)| **n > 0).map(|(v, &n)| (f64::from(v), n));
        let mut values: Vec<(f64, u64)> = counted.collect();
        values.extend(floats.iter().map(|&v| (f64::from(v), 1)));
        values.extend(wide.iter().map(|&v| (v, 1)));
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { values }
    }

    /// Population mean and standard deviation, in two passes.
    pub fn mean_and_std(&self) -> (f64, f64) {
        let total = self.values.iter().map(|&(_, n)| n).sum::<u64>() as f64;
        let mean = self.values.iter().map(|&(v, n)| v * n as f64).sum::<f64>() / total;
        let variance = self.values.iter().map(|&(v, n)| (v - mean).powi(2) * n as f64).sum::<f64>() / total;
        (mean, variance.sqrt())
    }

    /// The quantile as of NumPy; no number where there is no voxel.
    pub fn quantile(&self, share: f64) -> f64 {
        quantile_of_counts(&self.values, share).unwrap_or(f64::NAN)
    }
}
