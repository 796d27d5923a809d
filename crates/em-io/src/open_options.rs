//! What is picked from a file that holds more than one stack, and how its values are taken.

use std::fmt;
use std::path::Path;

use crate::error::{Error, Result};
use crate::{Volume, formats};

/// Which stack of a file is opened, and whether its values are turned.
///
/// ```no_run
/// use em_io::OpenOptions;
///
/// let second = OpenOptions { channel: Some(1), ..OpenOptions::default() }.open("two-channels.ome.tif")?;
/// # Ok::<(), em_io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The channel, counted from 0. Needed where there are several.
    pub channel: Option<usize>,
    /// The point in time, counted from 0. Needed where there are several, each of several sections.
    pub time: Option<usize>,
    /// The volume of a file that holds a row of them, counted from 0.
    pub volume: Option<usize>,
    /// Whether values are turned, so that black becomes white. `None` follows the file: what shows 0
    /// as white, as a picture, is turned.
    pub invert: Option<bool>,
}

impl OpenOptions {
    /// Opens a volume without reading its voxels; see [`crate::open`].
    ///
    /// # Errors
    ///
    /// Those of [`crate::open`], and [`Error::NoSuchPart`] where the file has no such channel, time
    /// or volume.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Volume> {
        formats::open_with(path.as_ref(), *self)
    }

    /// Opens the smaller levels that the file holds of the volume, largest first: those of an OME-Zarr
    /// image, of an N5 group or of a precomputed folder beside the full one. Other formats have none.
    ///
    /// ```
    /// use em_io::OpenOptions;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("stack.zarr");
    /// let voxels = em_io::Voxels::from(ndarray::Array3::<u8>::ones((8, 600, 700)));
    /// em_io::write_volume(&path, &voxels, Some([20.0, 5.0, 5.0]))?;
    /// let levels = OpenOptions::default().open_levels(&path)?;
    /// assert_eq!((levels[0].shape(), levels[0].voxel_size_nm()), ([8, 300, 350], Some([20.0, 10.0, 10.0])));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`OpenOptions::open`].
    pub fn open_levels(&self, path: impl AsRef<Path>) -> Result<Vec<Volume>> {
        formats::open_levels(path.as_ref(), *self)
    }

    /// Returns the index that was asked for of a part.
    pub(crate) fn of(self, part: Part) -> Option<usize> {
        match part {
            Part::Channel => self.channel,
            Part::Time => self.time,
            Part::Volume => self.volume,
        }
    }

    /// Picks one of the `count` parts that a file holds: the one asked for, or the only one.
    ///
    /// `found` says what the file holds, for the error where nobody picked.
    pub(crate) fn pick(
        self,
        path: &Path,
        part: Part,
        count: usize,
        found: impl FnOnce() -> String,
    ) -> Result<usize> {
        match self.of(part) {
            Some(index) if index < count => Ok(index),
            Some(index) => Err(Error::NoSuchPart { path: path.to_path_buf(), part, index, count }),
            None if count == 1 => Ok(0),
            None => Err(Error::SeveralParts { path: path.to_path_buf(), part, found: found(), count }),
        }
    }
}

/// What a file may hold several of, beside sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Channels: stains, detectors, cameras.
    Channel,
    /// Points in time.
    Time,
    /// Volumes, one behind the other.
    Volume,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 3] = [Self::Channel, Self::Time, Self::Volume];
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Channel => "channel",
            Self::Time => "time point",
            Self::Volume => "volume",
        })
    }
}
