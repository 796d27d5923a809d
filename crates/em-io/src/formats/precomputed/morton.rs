//! The number of a chunk in a sharded volume: its compressed Morton code.

/// Returns how many bits the numbers of the chunks of a grid, x, y, z, have.
pub(super) fn bits(grid: [u64; 3]) -> u32 {
    grid.iter().map(|&count| bits_of(count)).sum()
}

/// The bits that tell `count` places apart.
fn bits_of(count: u64) -> u32 {
    u64::BITS - count.saturating_sub(1).leading_zeros()
}

/// Interleaves the bits of a place in a grid, both x, y, z, and leaves those out that are 0 everywhere.
///
/// The grid has at most 64 [`bits`].
pub(super) fn compressed(place: [u64; 3], grid: [u64; 3]) -> u64 {
    let (mut code, mut at) = (0, 0);
    for bit in 0..u64::BITS {
        for (place, count) in place.iter().zip(grid) {
            if bit < bits_of(count) {
                code |= (place >> bit & 1) << at;
                at += 1;
            }
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    // By hand from the rules in `volume.md`: of a grid of 5 x 2 x 1 chunks, x has bits 0, 2 and 3, and y bit 1.
    #[test]
    fn bits_that_are_always_zero_are_left_out() {
        assert_eq!((bits([5, 2, 1]), bits([1, 1, 1]), bits([4, 4, 5])), (4, 0, 7));
        let codes = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0], [4, 1, 0], [3, 1, 0]];
        assert_eq!(codes.map(|place| compressed(place, [5, 2, 1])), [0, 1, 2, 4, 10, 7]);
    }

    #[test]
    fn every_chunk_has_a_number_of_its_own() {
        let grid = [7, 3, 10];
        let mut codes: Vec<u64> =
            (0..7 * 3 * 10).map(|index| compressed([index % 7, index / 7 % 3, index / 21], grid)).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), 7 * 3 * 10);
        assert!(codes.iter().all(|&code| code < 1 << bits(grid)));
    }
}
