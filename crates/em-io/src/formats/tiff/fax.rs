//! Black and white pages as fax machines pack them: ITU-T T.4 and T.6, and the variant of TIFF 6.0, section 10.
//!
//! The tables of codes are those of the crate `fax`. Its decoders are not used: they know neither
//! `Rle` nor two-dimensional Group 3, and show something of damaged rows.

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, Color};
use std::error::Error;

/// A way of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fax {
    /// Runs, each row at the start of a byte.
    Rle,
    /// Runs, a mark between rows.
    Group3,
    /// Rows of runs, and rows of differences to the one above.
    Group3TwoDimensional,
    /// Differences to the row above.
    Group4,
}

type Reason = Box<dyn Error + Send + Sync>;

/// The places in a row where the colour changes, from white at its start.
type Changes = Vec<usize>;

/// Fills `out` with rows of bits, 1 for black, each row at the start of a byte.
pub(super) fn fill(
    fax: Fax,
    packed: &[u8],
    out: &mut [u8],
    [height, width]: [usize; 2],
) -> Result<(), Reason> {
    let mut bits = Bits { bytes: packed, position: 0 };
    let (mut above, mut changes) = (Changes::new(), Changes::new());
    let row_bytes = width.div_ceil(8);
    out.fill(0);
    for (row, out) in out.chunks_exact_mut(row_bytes).take(height).enumerate() {
        changes.clear();
        let read = match fax {
            Fax::Rle => {
                bits.position = bits.position.next_multiple_of(8);
                runs(&mut bits, width, &mut changes)
            }
            Fax::Group3 => {
                bits.skip_end_of_line();
                runs(&mut bits, width, &mut changes)
            }
            Fax::Group3TwoDimensional => {
                bits.skip_end_of_line();
                match bits.take(1) {
                    1 => runs(&mut bits, width, &mut changes),
                    _ => differences(&mut bits, width, &above, &mut changes),
                }
            }
            Fax::Group4 => differences(&mut bits, width, &above, &mut changes),
        };
        if read.is_none() || bits.are_over() {
            return Err(format!("its fax data are damaged or end early, in row {row} of {height}").into());
        }
        paint(&changes, width, out);
        std::mem::swap(&mut above, &mut changes);
    }
    Ok(())
}

/// Reads a row of runs, white and black by turns.
fn runs(bits: &mut Bits<'_>, width: usize, changes: &mut Changes) -> Option<()> {
    let (mut end, mut color) = (0, Color::White);
    while end < width {
        end += run(bits, color)?;
        changes.push(end);
        color = !color;
    }
    (end == width).then_some(())
}

/// Reads the length of a run: codes of multiples of 64, and one below.
fn run(bits: &mut Bits<'_>, color: Color) -> Option<usize> {
    let mut length = 0;
    loop {
        let code = match color {
            Color::White => white::decode(bits)?,
            Color::Black => black::decode(bits)?,
        };
        length += usize::from(code);
        if code < 64 {
            return Some(length);
        }
        // No row is longer, and damaged data do not end.
        (length <= crate::limits::MAX_SIDE).then_some(())?;
    }
}

/// Reads a row by its differences to the one above (T.6, section 2.2.5, whose names these are).
fn differences(bits: &mut Bits<'_>, width: usize, above: &[usize], changes: &mut Changes) -> Option<()> {
    let (mut a0, mut color, mut index) = (0, Color::White, 0);
    let mut at_start = true;
    while a0 < width {
        // b1 is the first change above, right of a0, to the other colour: every second one is.
        while index > 0 && above.get(index - 1).is_none_or(|&change| change > a0) {
            index -= 1;
        }
        while above.get(index).is_some_and(|&change| change < a0 || change == a0 && !at_start)
            || index % 2 != usize::from(color == Color::Black)
        {
            index += 1;
        }
        let b1 = above.get(index).copied().unwrap_or(width);
        match mode::decode(bits)? {
            Mode::Pass => a0 = above.get(index + 1).copied().unwrap_or(width),
            Mode::Horizontal => {
                let a1 = a0 + run(bits, color)?;
                let a2 = a1 + run(bits, !color)?;
                (a2 <= width).then_some(())?;
                changes.extend([a1, a2]);
                a0 = a2;
            }
            Mode::Vertical(step) => {
                let a1 = b1.checked_add_signed(step.into())?;
                (a1 <= width && (a1 > a0 || at_start && a1 == a0)).then_some(())?;
                changes.push(a1);
                color = !color;
                a0 = a1;
            }
            Mode::Extension | Mode::EOF => return None,
        }
        at_start = false;
    }
    Some(())
}

/// Sets the bits of black runs, which are those from every other change to the next.
fn paint(changes: &[usize], width: usize, row: &mut [u8]) {
    for run in changes.chunks(2).filter_map(|pair| pair.first().zip(pair.get(1).or(Some(&width)))) {
        let (start, end) = (*run.0, (*run.1).min(width));
        for x in start..end {
            row[x / 8] |= 0x80 >> (x % 8);
        }
    }
}

/// Bits from the highest of each byte on. Behind the end they are 0.
struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    /// Tells whether more bits were taken than there are.
    fn are_over(&self) -> bool {
        self.position > 8 * self.bytes.len()
    }

    fn take(&mut self, count: u8) -> u16 {
        let bits = self.peek(count).unwrap_or(0);
        self.position += usize::from(count);
        bits
    }

    /// Skips the mark between two rows, eleven zeros or more and a one, where it is.
    fn skip_end_of_line(&mut self) {
        if self.peek(11) == Some(0) {
            while self.peek(1) == Some(0) && !self.are_over() {
                self.position += 1;
            }
            self.position += 1;
        }
    }
}

impl BitReader for Bits<'_> {
    type Error = std::convert::Infallible;

    fn peek(&self, count: u8) -> Option<u16> {
        let first = self.position / 8;
        let three = (0..3).map(|at| u32::from(self.bytes.get(first + at).copied().unwrap_or(0)));
        let window = three.fold(0, |window, byte| window << 8 | byte);
        let bits = window << (8 + self.position % 8) >> (32 - u32::from(count.clamp(1, 16)));
        Some(bits as u16)
    }

    fn consume(&mut self, count: u8) -> Result<(), Self::Error> {
        self.position += usize::from(count);
        Ok(())
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        (8 - self.position % 8) as u8 % 8
    }
}
