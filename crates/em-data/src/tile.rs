//! Covering a volume with tiles: what each tile reads and what it writes.
//!
//! ```text
//!          read region: write region + halo, cut off at the volume
//!        ┌───────────────────────────┐
//!        │   ┌───────────────────┐   │
//!        │   │   write region    │   │   write regions are disjoint
//!        │   │                   │   │   and cover the volume
//!        │   └───────────────────┘   │
//!        └───────────────────────────┘
//! ```

use em_io::Roi;

use crate::{Error, Result};

/// A cover of a volume by tiles, in `[z, y, x]` order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileGrid {
    shape: [usize; 3],
    tile: [usize; 3],
    halo: [usize; 3],
}

/// One tile of a [`TileGrid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// What is read: the write region and its halo, within the volume.
    pub read: Roi,
    /// What is written; no other tile writes it.
    pub write: Roi,
}

impl Tile {
    /// Returns where the write region lies within the read region, in voxels `[z, y, x]`.
    pub fn write_offset(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.write.start[axis] - self.read.start[axis])
    }
}

impl TileGrid {
    /// Lays tiles of shape `tile` over a volume of shape `shape`, each reading `halo` voxels more
    /// on both sides; all `[z, y, x]`.
    ///
    /// # Errors
    ///
    /// Fails if an edge of `shape` or `tile` is 0.
    pub fn new(shape: [usize; 3], tile: [usize; 3], halo: [usize; 3]) -> Result<Self> {
        for (what, shape) in [("volume", shape), ("tile", tile)] {
            if shape.contains(&0) {
                return Err(Error::NoVoxel { what, shape });
            }
        }
        Ok(Self { shape, tile, halo })
    }

    /// Returns the shape of the volume, `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Returns how many tiles there are along each axis, `[z, y, x]`.
    pub fn tiles_per_axis(&self) -> [usize; 3] {
        std::array::from_fn(|axis| self.shape[axis].div_ceil(self.tile[axis]))
    }

    /// Returns the number of tiles; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a grid has at least one tile")]
    pub fn len(&self) -> usize {
        self.tiles_per_axis().iter().product()
    }

    /// Returns the tiles, x fastest.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> + '_ {
        let [_, rows, columns] = self.tiles_per_axis();
        (0..self.len()).map(move |index| {
            self.tile_at([index / (rows * columns), index / columns % rows, index % columns])
        })
    }

    fn tile_at(&self, place: [usize; 3]) -> Tile {
        let start: [usize; 3] = std::array::from_fn(|axis| place[axis] * self.tile[axis]);
        let end: [usize; 3] =
            std::array::from_fn(|axis| (start[axis] + self.tile[axis]).min(self.shape[axis]));
        let read_start: [usize; 3] = std::array::from_fn(|axis| start[axis].saturating_sub(self.halo[axis]));
        let read_end: [usize; 3] =
            std::array::from_fn(|axis| (end[axis] + self.halo[axis]).min(self.shape[axis]));
        Tile { read: between(read_start, read_end), write: between(start, end) }
    }
}

fn between(start: [usize; 3], end: [usize; 3]) -> Roi {
    Roi { start, shape: std::array::from_fn(|axis| end[axis] - start[axis]) }
}

/// Returns for each place of an axis that is extended by `before` and `after` voxels the voxel
/// that it mirrors, without repeating the border voxel: `c b | a b c d | c b`, as NumPy's mode `reflect` of `pad`.
///
/// Works for any extension, also one longer than the axis itself.
///
/// ```
/// assert_eq!(em_data::tile::mirrored_without_edge(4, 2, 3), [2, 1, 0, 1, 2, 3, 2, 1, 0]);
/// assert_eq!(em_data::tile::mirrored_without_edge(1, 1, 1), [0, 0, 0]);
/// ```
pub fn mirrored_without_edge(len: usize, before: usize, after: usize) -> Vec<usize> {
    if len <= 1 {
        return vec![0; before + len + after];
    }
    let period = 2 * (len - 1);
    (0..before + len + after)
        .map(|place| {
            let phase = (place + before * (period - 1)) % period;
            if phase < len { phase } else { period - phase }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_voxel_is_written_exactly_once(
            shape in prop::array::uniform3(1_usize..14),
            tile in prop::array::uniform3(1_usize..9),
            halo in prop::array::uniform3(0_usize..5),
        ) {
            let grid = TileGrid::new(shape, tile, halo).unwrap();
            let mut written = Array3::<u8>::zeros(shape);
            for t in grid.tiles() {
                prop_assert!(t.read.is_within(shape));
                for z in 0..t.write.shape[0] { for y in 0..t.write.shape[1] { for x in 0..t.write.shape[2] {
                    written[[t.write.start[0] + z, t.write.start[1] + y, t.write.start[2] + x]] += 1;
                }}}
            }
            prop_assert!(written.iter().all(|&n| n == 1));
            prop_assert_eq!(grid.tiles().count(), grid.len());
        }

        #[test]
        fn mirrored_without_edge_equals_numpy_reflect(len in 2_usize..9, before in 0_usize..30, after in 0_usize..30) {
            // numpy.pad(a, (before, after), mode="reflect"), walked as a ball between two walls.
            let (mut place, mut step) = (0_i64, 1_i64);
            let mut walk = Vec::new();
            for _ in 0..after + len { walk.push(place as usize);
                if place + step < 0 || place + step >= len as i64 { step = -step }
                place += step;
            }
            let all = mirrored_without_edge(len, before, after);
            prop_assert_eq!(&all[before..], &walk[..]);
            let back: Vec<usize> = mirrored_without_edge(len, 0, before)[len..].iter().map(|&v| len - 1 - v).collect();
            let front: Vec<usize> = all[..before].iter().rev().copied().collect();
            prop_assert_eq!(front, back);
        }
    }

    #[test]
    fn halo_is_cut_off_at_the_volume() {
        let grid = TileGrid::new([1, 10, 10], [1, 4, 4], [0, 2, 2]).unwrap();
        let last = grid.tiles().last().unwrap();
        assert_eq!(last.write, Roi { start: [0, 8, 8], shape: [1, 2, 2] });
        assert_eq!(last.read, Roi { start: [0, 6, 6], shape: [1, 4, 4] });
        assert_eq!(last.write_offset(), [0, 2, 2]);
    }

    #[test]
    fn an_empty_tile_is_refused() {
        let error = TileGrid::new([1, 4, 4], [1, 0, 4], [0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "a tile of shape [1, 0, 4] [z, y, x] has no voxel");
        let error = TileGrid::new([0, 4, 4], [1, 1, 4], [0; 3]).unwrap_err();
        assert_eq!(error.to_string(), "a volume of shape [0, 4, 4] [z, y, x] has no voxel");
    }
}
