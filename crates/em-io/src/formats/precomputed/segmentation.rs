//! Labels unpacked from tables of the numbers in each block, and indices into them.
//!
//! Source: `src/sliceview/compressed_segmentation/README.md` of Neuroglancer. Every offset may be anything:
//! each is held against the bytes that there are.

use crate::formats::grid::Reason;
use crate::limits;

/// Words of 4 bytes that describe a block.
const HEADER: usize = 2;

/// The bytes of a word.
const WORD: usize = 4;

/// Returns the most bytes that an honest writer makes of one channel of a chunk.
pub(super) fn most_bytes(shape: [usize; 3], block: [usize; 3], label_bytes: usize) -> u64 {
    // A table has as many labels as a block has voxels at most, and an index 32 bits.
    let blocks = shape.iter().zip(block).map(|(&side, edge)| side.div_ceil(edge) as u64);
    let blocks = blocks.fold(1, u64::saturating_mul);
    let voxels = block.iter().fold(1_u64, |voxels, &edge| voxels.saturating_mul(edge as u64));
    let of_block = voxels.saturating_mul((label_bytes + WORD) as u64).saturating_add((HEADER * WORD) as u64);
    blocks.saturating_mul(of_block).saturating_add(WORD as u64)
}

/// Unpacks one of several channels to labels of 4 or 8 bytes in the machine's order, x first; shapes are
/// `[z, y, x]`.
pub(super) fn decoded(
    bytes: &[u8],
    (channel, channels): (usize, usize),
    shape: [usize; 3],
    block: [usize; 3],
    label_bytes: usize,
) -> Result<Vec<u8>, Reason> {
    if !bytes.len().is_multiple_of(WORD) || bytes.len() / WORD < channels {
        return Err(format!("{} bytes are no words of tables for {channels} channels", bytes.len()).into());
    }
    let words: Vec<u32> = bytes.as_chunks().0.iter().map(|&word| u32::from_le_bytes(word)).collect();
    let start = words[channel] as usize;
    let words = words.get(start..).ok_or_else(|| format!("channel {channel} begins behind the last word"))?;
    let grid: [usize; 3] = std::array::from_fn(|axis| shape[axis].div_ceil(block[axis]));
    let headers = grid.iter().product::<usize>() * HEADER;
    if words.len() < headers {
        return Err(format!("{} words, expected at least {headers} of headers", words.len()).into());
    }
    let mut labels = limits::zeroed::<u8>(shape.iter().product::<usize>() * label_bytes)?;
    for number in 0..grid.iter().product() {
        let place = [number / (grid[2] * grid[1]), number / grid[2] % grid[1], number % grid[2]];
        let Some(&[header, values_at]) = words.get(number * HEADER..).and_then(|rest| rest.first_chunk())
        else {
            return Err(format!("the bytes end before the header of block {number}").into());
        };
        let table = Table {
            words: words.get((header & 0xff_ffff) as usize..).unwrap_or_default(),
            values: words.get(values_at as usize..).unwrap_or_default(),
            bits: header >> 24,
        };
        if !matches!(table.bits, 0 | 1 | 2 | 4 | 8 | 16 | 32) {
            let bits = table.bits;
            return Err(format!(
                "block {number} has indices of {bits} bits, expected 0, 1, 2, 4, 8, 16 or 32"
            )
            .into());
        }
        table
            .unpack(place, (shape, block), label_bytes, &mut labels)
            .ok_or_else(|| format!("the table or the indices of block {number} lie behind the last word"))?;
    }
    Ok(labels)
}

/// The labels of a block, and the indices of its voxels into them.
struct Table<'a> {
    words: &'a [u32],
    values: &'a [u32],
    bits: u32,
}

impl Table<'_> {
    /// Unpacks a block, as far as it lies in the chunk; `None` where something lies behind the last word.
    fn unpack(
        &self,
        place: [usize; 3],
        (shape, block): ([usize; 3], [usize; 3]),
        label_bytes: usize,
        labels: &mut [u8],
    ) -> Option<()> {
        let start: [usize; 3] = std::array::from_fn(|axis| place[axis] * block[axis]);
        let len: [usize; 3] = std::array::from_fn(|axis| block[axis].min(shape[axis] - start[axis]));
        let mut first_label = [0; size_of::<u64>()];
        let first_label = &mut first_label[..label_bytes];
        self.label(0, first_label)?;
        for z in 0..len[0] {
            for y in 0..len[1] {
                let row = ((start[0] + z) * shape[1] + start[1] + y) * shape[2] + start[2];
                let row = &mut labels[row * label_bytes..(row + len[2]) * label_bytes];
                if self.bits == 0 {
                    row.chunks_exact_mut(label_bytes).for_each(|label| label.copy_from_slice(first_label));
                    continue;
                }
                let first = (z * block[1] + y) * block[2];
                for (x, label) in row.chunks_exact_mut(label_bytes).enumerate() {
                    self.label((first + x) as u64, label)?;
                }
            }
        }
        Some(())
    }

    /// Copies the label of one voxel of the block.
    fn label(&self, voxel: u64, label: &mut [u8]) -> Option<()> {
        let index = match self.bits {
            0 => 0,
            bits => {
                let bit = voxel * u64::from(bits);
                let word = self.values.get(usize::try_from(bit / 32).ok()?)?;
                let mask = if bits == 32 { u32::MAX } else { (1 << bits) - 1 };
                (word >> (bit % 32) & mask) as usize
            }
        };
        let label_words = label.len() / WORD;
        let words = self.words.get(index.checked_mul(label_words)?..)?.get(..label_words)?;
        // The lower word comes first, and both become one number of the machine.
        match *words {
            [only] => label.copy_from_slice(&only.to_ne_bytes()),
            [low, high] => label.copy_from_slice(&(u64::from(low) | u64::from(high) << 32).to_ne_bytes()),
            _ => return None,
        }
        Some(())
    }
}
