//! Corrected labels, their table and their summary as files, from measures that followed the edits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_io::{Roi, Volume, VoxelSize, place};
use em_objects::{FindConfig, Foreground, Objects, read_labels};
use ndarray::Axis;

use super::corrections::Corrections;
use crate::class_path::stem;
use crate::error::{Result, UserError};
use crate::measure::{
    ClassFiles, Distances, Found, Labelled, MeasureRequest, Measured, Measurement, ResultsFolder,
    nearest_of_all, pass, write_label_volume, write_results,
};
use crate::{Observer, display, voxel_size};

/// Returns where the edits of a label volume are kept: `labels.edits.jsonl` beside `labels.tif`, in the working
/// folder for labels behind an address.
pub fn journal_of(labels: &Path) -> PathBuf {
    place::beside(labels, format!("{}.edits.jsonl", stem(labels)))
}

/// Returns where a label volume is written with its corrections: the folder `labels-corrected` beside
/// `labels.tif`, in the working folder for labels behind an address.
pub fn corrected_folder(labels: &Path) -> PathBuf {
    place::beside(labels, format!("{}-corrected", stem(labels)))
}

/// Where corrections are written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SaveRequest {
    /// The files that are corrected, in the order of the corrections.
    pub classes: Vec<ClassFiles>,
    /// The folder that all files go to.
    pub folder: PathBuf,
    /// Where label volumes go, several classes as `{name}_{class}`; `labels.tif` in the folder if absent.
    pub labels: Option<PathBuf>,
    /// Farthest distance, in nm, at which a nearest object of another class is looked for.
    pub nearest_within_nm: f64,
    /// Whether to replace the results that are in the folder, and the label volumes.
    pub overwrite: bool,
}

impl SaveRequest {
    /// Asks for corrected labels in a folder that is free.
    pub fn new(classes: Vec<ClassFiles>, folder: impl Into<PathBuf>) -> Self {
        let MeasureRequest { nearest_within_nm, .. } = MeasureRequest::new([], "");
        Self { classes, folder: folder.into(), labels: None, nearest_within_nm, overwrite: false }
    }

    /// Says what keeps the results from being written, before anything is read.
    ///
    /// # Errors
    ///
    /// Fails if a class is named twice, or if the folder holds results that are not to be replaced.
    pub fn check(&self) -> Result<()> {
        ResultsFolder::free(&self.as_measured()).map(|_| ())
    }

    fn as_measured(&self) -> MeasureRequest {
        let mut request = MeasureRequest::new(self.classes.clone(), &self.folder);
        request.find = FindConfig { foreground: Foreground::Instances, ..FindConfig::default() };
        request.labels.clone_from(&self.labels);
        request.nearest_within_nm = self.nearest_within_nm;
        request.overwrite = self.overwrite;
        request
    }
}

/// Writes the label volumes block by block, and the files that [`measure`](crate::measure()) writes beside
/// them: those that it would write of the corrected volumes.
///
/// Distances to objects of other classes are looked for anew, where there are several classes.
///
/// # Errors
///
/// Fails if classes are of other shapes or voxel sizes, if the folder holds results that are not to be replaced,
/// or if a file cannot be written, which leaves all as it was; and with [`Error::Stopped`](crate::Error::Stopped).
pub fn save(
    request: &SaveRequest,
    classes: &[&Corrections],
    observer: &mut Observer<'_>,
) -> Result<Measurement> {
    check_spaces(classes)?;
    let as_measured = request.as_measured();
    ResultsFolder::free(&as_measured)?.fill(|staged, targets| {
        let volumes = classes.iter().map(|class| class.volume()).collect::<Result<Vec<_>>>()?;
        let mut measured = Vec::new();
        for ((class, labels), target) in classes.iter().zip(&volumes).zip(targets) {
            let mut by_section = Vec::new();
            write_label_volume(&target.place, class.space(), observer, |block| {
                let labels = read_labels(labels, block)?;
                let foreground = |section: ndarray::ArrayView2<'_, u32>| {
                    section.iter().filter(|&&label| label > 0).count() as u64
                };
                by_section.extend(labels.outer_iter().map(foreground));
                Ok(labels)
            })?;
            measured.push(Measured {
                name: class.name().to_owned(),
                space: class.space(),
                objects: class.objects().values().cloned().collect(),
                by_section,
                split: None,
            });
        }
        let (measured, nearest) = match classes {
            [_] => (measured, vec![BTreeMap::new()]),
            _ => near(classes, measured, request.nearest_within_nm, staged.folder(), observer)?,
        };
        let edits = classes.iter().map(|class| class.count()).sum();
        let labelled: Vec<Labelled<'_>> = measured.iter().zip(&volumes).map(labelled).collect();
        write_results(&as_measured, staged, &labelled, &nearest, Some(edits), observer.command())
    })
}

/// Refuses classes that do not lie in one volume.
fn check_spaces(classes: &[&Corrections]) -> Result<()> {
    let Some((first, others)) = classes.split_first() else {
        return Err(UserError::new("there is nothing to correct", "give a label volume of each class").into());
    };
    for other in others {
        let [one, two] = [first.space(), other.space()];
        let sizes = [one, two].map(|space| space.voxel_size_nm.and_then(|nm| VoxelSize::new(nm).ok()));
        let is_one_size = match sizes {
            [Some(one), Some(two)] => one.differs_by_at_most(voxel_size::TOLERANCE, two),
            sizes => sizes == [None, None],
        };
        if one.shape == two.shape && is_one_size {
            continue;
        }
        let shown = |class: &Corrections, size: Option<VoxelSize>| {
            let size = size.map_or("an unknown size".into(), |size| size.to_string());
            format!("`{}` is {} voxels of {size}", class.name(), display::shape(class.space().shape))
        };
        let message = format!("{}, and {} [z, y, x]", shown(first, sizes[0]), shown(other, sizes[1]));
        let hint =
            "correct label volumes of one size together, and give --voxel-size where files tell it wrong";
        return Err(UserError::new(message, hint).into());
    }
    Ok(())
}

/// What was measured of a class, with its corrected labels.
fn labelled<'a>((measured, labels): (&'a Measured, &'a Volume)) -> Labelled<'a> {
    let section = |z: usize| {
        Ok(read_labels(labels, Roi::sections(labels.shape(), z..z + 1))?.index_axis_move(Axis(0), 0))
    };
    Labelled { measured, section: Box::new(section) }
}

/// Looks for the nearest objects of other classes.
fn near(
    classes: &[&Corrections],
    measured: Vec<Measured>,
    within_nm: f64,
    scratch: &Path,
    observer: &mut Observer<'_>,
) -> Result<(Vec<Measured>, Distances)> {
    let config = FindConfig { foreground: Foreground::Instances, ..FindConfig::default() };
    let mut found = Vec::new();
    for (class, measured) in classes.iter().zip(measured) {
        let labels = class.volume()?;
        let shape = labels.shape();
        let mut objects = pass(shape, observer, |advance| Objects::find(&labels, config, scratch, advance))?;
        objects.set_voxel_size_nm(class.space().voxel_size_nm);
        found.push(Found { objects, measured });
    }
    let nearest = nearest_of_all(&found, within_nm, observer)?;
    Ok((found.into_iter().map(|found| found.measured).collect(), nearest))
}
