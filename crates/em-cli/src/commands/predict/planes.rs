//! The planes of a prediction: for each class a mask and, where asked for, probabilities. They go
//! block by block into their files, and into the store that an interrupted prediction goes on from.
//! Masks that are cleaned as volumes go into their files when all blocks are done.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use em_io::{VolumeSpec, VolumeWriter, Voxels, WriteOptions};
use em_objects::{Postprocess, VolumeCleaner};
use ndarray::{Array4, ArrayView3, ArrayViewMut3, Axis};

use crate::interrupt;
use crate::streaming::store::BlockStore;

/// What one file holds.
#[derive(Clone, Debug)]
pub struct Plane {
    /// The class, as the model names it.
    pub class: String,
    /// The channel of the class.
    pub channel: usize,
    /// What is written of it.
    pub content: Content,
    /// The file.
    pub path: PathBuf,
}

/// What is written of a class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
    /// 255 where the probability is above the threshold, else 0; then cleaned.
    Mask { threshold: f32, cleaning: Postprocess },
    /// The probability as 8 bit, 255 being 1.
    Probabilities,
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mask { threshold, cleaning } if cleaning.is_none() => {
                write!(f, "a mask above {threshold}")
            }
            Self::Mask { threshold, cleaning } => write!(f, "a mask above {threshold}, then {cleaning:?}"),
            Self::Probabilities => f.write_str("probabilities"),
        }
    }
}

impl Content {
    /// The cleaning that needs all sections, if any.
    pub fn volume_cleaning(self) -> Option<Postprocess> {
        match self {
            Self::Mask { cleaning, .. } if !cleaning.is_by_section() => Some(cleaning),
            _ => None,
        }
    }
}

/// Turns the probabilities of a section, `[class, y, x]`, into its planes, `[plane, y, x]`; what is
/// cleaned as a volume is not yet cleaned.
pub fn fill(
    planes: &[Plane],
    probabilities: ArrayView3<'_, f32>,
    mut section: ArrayViewMut3<'_, u8>,
) -> Result<()> {
    for (plane, mut target) in planes.iter().zip(section.outer_iter_mut()) {
        let source = probabilities.index_axis(Axis(0), plane.channel);
        match plane.content {
            Content::Mask { threshold, cleaning } => {
                let mask = source.mapv(|p| p > threshold).insert_axis(Axis(0));
                let mask = if cleaning.is_by_section() { cleaning.apply(mask)? } else { mask };
                let mask = mask.index_axis_move(Axis(0), 0);
                target.zip_mut_with(&mask, |voxel, &inside| *voxel = if inside { u8::MAX } else { 0 });
            }
            Content::Probabilities => {
                target.zip_mut_with(&source, |voxel, &p| *voxel = em_data::probabilities::byte(p));
            }
        }
    }
    Ok(())
}

/// The files of all planes, being written.
pub struct Writers<'a> {
    planes: &'a [Plane],
    files: Vec<PlaneFile>,
}

/// The file of a plane.
struct PlaneFile {
    writer: VolumeWriter,
    /// What the sections go through before they are written.
    cleaner: Option<VolumeCleaner>,
    /// The voxels above 0 so far.
    foreground: u64,
}

impl PlaneFile {
    fn create(plane: &Plane, spec: VolumeSpec) -> Result<Self> {
        let content = match plane.content {
            Content::Mask { .. } => em_io::Content::Label,
            Content::Probabilities => em_io::Content::Intensity,
        };
        let options = WriteOptions::default().with_content(content);
        let writer = VolumeWriter::with_options(&plane.path, spec, options)?;
        let cleaning = plane.content.volume_cleaning();
        let folder = plane.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let cleaner = cleaning.map(|steps| VolumeCleaner::new(steps, spec.shape, folder)).transpose()?;
        Ok(Self { writer, cleaner, foreground: 0 })
    }

    /// Takes the next sections, `[z, y, x]`.
    fn write(&mut self, sections: ArrayView3<'_, u8>) -> Result<()> {
        let Some(cleaner) = &mut self.cleaner else {
            self.foreground += sections.iter().filter(|&&voxel| voxel > 0).count() as u64;
            return Ok(self.writer.write(&Voxels::U8(sections.to_owned()))?);
        };
        for section in sections.outer_iter() {
            cleaner.push(section.mapv(|voxel| voxel > 0).view())?;
        }
        Ok(())
    }

    /// Completes the file of a volume of `depth` sections, and returns its voxels above 0.
    fn finish(mut self, depth: usize) -> Result<u64> {
        if let Some(cleaner) = self.cleaner.take() {
            let clean = cleaner.finish()?;
            for z in 0..depth {
                interrupt::check("go on with --resume")?;
                let section = clean.section(z)?.mapv(|inside| if inside { u8::MAX } else { 0 });
                self.write(section.insert_axis(Axis(0)).view())?;
            }
        }
        self.writer.finish()?;
        Ok(self.foreground)
    }
}

impl<'a> Writers<'a> {
    /// Starts the files, none of which has its name before [`finish`](Self::finish).
    pub fn create(planes: &'a [Plane], spec: VolumeSpec) -> Result<Self> {
        let files = planes.iter().map(|plane| PlaneFile::create(plane, spec)).collect::<Result<_>>()?;
        Ok(Self { planes, files })
    }

    /// Writes the next block, `[plane, z, y, x]`.
    pub fn write(&mut self, block: Array4<u8>) -> Result<()> {
        self.files.iter_mut().zip(block.outer_iter()).try_for_each(|(file, plane)| file.write(plane))
    }

    /// Writes the blocks that an interrupted prediction has finished. Stops at a damaged one, which
    /// is to be made again with those after it.
    pub fn replay(
        &mut self,
        store: BlockStore,
        shape: impl Fn(usize) -> [usize; 4],
        done: impl Fn(usize),
    ) -> Result<BlockStore> {
        for index in 0..store.finished() {
            let Some(block) = store.read(index, shape(index)) else {
                eprintln!("note: block {index} of the interrupted prediction is damaged, and is made again");
                return store.truncate(index);
            };
            self.write(block)?;
            done(index);
        }
        Ok(store)
    }

    /// Gives the files of a volume of `shape`, `[z, y, x]`, their names, and says what is in the masks.
    pub fn finish(self, shape: [usize; 3]) -> Result<()> {
        let voxels: f64 = shape.iter().map(|&side| side as f64).product();
        for (plane, file) in self.planes.iter().zip(self.files) {
            let foreground = file.finish(shape[0])?;
            if let Content::Mask { threshold, .. } = plane.content {
                let share = foreground as f64 / voxels * 100.0;
                let (class, path) = (&plane.class, plane.path.display());
                println!("{class}: {share:.2} % foreground above {threshold}, in `{path}`");
            }
        }
        Ok(())
    }
}

/// `out.tif` and `synapses` to `out_synapses.tif`, and `out.ome.tif` to `out_synapses.ome.tif`.
pub fn with_class(path: &Path, class: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_lowercase();
    let ending = [".ome.tif", ".ome.tiff", ".ome.zarr"].into_iter().find(|ending| lower.ends_with(ending));
    let ending = ending.map_or_else(|| path.extension().map_or(0, |extension| extension.len() + 1), str::len);
    let (stem, ending) = name.split_at(name.len() - ending);
    path.with_file_name(format!("{stem}_{class}{ending}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use em_objects::Extent;

    #[test]
    fn the_class_stands_before_the_ending() {
        let named = |path: &str| with_class(Path::new(path), "mito").to_string_lossy().into_owned();
        assert_eq!(named("a/out.tif"), "a/out_mito.tif");
        assert_eq!(named("out.OME.TIF"), "out_mito.OME.TIF");
        assert_eq!(named("out.ome.zarr"), "out_mito.ome.zarr");
        assert_eq!(named("folder"), "folder_mito");
        assert_eq!(named("v.zarr/labels/mask"), "v.zarr/labels/mask_mito");
    }

    #[test]
    fn probabilities_become_masks_and_bytes() {
        let plane = |channel, content| Plane { class: "a".into(), channel, content, path: "a".into() };
        let mask = Content::Mask { threshold: 0.5, cleaning: Postprocess::default() };
        let planes = [plane(1, mask), plane(0, Content::Probabilities)];
        let probabilities = ndarray::array![[[0.0, 0.2]], [[0.5, 0.6]]];
        let mut section = ndarray::Array3::zeros((2, 1, 2));
        fill(&planes, probabilities.view(), section.view_mut()).unwrap();
        assert_eq!(section, ndarray::array![[[0, 255]], [[0, 51]]]);
        // A component of one voxel goes.
        let cleaning = Postprocess { minimum_voxels: 2, extent: Extent::Section, ..Default::default() };
        let planes = [plane(1, Content::Mask { threshold: 0.5, cleaning })];
        fill(&planes, probabilities.view(), section.view_mut()).unwrap();
        assert_eq!(section.index_axis(Axis(0), 0), ndarray::array![[0, 0]]);
    }
}
