//! The files of a prediction: for each class a mask and, where asked for, probabilities. They are
//! written block by block, and so is the store that an interrupted prediction goes on from. Masks
//! that are cleaned as volumes are written when all blocks are done.

use std::fmt;
use std::path::{Path, PathBuf};

use em_io::{Content, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions};
use em_model::MaskRule;
use em_objects::{Postprocess, VolumeCleaner};
use ndarray::{Array4, ArrayView3, ArrayViewMut3, Axis};

use super::block_store::BlockStore;
use crate::target::Target;
use crate::{Observer, Result, Stage};

/// A file to be written.
#[derive(Clone, Debug)]
pub struct Output {
    /// The class, as the model names it.
    pub class: String,
    /// The channel of the class.
    pub channel: usize,
    /// What is written of it.
    pub kind: OutputKind,
    /// The file.
    pub path: PathBuf,
}

/// What is written of a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutputKind {
    /// 255 where the probability is above the threshold, else 0; then cleaned.
    Mask(MaskRule),
    /// The probability as 8 bit, 255 being 1.
    Probabilities,
}

/// A file that was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PredictedFile {
    /// The class, as the model names it.
    pub class: String,
    /// What was written of it.
    pub kind: OutputKind,
    /// The file.
    pub path: PathBuf,
    /// The share of the voxels that are above 0, from 0 to 1.
    pub foreground: f64,
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mask(MaskRule { threshold, cleaning }) if cleaning.is_none() => {
                write!(f, "a mask above {threshold}")
            }
            Self::Mask(MaskRule { threshold, cleaning }) => {
                write!(f, "a mask above {threshold}, then {cleaning:?}")
            }
            Self::Probabilities => f.write_str("probabilities"),
        }
    }
}

impl OutputKind {
    /// The cleaning that needs all sections, if any.
    pub(super) fn volume_cleaning(self) -> Option<Postprocess> {
        match self {
            Self::Mask(rule) => rule.volume_cleaning(),
            Self::Probabilities => None,
        }
    }
}

/// Turns the probabilities of a section, `[class, y, x]`, into what is written of it,
/// `[output, y, x]`; what is cleaned as a volume is not yet cleaned.
pub fn fill(
    outputs: &[Output],
    probabilities: ArrayView3<'_, f32>,
    mut section: ArrayViewMut3<'_, u8>,
) -> Result<()> {
    for (output, mut target) in outputs.iter().zip(section.outer_iter_mut()) {
        let source = probabilities.index_axis(Axis(0), output.channel);
        match output.kind {
            OutputKind::Mask(rule) => {
                let mask = rule.mask_of_section(source)?;
                target.zip_mut_with(&mask, |voxel, &inside| *voxel = if inside { u8::MAX } else { 0 });
            }
            OutputKind::Probabilities => {
                target.zip_mut_with(&source, |voxel, &p| *voxel = em_data::probabilities::byte(p));
            }
        }
    }
    Ok(())
}

/// What the files are like: as large as the input, 8 bit.
pub fn spec(shape: [usize; 3], voxel_size_nm: Option<[f64; 3]>) -> VolumeSpec {
    VolumeSpec { shape, voxel_type: VoxelType::U8, voxel_size_nm }
}

/// How an output is stored.
pub fn write_options(kind: OutputKind) -> WriteOptions {
    WriteOptions::default().with_content(match kind {
        OutputKind::Mask(_) => Content::Label,
        OutputKind::Probabilities => Content::Intensity,
    })
}

/// All files of a prediction, being written.
pub struct Writers<'a> {
    outputs: &'a [Output],
    writers: Vec<Writer>,
}

/// A file being written.
pub struct Writer {
    writer: VolumeWriter,
    /// What the sections go through before they are written.
    cleaner: Option<VolumeCleaner>,
    /// The voxels above 0 so far.
    foreground: u64,
}

impl Writer {
    /// Starts a file at a place, which becomes its path later.
    pub fn create(output: &Output, place: &Path, spec: VolumeSpec) -> Result<Self> {
        let writer = VolumeWriter::with_options(place, spec, write_options(output.kind))?;
        let cleaning = output.kind.volume_cleaning();
        let folder = em_io::place::folder_for(&output.path);
        let cleaner = cleaning.map(|steps| VolumeCleaner::new(steps, spec.shape, folder)).transpose()?;
        Ok(Self { writer, cleaner, foreground: 0 })
    }

    /// Takes the next sections, `[z, y, x]`.
    pub fn write(&mut self, sections: ArrayView3<'_, u8>) -> Result<()> {
        let Some(cleaner) = &mut self.cleaner else {
            self.foreground += sections.iter().filter(|&&voxel| voxel > 0).count() as u64;
            return Ok(self.writer.write(&Voxels::U8(sections.to_owned()))?);
        };
        for section in sections.outer_iter() {
            cleaner.push(section.mapv(|voxel| voxel > 0).view())?;
        }
        Ok(())
    }

    /// Completes the file of a volume of `shape`, `[z, y, x]`, and returns its voxels above 0.
    pub fn finish(mut self, shape: [usize; 3], observer: &mut Observer<'_>) -> Result<u64> {
        if let Some(cleaner) = self.cleaner.take() {
            observer.stage(Stage::sections(shape), |observer| {
                let clean = cleaner.finish()?;
                for z in 0..shape[0] {
                    let section = clean.section(z)?.mapv(|inside| if inside { u8::MAX } else { 0 });
                    self.write(section.insert_axis(Axis(0)).view())?;
                    observer.advance(1)?;
                }
                Ok(())
            })?;
        }
        self.writer.finish()?;
        Ok(self.foreground)
    }
}

impl<'a> Writers<'a> {
    /// Starts the files at their targets, none of which has its name before [`finish`](Self::finish).
    pub fn create(outputs: &'a [Output], targets: &[Target], spec: VolumeSpec) -> Result<Self> {
        let pairs = outputs.iter().zip(targets);
        let writers = pairs
            .map(|(output, target)| Writer::create(output, &target.place(), spec))
            .collect::<Result<_>>()?;
        Ok(Self { outputs, writers })
    }

    /// Writes the next block, `[output, z, y, x]`.
    pub fn write(&mut self, block: Array4<u8>) -> Result<()> {
        self.writers.iter_mut().zip(block.outer_iter()).try_for_each(|(writer, part)| writer.write(part))
    }

    /// Writes the blocks that an interrupted prediction has finished, each of its `shape`,
    /// `[output, z, y, x]`. Stops at a damaged one, which is to be made again with those after it.
    pub fn replay(
        &mut self,
        store: BlockStore,
        shape: impl Fn(usize) -> [usize; 4],
        observer: &mut Observer<'_>,
    ) -> Result<BlockStore> {
        for index in 0..store.finished() {
            let Some(block) = store.read(index, shape(index)) else {
                observer.note(&format!(
                    "block {index} of the interrupted prediction is damaged, and is made again"
                ))?;
                return store.truncate(index);
            };
            self.write(block)?;
            observer.advance(shape(index)[1] as u64)?;
        }
        Ok(store)
    }

    /// Gives the files of a volume of `shape`, `[z, y, x]`, their names.
    pub fn finish(self, shape: [usize; 3], observer: &mut Observer<'_>) -> Result<Vec<PredictedFile>> {
        let voxels: f64 = shape.iter().map(|&side| side as f64).product();
        let files = self.outputs.iter().zip(self.writers).map(|(output, writer)| {
            let foreground = writer.finish(shape, observer)? as f64 / voxels;
            let Output { class, kind, path, .. } = output.clone();
            Ok(PredictedFile { class, kind, path, foreground })
        });
        files.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_objects::Extent;

    #[test]
    fn probabilities_become_masks_and_bytes() {
        let output = |channel, kind| Output { class: "a".into(), channel, kind, path: "a".into() };
        let mask = OutputKind::Mask(MaskRule::default());
        let outputs = [output(1, mask), output(0, OutputKind::Probabilities)];
        let probabilities = ndarray::array![[[0.0, 0.2]], [[0.5, 0.6]]];
        let mut section = ndarray::Array3::zeros((2, 1, 2));
        fill(&outputs, probabilities.view(), section.view_mut()).unwrap();
        assert_eq!(section, ndarray::array![[[0, 255]], [[0, 51]]]);
        // A component of one voxel goes.
        let cleaning = Postprocess { minimum_voxels: 2, extent: Extent::Section, ..Default::default() };
        let outputs = [output(1, OutputKind::Mask(MaskRule { threshold: 0.5, cleaning }))];
        fill(&outputs, probabilities.view(), section.view_mut()).unwrap();
        assert_eq!(section.index_axis(Axis(0), 0), ndarray::array![[0, 0]]);
    }
}
