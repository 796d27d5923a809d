//! Putting tiles back together.

use ndarray::{Array3, s};

use crate::{Error, Result, TileGrid};

/// Stitches tiles of the read regions of `grid`, in its order, to one volume `[z, y, x]`.
///
/// The halo of each tile is discarded; its write region is copied.
///
/// # Errors
///
/// Fails if a tile has another shape than its read region, or if there are fewer or more tiles
/// than the grid has.
///
/// ```
/// use em_data::{TileGrid, stitch};
/// use ndarray::{Array3, s};
///
/// let volume = Array3::from_shape_fn((2, 5, 7), |(z, y, x)| z * 35 + y * 7 + x);
/// let grid = TileGrid::new([2, 5, 7], [1, 4, 4], [0, 1, 1])?;
/// let tiles = grid.tiles().map(|tile| {
///     let [z, y, x] = tile.read.start;
///     let [depth, height, width] = tile.read.shape;
///     volume.slice(s![z..z + depth, y..y + height, x..x + width]).to_owned()
/// });
/// assert_eq!(stitch(&grid, tiles.collect::<Vec<_>>())?, volume);
/// # Ok::<(), em_data::Error>(())
/// ```
pub fn stitch<T: Clone + Default>(
    grid: &TileGrid,
    tiles: impl IntoIterator<Item = Array3<T>>,
) -> Result<Array3<T>> {
    let mut volume = Array3::from_elem(grid.shape(), T::default());
    let mut pixels = tiles.into_iter();
    for (index, tile) in grid.tiles().enumerate() {
        let source = pixels.next().ok_or_else(|| count_mismatch(grid, index))?;
        let found = [source.dim().0, source.dim().1, source.dim().2];
        if found != tile.read.shape {
            return Err(Error::TileShape { index, found, expected: tile.read.shape });
        }
        let [oz, oy, ox] = tile.write_offset();
        let ([z, y, x], [d, h, w]) = (tile.write.start, tile.write.shape);
        volume.slice_mut(s![z..z + d, y..y + h, x..x + w]).assign(&source.slice(s![
            oz..oz + d,
            oy..oy + h,
            ox..ox + w
        ]));
    }
    match pixels.count() {
        0 => Ok(volume),
        more => Err(count_mismatch(grid, grid.len() + more)),
    }
}

fn count_mismatch(grid: &TileGrid, found: usize) -> Error {
    Error::TileCount { found, expected: grid.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn split_then_stitch_is_the_identity(
            shape in prop::array::uniform3(1_usize..12),
            tile in prop::array::uniform3(1_usize..8),
            halo in prop::array::uniform3(0_usize..4),
        ) {
            let mut next = 0_u32;
            let volume = Array3::from_shape_simple_fn(shape, || { next += 1; next });
            let grid = TileGrid::new(shape, tile, halo).unwrap();
            let cut: Vec<_> = grid.tiles().map(|t| {
                let (a, n) = (t.read.start, t.read.shape);
                volume.slice(s![a[0]..a[0] + n[0], a[1]..a[1] + n[1], a[2]..a[2] + n[2]]).to_owned()
            }).collect();
            prop_assert_eq!(stitch(&grid, cut).unwrap(), volume);
        }
    }

    #[test]
    fn halo_pixels_are_discarded() {
        let grid = TileGrid::new([1, 2, 4], [1, 2, 2], [0, 0, 1]).unwrap();
        let tiles = [1, 2].map(|value| {
            let mut tile = Array3::from_elem((1, 2, 3), value);
            // The halo column: on the right of the first tile, on the left of the second.
            tile.slice_mut(s![.., .., if value == 1 { 2 } else { 0 }]).fill(99);
            tile
        });
        let stitched = stitch(&grid, tiles).unwrap();
        assert_eq!(stitched.into_raw_vec_and_offset().0, [1, 1, 2, 2, 1, 1, 2, 2]);
    }

    #[test]
    fn a_missing_or_misshapen_tile_is_refused() {
        let grid = TileGrid::new([1, 2, 4], [1, 2, 2], [0; 3]).unwrap();
        for count in [1, 3] {
            let error = stitch(&grid, vec![Array3::<u8>::zeros((1, 2, 2)); count]).unwrap_err();
            assert_eq!(error.to_string(), format!("{count} tiles for a grid of 2 places"));
        }
        let error = stitch(&grid, vec![Array3::<u8>::zeros((1, 2, 3)); 2]).unwrap_err();
        assert_eq!(error.to_string(), "tile 0 has shape [1, 2, 3] [z, y, x], expected [1, 2, 2]");
    }
}
