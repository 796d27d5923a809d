//! Writes one dataset, `volume`, in chunks of one section, deflated.

use crate::atomic::AtomicFile;
use crate::error::{Error, Result};
use crate::formats::sink::Sink;
use crate::sample::match_voxel_type;
use crate::{VolumeSpec, Voxels, WriteOptions, match_voxels};
use hdf5_metno::{Dataset, File, Hyperslab, SliceOrIndex};
use std::path::{Path, PathBuf};

/// The name of the dataset.
const NAME: &str = "volume";

/// The level of deflate: higher ones gain nothing on the noise of a microscope.
const LEVEL: u8 = 3;

/// A file that is being written.
struct Hdf5Sink {
    path: PathBuf,
    file: AtomicFile,
    dataset: Dataset,
    written: usize,
}

/// Starts a file.
pub(crate) fn create(path: &Path, spec: VolumeSpec, options: WriteOptions) -> Result<Box<dyn Sink>> {
    hdf5_metno::silence_errors(true);
    let file = AtomicFile::create(path)?;
    let failed = |error| failed(path, error);
    let within = File::create(file.temporary()).map_err(failed)?;
    let [depth, height, width] = spec.shape;
    // Sections come one after another: deeper chunks would be packed again for each of them.
    let chunk = (1, options.chunk[1].clamp(1, height), options.chunk[2].clamp(1, width));
    let dataset = match_voxel_type!(spec.voxel_type, T => within
        .new_dataset::<T>()
        .shape((depth, height, width))
        .chunk(chunk)
        .shuffle()
        .deflate(LEVEL)
        .create(NAME))
    .map_err(failed)?;
    if let Some(nm) = spec.voxel_size_nm {
        let um = nm.map(|size| size / 1000.0);
        for (name, size) in [("element_size_um", um), ("resolution", nm)] {
            dataset
                .new_attr::<f64>()
                .shape(3)
                .create(name)
                .and_then(|attribute| attribute.write_raw(&size))
                .map_err(failed)?;
        }
    }
    Ok(Box::new(Hdf5Sink { path: path.to_path_buf(), file, dataset, written: 0 }))
}

impl Sink for Hdf5Sink {
    fn write(&mut self, sections: &Voxels) -> Result<()> {
        let [depth, height, width] = sections.shape();
        let ranges = [self.written..self.written + depth, 0..height, 0..width];
        let place = Hyperslab::from(ranges.map(SliceOrIndex::from).to_vec());
        match_voxels!(sections, array => self.dataset.write_slice(array, place))
            .map_err(|error| failed(&self.path, error))?;
        self.written += depth;
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let Self { path, file, dataset, .. } = *self;
        dataset.file().and_then(|within| within.flush()).map_err(|error| failed(&path, error))?;
        // The file is closed with the last thing that is open in it.
        drop(dataset);
        file.commit()
    }
}

fn failed(path: &Path, error: hdf5_metno::Error) -> Error {
    Error::io("write", path)(std::io::Error::other(error.to_string()))
}
