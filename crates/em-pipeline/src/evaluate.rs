//! A mask against a label, per section, pooled, and as a volume.

use std::path::{Path, PathBuf};

use em_io::{Blocks, Mask, Roi, Volume};
use em_objects::read_probabilities;
use serde::Serialize;

use crate::error::{Result, UserError};
use crate::scores::{self, ClassScores, Collector, Labelled, Ruler};
use crate::{Observer, Stage, grey_values, open, pairing, voxel_size, write};

/// What is scored, and against what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EvaluateRequest {
    /// The predicted mask, in any format that is read.
    pub prediction: PathBuf,
    /// The label.
    pub label: PathBuf,
    /// The probabilities behind the mask, whose calibration is then scored: 0 to 1, or whole numbers
    /// whose largest is 1.
    pub probabilities: Option<PathBuf>,
    /// A mask of voxels that do not count.
    pub ignore: Option<PathBuf>,
    /// How far a boundary may be off, in nm, or in voxels where the voxel size is unknown; 2 voxels
    /// if absent.
    pub tolerance: Option<f64>,
    /// Edge lengths of a voxel in nm, `[z, y, x]`, where the files do not tell them or tell them wrong.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Whether sections are separate images: no boundaries in 3D, objects within sections, memory for
    /// one section.
    pub by_section: bool,
}

impl EvaluateRequest {
    /// Asks for all scores of a mask as a volume.
    pub fn new(prediction: impl Into<PathBuf>, label: impl Into<PathBuf>) -> Self {
        Self {
            prediction: prediction.into(),
            label: label.into(),
            probabilities: None,
            ignore: None,
            tolerance: None,
            voxel_size_nm: None,
            by_section: false,
        }
    }
}

/// The scores of a mask.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// Version of this layout.
    pub format_version: u32,
    /// The predicted mask.
    pub prediction: PathBuf,
    /// The label.
    pub label: PathBuf,
    /// The mask of voxels that did not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<PathBuf>,
    /// Their shape, `[z, y, x]`.
    pub shape: [usize; 3],
    /// Its scores.
    #[serde(flatten)]
    pub scores: ClassScores,
}

impl Evaluation {
    /// Writes everything as JSON.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        write::json(path, self)
    }

    /// Writes a row for each section as CSV.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        write::bytes(path, scores::csv(&self.scores).as_bytes())
    }
}

/// Memory that the scores in 3D take of each voxel, in bytes: masks, labels of objects, distances.
const BYTES_PER_VOXEL: f64 = 20.0;

/// Scores a mask. Memory: about 20 bytes per voxel of the volume, or of a section.
///
/// # Errors
///
/// Fails if a file cannot be read, is no mask, or has another shape or voxel size than the label; and with
/// [`Error::Stopped`](crate::Error::Stopped), for which the observer is asked before the volume or
/// after each section.
pub fn evaluate(request: &EvaluateRequest, observer: &mut Observer<'_>) -> Result<Evaluation> {
    let volumes = Volumes::open(request, observer)?;
    let size = volumes.voxel_size_nm(request, observer)?;
    let mut collector = Collector::new(Ruler::new(size, request.tolerance));
    let shape = volumes.label.shape();
    if !request.by_section {
        let gigabytes = shape.iter().map(|&n| n as f64).product::<f64>() * BYTES_PER_VOXEL / 1e9;
        if gigabytes > 4.0 {
            observer.note(&format!(
                "this takes about {gigabytes:.0} GB of memory; --flat takes sections one by one"
            ))?;
        }
    }
    let blocks = Blocks::of_sections(Roi::whole(shape), if request.by_section { 1 } else { shape[0] });
    observer.stage(Stage::sections(shape), |observer| {
        blocks.iter().try_for_each(|block| {
            volumes.add(block, &mut collector)?;
            observer.advance(block.shape[0] as u64)
        })
    })?;
    let EvaluateRequest { prediction, label, ignore, .. } = request.clone();
    Ok(Evaluation { format_version: 1, prediction, label, ignore, shape, scores: collector.finish()? })
}

/// The open files, all of one shape.
struct Volumes {
    prediction: Volume,
    label: Volume,
    probabilities: Option<Volume>,
    ignored: Option<Volume>,
}

impl Volumes {
    fn open(request: &EvaluateRequest, observer: &mut Observer<'_>) -> Result<Self> {
        let prediction = open(&request.prediction, observer)?;
        let label = open(&request.label, observer)?;
        let mut open_if_given =
            |path: &Option<PathBuf>| path.as_deref().map(|path| open(path, observer)).transpose();
        let probabilities = open_if_given(&request.probabilities)?;
        let ignored = open_if_given(&request.ignore)?;
        for (what, volume, path) in [
            ("the prediction", Some(&prediction), Some(&request.prediction)),
            ("the probabilities", probabilities.as_ref(), request.probabilities.as_ref()),
            ("the mask of ignored voxels", ignored.as_ref(), request.ignore.as_ref()),
        ] {
            if let (Some(volume), Some(path)) = (volume, path) {
                pairing::check(what, &label, volume, observer)?;
                grey_values::refuse_missing(volume, observer)?;
                check_shape(volume, path, &label, &request.label)?;
            }
        }
        grey_values::refuse_missing(&label, observer)?;
        Ok(Self { prediction, label, probabilities, ignored })
    }

    /// The size of their voxels in nm, `[z, y, x]`, on which all have to agree.
    fn voxel_size_nm(
        &self,
        request: &EvaluateRequest,
        observer: &mut Observer<'_>,
    ) -> Result<Option<[f64; 3]>> {
        let files = [
            (Some(&request.label), Some(&self.label)),
            (Some(&request.prediction), Some(&self.prediction)),
            (request.probabilities.as_ref(), self.probabilities.as_ref()),
            (request.ignore.as_ref(), self.ignored.as_ref()),
        ];
        let files = files.into_iter().filter_map(|(path, volume)| Some((path?.as_path(), volume?)));
        voxel_size::agreed(files, request.voxel_size_nm, observer)
    }

    fn add(&self, roi: Roi, collector: &mut Collector) -> Result<()> {
        let prediction = Mask::from_volume(&self.prediction, roi)?;
        let label = Mask::from_volume(&self.label, roi)?;
        let probabilities = self.probabilities.as_ref();
        let probabilities = probabilities.map(|volume| read_probabilities(volume, roi)).transpose()?;
        let ignored = self.ignored.as_ref().map(|ignored| Mask::from_volume(ignored, roi)).transpose()?;
        collector.add(Labelled {
            prediction: prediction.view(),
            label: label.view(),
            probabilities: probabilities.as_ref().map(|p| p.view()),
            ignored: ignored.as_ref().map(Mask::view),
        })
    }
}

fn check_shape(volume: &Volume, path: &Path, label: &Volume, label_path: &Path) -> Result<()> {
    if volume.shape() == label.shape() {
        return Ok(());
    }
    let message = format!(
        "`{}` has shape {:?} [z, y, x], expected {:?} as `{}`",
        path.display(),
        volume.shape(),
        label.shape(),
        label_path.display()
    );
    Err(UserError::new(message, "prediction, probabilities and voxels to ignore have the shape of the label")
        .into())
}
