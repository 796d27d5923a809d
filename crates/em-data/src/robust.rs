//! Mean and spread of grey values that resin, nuclei and borders hardly move.

use em_io::{Roi, Voxels};
use ndarray::{ArrayView2, Axis};

/// Edge of the tiles, in voxels.
const TILE: usize = 64;
/// Tiles of less than this share of the median deviation are resin, nuclei or borders.
const FLAT: f64 = 0.4;

/// Returns the medians of mean and standard deviation over tiles of 64 x 64 voxels; `None` where all are flat.
///
/// Tiles that are much flatter than the median of those that are not wholly even are left out: resin, nuclei, black borders.
pub fn robust_mean_and_std(blocks: &[Voxels]) -> Option<(f64, f64)> {
    let mut tiles: Vec<(f64, f64)> = Vec::new();
    for block in blocks {
        let [depth, height, width] = block.shape();
        for z in 0..depth {
            let section = block.cut(Roi { start: [z, 0, 0], shape: [1, height, width] }).to_f32();
            let section = section.index_axis(Axis(0), 0);
            for tile in section.axis_chunks_iter(Axis(0), TILE) {
                let of_tile = tile.axis_chunks_iter(Axis(1), TILE).filter_map(mean_and_std);
                tiles.extend(of_tile.filter(|(_, std)| *std > 0.0));
            }
        }
    }
    let flat = FLAT * median(tiles.iter().map(|(_, std)| *std))?;
    tiles.retain(|(_, std)| *std >= flat);
    Some((median(tiles.iter().map(|(mean, _)| *mean))?, median(tiles.iter().map(|(_, std)| *std))?))
}

/// Mean and population standard deviation of the numbers in a tile, if it has any.
fn mean_and_std(tile: ArrayView2<'_, f32>) -> Option<(f64, f64)> {
    let numbers = || tile.iter().map(|&v| f64::from(v)).filter(|v| v.is_finite());
    let count = numbers().count() as f64;
    if count == 0.0 {
        return None;
    }
    let mean = numbers().sum::<f64>() / count;
    let variance = numbers().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
    Some((mean, variance.sqrt()))
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Normalization, NormalizationConfig, NormalizationKind};
    use approx::assert_abs_diff_eq;
    use ndarray::Array3;

    // python: t = [(w.mean(), w.std()) for w in tiles]; without those of std 0; without those of
    //         std < 0.4 * sorted(std)[len // 2]; sorted(means)[len // 2], sorted(stds)[len // 2]
    #[test]
    fn robust_statistics_leave_resin_out() {
        let grey = |z: usize, y: usize, x: usize| match x {
            0..128 => (z * 31 + y * 7 + x * 13 + x * y / 5) % 97,
            _ => 200 + x % 2,
        };
        let volume = Array3::from_shape_fn((2, 130, 200), |(z, y, x)| grey(z, y, x) as u8);
        let (mean, std) = robust_mean_and_std(&[Voxels::U8(volume.clone())]).unwrap();
        assert_abs_diff_eq!(mean, 47.833984375, epsilon = 1e-9);
        assert_abs_diff_eq!(std, 28.003941560803593, epsilon = 1e-9);
        let mut floats = volume.mapv(f32::from);
        floats.slice_mut(ndarray::s![.., .., 150..]).fill(f32::NAN);
        let kind = NormalizationKind::Robust;
        let config = NormalizationConfig { kind, ..Default::default() };
        let fitted = Normalization::fit(&config, &[floats.into()], 64).unwrap();
        assert_eq!(fitted, Normalization::Robust { mean, std }, "gaps count no more than resin");
        assert_eq!(robust_mean_and_std(&[Array3::<u8>::zeros((1, 9, 9)).into()]), None);
    }
}
