//! Where the voxels of a volume come from, and what is known of it before they are read.

use crate::error::Result;
use crate::{Roi, VoxelType, Voxels};
use std::path::PathBuf;

/// A source of voxels, behind a [`Volume`](crate::Volume).
///
/// There is one implementation per kind of file. A lab brings its own, for a camera, a server or a
/// format of its own, with [`Volume::from_source`](crate::Volume::from_source).
pub trait Source: Send + Sync + std::fmt::Debug {
    /// Reads a block, which lies within the volume.
    ///
    /// It may be called from several threads at a time. The volume checks what is returned.
    ///
    /// # Errors
    ///
    /// Those of the source; [`Error::OwnSource`](crate::Error::OwnSource) wraps any other error.
    fn read(&self, roi: Roi) -> Result<Voxels>;

    /// Returns what is read at once, in voxels along `[z, y, x]`: a part of such a piece of the grid from
    /// the first voxel on takes as long as the whole.
    fn piece(&self) -> [usize; 3] {
        [1; 3]
    }
}

/// What is known of a volume before its voxels are read.
///
/// ```
/// use em_io::{VolumeInfo, VoxelType};
///
/// let info = VolumeInfo::new("camera 2", [36, 768, 1024], VoxelType::U16)
///     .with_voxel_size_nm([50.0, 4.6, 4.6])
///     .with_note("binned by 2");
/// assert_eq!((info.format, info.voxel_size_nm), ("camera 2", Some([50.0, 4.6, 4.6])));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VolumeInfo {
    /// The file or folder, where there is one.
    pub path: Option<PathBuf>,
    /// The number of voxels along `[z, y, x]`.
    pub shape: [usize; 3],
    /// The type of a voxel.
    pub voxel_type: VoxelType,
    /// The size of a voxel along `[z, y, x]` in nm, where it is known.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// The name of the format, such as `TIFF`.
    pub format: &'static str,
    /// What a user should know, one sentence each.
    pub notes: Vec<String>,
    /// The anatomical directions in which x, y and z rise, as NIfTI tells them: `['R', 'A', 'S']` is
    /// to the right, to the front and up.
    pub orientation: Option<[char; 3]>,
    /// The name of each section without its ending, where each is a file of its own.
    pub section_names: Option<Vec<String>>,
}

impl VolumeInfo {
    /// Describes a volume without a path, a voxel size or notes.
    pub fn new(format: &'static str, shape: [usize; 3], voxel_type: VoxelType) -> Self {
        Self {
            path: None,
            shape,
            voxel_type,
            voxel_size_nm: None,
            format,
            notes: Vec::new(),
            orientation: None,
            section_names: None,
        }
    }

    /// Adds the file or folder, which errors and users of the volume name.
    pub fn with_path(mut self, path: impl Into<PathBuf>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Adds the size of a voxel, `[z, y, x]` in nm.
    pub fn with_voxel_size_nm(mut self, voxel_size_nm: [f64; 3]) -> Self {
        self.voxel_size_nm = Some(voxel_size_nm);
        self
    }

    /// Adds what a user should know.
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}
