//! A prediction that many programs share: each predicts the sections of one shard, and writes their chunks.
//!
//! Masks that are cleaned as volumes are kept uncleaned among the shards, since what is cleaned at a section may
//! depend on all others; they are cleaned at the end.

use std::path::{Path, PathBuf};

use em_io::{Blocks, Roi, SharedZarr, VolumeSpec, ZarrPart, read_compute_write};
use em_model::MaskRule;
use em_objects::Postprocess;
use ndarray::{Array4, Axis};
use serde::{Deserialize, Serialize};

use super::outputs::{self, Output, OutputKind, PredictedFile, Writer};
use super::{PredictPlan, PredictedFiles, with_halo};
use crate::error::{Result, UserError};
use crate::fingerprint::Fingerprint;
use crate::shards::{Job, Marker, Shard, ShardFile, ShardStore, common_multiple, cuts, named};
use crate::target::Target;
use crate::{Observer, Stage};

/// A file of a shared prediction, as the request of the shards has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SharedOutput {
    class: String,
    /// Of a mask, the probability above which a voxel is foreground; `None` for probabilities.
    threshold: Option<f32>,
    cleaning: Postprocess,
    /// Where it goes, as the store names it.
    path: PathBuf,
}

impl SharedOutput {
    fn new(output: &Output, of_store: &Path) -> Result<Self> {
        let (threshold, cleaning) = match output.kind {
            OutputKind::Mask(rule) => (Some(rule.threshold), rule.cleaning),
            OutputKind::Probabilities => (None, Postprocess::default()),
        };
        let path = named(of_store, &output.path)?;
        Ok(Self { class: output.class.clone(), threshold, cleaning, path })
    }

    fn kind(&self) -> OutputKind {
        let cleaning = self.cleaning;
        self.threshold
            .map_or(OutputKind::Probabilities, |threshold| OutputKind::Mask(MaskRule { threshold, cleaning }))
    }

    /// The image that the shards write: the output, or what it is cleaned from.
    fn image(&self, index: usize, spec: VolumeSpec, store: &ShardStore) -> Result<SharedZarr> {
        let options = outputs::write_options(self.kind());
        let (path, options) = match self.kind().volume_cleaning() {
            Some(_) => (store.folder().join(format!("uncleaned{index}.zarr")), options.with_levels(1)),
            None => (store.resolved(&self.path), options),
        };
        Ok(SharedZarr::new(&path, spec, options, store.cuts())?)
    }
}

impl PredictPlan {
    /// Predicts one shard: some of the sections, written as whole chunks into OME-Zarr.
    ///
    /// It returns `false`, and does nothing, where the shard was done before. What a killed shard has written is
    /// written again. Other programs may predict other shards, or the same, at the same time.
    ///
    /// # Errors
    ///
    /// Fails if an output is no OME-Zarr image, if it was there before the first shard, or if other shards were begun
    /// with another request; else as [`run`](PredictPlan::run).
    pub fn run_shard(self, shard: Shard, observer: &mut Observer<'_>) -> Result<bool> {
        let shape = self.volume.shape();
        let store = self.join(shard, self.fingerprint()?)?;
        if store.is_done(shard)? {
            return Ok(false);
        }
        let Job::Predict { outputs, .. } = store.job() else { return Ok(false) };
        let sections = shard.sections(store.cuts());
        let mut images = Vec::new();
        for (index, output) in outputs.iter().enumerate() {
            images.push(Image::new(output.image(index, self.spec(), &store)?, shard)?);
        }
        let part = Roi::sections(shape, sections);
        let (predictor, volume) = (&self.predictor, &self.volume);
        let blocks = Blocks::of_voxels(part, predictor.config().block_voxels)
            .in_steps_of(predictor.sections_at_once());
        let halo = predictor.halo_sections();
        observer.stage(Stage::sections(part.shape), |observer| {
            read_compute_write(
                0..blocks.count(),
                |block| Ok(volume.read(with_halo(blocks.roi(block), halo, volume))?.to_f32()),
                |block, voxels| self.predict_block(blocks.roi(block), voxels.view(), observer),
                |_, predicted: Array4<u8>| {
                    images.iter_mut().zip(predicted.axis_iter(Axis(0))).try_for_each(|(image, part)| {
                        image.foreground += part.iter().filter(|&&voxel| voxel > 0).count() as u64;
                        Ok(image.part.write(&em_io::Voxels::U8(part.to_owned()))?)
                    })
                },
            )
        })?;
        let mut marker = Marker::default();
        for image in images {
            let path = named(&self.output, image.whole.path())?;
            marker.foreground.push(image.foreground);
            let written = image.part.finish()?;
            marker.files.extend(written.into_iter().map(|object| ShardFile::of_image(&path, object)));
        }
        self.unchanged.check()?;
        store.mark(shard.index, &marker)?;
        Ok(true)
    }

    /// Refuses outputs that were there before the first shard.
    fn refuse_taken(&self) -> Result<()> {
        let input = self.volume.path().map(Path::to_owned);
        self.outputs.iter().try_for_each(|output| Target::refuse_taken(&input, &output.path))
    }

    /// Joins the other shards, or begins the work.
    fn join(&self, shard: Shard, fingerprint: Fingerprint) -> Result<ShardStore> {
        let (spec, shape) = (self.spec(), self.volume.shape());
        // No two shards write one object, and what is computed at once lies in one shard.
        let units =
            self.outputs.iter().map(|output| SharedZarr::unit(shape, outputs::write_options(output.kind)));
        let unit = units.fold(self.predictor.sections_at_once(), common_multiple);
        let cuts = cuts(shape[0], unit, shard.count);
        for output in &self.outputs {
            // What cannot be written is told before anything is.
            SharedZarr::new(&output.path, spec, outputs::write_options(output.kind), &cuts)?;
        }
        let outputs = self.outputs.iter().map(|output| SharedOutput::new(output, &self.output));
        let outputs = outputs.collect::<Result<Vec<_>>>()?;
        let job = Job::Predict { outputs, shape, voxel_size_nm: spec.voxel_size_nm };
        ShardStore::join(&self.output, cuts, job, fingerprint, || self.refuse_taken())
    }
}

/// An image of which a shard is written.
struct Image {
    whole: SharedZarr,
    part: ZarrPart,
    foreground: u64,
}

impl Image {
    fn new(whole: SharedZarr, shard: Shard) -> Result<Self> {
        let part = whole.part(shard.index)?;
        Ok(Self { whole, part, foreground: 0 })
    }
}

/// Ends a prediction of which all shards are done: cleans masks that are cleaned as volumes, makes the smaller levels
/// that shards could not, and the metadata, with which the files can be opened. The notes of the shards go.
///
/// `output` is the path that was given to the shards for masks, or for probabilities where there are no masks.
///
/// # Errors
///
/// Fails if shards are missing or broken, if a file cannot be read or written; and with
/// [`Error::Stopped`](crate::Error::Stopped). It can be begun again then.
pub fn finish_shards(output: &Path, observer: &mut Observer<'_>) -> Result<PredictedFiles> {
    let store = ShardStore::open(output)?;
    let Job::Predict { outputs, shape, voxel_size_nm } = store.job().clone() else {
        let message = format!("`{}` has the shards of a measurement", output.display());
        return Err(UserError::new(message, "merge them with `em-cli measure ... --merge`").into());
    };
    let markers = store.all_done(output)?;
    let spec = outputs::spec(shape, voxel_size_nm);
    let voxels: f64 = shape.iter().map(|&side| side as f64).product();
    let mut files = Vec::new();
    for (index, mut shared) in outputs.into_iter().enumerate() {
        let image = shared.image(index, spec, &store)?;
        image.finish()?;
        shared.path = store.resolved(&shared.path);
        let foreground = match shared.kind().volume_cleaning() {
            Some(_) => clean(&shared, image.path(), spec, observer)?,
            None => markers.iter().filter_map(|marker| marker.foreground.get(index)).sum(),
        };
        let (kind, SharedOutput { class, path, .. }) = (shared.kind(), shared);
        files.push(PredictedFile { class, kind, path, foreground: foreground as f64 / voxels });
    }
    store.remove()?;
    Ok(PredictedFiles { files })
}

/// Cleans a mask as a volume, and returns its voxels above 0.
fn clean(
    shared: &SharedOutput,
    uncleaned: &Path,
    spec: VolumeSpec,
    observer: &mut Observer<'_>,
) -> Result<u64> {
    let (class, path) = (shared.class.clone(), shared.path.clone());
    let output = Output { class, channel: 0, kind: shared.kind(), path };
    // A finish that was killed may have written it before.
    let target = Target::new([], &shared.path, true)?;
    let mut writer = Writer::create(&output, &target.place(), spec)?;
    let volume = em_io::open(uncleaned)?;
    let deep = volume.piece()[0];
    observer.stage(Stage::sections(spec.shape), |observer| {
        for block in volume.blocks(Blocks::of_sections(Roi::whole(spec.shape), deep)) {
            let (place, voxels) = block?;
            writer.write(voxels.into_array::<u8>()?.view())?;
            observer.advance(place.shape[0] as u64)?;
        }
        Ok(())
    })?;
    let foreground = writer.finish(spec.shape, observer)?;
    target.finish()?;
    Ok(foreground)
}
