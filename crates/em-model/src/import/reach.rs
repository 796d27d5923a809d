//! How far a network sees, and on what grid, as found out by running it on noise.

use tch::{Kind, Tensor};

use super::opened::Opened;
use super::probe::{STEPS, Taken};
use crate::error::Computed;
use crate::network::Raw;

/// What an output may change by and be the same: of its own deviation.
const SAME: f64 = 1e-3;
/// Beyond that it is another picture.
const ALIKE: f64 = 1e-2;
/// A voxel farther away counts less than that of the nearest: a network that sees everything sees it little.
const FAINT: f64 = 1e-3;

/// Rolls along an axis `[z, y, x]`.
fn rolled(tensor: &Tensor, axis: usize, by: usize) -> Computed<Tensor> {
    let flat = 5 - tensor.dim();
    Ok(tensor.f_roll([by as i64].as_slice(), [(2 + axis - flat) as i64].as_slice())?)
}

/// Cuts a box around the middle of a picture, so many voxels to each side, moved along an axis.
fn middle(tensor: &Tensor, around: usize, moved: Option<(usize, usize)>) -> Computed<Tensor> {
    let flat = 5 - tensor.dim();
    let mut cut = tensor.shallow_clone();
    for axis in flat..3 {
        let place = (2 + axis - flat) as i64;
        let edge = tensor.size()[place as usize] as usize;
        let around = around.min(edge / 4);
        let by = moved.filter(|(along, _)| *along == axis).map_or(0, |(_, by)| by);
        cut = cut.f_narrow(place, (edge / 2 - around + by) as i64, (2 * around).max(1) as i64)?;
    }
    Ok(cut)
}

/// What the picture has to move by along each axis so that the output does nothing but move; and whether there is
/// such a number.
pub fn period(opened: &Opened, size: [usize; 3]) -> Computed<([usize; 3], bool)> {
    let input = opened.noise(1, size)?;
    let given = opened.run(&input)?;
    let deviation = given.f_std(true)?.f_double_value(&[])?.max(f64::MIN_POSITIVE);
    let (mut periods, mut is_regular) = ([1; 3], true);
    for axis in if opened.dimensions() == 3 { 0..3 } else { 1..3 } {
        let around = size[axis] / 8;
        let apart = |by: usize| -> Computed<(f64, usize)> {
            let moved = opened.run(&rolled(&input, axis, by)?)?;
            let difference = middle(&given, around, None)? - middle(&moved, around, Some((axis, by)))?;
            let apart = difference.f_square()?.f_mean(Kind::Float)?.f_double_value(&[])?.sqrt();
            Ok((apart / deviation, by))
        };
        let fits = |by: &usize| 4 * by <= size[axis];
        let (powers, others): (Vec<usize>, Vec<usize>) =
            STEPS.into_iter().filter(fits).partition(|by| by.is_power_of_two());
        let mut found = powers.into_iter().map(apart).collect::<Computed<Vec<_>>>()?;
        let best =
            |found: &[(f64, usize)]| found.iter().fold(f64::INFINITY, |best, (apart, _)| best.min(*apart));
        if best(&found) > ALIKE {
            found.extend(others.into_iter().map(apart).collect::<Computed<Vec<_>>>()?);
            found.sort_by_key(|(_, by)| *by);
        }
        // What sees everything is never quite the same: it is as good as it gets then.
        let best = best(&found);
        let same = (4.0 * best).max(SAME);
        periods[axis] = found.iter().find(|(apart, _)| *apart <= same).map_or(1, |(_, by)| *by);
        is_regular &= best <= ALIKE;
    }
    Ok((periods, is_regular))
}

/// The least number that both divide.
pub fn common_multiple(a: usize, b: usize) -> usize {
    (1..=b).map(|times| a * times).find(|multiple| multiple.is_multiple_of(b)).unwrap_or(a * b)
}

/// How far an output voxel sees.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub halo: [usize; 3],
    /// Voxels of the input before the first one of the output.
    pub before: [usize; 3],
    /// Whether it sees as far as there is anything.
    pub sees_all: bool,
}

/// How far the middle of the output sees along each axis, and where it lies in the input.
pub fn reach(opened: &Opened, taken: &Taken, size: [usize; 3], period: [usize; 3]) -> Computed<Seen> {
    let (flat, grid) = (3 - opened.dimensions(), taken.grid(period));
    let mut seen: Option<Tensor> = None;
    for _ in 0..3 {
        let input = opened.noise(1, size)?.f_set_requires_grad(true)?;
        let around = period.iter().copied().max().unwrap_or(1).div_ceil(2);
        let given = middle(&opened.run(&input)?, around, None)?;
        let signs = given.f_randn_like()?;
        let sum = (given * signs).f_sum(Kind::Float)?;
        if sum.f_backward().is_err() {
            // Without gradients nothing is known: as far as a quarter of what was tried.
            let quarter: [usize; 3] =
                std::array::from_fn(|axis| (size[axis] / 4).next_multiple_of(grid[axis]));
            let halo = if flat == 0 { quarter } else { [0, quarter[1], quarter[2]] };
            return Ok(Seen { halo, before: taken.fewer.map(|fewer| fewer / 2), sees_all: true });
        }
        let gradient = input.grad().f_abs()?.f_sum_dim_intlist([0_i64, 1].as_slice(), false, Kind::Float)?;
        seen = Some(match seen {
            Some(seen) => seen + gradient,
            None => gradient,
        });
    }
    let seen = seen.expect("it was seen three times");
    let (mut halo, mut sees_all) = ([0; 3], false);
    let before = begins(opened, taken, size)?;
    for axis in flat..3 {
        let others: Vec<i64> =
            (0..seen.dim() as i64).filter(|other| *other != (axis - flat) as i64).collect();
        let profile: Vec<f32> = Vec::try_from(seen.f_amax(others.as_slice(), false)?.f_contiguous()?)?;
        let edge = profile.len();
        let block = period.iter().copied().max().unwrap_or(1).div_ceil(2).min(edge / 4);
        // The middle of the output lies behind the border that was lost.
        let centre = edge / 2;
        let most = profile.iter().fold(0.0_f32, |most, value| most.max(*value));
        let farthest = |least: f32| {
            let sees = (0..edge).filter(|&place| profile[place] > least);
            sees.map(|place| place.abs_diff(centre).saturating_sub(block)).max().unwrap_or(0)
        };
        let mut radius = farthest(0.0);
        if radius + block + 2 >= edge / 2 {
            // Of one size there is nothing farther.
            sees_all |= taken.sizes[axis].step > 0;
            radius = farthest(most * FAINT as f32);
        }
        // Pooling may see further than these pictures let it.
        halo[axis] = (radius.max(taken.fewer[axis].div_ceil(2)) + period[axis]).next_multiple_of(grid[axis]);
    }
    let plane = halo[1].max(halo[2]);
    Ok(Seen { halo: [halo[0], plane, plane], before, sees_all })
}

/// How many of the voxels that an output lacks lie before it: what a wide part of its middle sees, by how much, has a
/// middle, too. All at one side, or half of them.
fn begins(opened: &Opened, taken: &Taken, size: [usize; 3]) -> Computed<[usize; 3]> {
    let flat = 3 - opened.dimensions();
    let mut before = taken.fewer.map(|fewer| fewer / 2);
    if taken.fewer == [0; 3] {
        return Ok(before);
    }
    let mut profiles = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..3 {
        let input = opened.noise(1, size)?.f_set_requires_grad(true)?;
        let given = middle(&opened.run(&input)?, usize::MAX, None)?;
        let signs = given.f_randn_like()?;
        if (given * signs).f_sum(Kind::Float)?.f_backward().is_err() {
            return Ok(before);
        }
        let seen = input.grad().f_abs()?.f_sum_dim_intlist([0_i64, 1].as_slice(), false, Kind::Float)?;
        for (axis, profile) in profiles.iter_mut().skip(flat).enumerate() {
            let others: Vec<i64> = (0..seen.dim() as i64).filter(|other| *other != axis as i64).collect();
            let along = seen.f_sum_dim_intlist(others.as_slice(), false, Kind::Float)?;
            let along: Vec<f32> = Vec::try_from(along.f_contiguous()?)?;
            profile.resize(along.len(), 0.0);
            profile.iter_mut().zip(along).for_each(|(sum, value)| *sum += f64::from(value));
        }
    }
    for ((before, fewer), profile) in before.iter_mut().zip(taken.fewer).zip(profiles).skip(flat) {
        let sum: f64 = profile.iter().sum();
        let weighted = profile.iter().enumerate().map(|(place, value)| place as f64 * value);
        let centre = weighted.sum::<f64>() / sum.max(f64::MIN_POSITIVE);
        // As `middle` cuts it.
        let edge = profile.len() - fewer;
        let found = (centre - (edge / 2) as f64 + 0.5) / fewer.max(1) as f64;
        // Kernels that are heavier at one side move it by a part of a voxel.
        *before = match found {
            ..0.25 => 0,
            0.75.. => fewer,
            _ => fewer / 2,
        };
    }
    Ok(before)
}

/// How far the probabilities of a tile with its halo are from those of the whole, at most.
pub fn seam(
    opened: &Opened,
    taken: &Taken,
    size: [usize; 3],
    stride: [usize; 3],
    halo: [usize; 3],
    raw: Raw,
) -> Computed<Option<f64>> {
    let flat = 3 - opened.dimensions();
    let input = opened.noise(1, size)?;
    let whole = opened.run(&input)?;
    let mut part = input.shallow_clone();
    let mut cut = whole.shallow_clone();
    let (mut starts, mut edges) = ([0; 3], [0; 3]);
    for axis in flat..3 {
        let Some(edge) = taken.sizes[axis].from(2 * halo[axis] + taken.fewer[axis] + stride[axis]) else {
            return Ok(None);
        };
        // In the middle of the picture, where nothing is near its border.
        let Some(around) = size[axis].checked_sub(edge + stride[axis]) else { return Ok(None) };
        let start = around / 2 / stride[axis] * stride[axis];
        (starts[axis], edges[axis]) = (start, edge);
        let place = (2 + axis - flat) as i64;
        part = part.f_narrow(place, start as i64, edge as i64)?;
        cut = cut.f_narrow(place, start as i64, (edge - taken.fewer[axis]) as i64)?;
    }
    let mut tile = opened.run(&part)?;
    for axis in flat..3 {
        let place = (2 + axis - flat) as i64;
        let kept = edges[axis] - taken.fewer[axis] - 2 * halo[axis];
        tile = tile.f_narrow(place, halo[axis] as i64, kept as i64)?;
        cut = cut.f_narrow(place, halo[axis] as i64, kept as i64)?;
    }
    let probabilities = |tensor: &Tensor| match raw {
        Raw::Sigmoid => tensor.f_sigmoid(),
        Raw::Softmax => tensor.f_softmax(1, Kind::Float),
        Raw::Tanh | Raw::Probabilities => Ok(tensor.shallow_clone()),
    };
    Ok(Some((probabilities(&tile)? - probabilities(&cut)?).f_abs()?.f_max()?.f_double_value(&[])?))
}
