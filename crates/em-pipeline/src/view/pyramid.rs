//! A volume in levels, each about half as large as the one before: those that its file holds, and then
//! levels that are made of the last of them when somebody looks at them.
//!
//! Of a level that is made, a voxel is what [`em_io::shrink`] makes of the section in the middle of those
//! that it covers: so of a stack only the sections that are shown are unpacked.

use std::ops::Range;
use std::sync::Arc;

use em_io::{Content, Roi, Volume, Voxel, Voxels, match_voxels, shrink};
use ndarray::{Array2, ArrayViewMut3, Axis, s};
use rayon::prelude::*;

use super::bricks::Bricks;
use crate::Result;

/// Sides are halved until none is longer.
const COARSEST: usize = 128;
/// Edges of what is served at once, `[z, y, x]`: cubes look the same from all sides.
const CHUNK: [usize; 3] = [64; 3];
/// The same where sections are stored by themselves, so that of a stack fewer are unpacked at once.
const CHUNK_OF_SECTIONS: [usize; 3] = [16, 64, 64];
/// Pieces of storage that are deeper are no sections.
const DEEP: usize = 32;
/// Voxels of a row that are read at once at least.
const ROW: usize = 256;
/// The most bytes of a brick, as far as pieces of storage allow.
const BRICK_BYTES: usize = 32 << 20;
/// The most bytes that are read at once to be shrunk, as far as pieces of storage allow.
const READ_BYTES: usize = 32 << 20;
/// Axes whose voxels are at most so much longer than the shortest are halved with it.
const ABOUT_ALIKE: f64 = std::f64::consts::SQRT_2;

/// A level, of which level 0 is the full one.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The number of its voxels, `[z, y, x]`.
    pub shape: [usize; 3],
    /// How many voxels of the full level one of its voxels is long, `[z, y, x]`.
    pub factor: [f64; 3],
    /// Edges of what is served at once, `[z, y, x]`.
    pub chunk: [usize; 3],
    /// Which of the file's levels it is made of.
    source: usize,
    /// How many voxels of that one of its voxels is long.
    step: [usize; 3],
    /// Edges of what is read and kept at once: whole chunks, and whole pieces of storage.
    brick: [usize; 3],
}

impl Level {
    /// Tells whether a block is one of those that are served.
    pub fn has(&self, chunk: Roi) -> bool {
        chunk.shape.iter().all(|&side| side > 0)
            && chunk.is_within(self.shape)
            && (0..3).all(|axis| {
                let (start, edge) = (chunk.start[axis], self.chunk[axis]);
                start.is_multiple_of(edge) && chunk.shape[axis] == edge.min(self.shape[axis] - start)
            })
    }
}

/// The levels of a volume.
#[derive(Debug)]
pub struct Pyramid {
    /// Tells its bricks from those of others.
    number: usize,
    content: Content,
    sources: Vec<Volume>,
    levels: Vec<Level>,
    bricks: Arc<Bricks>,
}

impl Pyramid {
    /// Plans the levels; `smaller` are those that the file holds beside the full one. Nothing is read.
    pub fn new(
        number: usize,
        content: Content,
        full: Volume,
        smaller: Vec<Volume>,
        voxel_size_nm: [f64; 3],
        bricks: Arc<Bricks>,
    ) -> Self {
        let mut sources = vec![full];
        for level in smaller {
            let before = &sources[sources.len() - 1];
            let is_smaller = level.shape() != before.shape()
                && level.shape().iter().zip(before.shape()).all(|(&side, before)| side <= before);
            if !is_smaller || level.voxel_type() != before.voxel_type() {
                break;
            }
            sources.push(level);
        }
        let levels = plan(&sources, voxel_size_nm);
        Self { number, content, sources, levels, bricks }
    }

    /// Returns the volume itself.
    pub fn full(&self) -> &Volume {
        &self.sources[0]
    }

    /// Returns the levels, the full one first.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Reads a block of a level.
    ///
    /// # Errors
    ///
    /// Those of [`Volume::read`].
    ///
    /// # Panics
    ///
    /// Where there is no such level, or the block reaches out of it.
    pub fn read(&self, level: usize, block: Roi) -> Result<Voxels> {
        let Level { brick: edges, shape, .. } = self.levels[level];
        let mut whole: Option<Voxels> = None;
        for place in places(block, edges) {
            let start: [usize; 3] = std::array::from_fn(|axis| place[axis] * edges[axis]);
            let of_brick =
                Roi { start, shape: std::array::from_fn(|axis| edges[axis].min(shape[axis] - start[axis])) };
            let Some(shared) = of_brick.intersection(block) else { continue };
            let brick = self.bricks.get((self.number, level, place), || self.make(level, of_brick))?;
            let part = brick.cut(within(shared, of_brick));
            if shared == block {
                return Ok(part);
            }
            let whole = whole.get_or_insert_with(|| Voxels::zeros(part.voxel_type(), block.shape));
            whole.put(within(shared, block).start, &part);
        }
        Ok(whole.unwrap_or_else(|| Voxels::zeros(self.full().voxel_type(), block.shape)))
    }

    /// Reads a part of a level from the file, and shrinks it.
    fn make(&self, level: usize, part: Roi) -> Result<Voxels> {
        let Level { source, step, .. } = self.levels[level];
        let source = &self.sources[source];
        if step == [1; 3] {
            return Ok(source.read(part)?);
        }
        let mut made = Voxels::zeros(source.voxel_type(), part.shape);
        match_voxels!(&mut made, made => shrink_into(source, step, part, self.content, made.view_mut()))?;
        Ok(made)
    }
}

/// Plans the levels of a volume, of which the file holds some.
fn plan(sources: &[Volume], voxel_size_nm: [f64; 3]) -> Vec<Level> {
    let mut levels: Vec<Level> = Vec::new();
    for source in 0..sources.len() {
        levels.push(level(sources, source, [1; 3]));
    }
    let last = sources.len() - 1;
    let mut step = [1; 3];
    while let Some(before) = levels.last().filter(|level| level.shape.iter().any(|&side| side > COARSEST)) {
        let size: [f64; 3] = std::array::from_fn(|axis| voxel_size_nm[axis] * before.factor[axis]);
        // Along an axis of one voxel nothing is seen, whatever its size.
        let sizes = size.iter().zip(before.shape).filter(|(_, side)| *side > 1).map(|(&size, _)| size);
        let shortest = sizes.fold(f64::INFINITY, f64::min);
        for axis in 0..3 {
            if before.shape[axis] > 1 && size[axis] <= shortest * ABOUT_ALIKE {
                step[axis] *= 2;
            }
        }
        levels.push(level(sources, last, step));
    }
    levels
}

/// Describes a level that is made of one of the file's by steps.
fn level(sources: &[Volume], source: usize, step: [usize; 3]) -> Level {
    let (full, volume) = (&sources[0], &sources[source]);
    let shape: [usize; 3] = std::array::from_fn(|axis| volume.shape()[axis].div_ceil(step[axis]));
    let by_size = full.voxel_size_nm().zip(volume.voxel_size_nm());
    let factor = std::array::from_fn(|axis| {
        let by_shape = full.shape()[axis] as f64 / volume.shape()[axis] as f64;
        let by_size = by_size.map(|(full, of_level)| of_level[axis] / full[axis]);
        // A size that the number of voxels contradicts is a mistake in the file.
        let covered = |factor: f64| (full.shape()[axis] as f64 / factor - volume.shape()[axis] as f64).abs();
        step[axis] as f64 * by_size.filter(|&factor| covered(factor) <= 1.0).unwrap_or(by_shape)
    });
    let piece = volume.piece();
    let chunk = if piece[0] < DEEP { CHUNK_OF_SECTIONS } else { CHUNK };
    let brick = brick(piece, chunk, step, shape, volume.voxel_type().bytes());
    Level { shape, factor, chunk, source, step, brick }
}

/// Chooses what is read at once: whole chunks that hold whole pieces of storage.
fn brick(
    piece: [usize; 3],
    chunk: [usize; 3],
    step: [usize; 3],
    shape: [usize; 3],
    voxel_bytes: usize,
) -> [usize; 3] {
    let piece = [piece[0], piece[1], piece[2].max(ROW)];
    let mut brick: [usize; 3] = std::array::from_fn(|axis| {
        piece[axis].div_ceil(step[axis]).next_multiple_of(chunk[axis]).min(shape[axis])
    });
    // Wide sections are kept a few at a time.
    while piece[0] == 1 && brick[0] > 1 && brick.iter().product::<usize>() * voxel_bytes > BRICK_BYTES {
        brick[0] = brick[0].div_ceil(2);
    }
    brick
}

/// The places on a grid of such edges that a block touches.
fn places(block: Roi, edges: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let end = block.end();
    let [z, y, x] =
        std::array::from_fn(|axis| block.start[axis] / edges[axis]..end[axis].div_ceil(edges[axis]));
    z.flat_map(move |z| {
        let x = x.clone();
        y.clone().flat_map(move |y| x.clone().map(move |x| [z, y, x]))
    })
}

/// A block as seen from another that holds it.
fn within(block: Roi, other: Roi) -> Roi {
    Roi { start: std::array::from_fn(|axis| block.start[axis] - other.start[axis]), shape: block.shape }
}

/// Sections of a level that are made of one slab of storage: their numbers, and where each lies within it.
struct Slab {
    start: usize,
    depth: usize,
    /// The number within the part, and the section of the slab.
    sections: Vec<(usize, usize)>,
}

/// Reads what a part of a level is made of, slab by slab, and shrinks it.
fn shrink_into<T: Voxel>(
    source: &Volume,
    step: [usize; 3],
    part: Roi,
    content: Content,
    mut made: ArrayViewMut3<'_, T>,
) -> Result<()> {
    let region: [Range<usize>; 2] = [1, 2].map(|axis| {
        let along = |place: usize| (place * step[axis]).min(source.shape()[axis]);
        along(part.start[axis])..along(part.end()[axis])
    });
    let slabs = slabs(source, step[0], part);
    let slab_bytes =
        |slab: &Slab| slab.depth * region[0].len() * region[1].len() * source.voxel_type().bytes();
    let at_once = (READ_BYTES / slabs.iter().map(slab_bytes).max().unwrap_or(1).max(1)).max(1);
    for slabs in slabs.chunks(at_once) {
        let shrink = |slab| shrunk::<T>(source, step, slab, &region, content);
        let shrunk = slabs.par_iter().map(shrink).collect::<Result<Vec<_>>>()?;
        for (number, [y, x], section) in shrunk.into_iter().flatten() {
            let (height, width) = section.dim();
            let [y, x] = [y / step[1] - part.start[1], x / step[2] - part.start[2]];
            made.slice_mut(s![number, y..y + height, x..x + width]).assign(&section);
        }
    }
    Ok(())
}

/// A part of a section of a level: the section's number, and where the first voxel lies in the volume that it
/// is made of, `[y, x]`.
type Shrunk<T> = (usize, [usize; 2], Array2<T>);

/// Reads a slab tile by tile, and shrinks the sections that are shown.
fn shrunk<T: Voxel>(
    source: &Volume,
    step: [usize; 3],
    slab: &Slab,
    region: &[Range<usize>; 2],
    content: Content,
) -> Result<Vec<Shrunk<T>>> {
    let [rows, columns] = tile_size(source, step, slab.depth, region.each_ref().map(|range| range.len()));
    let mut all = Vec::new();
    for y in region[0].clone().step_by(rows) {
        for x in region[1].clone().step_by(columns) {
            let [y1, x1] = [(y + rows).min(region[0].end), (x + columns).min(region[1].end)];
            let tile = source.read_as::<T>(Roi::from([slab.start..slab.start + slab.depth, y..y1, x..x1]))?;
            all.extend(slab.sections.iter().map(|&(number, z)| {
                let section = tile.index_axis(Axis(0), z);
                (number, [y, x], shrink(&[section], [step[1], step[2]], content))
            }));
        }
    }
    Ok(all)
}

/// Which sections of a volume a part of a level shows, by the slabs in which they are stored.
fn slabs(source: &Volume, step: usize, part: Roi) -> Vec<Slab> {
    let (depth, piece) = (source.shape()[0], source.piece()[0]);
    let mut slabs: Vec<Slab> = Vec::new();
    for number in 0..part.shape[0] {
        // The middle of those that it stands for.
        let z = ((part.start[0] + number) * step + step / 2).min(depth - 1);
        match slabs.last_mut().filter(|slab| slab.start / piece == z / piece) {
            Some(slab) => {
                slab.depth = z + 1 - slab.start;
                slab.sections.push((number, z - slab.start));
            }
            None => slabs.push(Slab { start: z, depth: 1, sections: vec![(number, 0)] }),
        }
    }
    slabs
}

/// Rows and columns that are read at a time: whole steps, and whole pieces of storage as far as these are
/// multiples of steps.
fn tile_size(source: &Volume, step: [usize; 3], depth: usize, region: [usize; 2]) -> [usize; 2] {
    let unit = |axis: usize| source.piece()[axis].next_multiple_of(step[axis]);
    let most = READ_BYTES / (depth * source.voxel_type().bytes());
    let (rows, columns) = (unit(1), unit(2));
    if rows * region[1] <= most {
        return [(most / region[1].max(1) / rows).max(1) * rows, region[1].max(1)];
    }
    [rows, (most / rows / columns).max(1) * columns]
}
