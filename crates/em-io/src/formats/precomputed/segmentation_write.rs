//! Neuroglancer's packing of labels: small tables of the numbers in each block, and indices into them of as
//! few bits as do.
//!
//! Source: `src/sliceview/compressed_segmentation/README.md` of Neuroglancer.

use std::collections::HashMap;

use ndarray::ArrayView3;

/// Edge of a block, in voxels.
pub const BLOCK: usize = 8;

/// The most blocks of a chunk. With its header, its indices and a table of 512 labels of two words a block
/// has up to 1282 words, and an offset counts 2^24.
pub const MOST_BLOCKS: usize = 13_000;

/// Numbers of bits that an index may have.
const BITS: [u32; 7] = [0, 1, 2, 4, 8, 16, 32];

/// Words that describe a block.
const HEADER: usize = 2;

/// A number of an object, of one or two words of 32 bits.
pub trait Label: Copy + Ord + std::hash::Hash {
    /// Appends its words, the lowest first.
    fn push(self, words: &mut Vec<u32>);
}

impl Label for u32 {
    fn push(self, words: &mut Vec<u32>) {
        words.push(self);
    }
}

impl Label for u64 {
    fn push(self, words: &mut Vec<u32>) {
        // The lower word, and the upper one.
        words.extend([self as u32, (self >> 32) as u32]);
    }
}

/// Packs a chunk of labels, `[z, y, x]`, as one channel. At the far borders, blocks are filled up.
///
/// ```
/// let labels = ndarray::Array3::<u32>::from_elem((16, 16, 16), 9);
/// // One word for the channel, two for each of eight blocks, and a table of one label.
/// assert_eq!(em_io::precomputed::compress_labels(labels.view()).len(), 4 * (1 + 8 * 2 + 1));
/// ```
///
/// # Panics
///
/// Where the chunk touches more than [`MOST_BLOCKS`] blocks: a table may lie beyond what an offset counts then.
pub fn compress_labels<T: Label>(labels: ArrayView3<'_, T>) -> Vec<u8> {
    let (depth, height, width) = labels.dim();
    let [across, down, deep] = [width, height, depth].map(|side| side.div_ceil(BLOCK));
    assert!(across * down * deep <= MOST_BLOCKS, "a chunk of {width}x{height}x{depth} labels is too large");
    let mut words = vec![0; across * down * deep * HEADER];
    let mut tables: HashMap<Vec<T>, u32> = HashMap::new();
    for number in 0..across * down * deep {
        let block = [number / (across * down), number / across % down, number % across];
        let values = values(labels, block);
        let mut table: Vec<T> = values.to_vec();
        table.sort_unstable();
        table.dedup();
        let bits = BITS.into_iter().find(|&bits| table.len() as u64 <= 1 << bits).unwrap_or(32);
        // A chunk of so many blocks has fewer words than 2^24, which an offset may count.
        let at = words.len() as u32;
        push_indices(&values, &table, bits, &mut words);
        let table_at = *tables.entry(table).or_insert_with_key(|table| {
            let at = words.len() as u32;
            table.iter().for_each(|label| label.push(&mut words));
            at
        });
        words[number * HEADER] = table_at | bits << 24;
        words[number * HEADER + 1] = at;
    }
    // The one channel begins behind its offset.
    std::iter::once(1).chain(words).flat_map(u32::to_le_bytes).collect()
}

/// The labels of a block, x first; places that are none have the label of the nearest that is one.
fn values<T: Label>(labels: ArrayView3<'_, T>, block: [usize; 3]) -> [T; BLOCK * BLOCK * BLOCK] {
    let (depth, height, width) = labels.dim();
    let along = |axis: usize, within: usize, side: usize| (block[axis] * BLOCK + within).min(side - 1);
    std::array::from_fn(|number| {
        let [z, y, x] = [number / (BLOCK * BLOCK), number / BLOCK % BLOCK, number % BLOCK];
        labels[[along(0, z, depth), along(1, y, height), along(2, x, width)]]
    })
}

/// Appends the place of each value in the table, from the lowest bits of a word on.
fn push_indices<T: Label>(values: &[T], table: &[T], bits: u32, words: &mut Vec<u32>) {
    if bits == 0 {
        return;
    }
    for values in values.chunks(32 / bits as usize) {
        let packed = values.iter().rev().fold(0_u64, |packed, value| {
            // Every value is in the table, which has at most 512.
            packed << bits | table.binary_search(value).unwrap_or_default() as u64
        });
        words.push(packed as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::precomputed::segmentation::decoded;
    use ndarray::Array3;
    use proptest::prelude::*;

    fn check(labels: &Array3<u64>) {
        let shape: [usize; 3] = labels.shape().try_into().unwrap();
        let unpacked = |bytes: &[u8], size| decoded(bytes, (0, 1), shape, [BLOCK; 3], size).unwrap();
        let expected: Vec<u8> = labels.iter().flat_map(|label| label.to_ne_bytes()).collect();
        assert_eq!(unpacked(&compress_labels(labels.view()), 8), expected);
        let small = labels.mapv(|label| label as u32);
        let expected: Vec<u8> = small.iter().flat_map(|label| label.to_ne_bytes()).collect();
        assert_eq!(unpacked(&compress_labels(small.view()), 4), expected);
    }

    #[test]
    fn labels_of_every_number_of_bits_come_back() {
        for count in [1, 2, 3, 4, 5, 16, 17, 256, 257, 512] {
            let label = |(z, y, x)| ((z * 64 + y * 8 + x) as u64 * 7 % count) * 0x1_0000_0001 + 3;
            check(&Array3::from_shape_fn((8, 8, 8), label));
        }
    }

    #[test]
    fn even_blocks_take_two_words_and_tables_are_shared() {
        let bytes = compress_labels(Array3::<u32>::from_elem((16, 16, 16), 9).view());
        assert_eq!(bytes.len(), 4 * (1 + 8 * 2 + 1));
    }

    proptest! {
        #[test]
        fn labels_of_any_shape_come_back(
            shape in (1_usize..20, 1_usize..20, 1_usize..20), most in 1_u64..40, seed in any::<u64>(),
        ) {
            let hash = |place: (usize, usize, usize)| {
                let number = (place.0 * 401 + place.1 * 29 + place.2) as u64;
                (number ^ seed).wrapping_mul(6364136223846793005) >> 40
            };
            check(&Array3::from_shape_fn(shape, |place| (hash(place) % most).wrapping_mul(seed | 1)));
        }
    }
}
