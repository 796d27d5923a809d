//! From the unpacked bytes of a strip or tile to voxels: differences, number types, bits, colours.

use super::page::{Page, Pixels};
use crate::VoxelType;
use crate::error::Result;
use crate::formats::bits::unpack;
use crate::limits;
use crate::sample::{Endian, Voxel};
use half::f16;

/// What is stored instead of values, to pack better (TIFF 6.0, section 14, and technical note 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    /// The difference of each sample to the one of the pixel on its left.
    Differences,
    /// The same of bytes, after the bytes of a row's floats were sorted by their weight.
    Floats,
}

/// Replaces differences by values, row by row; returns the order of bytes that these then have.
pub(super) fn add_up(
    bytes: &mut [u8],
    row_bytes: usize,
    page: &Page,
    predictor: Predictor,
    endian: Endian,
) -> Endian {
    let samples = page.samples_in_chunk();
    match predictor {
        Predictor::None => endian,
        Predictor::Differences => {
            bytes
                .chunks_exact_mut(row_bytes)
                .for_each(|row| add_integers(row, page.bits / 8, samples, endian));
            endian
        }
        Predictor::Floats => {
            let width = page.bits / 8;
            let mut sorted = vec![0; row_bytes];
            for row in bytes.chunks_exact_mut(row_bytes) {
                (samples..row.len()).for_each(|at| row[at] = row[at].wrapping_add(row[at - samples]));
                sorted.copy_from_slice(row);
                let floats = row.len() / width;
                row.iter_mut()
                    .enumerate()
                    .for_each(|(at, byte)| *byte = sorted[at % width * floats + at / width]);
            }
            Endian::Big
        }
    }
}

/// Adds to each integer of `width` bytes the one of the pixel on its left; sums wrap.
fn add_integers(row: &mut [u8], width: usize, samples: usize, endian: Endian) {
    let step = width * samples;
    // The lowest byte comes first, and what it carries over goes to the next.
    for start in (step..row.len()).step_by(width) {
        let mut carry = 0;
        for weight in 0..width {
            let at = start + if endian == Endian::Little { weight } else { width - 1 - weight };
            let sum = u16::from(row[at]) + u16::from(row[at - step]) + carry;
            (row[at], carry) = (sum as u8, sum >> 8);
        }
    }
}

/// Reads the samples of a part whose rows have `row_bytes`, and `width` pixels.
pub(super) fn samples<T: Voxel>(
    bytes: &[u8],
    row_bytes: usize,
    width: usize,
    page: &Page,
    endian: Endian,
) -> Result<Vec<T>> {
    let count = bytes.len() / row_bytes.max(1) * width * page.samples_in_chunk();
    let mut out = limits::zeroed::<T>(count)?;
    match (page.voxel_type, page.bits) {
        (_, bits @ (1 | 2 | 4)) => {
            let scale = if page.pixels == Pixels::Packed { u8::MAX / (u8::MAX >> (8 - bits)) } else { 1 };
            T::decode(&unpack(bytes, row_bytes, width, bits, scale), Endian::NATIVE, &mut out);
        }
        (VoxelType::F32, 16) => widen::<u16, T>(bytes, endian, &mut out, |bits| f16::from_bits(bits).into()),
        (VoxelType::F32, 64) => widen::<u64, T>(bytes, endian, &mut out, f64::from_bits),
        _ => T::decode(bytes, endian, &mut out),
    }
    Ok(out)
}

fn widen<S: Voxel, T: Voxel>(bytes: &[u8], endian: Endian, out: &mut [T], value: impl Fn(S) -> f64) {
    let mut stored = vec![S::default(); out.len()];
    S::decode(bytes, endian, &mut stored);
    out.iter_mut().zip(stored).for_each(|(out, stored)| *out = T::from_f64(value(stored)));
}

/// Makes one voxel of the samples of each pixel.
pub(super) fn grey<T: Voxel>(samples: Vec<T>, page: &Page) -> Vec<T> {
    let of_pixel = page.samples_in_chunk();
    match &page.pixels {
        Pixels::Grey | Pixels::Packed | Pixels::Index => samples,
        Pixels::Luma => samples.into_iter().step_by(of_pixel).collect(),
        Pixels::One { index, .. } => samples.into_iter().skip(*index).step_by(of_pixel).collect(),
        Pixels::Colour => {
            samples.chunks_exact(of_pixel).map(|pixel| T::luma(pixel[0], pixel[1], pixel[2])).collect()
        }
        Pixels::Ramp(values) => {
            let value = |index: T| values.get(index.to_f64() as usize).copied().unwrap_or(0);
            samples.into_iter().map(|index| T::from_f64(value(index).into())).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_carry_over_bytes_in_both_orders_and_wrap() {
        let mut little = [0xff, 0x00, 0x02, 0x00, 0xff, 0xff];
        add_integers(&mut little, 2, 1, Endian::Little);
        assert_eq!(little, [0xff, 0x00, 0x01, 0x01, 0x00, 0x01]);
        let mut big = [0x00, 0xff, 0x10, 0x00, 0x00, 0x02, 0xff, 0xff];
        add_integers(&mut big, 2, 2, Endian::Big);
        assert_eq!(big, [0x00, 0xff, 0x10, 0x00, 0x01, 0x01, 0x0f, 0xff]);
    }
}
