//! A volume in, masks and probabilities out, block by block.
//!
//! | file | owns |
//! |---|---|
//! | `predict/mod.rs` | the prediction from the first check to the last file |
//! | `predict/request.rs` | what is asked for |
//! | `predict/suitability.rs` | whether the input is like what the model was trained on |
//! | `predict/memory.rs` | what it takes in memory |
//! | `predict/outputs.rs` | the files: masks and probabilities, written block by block |
//! | `predict/block_store.rs` | the finished blocks on disk, from which an interrupted prediction goes on |
//! | `predict/sharded.rs` | a part of the sections, one of many programs; and the end of all parts |

use std::path::{Path, PathBuf};

use em_data::Normalization;
use em_io::{Blocks, Roi, Volume, VolumeSpec, VoxelSize, read_compute_write};
use em_model::{ModelCard, PredictConfig, Predictor, RunFolder};
use ndarray::{Array4, ArrayView3, Axis};

use self::block_store::BlockStore;
pub use self::memory::PredictMemory;
use self::outputs::{Output, Writers};
pub use self::outputs::{OutputKind, PredictedFile};
pub use self::request::PredictRequest;
pub(crate) use self::sharded::SharedOutput;
pub use self::sharded::finish_shards;
use crate::config::overrides;
use crate::error::{Context, Result};
use crate::fingerprint::Fingerprint;
use crate::target::Target;
use crate::unchanged::Unchanged;
use crate::{Observer, RunConfig, Stage, find_run, open_with, voxel_size};

mod block_store;
mod memory;
mod outputs;
mod request;
mod sharded;
mod suitability;

/// What was predicted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PredictedFiles {
    /// The files, class by class, each one's mask before its probabilities.
    pub files: Vec<PredictedFile>,
}

/// Predicts a volume of any depth, block by block.
///
/// The files appear when all blocks are done. Until then the finished blocks lie beside the first
/// file, in `{name}.blocks`, from which [`PredictRequest::resume`] goes on.
///
/// # Errors
///
/// Those of [`PredictPlan::new`] and [`PredictPlan::run`].
pub fn predict(request: &PredictRequest, observer: &mut Observer<'_>) -> Result<PredictedFiles> {
    PredictPlan::new(request, observer)?.run(observer)
}

/// A prediction whose input and models are open and fit together, and of which nothing is written yet.
#[derive(Debug)]
pub struct PredictPlan {
    runs: Vec<RunFolder>,
    resume: bool,
    overwrite: bool,
    volume: Volume,
    unchanged: Unchanged,
    voxel_size: Option<VoxelSize>,
    predictor: Predictor,
    normalization: Normalization,
    outputs: Vec<Output>,
    /// The path that was given for masks, or for probabilities where there are no masks.
    output: PathBuf,
    blocks: Blocks,
    memory: PredictMemory,
}

impl PredictPlan {
    /// Opens the input and reads the models.
    ///
    /// # Errors
    ///
    /// Fails if paths or settings of the request exclude each other, if the input cannot be read, if
    /// a file of a run is missing or damaged, if several runs do not go together; and with
    /// [`Error::Stopped`](crate::Error::Stopped).
    pub fn new(request: &PredictRequest, observer: &mut Observer<'_>) -> Result<Self> {
        request.check()?;
        let runs = request.runs.iter().map(|path| find_run(path)).collect::<Result<Vec<_>>>()?;
        let volume = open_with(&request.input, request.reading, observer)?;
        let unchanged = Unchanged::of(&volume);
        let mut config = predict_config(&runs[0], &request.settings)?;
        config.views = request.views.unwrap_or(config.views);
        let predictor = Predictor::ensemble(&runs, request.device, config)?;
        let voxel_size = match request.voxel_size_nm {
            Some(nm) => {
                voxel_size::warn_of_doubt("--voxel-size", nm, observer)?;
                Some(VoxelSize::new(nm)?)
            }
            None => volume.voxel_size(),
        };
        let pixels = predictor.pixel_match(voxel_size)?;
        let predictor = predictor.with_pixels(pixels);
        suitability::tell(&predictor, &volume, voxel_size, observer)?;
        let normalization = predictor.normalization(&volume)?;
        suitability::tell_of_dropped_tuning(&predictor, &runs[0], observer)?;
        let outputs = request.outputs(&predictor)?;
        let blocks = Blocks::of_voxels(Roi::whole(volume.shape()), predictor.config().block_voxels)
            .in_steps_of(predictor.sections_at_once());
        let memory = PredictMemory::of(&predictor, &volume, blocks, &outputs)?;
        let (resume, overwrite) = (request.resume, request.overwrite);
        let output = request.masks.clone().or_else(|| request.probabilities.clone()).unwrap_or_default();
        Ok(Self {
            runs,
            resume,
            overwrite,
            unchanged,
            volume,
            voxel_size,
            predictor,
            normalization,
            outputs,
            output,
            blocks,
            memory,
        })
    }

    /// Returns what memory the prediction takes at most, whatever the depth of the volume.
    pub fn memory(&self) -> PredictMemory {
        self.memory
    }

    /// Predicts and writes block by block, and gives the files their names at the end.
    ///
    /// # Errors
    ///
    /// Fails if an output exists and is not to be replaced, if finished blocks of another prediction
    /// are in the way, if the input cannot be read or changes meanwhile, or a file cannot be written; and with
    /// [`Error::Stopped`](crate::Error::Stopped), which the observer may ask for at each section. The
    /// finished blocks then stay, and nothing else.
    pub fn run(self, observer: &mut Observer<'_>) -> Result<PredictedFiles> {
        let fingerprint = self.fingerprint()?;
        let targets = self.targets()?;
        let mut writers = Writers::create(&self.outputs, &targets, self.spec())?;
        let store = self.store(&fingerprint)?;
        let shape = self.volume.shape();
        let store = observer.stage(Stage::sections(shape), |observer| {
            let mut store = writers.replay(store, |block| self.block_shape(block), observer)?;
            self.predict_blocks(&mut store, &mut writers, observer)?;
            Ok(store)
        })?;
        if let Err(error) = self.unchanged.check() {
            // Of its blocks, nobody knows which are of the old voxels.
            store.remove()?;
            return Err(error);
        }
        let files = writers.finish(shape, observer)?;
        targets.into_iter().try_for_each(Target::finish)?;
        store.remove()?;
        suitability::tell_of_unknown_voxel_size(&self.predictor, self.voxel_size, observer)?;
        Ok(PredictedFiles { files })
    }

    /// Predicts the blocks that the store does not hold yet.
    fn predict_blocks(
        &self,
        store: &mut BlockStore,
        writers: &mut Writers<'_>,
        observer: &mut Observer<'_>,
    ) -> Result<()> {
        // The reading thread gets these and not the whole plan, whose tensors stay on this thread.
        let (volume, blocks, halo) = (&self.volume, self.blocks, self.predictor.halo_sections());
        read_compute_write(
            store.finished()..blocks.count(),
            |block| Ok(volume.read(with_halo(blocks.roi(block), halo, volume))?.to_f32()),
            |block, voxels| self.predict_block(blocks.roi(block), voxels.view(), observer),
            |_, predicted| {
                store.push(&predicted)?;
                writers.write(predicted)
            },
        )
    }

    /// Predicts a block of grey values `[z, y, x]` with its halo: `[output, z, y, x]`.
    fn predict_block(
        &self,
        block: Roi,
        voxels: ArrayView3<'_, f32>,
        observer: &mut Observer<'_>,
    ) -> Result<Array4<u8>> {
        let (predictor, at_once) = (&self.predictor, self.predictor.sections_at_once());
        let before = block.start[0] - with_halo(block, predictor.halo_sections(), &self.volume).start[0];
        let [depth, height, width] = block.shape;
        let mut predicted = Array4::zeros([self.outputs.len(), depth, height, width]);
        let chunks = predicted.axis_chunks_iter_mut(Axis(1), at_once);
        for (start, mut chunk) in (before..).step_by(at_once).zip(chunks) {
            let sections = start..start + chunk.len_of(Axis(1));
            let probabilities = predictor.predict_sections(voxels, sections, self.normalization)?;
            for (section, filled) in probabilities.axis_iter(Axis(1)).zip(chunk.axis_iter_mut(Axis(1))) {
                outputs::fill(&self.outputs, section, filled)?;
                observer.advance(1)?;
            }
        }
        Ok(predicted)
    }

    /// The shape of what is predicted of a block, `[output, z, y, x]`.
    fn block_shape(&self, block: usize) -> [usize; 4] {
        let [depth, height, width] = self.blocks.roi(block).shape;
        [self.outputs.len(), depth, height, width]
    }

    /// What the files are like.
    fn spec(&self) -> VolumeSpec {
        outputs::spec(self.volume.shape(), self.voxel_size.map(VoxelSize::nm))
    }

    /// The paths of the outputs, which are free or may be replaced: whoever goes on with a prediction
    /// has said so when it was begun.
    fn targets(&self) -> Result<Vec<Target>> {
        let overwrite = self.overwrite || self.resume && BlockStore::is_begun(&self.outputs[0].path);
        let input = self.volume.path().map(Path::to_owned);
        let target = |output: &Output| Target::new(&input, &output.path, overwrite);
        self.outputs.iter().map(target).collect()
    }

    /// The place for finished blocks, with those of the prediction that is resumed.
    fn store(&self, fingerprint: &Fingerprint) -> Result<BlockStore> {
        // Named after the first file.
        let path = &self.outputs[0].path;
        if self.resume {
            BlockStore::resume(path, fingerprint)
        } else {
            BlockStore::create(path, fingerprint)
        }
    }

    /// All that the result depends on.
    fn fingerprint(&self) -> Result<Fingerprint> {
        let settings = serde_json::to_string(self.predictor.config())
            .context("the settings of the prediction cannot be written as JSON")?;
        let mut fingerprint = Fingerprint::default()
            .with_input("input", &self.volume)?
            .with("version of em-cli", env!("CARGO_PKG_VERSION"))
            .with("predict settings", settings)
            .with("magnification", format!("{:?}", self.predictor.pixels().map(|pixels| pixels.factors())));
        for (number, run) in self.runs.iter().enumerate() {
            let of = if number == 0 { "the model's".to_owned() } else { format!("model {}'s", number + 1) };
            fingerprint = fingerprint
                .with_file(&format!("{of} weights"), &run.weights())?
                .with_file(&format!("{of} card"), &run.card())?;
        }
        for output in &self.outputs {
            fingerprint = fingerprint.with(&format!("`{}`", output.path.display()), output.kind);
        }
        Ok(fingerprint)
    }
}

/// A block with up to `halo` sections on each side of it, within the volume.
fn with_halo(block: Roi, halo: usize, volume: &Volume) -> Roi {
    let start = block.start[0].saturating_sub(halo);
    let end = (block.end()[0] + halo).min(volume.shape()[0]);
    Roi::sections(volume.shape(), start..end)
}

/// The run's own settings, of its configuration, else of its card; then what is set anew.
fn predict_config(run: &RunFolder, settings: &[String]) -> Result<PredictConfig> {
    let path = run.config();
    let config = if path.exists() {
        RunConfig::load(&path, &[])?
    } else {
        RunConfig { predict: ModelCard::read(run)?.predict.unwrap_or_default(), ..Default::default() }
    };
    overrides::check_sections(settings, &["predict"])?;
    Ok(overrides::apply(config, settings)?.predict)
}
