//! Pixels of fewer bits than a byte has, in TIFF and PNG.

/// Takes values of 1, 2 or 4 bits out of bytes, times `scale`. The first pixel has the high bits.
pub(crate) fn unpack(packed: &[u8], row_bytes: usize, width: usize, bits: usize, scale: u8) -> Vec<u8> {
    let highest = u8::MAX >> (8 - bits);
    let mut grey = Vec::with_capacity(packed.len() * 8 / bits);
    for row in packed.chunks_exact(row_bytes) {
        grey.extend((0..width).map(|x| {
            let shift = 8 - bits - (x * bits) % 8;
            (row[x * bits / 8] >> shift & highest) * scale
        }));
    }
    grey
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_spread_from_the_high_end_and_rows_start_at_a_byte() {
        assert_eq!(unpack(&[0b1010_0000, 0b0110_0000], 1, 3, 1, 255), [255, 0, 255, 0, 255, 255]);
        assert_eq!(unpack(&[0b1101_1000], 1, 3, 2, 85), [255, 85, 170]);
        assert_eq!(unpack(&[0xf1, 0x80], 2, 3, 4, 17), [255, 17, 136]);
        assert_eq!(unpack(&[0xf1, 0x80], 2, 3, 4, 1), [15, 1, 8]);
    }
}
