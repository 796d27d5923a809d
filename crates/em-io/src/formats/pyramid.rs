//! A pyramid of levels, each about half as long as the one before, written in one pass over the sections.
//!
//! Each level holds as many sections as a chunk is deep, and hands what it gets, shrunk, to the
//! next one: memory is bounded by the size of a section and the depth of a chunk. It knows no format: where
//! chunks go, a [`ChunkSink`] decides.

use crate::error::{Error, Result};
use crate::formats::sink::cannot_write;
use crate::limits::MAX_PIECE_BYTES;
use crate::shrink::shrink;
use crate::{Content, VolumeSpec, Voxel, WriteOptions, storage};
use ndarray::{Array2, ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;
use std::path::Path;

/// The most levels of a pyramid; the sides that the limits allow give fewer.
const MAX_LEVELS: usize = 20;

/// One level of a pyramid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level {
    /// The number of voxels, `[z, y, x]`.
    pub shape: [usize; 3],
    /// The voxels of the full level along one voxel of this one, `[z, y, x]`.
    pub factor: [usize; 3],
}

/// Plans the levels, each half as long as the one before along every axis that is due.
///
/// An axis whose voxels are twice as long as the shortest ones, or longer, waits for the others:
/// thick sections are halved in y and x until voxels are about as long as wide.
pub(crate) fn levels(
    shape: [usize; 3],
    voxel_size_nm: Option<[f64; 3]>,
    chunk: [usize; 3],
    wanted: Option<usize>,
) -> Vec<Level> {
    let mut all = vec![Level { shape, factor: [1; 3] }];
    let mut size = voxel_size_nm.unwrap_or([1.0; 3]);
    while let Some(&last) = all.last() {
        let enough = match wanted {
            Some(wanted) => all.len() >= wanted,
            None => last.shape[1] <= chunk[1] && last.shape[2] <= chunk[2],
        };
        let axes = 0..3;
        let shortest = axes.clone().filter(|&axis| last.shape[axis] > 1).map(|axis| size[axis]);
        let Some(shortest) = shortest.min_by(f64::total_cmp) else { break };
        if enough || all.len() == MAX_LEVELS {
            break;
        }
        let mut next = last;
        for axis in axes {
            if last.shape[axis] > 1 && size[axis] < 2.0 * shortest {
                next.shape[axis] = last.shape[axis].div_ceil(2);
                next.factor[axis] *= 2;
                size[axis] *= 2.0;
            }
        }
        all.push(next);
    }
    all
}

/// Where the chunks of all levels go. There is one implementation per format.
pub(crate) trait ChunkSink<T>: Send + Sync {
    /// Writes the chunk at a place in the grid of a level, both `[z, y, x]`; at the far borders it has fewer
    /// voxels than others. It is called from several threads.
    fn write(&self, level: usize, place: [usize; 3], voxels: ArrayView3<'_, T>) -> Result<()>;

    /// Returns where they go: behind an address, more of them are written at a time.
    fn folder(&self) -> &Path;
}

/// All levels of a volume that is being written.
pub(crate) struct Pyramid<T, S> {
    levels: Vec<LevelWriter<T>>,
    content: Content,
    sink: S,
}

impl<T: Voxel, S: ChunkSink<T>> Pyramid<T, S> {
    /// Starts the levels.
    pub(crate) fn new(levels: &[Level], chunk: [usize; 3], content: Content, sink: S) -> Self {
        let mut before = [1; 3];
        let levels = levels.iter().map(|level| {
            let step = std::array::from_fn(|axis| level.factor[axis] / before[axis]);
            before = level.factor;
            let chunk = clipped(chunk, level.shape);
            LevelWriter { shape: level.shape, chunk, step, held: None, slab: Vec::new(), taken: 0 }
        });
        Self { levels: levels.collect(), content, sink }
    }

    /// Takes the next sections of the full level.
    pub(crate) fn push(&mut self, sections: ArrayView3<'_, T>) -> Result<()> {
        sections.axis_iter(Axis(0)).try_for_each(|section| self.push_to(0, section))
    }

    /// Begins in the middle of a volume, at a section where chunks of the first `levels` levels begin; the others
    /// are left out.
    pub(crate) fn starting_at(mut self, section: usize, levels: usize) -> Self {
        self.levels.truncate(levels);
        let mut start = section;
        for level in &mut self.levels {
            start /= level.step[0];
            level.taken = start;
        }
        self
    }

    /// Returns where the chunks went.
    pub(crate) fn into_sink(self) -> S {
        self.sink
    }

    fn push_to(&mut self, index: usize, section: ArrayView2<'_, T>) -> Result<()> {
        let Some(level) = self.levels.get_mut(index) else { return Ok(()) };
        let sink = &self.sink;
        let is_last = level.take(section, sink.folder(), |place, voxels| sink.write(index, place, voxels))?;
        self.push_above(index, section, is_last)
    }

    /// Takes the next section of the level `index`, which is there already, for those above it.
    pub(crate) fn push_above(
        &mut self,
        index: usize,
        section: ArrayView2<'_, T>,
        is_last: bool,
    ) -> Result<()> {
        let Some(next) = self.levels.get_mut(index + 1) else { return Ok(()) };
        match next.shrink(section, is_last, self.content) {
            // The levels are a few, so this goes a few calls deep.
            Some(small) => self.push_to(index + 1, small.view()),
            None => Ok(()),
        }
    }
}

/// Returns the chunk that is written: none is larger than its level.
pub(crate) fn clipped(chunk: [usize; 3], shape: [usize; 3]) -> [usize; 3] {
    std::array::from_fn(|axis| chunk[axis].min(shape[axis]))
}

/// Refuses chunks and levels that cannot be written.
pub(crate) fn check_options(path: &Path, spec: VolumeSpec, options: WriteOptions) -> Result<()> {
    let chunk = clipped(options.chunk, spec.shape);
    let sides = chunk.iter().map(|&side| side as u64);
    let bytes = sides.fold(spec.voxel_type.bytes() as u64, u64::saturating_mul);
    if bytes == 0 || bytes > MAX_PIECE_BYTES as u64 {
        let expected = format!("chunks of 1 to {MAX_PIECE_BYTES} bytes");
        return Err(cannot_write(path, format!("chunks of {:?} voxels", options.chunk), expected));
    }
    if options.levels == Some(0) {
        return Err(cannot_write(path, "0 levels".into(), "at least 1"));
    }
    Ok(())
}

struct LevelWriter<T> {
    shape: [usize; 3],
    chunk: [usize; 3],
    /// The voxels of the level before along one voxel of this one: 1 or 2.
    step: [usize; 3],
    /// The first of two sections of the level before.
    held: Option<Array2<T>>,
    /// The sections that wait for their chunks to be full.
    slab: Vec<T>,
    taken: usize,
}

impl<T: Voxel> LevelWriter<T> {
    /// Takes a section, and tells whether it was the last one.
    fn take(
        &mut self,
        section: ArrayView2<'_, T>,
        folder: &Path,
        write: impl Fn([usize; 3], ArrayView3<'_, T>) -> Result<()> + Send + Sync,
    ) -> Result<bool> {
        let [depth, height, width] = self.shape;
        if self.slab.capacity() == 0 {
            let len = self.chunk[0].saturating_mul(height).saturating_mul(width);
            let bytes = (len as u64).saturating_mul(size_of::<T>() as u64);
            self.slab.try_reserve_exact(len).map_err(|_| Error::OutOfMemory { path: None, bytes })?;
        }
        self.slab.extend(section.iter());
        self.taken += 1;
        let is_last = self.taken == depth;
        if is_last || self.taken.is_multiple_of(self.chunk[0]) {
            storage::in_parallel(folder, || self.flush(write))?;
        }
        Ok(is_last)
    }

    /// Makes a section of this level, when there are enough of the level before.
    fn shrink(&mut self, section: ArrayView2<'_, T>, is_last: bool, content: Content) -> Option<Array2<T>> {
        let step = [self.step[1], self.step[2]];
        match self.held.take() {
            Some(first) => Some(shrink(&[first.view(), section], step, content)),
            None if self.step[0] == 1 || is_last => Some(shrink(&[section], step, content)),
            None => {
                self.held = Some(section.to_owned());
                None
            }
        }
    }

    /// Writes the chunks of the sections that wait.
    fn flush(
        &mut self,
        write: impl Fn([usize; 3], ArrayView3<'_, T>) -> Result<()> + Send + Sync,
    ) -> Result<()> {
        let ([_, height, width], [depth, rows, columns]) = (self.shape, self.chunk);
        let z = (self.taken - 1) / depth;
        let sections = self.slab.len() / (height * width);
        let slab = ArrayView3::from_shape((sections, height, width), &self.slab)
            .expect("the slab has whole sections");
        let across = width.div_ceil(columns);
        let count = height.div_ceil(rows) * across;
        let failure = (0..count)
            .into_par_iter()
            .map(|index| {
                let [row, column] = [index / across, index % across];
                let (y, x) = (row * rows, column * columns);
                let part = s![.., y..height.min(y + rows), x..width.min(x + columns)];
                write([z, row, column], slab.slice(part))
            })
            .find_map_first(Result::err);
        self.slab.clear();
        failure.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn shapes(size: Option<[f64; 3]>, wanted: Option<usize>) -> Vec<[usize; 3]> {
        let levels = levels([40, 1000, 1001], size, [16, 256, 256], wanted);
        levels.iter().map(|level| level.shape).collect()
    }

    #[test]
    fn cubic_voxels_are_halved_along_every_axis() {
        let expected = vec![[40, 1000, 1001], [20, 500, 501], [10, 250, 251]];
        assert_eq!(shapes(Some([5.0; 3]), None), expected);
        assert_eq!(shapes(None, None), expected);
        assert_eq!(shapes(None, Some(1)), expected[..1]);
        assert_eq!(shapes(None, Some(2)), expected[..2]);
    }

    #[test]
    fn thick_sections_wait_until_voxels_are_cubes() {
        let expected = [[40, 1000, 1001], [40, 500, 501], [40, 250, 251], [20, 125, 126]];
        assert_eq!(shapes(Some([20.0, 5.0, 5.0]), Some(4)), expected);
    }

    #[test]
    fn a_pyramid_ends_at_one_voxel() {
        let all = levels([1, 3, 2], None, [1, 1, 1], Some(99));
        assert_eq!(all.last().unwrap().shape, [1, 1, 1]);
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn grey_values_are_averaged_and_numbers_are_kept() {
        let section = array![[1_u8, 2, 7], [3, 5, 8], [10, 0, 9]];
        let sections = [section.view()];
        assert_eq!(shrink(&sections, [2, 2], Content::Intensity), array![[3, 8], [5, 9]]);
        assert_eq!(shrink(&sections, [2, 2], Content::Label), array![[5, 8], [10, 9]]);
        assert_eq!(shrink(&sections, [1, 1], Content::Intensity), section);
    }

    #[test]
    fn two_sections_become_one() {
        let sections = [array![[1.0_f32, 2.0]], array![[3.0, 6.0]]];
        let sections = [sections[0].view(), sections[1].view()];
        assert_eq!(shrink(&sections, [2, 2], Content::Intensity), array![[3.0]]);
        assert_eq!(shrink(&sections, [1, 1], Content::Intensity), array![[2.0, 4.0]]);
    }
}
