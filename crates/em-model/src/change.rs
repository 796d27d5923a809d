//! What a [`TileAugmentation`] does to a tile, on the device.

use em_data::{Defect, TileAugmentation, Warp};
use tch::{Kind, Tensor};

use crate::Result;

/// libtorch's numbers for bilinear interpolation and mirrored borders.
const BILINEAR: i64 = 0;
const REFLECTION: i64 = 2;

/// Reads a tile of edge `size` through a deformation from windows `[channel, y, x]` of one size, in
/// which the tile itself starts at `offset`, `[y, x]`. What lies outside is mirrored.
pub(crate) fn warped(windows: &[Tensor], warp: &Warp, size: usize, offset: [f64; 2]) -> Result<Vec<Tensor>> {
    let device = windows[0].device();
    let middle = (size as f64 - 1.0) / 2.0;
    let place = Tensor::f_arange(size as i64, (Kind::Float, device))? - middle;
    let (y, x) = (place.f_unsqueeze(1)?, place.f_unsqueeze(0)?);
    let mut source = [0, 1].map(|axis| {
        let [from_y, from_x] = warp.matrix[axis].map(f64::from);
        &y * from_y + &x * from_x + (middle + offset[axis])
    });
    if let Some(displacements) = warp.displacements(size) {
        let (axes, height, width) = displacements.dim();
        let points = Tensor::f_from_slice(&displacements.into_raw_vec_and_offset().0)?;
        let points = points.f_view([1, axes as i64, height as i64, width as i64])?.f_to_device(device)?;
        let size = [size as i64; 2];
        let field = points.f_upsample_bicubic2d(size, true, None, None)?.f_squeeze_dim(0)?;
        for (axis, source) in source.iter_mut().enumerate() {
            *source = &*source + field.f_get(axis as i64)?;
        }
    }
    let (_, height, width) = windows[0].size3()?;
    // From voxels to what grid_sample takes: -1 the first voxel, 1 the last.
    let [y, x] = source;
    let relative = |voxels: Tensor, edge: i64| voxels * (2.0 / (edge - 1).max(1) as f64) - 1.0;
    let grid = Tensor::f_stack(&[relative(x, width), relative(y, height)], -1)?.f_unsqueeze(0)?;
    let read = |window: &Tensor| -> Result<Tensor> {
        let window = window.f_to_kind(Kind::Float)?.f_unsqueeze(0)?;
        Ok(window.f_grid_sampler(&grid, BILINEAR, REFLECTION, true)?.f_squeeze_dim(0)?)
    };
    windows.iter().map(read).collect()
}

/// Mirrors and turns the last two axes.
pub(crate) fn turned(tile: &Tensor, transform: &TileAugmentation) -> Result<Tensor> {
    let mut axes = Vec::new();
    if transform.flip_y {
        axes.push(-2);
    }
    if transform.flip_x {
        axes.push(-1);
    }
    let flipped = if axes.is_empty() { tile.shallow_clone() } else { tile.f_flip(axes)? };
    Ok(match transform.quarter_turns {
        0 => flipped,
        turns => flipped.f_rot90(i64::from(turns), [-2, -1])?,
    })
}

/// Mirrors a volume `[..., z, y, x]` along z, and lets the axes of a cube change places.
pub(crate) fn turned_through(tile: &Tensor, transform: &TileAugmentation) -> Result<Tensor> {
    let mut turned = if transform.flip_z { tile.f_flip([-3])? } else { tile.shallow_clone() };
    for _ in 0..transform.axis_turns {
        turned = turned.f_movedim_int(-3, -1)?;
    }
    Ok(turned)
}

/// Moves the rows below a line along x, where the tile has this defect.
pub(crate) fn slipped(tile: &Tensor, transform: &TileAugmentation) -> Result<Tensor> {
    let Some(Defect::Slip { row, distance }) = transform.defect else {
        return Ok(tile.shallow_clone());
    };
    let height = tile.size()[tile.dim() - 2];
    let rows = voxels(row, height).min(height);
    let below = tile.f_narrow(-2, rows, height - rows)?.f_roll(voxels(distance, height), -1)?;
    Ok(Tensor::f_cat(&[tile.f_narrow(-2, 0, rows)?, below], -2)?)
}

/// Changes the grey values of a normalised tile `[section, y, x]`.
pub(crate) fn intensity(tile: &Tensor, transform: &TileAugmentation) -> Result<Tensor> {
    let mut changed = tile.shallow_clone();
    if transform.blur > 0.0 {
        changed = blurred(&changed, f64::from(transform.blur))?;
    }
    if transform.low_resolution > 1.0 {
        changed = coarsened(&changed, f64::from(transform.low_resolution))?;
    }
    if transform.gamma != 1.0 {
        let (low, high) = (changed.f_min()?, changed.f_max()?);
        let range = (high - &low).f_clamp_min(1e-6)?;
        changed = ((changed - &low) / &range).f_pow_tensor_scalar(f64::from(transform.gamma))? * range + low;
    }
    if transform.gain != 1.0 || transform.shift != 0.0 {
        changed = changed * f64::from(transform.gain) + f64::from(transform.shift);
    }
    if transform.noise > 0.0 {
        changed = &changed + changed.f_randn_like()? * f64::from(transform.noise);
    }
    match transform.defect {
        Some(defect) => damaged(&changed, defect),
        None => Ok(changed),
    }
}

/// A Gaussian blur along y and x, mirrored at the borders.
fn blurred(tile: &Tensor, deviation: f64) -> Result<Tensor> {
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
fn coarsened(tile: &Tensor, factor: f64) -> Result<Tensor> {
    let (_, height, width) = tile.size3()?;
    let coarse = [height, width].map(|edge| ((edge as f64 / factor).round() as i64).max(1));
    let low = tile.f_unsqueeze(0)?.f_adaptive_avg_pool2d(coarse)?;
    Ok(low.f_upsample_bilinear2d([height, width], false, None, None)?.f_squeeze_dim(0)?)
}

/// Puts a defect into a tile `[section, y, x]`; one of a neighbouring section changes nothing where
/// there are none.
fn damaged(tile: &Tensor, defect: Defect) -> Result<Tensor> {
    let (sections, height, width) = tile.size3()?;
    let damaged = tile.copy();
    match defect {
        Defect::Cutout { corner, size } => {
            let [y, x] = [voxels(corner[0], height - 1), voxels(corner[1], width - 1)];
            let h = voxels(size[0], height).clamp(1, height - y);
            let w = voxels(size[1], width).clamp(1, width - x);
            let mut hole = damaged.f_narrow(1, y, h)?.f_narrow(2, x, w)?;
            hole.f_copy_(&tile.f_mean(Kind::Float)?)?;
        }
        Defect::Band { rows, shift } => {
            let [first, last] = rows.map(|row| voxels(row, height - 1));
            let mut band = damaged.f_narrow(1, first, last - first + 1)?;
            let _ = band.f_add_scalar_(f64::from(shift))?;
        }
        Defect::Slip { .. } => {}
        Defect::MissingSection { section } => {
            if let Some(mut lost) = neighbour(&damaged, section, sections)? {
                lost.f_copy_(&tile.f_get(sections / 2)?)?;
            }
        }
        Defect::BlankSection { section } => {
            if let Some(mut blank) = neighbour(&damaged, section, sections)? {
                blank.f_copy_(&tile.f_mean(Kind::Float)?)?;
            }
        }
        Defect::MisalignedSection { section, distance } => {
            if let Some(mut moved) = neighbour(&damaged, section, sections)? {
                let shifts = [voxels(distance[0], height), voxels(distance[1], width)];
                let rolled = moved.f_roll(shifts, [0, 1])?;
                moved.f_copy_(&rolled)?;
            }
        }
    }
    Ok(damaged)
}

/// A view of the neighbour that `share`, 0 to 1, falls on; `None` without neighbours.
fn neighbour(tile: &Tensor, share: f32, sections: i64) -> Result<Option<Tensor>> {
    let neighbours = sections - 1;
    if neighbours < 1 {
        return Ok(None);
    }
    let place = ((f64::from(share) * neighbours as f64) as i64).min(neighbours - 1);
    // The labelled section, in the middle, is none.
    let place = if place >= sections / 2 { place + 1 } else { place };
    Ok(Some(tile.f_get(place)?))
}

/// A share of an edge, in voxels.
fn voxels(share: f32, edge: i64) -> i64 {
    (f64::from(share) * edge as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(tensor: &Tensor) -> Vec<f32> {
        Vec::try_from(tensor.contiguous().view(-1)).unwrap()
    }

    fn changed(tile: &Tensor, transform: TileAugmentation) -> Tensor {
        intensity(&slipped(tile, &transform).unwrap(), &transform).unwrap()
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

    #[test]
    fn each_defect_changes_what_it_names() {
        let tile = ramp(3, 10);
        let with = |defect| changed(&tile, TileAugmentation { defect: Some(defect), ..TileAugmentation::IDENTITY });
        let differs = |a: &Tensor| {
            let changed = a.ne_tensor(&tile).to_kind(Kind::Float);
            (0..3).map(|z| changed.get(z).sum(Kind::Float).double_value(&[])).collect::<Vec<_>>()
        };
        let cutout = with(Defect::Cutout { corner: [0.0, 0.0], size: [0.2, 0.3] });
        assert_eq!(differs(&cutout), [6.0; 3]);
        let band = with(Defect::Band { rows: [0.0, 0.2], shift: 1.0 });
        assert_eq!(differs(&band), [30.0; 3]);
        assert_eq!(differs(&with(Defect::MissingSection { section: 0.0 })), [100.0, 0.0, 0.0]);
        assert_eq!(differs(&with(Defect::BlankSection { section: 0.9 })), [0.0, 0.0, 100.0]);
        let moved = with(Defect::MisalignedSection { section: 1.0, distance: [0.0, 0.1] });
        assert_eq!(
            values(&moved.get(2).get(0)),
            [209., 200., 201., 202., 203., 204., 205., 206., 207., 208.]
        );
        let slip = with(Defect::Slip { row: 0.5, distance: 0.1 });
        assert_eq!(differs(&slip), [50.0; 3]);
        assert_eq!(values(&slip.get(0).get(5))[..2], [59.0, 50.0]);
        let single = ramp(1, 10);
        let transform =
            TileAugmentation { defect: Some(Defect::BlankSection { section: 0.5 }), ..TileAugmentation::IDENTITY };
        assert_eq!(values(&changed(&single, transform)), values(&single));
    }
}
