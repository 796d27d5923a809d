//! A volume: what is known of it at once, and blocks of it on request. It knows no format.

use crate::blocks::Blocks;
use crate::error::{Error, Result};
use crate::limits::{MAX_SECTIONS, MAX_SIDE};
use crate::voxels::check_type;
use crate::{Roi, Source, VolumeInfo, Voxel, VoxelSize, VoxelType, Voxels};
use ndarray::Array3;
use std::path::Path;

/// An EM volume, opened and read lazily, `[z, y, x]`.
///
/// It keeps no file open and can be shared between threads.
#[derive(Debug)]
pub struct Volume {
    info: VolumeInfo,
    source: Box<dyn Source>,
}

impl Volume {
    /// Wraps voxels that are in memory already; `voxel_size_nm` is `[z, y, x]`.
    ///
    /// ```
    /// use em_io::{Roi, Volume, Voxels};
    /// use ndarray::Array3;
    ///
    /// let volume = Volume::from_voxels(Voxels::from(Array3::<u8>::zeros((3, 4, 5))), None);
    /// assert_eq!(volume.read(Roi { start: [1, 2, 3], shape: [2, 2, 2] })?.shape(), [2, 2, 2]);
    /// assert!(volume.read(Roi { start: [2, 2, 3], shape: [2, 2, 2] }).is_err());
    /// # Ok::<(), em_io::Error>(())
    /// ```
    pub fn from_voxels(voxels: Voxels, voxel_size_nm: Option<[f64; 3]>) -> Self {
        let info =
            VolumeInfo { voxel_size_nm, ..VolumeInfo::new("memory", voxels.shape(), voxels.voxel_type()) };
        Self::new(info, InMemory(voxels))
    }

    /// Wraps a source of voxels that this crate does not know.
    ///
    /// ```
    /// use em_io::{Roi, Source, Volume, VolumeInfo, VoxelType, Voxels};
    /// use ndarray::Array3;
    ///
    /// /// A test pattern, as bright as z and x are large.
    /// #[derive(Debug)]
    /// struct Ramp;
    ///
    /// impl Source for Ramp {
    ///     fn read(&self, roi: Roi) -> em_io::Result<Voxels> {
    ///         let [z0, _, x0] = roi.start;
    ///         Ok(Array3::from_shape_fn(roi.shape, |(z, _, x)| (z0 + z + x0 + x) as u16).into())
    ///     }
    /// }
    ///
    /// let info = VolumeInfo::new("ramp", [20, 300, 400], VoxelType::U16);
    /// let volume = Volume::from_source(info, Ramp)?;
    /// let block = volume.read_as::<u16>(Roi::from([3..5, 0..1, 10..12]))?;
    /// assert_eq!(block, ndarray::array![[[13, 14]], [[14, 15]]]);
    /// # Ok::<(), em_io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BadSource`] where a side is 0 or beyond [`crate::limits`], and [`Error::VoxelSize`].
    pub fn from_source(info: VolumeInfo, source: impl Source + 'static) -> Result<Self> {
        let largest = [MAX_SECTIONS, MAX_SIDE, MAX_SIDE];
        if !info.shape.iter().zip(largest).all(|(&side, largest)| (1..=largest).contains(&side)) {
            let found = format!("a volume of {:?} voxels [z, y, x]", info.shape);
            let expected = format!("at least [1, 1, 1] and at most {largest:?}");
            return Err(Error::BadSource { volume: shown(&info), found, expected });
        }
        info.voxel_size_nm.map(VoxelSize::new).transpose()?;
        Ok(Self::new(info, source))
    }

    pub(crate) fn new(info: VolumeInfo, source: impl Source + 'static) -> Self {
        Self { info, source: Box::new(source) }
    }

    /// Adds what a user should know.
    pub(crate) fn with_note(mut self, note: &str) -> Self {
        self.info.notes.push(note.to_owned());
        self
    }

    /// Returns all that is known of the volume before it is read.
    pub fn info(&self) -> &VolumeInfo {
        &self.info
    }

    /// Returns the file or folder, `None` for a volume in memory.
    pub fn path(&self) -> Option<&Path> {
        self.info.path.as_deref()
    }

    /// Returns the number of voxels along `[z, y, x]`.
    pub fn shape(&self) -> [usize; 3] {
        self.info.shape
    }

    /// Returns the type of a voxel.
    pub fn voxel_type(&self) -> VoxelType {
        self.info.voxel_type
    }

    /// Returns the size of a voxel, `None` where the file does not tell one that a voxel has.
    pub fn voxel_size(&self) -> Option<VoxelSize> {
        self.voxel_size_nm().and_then(|nm| VoxelSize::new(nm).ok())
    }

    /// Returns the size of a voxel along `[z, y, x]` in nm, `None` where the file does not tell.
    pub fn voxel_size_nm(&self) -> Option<[f64; 3]> {
        self.info.voxel_size_nm
    }

    /// Returns the name of the format, such as `TIFF`.
    pub fn format(&self) -> &str {
        self.info.format
    }

    /// Returns what is decoded at once, in voxels along `[z, y, x]`: a chunk, a strip, a picture.
    ///
    /// The pieces lie on a grid from the first voxel on, and a part of one takes as long to read as the
    /// whole. It is `[1, 1, 1]` where any part can be read by itself.
    ///
    /// ```
    /// use em_io::{Volume, Voxels};
    /// use ndarray::Array3;
    ///
    /// let volume = Volume::from_voxels(Voxels::from(Array3::<u8>::zeros((3, 4, 5))), None);
    /// assert_eq!(volume.piece(), [1, 1, 1]);
    /// ```
    pub fn piece(&self) -> [usize; 3] {
        let piece = self.source.piece();
        // A chunk may reach out of the volume, and a source of somebody else may know no better.
        std::array::from_fn(|axis| piece[axis].clamp(1, self.shape()[axis]))
    }

    /// Returns what a user should know: colour that is read as grey, files that were skipped.
    pub fn notes(&self) -> &[String] {
        &self.info.notes
    }

    /// Reads a block, decoding only the sections that it touches, in parallel.
    ///
    /// Memory: the block, and one decoded piece of a section per thread.
    ///
    /// # Errors
    ///
    /// [`Error::OutsideVolume`] where the block reaches out of the volume, [`Error::OutOfMemory`]
    /// where it does not fit, and [`Error::Io`], [`Error::Truncated`], [`Error::Damaged`] or
    /// [`Error::DamagedChunk`] where the file gives no voxels; of several bad pages the first is named.
    /// [`Error::OwnSource`] and [`Error::BadSource`] are those of a [`Source`] that is not of this crate.
    pub fn read(&self, roi: Roi) -> Result<Voxels> {
        self.check(roi)?;
        let voxels = self.source.read(roi).map_err(|error| match error {
            // A buffer is made by who does not know what it is for.
            Error::OutOfMemory { bytes, .. } => Error::OutOfMemory { path: self.info.path.clone(), bytes },
            error => error,
        })?;
        let (found, expected) = (voxels.voxel_type(), self.info.voxel_type);
        if voxels.shape() != roi.shape || found != expected {
            let described = |shape, voxel_type| format!("a block of {shape:?} voxels, {voxel_type}");
            return Err(Error::BadSource {
                volume: shown(&self.info),
                found: described(voxels.shape(), found),
                expected: described(roi.shape, expected),
            });
        }
        Ok(voxels)
    }

    /// Reads a block in a type that holds every value of the volume's own.
    ///
    /// ```
    /// use em_io::{Roi, Volume, Voxels};
    /// use ndarray::Array3;
    ///
    /// let volume = Volume::from_voxels(Voxels::from(Array3::<u8>::ones((3, 4, 5))), None);
    /// let floats = volume.read_as::<f32>(Roi::whole(volume.shape()))?;
    /// assert_eq!(floats.sum(), 60.0);
    /// assert!(volume.read_as::<i8>(Roi::whole(volume.shape())).is_err());
    /// # Ok::<(), em_io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WrongVoxelType`] where the type does not hold all values of the volume's type; nothing
    /// is read then. Else those of [`Volume::read`].
    pub fn read_as<T: Voxel>(&self, roi: Roi) -> Result<Array3<T>> {
        check_type::<T>(self.voxel_type(), self.path())?;
        self.read(roi)?.into_array()
    }

    /// Reads the blocks of a plan one after another, each with its place in the volume.
    ///
    /// ```
    /// use em_io::{Blocks, Roi, Volume, Voxels};
    /// use ndarray::Array3;
    ///
    /// let volume = Volume::from_voxels(Voxels::from(Array3::<u8>::ones((5, 4, 4))), None);
    /// let mut sum = 0.0;
    /// for block in volume.blocks(Blocks::of_sections(Roi::whole(volume.shape()), 2)) {
    ///     let (roi, voxels) = block?;
    ///     assert!(roi.shape[0] <= 2);
    ///     sum += voxels.to_f32().sum();
    /// }
    /// assert_eq!(sum, 80.0);
    /// # Ok::<(), em_io::Error>(())
    /// ```
    ///
    /// Each item is an error where [`Volume::read`] has one for that block.
    pub fn blocks(&self, blocks: Blocks) -> impl Iterator<Item = Result<(Roi, Voxels)>> {
        blocks.iter().map(|roi| Ok((roi, self.read(roi)?)))
    }

    /// Checks that a block lies within the volume.
    pub(crate) fn check(&self, roi: Roi) -> Result<()> {
        if roi.is_within(self.shape()) {
            return Ok(());
        }
        Err(Error::OutsideVolume { start: roi.start, shape: roi.shape, volume: self.shape() })
    }

    /// Reads the whole volume.
    ///
    /// # Errors
    ///
    /// The same as [`Volume::read`].
    pub fn read_all(&self) -> Result<Voxels> {
        self.read(Roi::whole(self.shape()))
    }

    /// Reads section `z`, as a block of depth 1.
    ///
    /// # Errors
    ///
    /// The same as [`Volume::read`].
    pub fn read_section(&self, z: usize) -> Result<Voxels> {
        self.read(Roi::sections(self.shape(), z..z.saturating_add(1)))
    }
}

/// The name of a volume in errors.
fn shown(info: &VolumeInfo) -> String {
    match &info.path {
        Some(path) => path.display().to_string(),
        None => info.format.to_owned(),
    }
}

#[derive(Debug)]
struct InMemory(Voxels);

impl Source for InMemory {
    fn read(&self, roi: Roi) -> Result<Voxels> {
        Ok(self.0.cut(roi))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    /// Gives the same voxels for every block.
    #[derive(Debug)]
    struct Stubborn(Voxels);

    impl Source for Stubborn {
        fn read(&self, _: Roi) -> Result<Voxels> {
            Ok(self.0.clone())
        }
    }

    fn stubborn(shape: [usize; 3]) -> Result<Volume> {
        let info = VolumeInfo::new("stubborn", shape, VoxelType::U8);
        Volume::from_source(info, Stubborn(Array3::<u8>::zeros((1, 2, 3)).into()))
    }

    #[test]
    fn a_block_of_another_shape_or_type_is_an_error() {
        let volume = stubborn([4, 2, 3]).unwrap();
        assert!(volume.read_section(1).is_ok());
        assert_eq!(
            volume.read_all().unwrap_err().to_string(),
            "the source of `stubborn` gave a block of [1, 2, 3] voxels, 8-bit unsigned, \
             expected a block of [4, 2, 3] voxels, 8-bit unsigned"
        );
        let info = VolumeInfo::new("stubborn", [4, 2, 3], VoxelType::I8).with_path("lab/a.raw");
        let volume = Volume::from_source(info, Stubborn(Array3::<u8>::zeros((1, 2, 3)).into())).unwrap();
        let error = volume.read_section(0).unwrap_err().to_string();
        assert!(
            error.starts_with("the source of `lab/a.raw` gave") && error.ends_with("8-bit signed"),
            "{error}"
        );
    }

    #[test]
    fn impossible_volumes_are_refused_at_once() {
        for shape in [[0, 2, 3], [1, 1 << 30, 1], [usize::MAX; 3]] {
            assert!(matches!(stubborn(shape), Err(Error::BadSource { .. })), "{shape:?}");
        }
        let info = VolumeInfo::new("lab", [1, 2, 3], VoxelType::U8).with_voxel_size_nm([50.0, f64::NAN, 4.0]);
        let source = Stubborn(Array3::<u8>::zeros((1, 2, 3)).into());
        assert!(matches!(Volume::from_source(info, source), Err(Error::VoxelSize { .. })));
    }

    #[test]
    fn a_typed_read_loses_nothing_and_names_both_types() {
        let voxels = Array3::from_shape_fn((2, 2, 2), |(z, y, x)| (z * 4 + y * 2 + x) as u16);
        let volume = Volume::from_voxels(voxels.clone().into(), None);
        let whole = Roi::whole(volume.shape());
        assert_eq!(volume.read_as::<u16>(whole).unwrap(), voxels);
        assert_eq!(volume.read_as::<u64>(whole).unwrap(), voxels.mapv(u64::from));
        let error = volume.read_as::<i16>(whole).unwrap_err();
        let expected = "the voxels are 16-bit unsigned, expected 16-bit signed or what fits into it";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn blocks_are_read_with_their_places_up_to_an_error() {
        let voxels = Array3::from_shape_fn((5, 2, 3), |(z, y, x)| (z * 6 + y * 3 + x) as u8);
        let volume = Volume::from_voxels(voxels.into(), None);
        let part = Roi::from([1..5, 0..2, 1..3]);
        let read: Vec<_> = volume.blocks(Blocks::of_sections(part, 3)).collect::<Result<_>>().unwrap();
        assert_eq!(read.len(), 2);
        for (roi, voxels) in read {
            assert_eq!(volume.read(roi).unwrap(), voxels);
        }
        let mut outside = volume.blocks(Blocks::of_sections(Roi::from([4..6, 0..2, 0..3]), 1));
        assert!(outside.next().is_some_and(|block| block.is_ok()));
        assert!(matches!(outside.next(), Some(Err(Error::OutsideVolume { .. }))));
    }
}
