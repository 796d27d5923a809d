//! What the page shows: grey values as 8-bit pictures, sections and cuts as tiles of a pyramid.

use em_io::{Roi, SparseLabels, Volume, VoxelType, Voxels};
use em_metrics::quantile;
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, s};

use super::project::chunks_of;
use crate::error::Result;

/// Edge of a tile, in pixels of its level.
pub const TILE: usize = SparseLabels::CHUNK;
/// Voxels that are read at once for a tile of a coarse level.
const BAND_VOXELS: usize = 16 << 20;
/// Sections that tell the range of grey values.
const SECTIONS: usize = 9;
/// Share of voxels that is shown black, and as much white.
const CLIPPED: f64 = 0.001;

/// What is shown, and read while somebody paints: the stack, and the labels as they are on the disk.
#[derive(Debug)]
pub struct Canvas {
    /// The raw stack.
    pub stack: Volume,
    /// How its grey values are shown.
    pub greys: Greys,
    /// One for each class.
    pub labels: Vec<SparseLabels>,
}

/// The range of grey values that is shown from black to white.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Greys {
    low: f32,
    high: f32,
}

impl Greys {
    /// Looks at some sections of a volume.
    ///
    /// # Errors
    ///
    /// Fails if they cannot be read.
    pub fn of(volume: &Volume) -> Result<Self> {
        let [depth, ..] = volume.shape();
        let count = SECTIONS.min(depth);
        let mut values = Vec::new();
        for number in 0..count {
            let z = (2 * number + 1) * depth / (2 * count);
            let roi = Roi::middle(volume.shape(), z..z + 1, [TILE; 2]);
            let grey = volume.read(roi)?.to_f32();
            values.extend(grey.into_iter().filter(|value| value.is_finite()).map(f64::from));
        }
        values.sort_by(f64::total_cmp);
        // Without a number, all is black.
        let at = |share: f64| quantile(&values, share).unwrap_or_default() as f32;
        let (low, high) = (at(CLIPPED), at(1.0 - CLIPPED));
        // Bytes that fill their range are shown as they are.
        if volume.voxel_type() == VoxelType::U8 && high - low > 100.0 {
            return Ok(Self { low: 0.0, high: 255.0 });
        }
        Ok(Self { low, high: if high > low { high } else { low + 1.0 } })
    }

    /// Returns what is shown black, and what white.
    pub fn range(self) -> [f32; 2] {
        [self.low, self.high]
    }

    /// Returns voxels as they are shown; what is no number is black.
    pub fn shown(self, voxels: &Voxels) -> Array3<u8> {
        let scale = 255.0 / (self.high - self.low);
        // Values out of range become the nearest byte, and NaN becomes 0.
        voxels.to_f32().mapv(|value| ((value - self.low) * scale).round() as u8)
    }
}

/// The plane that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plane {
    /// Sections.
    Xy,
    /// Rows along z, columns along x.
    Xz,
    /// Rows along z, columns along y.
    Yz,
}

/// A tile of a pyramid: its level, of pixels of 2^level voxels, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Each level halves the one before; along z nothing is halved.
    pub level: usize,
    /// Number of the section or cut.
    pub index: usize,
    /// Counted from the top.
    pub row: usize,
    /// Counted from the left.
    pub column: usize,
}

/// How many levels there are, of which the last shows sections in about one tile.
pub fn levels([_, height, width]: [usize; 3]) -> usize {
    let longest = height.max(width);
    (1..).take_while(|level| longest.div_ceil(1 << (level - 1)) > TILE).count() + 1
}

impl Tile {
    /// The voxels of a section that it covers; `None` where that are none.
    pub fn roi(self, shape: [usize; 3]) -> Option<Roi> {
        let reach = TILE.checked_shl(u32::try_from(self.level).ok()?)?;
        let start = [self.index, self.row.checked_mul(reach)?, self.column.checked_mul(reach)?];
        if self.level >= levels(shape) || start.iter().zip(shape).any(|(&start, side)| start >= side) {
            return None;
        }
        let sides = [1, reach, reach];
        Some(Roi { start, shape: std::array::from_fn(|axis| sides[axis].min(shape[axis] - start[axis])) })
    }

    fn cut_roi(self, plane: Plane, shape: [usize; 3]) -> Option<Roi> {
        let [depth, height, width] = shape;
        let transposed = match plane {
            Plane::Xy => return self.roi(shape),
            Plane::Xz => [height, depth, width],
            Plane::Yz => [width, depth, height],
        };
        let reach = TILE.checked_shl(u32::try_from(self.level).ok()?)?;
        let start = [self.index, self.row.checked_mul(TILE)?, self.column.checked_mul(reach)?];
        if self.level >= levels(shape) || start.iter().zip(transposed).any(|(&start, side)| start >= side) {
            return None;
        }
        let side = |axis: usize, reach: usize| reach.min(transposed[axis] - start[axis]);
        let (rows, columns) = (side(1, TILE), side(2, reach));
        Some(match plane {
            Plane::Yz => Roi { start: [start[1], start[2], start[0]], shape: [rows, columns, 1] },
            _ => Roi { start: [start[1], start[0], start[2]], shape: [rows, 1, columns] },
        })
    }
}

/// Returns a tile of grey values, `None` where the stack has none.
///
/// Coarse levels are means, read in bands, so that memory is bounded whatever the size of a section.
///
/// # Errors
///
/// Fails if the stack cannot be read.
pub fn grey_tile(canvas: &Canvas, plane: Plane, tile: Tile) -> Result<Option<Array2<u8>>> {
    let Canvas { stack, greys, .. } = canvas;
    let Some(roi) = tile.cut_roi(plane, stack.shape()) else { return Ok(None) };
    let step = 1 << tile.level;
    let steps = match plane {
        Plane::Xy => [1, step, step],
        Plane::Xz => [1, 1, step],
        Plane::Yz => [1, step, 1],
    };
    // A multiple of the step, so that no pixel lies in two bands.
    let axis = if plane == Plane::Xy { 1 } else { 0 };
    let across = roi.voxels() / roi.shape[axis].max(1);
    let height = (BAND_VOXELS / across.max(1)).max(1).next_multiple_of(steps[axis]);
    let mut bands = Vec::new();
    for from in (0..roi.shape[axis]).step_by(height) {
        let mut band = roi;
        band.start[axis] += from;
        band.shape[axis] = height.min(roi.shape[axis] - from);
        bands.push(means(greys.shown(&stack.read(band)?).view(), steps));
    }
    let views: Vec<ArrayView3<'_, u8>> = bands.iter().map(|band| band.view()).collect();
    let whole = ndarray::concatenate(Axis(axis), &views).expect("bands of one tile are alike");
    let thin = match plane {
        Plane::Xy => 0,
        Plane::Xz => 1,
        Plane::Yz => 2,
    };
    Ok(Some(whole.index_axis_move(Axis(thin), 0)))
}

/// The grey value of a voxel, `None` where it is no number.
///
/// # Errors
///
/// Fails if the stack cannot be read.
pub fn grey_value(canvas: &Canvas, voxel: [usize; 3]) -> Result<Option<f32>> {
    let value = canvas.stack.read(Roi { start: voxel, shape: [1; 3] })?.to_f32()[[0; 3]];
    Ok(Some(value).filter(|value| value.is_finite()))
}

/// Returns a tile of labels, `[class, y, x]`: of a coarse pixel the largest value. `None` where the stack
/// has none.
///
/// # Errors
///
/// Fails if a chunk is damaged.
pub fn label_tile(canvas: &Canvas, tile: Tile) -> Result<Option<Array3<u8>>> {
    let shape = canvas.stack.shape();
    let Some(roi) = tile.roi(shape) else { return Ok(None) };
    let step = 1 << tile.level;
    let pixels = [roi.shape[1].div_ceil(step), roi.shape[2].div_ceil(step)];
    let mut shown = Array3::zeros((canvas.labels.len(), pixels[0], pixels[1]));
    for (labels, mut shown) in canvas.labels.iter().zip(shown.outer_iter_mut()) {
        for chunk in chunks_of(roi) {
            let Some(voxels) = labels.read(chunk)? else { continue };
            let of_chunk = labels.roi(chunk);
            let reduced = largest(voxels.view(), step);
            let at = [1, 2].map(|axis| (of_chunk.start[axis] - roi.start[axis]) / step);
            let (height, width) = reduced.dim();
            let mut part = shown.slice_mut(s![at[0]..at[0] + height, at[1]..at[1] + width]);
            // Of the coarsest levels, a pixel covers several chunks.
            part.zip_mut_with(&reduced, |most, &value| *most = value.max(*most));
        }
    }
    Ok(Some(shown))
}

/// Returns the labels of a part of one section, `[y, x]`.
///
/// # Errors
///
/// Fails if a chunk is damaged.
pub fn painted(labels: &SparseLabels, part: Roi) -> Result<Array2<u8>> {
    Ok(labels.volume()?.read_as::<u8>(part)?.index_axis_move(Axis(0), 0))
}

/// The largest of each `step` x `step` values.
pub fn largest(values: ArrayView2<'_, u8>, step: usize) -> Array2<u8> {
    if step == 1 {
        return values.to_owned();
    }
    let (height, width) = values.dim();
    let mut reduced = Array2::zeros((height.div_ceil(step), width.div_ceil(step)));
    for ((y, x), &value) in values.indexed_iter() {
        let most = &mut reduced[[y / step, x / step]];
        *most = value.max(*most);
    }
    reduced
}

/// The mean of each box of values, rounded.
fn means(values: ArrayView3<'_, u8>, steps: [usize; 3]) -> Array3<u8> {
    if steps == [1; 3] {
        return values.to_owned();
    }
    let shape: Vec<usize> =
        values.shape().iter().zip(steps).map(|(side, step)| side.div_ceil(step)).collect();
    let mut sums = Array3::<(u32, u32)>::from_elem((shape[0], shape[1], shape[2]), (0, 0));
    for ((z, y, x), &value) in values.indexed_iter() {
        let (sum, count) = &mut sums[[z / steps[0], y / steps[1], x / steps[2]]];
        (*sum, *count) = (*sum + u32::from(value), *count + 1);
    }
    // A mean of bytes is a byte.
    sums.mapv(|(sum, count)| ((sum + count / 2) / count.max(1)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn levels_end_where_a_section_fits_into_a_tile() {
        assert_eq!([512, 513, 1024, 1025, 4096].map(|width| levels([1, 9, width])), [1, 2, 2, 3, 4]);
    }

    #[test]
    fn tiles_at_the_border_are_smaller_and_none_lie_beyond() {
        let shape = [4, 700, 1300];
        let tile = |level, row, column| Tile { level, index: 3, row, column }.roi(shape);
        assert_eq!(tile(0, 1, 2), Some(Roi { start: [3, 512, 1024], shape: [1, 188, 276] }));
        assert_eq!(tile(1, 0, 1), Some(Roi { start: [3, 0, 1024], shape: [1, 700, 276] }));
        for (level, row, column) in [(0, 2, 0), (0, 0, 3), (3, 0, 0), (200, 0, 0), (0, usize::MAX, 0)] {
            assert_eq!(tile(level, row, column), None);
        }
        let cut = |plane, index, column| Tile { level: 1, index, row: 0, column }.cut_roi(plane, shape);
        assert_eq!(cut(Plane::Xz, 699, 1), Some(Roi { start: [0, 699, 1024], shape: [4, 1, 276] }));
        assert_eq!(cut(Plane::Yz, 1299, 0), Some(Roi { start: [0, 0, 1299], shape: [4, 700, 1] }));
        assert_eq!((cut(Plane::Xz, 700, 0), cut(Plane::Yz, 1300, 0)), (None, None));
    }

    #[test]
    fn coarse_pixels_are_means_of_grey_values_and_the_largest_of_labels() {
        let values = array![[1, 2, 9], [4, 4, 0], [7, 0, 5]];
        assert_eq!(means(values.view().insert_axis(Axis(0)), [1, 2, 2]), array![[[3, 5], [4, 5]]]);
        assert_eq!(largest(values.view(), 2), array![[4, 9], [7, 5]]);
    }

    #[test]
    fn values_out_of_range_are_black_and_white() {
        let greys = Greys { low: 100.0, high: 200.0 };
        let voxels = Voxels::from(array![[[0.0_f32, 100.0, 150.0, 200.0, 1e9, f32::NAN]]]);
        assert_eq!(greys.shown(&voxels), array![[[0, 0, 128, 255, 255, 0]]]);
    }
}
