//! The grey values of a changed tile: blur, resolution, gamma, contrast, noise.

use em_data::TileAugmentation;
use tch::{Kind, Tensor};

use super::defects::damaged;
use crate::error::Computed;

/// Changes the grey values of a normalised tile `[section, y, x]`.
pub(crate) fn intensity(tile: &Tensor, augmentation: &TileAugmentation) -> Computed<Tensor> {
    let mut changed = tile.shallow_clone();
    if augmentation.blur > 0.0 {
        changed = blurred(&changed, f64::from(augmentation.blur))?;
    }
    if augmentation.low_resolution > 1.0 {
        changed = coarsened(&changed, f64::from(augmentation.low_resolution))?;
    }
    if augmentation.gamma != 1.0 {
        let (low, high) = (changed.f_min()?, changed.f_max()?);
        let range = (high - &low).f_clamp_min(1e-6)?;
        changed =
            ((changed - &low) / &range).f_pow_tensor_scalar(f64::from(augmentation.gamma))? * range + low;
    }
    if augmentation.gain != 1.0 || augmentation.shift != 0.0 {
        changed = changed * f64::from(augmentation.gain) + f64::from(augmentation.shift);
    }
    if augmentation.noise > 0.0 {
        changed = &changed + changed.f_randn_like()? * f64::from(augmentation.noise);
    }
    match augmentation.defect {
        Some(defect) => damaged(&changed, defect),
        None => Ok(changed),
    }
}

/// A Gaussian blur along y and x, mirrored at the borders without their edge.
fn blurred(tile: &Tensor, deviation: f64) -> Computed<Tensor> {
    // Farther out a Gaussian holds less than 0.3 % of its weight.
    let edge = tile.size()[1].min(tile.size()[2]);
    let radius = ((3.0 * deviation).ceil() as i64).clamp(1, edge - 1);
    let place = Tensor::f_arange_start(-radius, radius + 1, (Kind::Float, tile.device()))?;
    let kernel = (place.f_square()? / (-2.0 * deviation * deviation)).f_exp()?;
    let kernel = &kernel / kernel.f_sum(Kind::Float)?;
    let padded = tile.f_unsqueeze(1)?.f_reflection_pad2d([radius; 4])?;
    let none = None::<Tensor>;
    let rows = padded.f_conv2d(&kernel.f_view([1, 1, -1, 1])?, none, [1, 1], [0, 0], [1, 1], 1)?;
    let none = None::<Tensor>;
    Ok(rows.f_conv2d(&kernel.f_view([1, 1, 1, -1])?, none, [1, 1], [0, 0], [1, 1], 1)?.f_squeeze_dim(1)?)
}

/// Averages over `factor` voxels and interpolates back.
fn coarsened(tile: &Tensor, factor: f64) -> Computed<Tensor> {
    let (_, height, width) = tile.size3()?;
    let coarse = [height, width].map(|edge| ((edge as f64 / factor).round() as i64).max(1));
    let low = tile.f_unsqueeze(0)?.f_adaptive_avg_pool2d(coarse)?;
    Ok(low.f_upsample_bilinear2d([height, width], false, None, None)?.f_squeeze_dim(0)?)
}

#[cfg(test)]
mod tests {
    use super::super::defects::slipped;
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.contiguous().view(-1)).unwrap()
    }

    fn changed(tile: &Tensor, augmentation: TileAugmentation) -> Tensor {
        intensity(&slipped(tile, &augmentation).unwrap(), &augmentation).unwrap()
    }

    fn ramp(sections: i64, edge: i64) -> Tensor {
        Tensor::arange(sections * edge * edge, (Kind::Float, tch::Device::Cpu)).view([sections, edge, edge])
    }

    #[test]
    fn a_blur_equals_scipy() {
        // x = (np.arange(81).reshape(9, 9) * 37 % 101).astype(float)
        // y = scipy.ndimage.gaussian_filter(x, 1.5, mode="mirror", radius=5); y[0], y[4]
        let expected = [
            [46.753, 46.192, 45.109, 44.733, 45.509, 47.172, 49.7, 52.355, 53.526],
            [55.154, 55.514, 55.904, 54.909, 52.061, 48.746, 46.537, 45.552, 45.284],
        ];
        let grey: Vec<f32> = (0..81_u16).map(|n| f32::from(n * 37 % 101)).collect();
        let tile = Tensor::from_slice(&grey).view([1, 9, 9]);
        let blurred = changed(&tile, TileAugmentation { blur: 1.5, ..TileAugmentation::IDENTITY });
        for (row, expected) in [0, 4].into_iter().zip(expected) {
            for (a, b) in values(&blurred.get(0).get(row)).into_iter().zip(expected) {
                assert!((a - b).abs() < 1e-3, "row {row}: {a} {b}");
            }
        }
    }

    #[test]
    fn gamma_keeps_the_darkest_and_the_brightest() {
        let tile = ramp(1, 4) - 5.0;
        let gamma = values(&changed(&tile, TileAugmentation { gamma: 2.0, ..TileAugmentation::IDENTITY }));
        assert_eq!((gamma[0], gamma[15]), (-5.0, 10.0));
        // ((3 / 15) ** 2) * 15 - 5
        assert!((gamma[3] + 4.4).abs() < 1e-5, "{}", gamma[3]);
    }

    #[test]
    fn low_resolution_keeps_the_mean_and_loses_detail() {
        let board = Tensor::from_slice(&[0.0_f32, 1.0].repeat(32)).view([1, 8, 8]);
        let low = changed(&board, TileAugmentation { low_resolution: 2.0, ..TileAugmentation::IDENTITY });
        assert!(values(&low).iter().all(|v| (v - 0.5).abs() < 1e-6));
    }
}
