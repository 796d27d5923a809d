//! Voxels of four bits, two in a byte, the first in its lower half; rows begin at a whole byte.

use crate::error::Result;
use crate::formats::source::Source;
use crate::{Roi, Voxels};
use ndarray::Array3;

/// The voxels of a source of bytes, which has half as many columns.
#[derive(Debug)]
pub(super) struct Nibbles<S>(pub S);

impl<S: Source> Source for Nibbles<S> {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        let [z, y, x] = roi.ranges();
        let bytes = self.0.read(Roi::from([z, y, x.start / 2..x.end.div_ceil(2)]))?;
        let bytes: Array3<u8> = bytes.into_array()?;
        let skipped = x.start % 2;
        Ok(Array3::from_shape_fn(roi.shape, |(z, y, x)| {
            let column = x + skipped;
            let byte = bytes[[z, y, column / 2]];
            if column % 2 == 0 { byte & 0x0f } else { byte >> 4 }
        })
        .into())
    }
}
