//! Where the voxels of a changed tile come from: warps, mirroring, turns.

use em_data::{TileAugmentation, Warp};
use tch::{Kind, Tensor};

use crate::error::Computed;

/// libtorch's numbers for bilinear interpolation and borders that are mirrored without their edge.
const BILINEAR: i64 = 0;
const REFLECTION: i64 = 2;

/// The places that a tile of edge `size` is read from through a deformation, in a window
/// `[channel, y, x]` in which the tile itself starts at `offset`, `[y, x]`.
pub(super) fn warp_grid(window: &Tensor, warp: &Warp, size: usize, offset: [f64; 2]) -> Computed<Tensor> {
    let device = window.device();
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
    let (_, height, width) = window.size3()?;
    // From voxels to what grid_sample takes: -1 the first voxel, 1 the last.
    let [y, x] = source;
    let relative = |voxels: Tensor, edge: i64| voxels * (2.0 / (edge - 1).max(1) as f64) - 1.0;
    Ok(Tensor::f_stack(&[relative(x, width), relative(y, height)], -1)?.f_unsqueeze(0)?)
}

/// Reads a window `[channel, y, x]` at the places of a [`warp_grid`]. What lies outside is mirrored
/// without its edge.
pub(super) fn read(window: &Tensor, grid: &Tensor) -> Computed<Tensor> {
    let window = window.f_to_kind(Kind::Float)?.f_unsqueeze(0)?;
    Ok(window.f_grid_sampler(grid, BILINEAR, REFLECTION, true)?.f_squeeze_dim(0)?)
}

/// Mirrors and turns the last two axes.
pub(crate) fn turned(tile: &Tensor, augmentation: &TileAugmentation) -> Computed<Tensor> {
    let mut axes = Vec::new();
    if augmentation.flip_y {
        axes.push(-2);
    }
    if augmentation.flip_x {
        axes.push(-1);
    }
    let flipped = if axes.is_empty() { tile.shallow_clone() } else { tile.f_flip(axes)? };
    Ok(match augmentation.quarter_turns {
        0 => flipped,
        turns => flipped.f_rot90(i64::from(turns), [-2, -1])?,
    })
}

/// Mirrors a volume `[..., z, y, x]` along z, and lets the axes of a cube change places.
pub(crate) fn turned_through(tile: &Tensor, augmentation: &TileAugmentation) -> Computed<Tensor> {
    let mut turned = if augmentation.flip_z { tile.f_flip([-3])? } else { tile.shallow_clone() };
    for _ in 0..augmentation.axis_turns {
        turned = turned.f_movedim_int(-3, -1)?;
    }
    Ok(turned)
}
