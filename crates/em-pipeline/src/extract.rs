//! Sections of a stack as PNG, and the way back, resized where asked for.

use std::path::PathBuf;

use em_data::resize;
use em_io::{Blocks, Roi, VolumeSpec, VolumeWriter, Voxels, match_voxels};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

use crate::target::Target;
use crate::{Observer, Result, Stage, open};

/// About as many voxels are in memory at once.
const VOXELS_AT_ONCE: usize = 1 << 25;

/// What is to be extracted, and to where.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExtractRequest {
    /// Any volume that is read.
    pub input: PathBuf,
    /// A folder for PNG sections, or the path of a stack, whose ending decides on the format.
    pub output: PathBuf,
    /// How each section is resized; as it is if absent.
    pub resize: Option<Resize>,
    /// Whether to replace what is at the output path.
    pub overwrite: bool,
}

/// The size of a section, `[y, x]`, and how its voxels follow from those of another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Bilinear, rounded to the voxel type.
    Bilinear([usize; 2]),
    /// The nearest voxel: for labels.
    Nearest([usize; 2]),
}

impl ExtractRequest {
    /// Asks for all sections as they are.
    pub fn new(input: impl Into<PathBuf>, output: impl Into<PathBuf>) -> Self {
        Self { input: input.into(), output: output.into(), resize: None, overwrite: false }
    }
}

/// Writes the sections of a volume, some at a time, and returns the shape of what was written,
/// `[z, y, x]`.
///
/// # Errors
///
/// Fails if the input cannot be read, if the output is the input, exists and is not to be replaced, or
/// cannot be written; and with
/// [`Error::Stopped`](crate::Error::Stopped), which leaves nothing behind.
pub fn extract(request: &ExtractRequest, observer: &mut Observer<'_>) -> Result<[usize; 3]> {
    let volume = open(&request.input, observer)?;
    let target = Target::new([&request.input], &request.output, request.overwrite)?;
    let [depth, height, width] = volume.shape();
    let [new_height, new_width] = request.resize.map_or([height, width], Resize::size);
    let voxel_size_nm = volume
        .voxel_size_nm()
        .map(|[z, y, x]| [z, y * height as f64 / new_height as f64, x * width as f64 / new_width as f64]);
    let shape = [depth, new_height, new_width];
    let spec = VolumeSpec { shape, voxel_type: volume.voxel_type(), voxel_size_nm };
    let mut writer = VolumeWriter::create(target.place(), spec)?;
    observer.stage(Stage::sections(volume.shape()), |observer| {
        for block in volume.blocks(Blocks::of_voxels(Roi::whole(volume.shape()), VOXELS_AT_ONCE)) {
            let (_, block) = block?;
            let block = match request.resize {
                Some(resize) => resize.apply(&block),
                None => block,
            };
            writer.write(&block)?;
            observer.advance(block.shape()[0] as u64)?;
        }
        Ok(())
    })?;
    writer.finish()?;
    target.finish()?;
    Ok(shape)
}

impl Resize {
    fn size(self) -> [usize; 2] {
        match self {
            Self::Bilinear(size) | Self::Nearest(size) => size,
        }
    }

    fn apply(self, block: &Voxels) -> Voxels {
        match self {
            Self::Bilinear(size) => {
                let resized = |section: ArrayView2<'_, f32>| resize::bilinear(section, size);
                Voxels::from_f32(&per_section(block.to_f32().view(), size, resized), block.voxel_type())
            }
            Self::Nearest(size) => match_voxels!(block, a => {
                Voxels::from(per_section(a.view(), size, |section| resize::nearest(section, size)))
            }),
        }
    }
}

fn per_section<T: Copy + Default>(
    block: ArrayView3<'_, T>,
    [height, width]: [usize; 2],
    resized: impl Fn(ArrayView2<'_, T>) -> Array2<T>,
) -> Array3<T> {
    let mut whole = Array3::from_elem((block.len_of(Axis(0)), height, width), T::default());
    for (mut to, from) in whole.axis_iter_mut(Axis(0)).zip(block.axis_iter(Axis(0))) {
        to.assign(&resized(from));
    }
    whole
}
