//! A part of a volume, as people write it.

use std::fmt;
use std::str::FromStr;

use em_io::Roi;

use crate::error::{Result, UserError};

/// A part of a volume, written `z0:z1,y0:y1,x0:x1`: ends are exclusive, and a side that is left out
/// takes all.
///
/// ```
/// use em_pipeline::convert::Part;
///
/// let part: Part = "1:3,:,2:".parse()?;
/// let roi = part.within([4, 5, 6])?;
/// assert_eq!((roi.start, roi.shape), ([1, 0, 2], [2, 5, 4]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    text: String,
    /// Start and end of `[z, y, x]`; `None` where it is left out.
    sides: [[Option<usize>; 2]; 3],
}

impl FromStr for Part {
    type Err = UserError;

    fn from_str(text: &str) -> Result<Self, UserError> {
        let side = |part: &str| {
            let (start, end) = part.split_once(':')?;
            let number = |text: &str| match text.trim() {
                "" => Some(None),
                text => text.parse().ok().map(Some),
            };
            Some([number(start)?, number(end)?])
        };
        let sides: Option<Vec<_>> = text.split(',').map(side).collect();
        match sides.map(<[_; 3]>::try_from) {
            Some(Ok(sides)) => Ok(Self { text: text.into(), sides }),
            _ => Err(UserError::new(
                "expected three ranges z0:z1,y0:y1,x0:x1, as in 0:10,:,512:1024",
                "an empty side takes all",
            )),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Part {
    /// Returns the block that is meant in a volume of `shape`, `[z, y, x]`.
    ///
    /// # Errors
    ///
    /// Fails if it has no voxel or does not lie within the volume.
    pub fn within(&self, shape: [usize; 3]) -> Result<Roi> {
        let start = std::array::from_fn(|axis| self.sides[axis][0].unwrap_or(0));
        let end: [usize; 3] = std::array::from_fn(|axis| self.sides[axis][1].unwrap_or(shape[axis]));
        if (0..3).any(|axis| start[axis] >= end[axis] || end[axis] > shape[axis]) {
            let [z, y, x] = shape;
            return Err(UserError::new(
                format!("--roi {self} is no part of the volume, expected ranges within 0:{z},0:{y},0:{x}"),
                "voxels are counted from 0, and the end is one behind the last",
            )
            .into());
        }
        Ok(Roi { start, shape: std::array::from_fn(|axis| end[axis] - start[axis]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Result<Roi> {
        text.parse::<Part>()?.within([4, 5, 6])
    }

    #[test]
    fn a_part_is_read_as_in_python() {
        assert_eq!(part("1:3,:,2:").unwrap(), Roi { start: [1, 0, 2], shape: [2, 5, 4] });
        assert_eq!(part(":,:,:").unwrap(), Roi::whole([4, 5, 6]));
        for wrong in ["", "1:3", "1,2,3", "a:b,:,:", "2:2,:,:", "3:1,:,:", "0:5,:,:", "-1:2,:,:", ":,:,:,:"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }
}
