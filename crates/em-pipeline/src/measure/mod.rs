//! Masks in; a table of objects, label volumes, a summary and its pictures out, section by section.
//!
//! | file | owns |
//! |---|---|
//! | `measure/mod.rs` | what is asked for, and the way from masks to files |
//! | `measure/class.rs` | the objects of a class: found, split, measured, and near to others |
//! | `measure/sharded.rs` | the objects found by many programs, each in some of the sections |
//! | `measure/table.rs` | objects.csv and objects.parquet |
//! | `measure/summary.rs` | what the objects of a class come to |
//! | `measure/place.rs` | the folder and the label volumes that results go to |
//! | `measure/results.rs` | which files an earlier measurement has left |
//! | `measure/page.rs`, `measure/montage.rs` | report.html, with pictures of some objects |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use em_io::{Blocks, Content, Roi, Volume, VolumeSpec, VolumeWriter, VoxelType, Voxels, WriteOptions};
use em_objects::{FindConfig, Nearest, Objects, Space};
use ndarray::Array3;

use self::class::OpenClass;
pub use self::class::SplitSummary;
pub(crate) use self::class::{Found, Labelled, Measured, nearest_of_all, pass, without_size};
pub(crate) use self::place::ResultsFolder;
pub use self::results::labels_in;
pub use self::sharded::{measure_merged, measure_shard};
pub use self::summary::{ClassSummary, Spread};
use self::summary::{Settings, Summary};
use crate::class_path::class_path;
use crate::drawing::{Histogram, histograms, png};
use crate::error::{Result, UserError};
use crate::inputs::Input;
use crate::staged::Staged;
use crate::unchanged::Unchanged;
use crate::{Observer, Stage, display, grey_values, open, voxel_size, write};

mod class;
mod montage;
mod page;
mod place;
mod results;
mod sharded;
mod summary;
pub(crate) mod table;

/// The files of a class, all of one shape.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClassFiles {
    /// The name of the class.
    pub name: String,
    /// Its mask, of values 0 and 255 or 0 and 1; or a label volume.
    pub mask: PathBuf,
    /// Its probabilities, for the mean probability of each object: 0 to 1, or whole numbers whose
    /// largest is 1.
    pub probabilities: Option<PathBuf>,
    /// A mask of learned outlines, at which objects that touch are split.
    pub boundary: Option<PathBuf>,
}

impl ClassFiles {
    /// Names a class and its mask.
    pub fn new(name: impl Into<String>, mask: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), mask: mask.into(), probabilities: None, boundary: None }
    }
}

/// What is to be measured, and where the results go.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MeasureRequest {
    /// The classes, at least one, in volumes of one shape.
    pub classes: Vec<ClassFiles>,
    /// The folder that all files but the labels go to.
    pub folder: PathBuf,
    /// What an object is.
    pub find: FindConfig,
    /// Splits objects that touch where the neck between them is narrower than the thinner one by so
    /// many nm on each side.
    pub split_nm: Option<f64>,
    /// Objects of fewer voxels are left out.
    pub minimum_voxels: u64,
    /// Edge lengths of a voxel in nm, `[z, y, x]`, where the masks do not tell them or tell them wrong.
    pub voxel_size_nm: Option<[f64; 3]>,
    /// Farthest distance, in nm, at which a nearest object of another class is looked for.
    pub nearest_within_nm: f64,
    /// Where label volumes go, several classes as `{name}_{class}`; `labels.tif` in the folder if absent.
    pub labels: Option<PathBuf>,
    /// Whether to replace the results that are in the folder, and the label volumes.
    pub overwrite: bool,
}

impl MeasureRequest {
    /// Asks for the objects of masks: parts that hang together, if only by a corner, through sections.
    pub fn new(classes: impl IntoIterator<Item = ClassFiles>, folder: impl Into<PathBuf>) -> Self {
        Self {
            classes: classes.into_iter().collect(),
            folder: folder.into(),
            find: FindConfig::default(),
            split_nm: None,
            minimum_voxels: 1,
            voxel_size_nm: None,
            nearest_within_nm: 1000.0,
            labels: None,
            overwrite: false,
        }
    }

    /// Returns all files that are read, each with what it is.
    fn inputs(&self) -> Vec<Input> {
        let of_class = |class: &ClassFiles| {
            let others = [("probabilities", &class.probabilities), ("boundary", &class.boundary)];
            let others = others.into_iter().filter_map(|(role, path)| Some((role, path.as_ref()?)));
            let files = std::iter::once(("mask", &class.mask)).chain(others);
            let named = files.map(|(role, path)| Input::new(format!("{}, {role}", class.name), path));
            named.collect::<Vec<_>>()
        };
        self.classes.iter().flat_map(of_class).collect()
    }

    /// Returns where the labels of a class go, and whether that is in the folder of the results.
    fn labels_of(&self, class: &str) -> (PathBuf, bool) {
        let (path, within) = match &self.labels {
            Some(path) => (path.clone(), false),
            None => ("labels.tif".into(), true),
        };
        let several = self.classes.len() > 1;
        (if several { class_path(&path, class) } else { path }, within)
    }
}

/// What was measured.
#[derive(Debug)]
#[non_exhaustive]
pub struct Measurement {
    /// The classes, as they were given.
    pub classes: Vec<MeasuredClass>,
    /// The page with the summary and its pictures.
    pub report: PathBuf,
}

/// What was measured of a class.
#[derive(Debug)]
#[non_exhaustive]
pub struct MeasuredClass {
    /// Its name.
    pub name: String,
    /// How objects were split, where that was asked for.
    pub split: Option<SplitSummary>,
    /// What its objects come to.
    pub summary: ClassSummary,
}

/// Finds and measures the objects of masks of any depth, and writes objects.csv, objects.parquet,
/// summary.json, histograms.png, report.html and a label volume of each class.
///
/// Memory: about 400 bytes per object, and a few sections.
///
/// # Errors
///
/// Fails if a file cannot be read, is no mask, or has another shape or voxel size than the others, if
/// the folder holds results that are not to be replaced, if a result cannot be written; and with
/// [`Error::Stopped`](crate::Error::Stopped), for which the observer is asked again after each pass
/// over a volume. The folder is then as it was.
pub fn measure(request: &MeasureRequest, observer: &mut Observer<'_>) -> Result<Measurement> {
    // A folder of other results is told of before volumes are opened.
    ResultsFolder::free(request)?;
    let (classes, voxel_size_nm) = open_classes(request, observer)?;
    results_of(request, &classes, voxel_size_nm, observer)
}

/// Measures the objects of open classes, and writes the results.
fn results_of(
    request: &MeasureRequest,
    classes: &[OpenClass<'_>],
    voxel_size_nm: Option<[f64; 3]>,
    observer: &mut Observer<'_>,
) -> Result<Measurement> {
    let files = |class: &OpenClass<'_>| {
        let volumes = [Some(&class.mask), class.probabilities.as_ref(), class.boundary.as_ref()];
        volumes.into_iter().flatten().map(Unchanged::of).collect::<Vec<_>>()
    };
    let unchanged: Vec<Unchanged> = classes.iter().flat_map(files).collect();
    ResultsFolder::free(request)?.fill(|staged, targets| {
        let mut found = Vec::new();
        for class in classes {
            found.push(class.measure(request, voxel_size_nm, staged, observer)?);
        }
        let nearest = nearest_of_all(&found, request.nearest_within_nm, observer)?;
        for (class, target) in found.iter().zip(targets) {
            write_labels(&class.objects, &target.place, observer)?;
        }
        let labelled: Vec<Labelled<'_>> = found.iter().map(Found::labelled).collect();
        unchanged.iter().try_for_each(Unchanged::check)?;
        write_results(request, staged, &labelled, &nearest, None, observer.command())
    })
}

/// For each class, the nearest object of each other class, object by object.
pub(crate) type Distances = Vec<BTreeMap<String, Vec<Option<Nearest>>>>;

/// A volume and the class that it belongs to.
type OfClass<'a> = (&'a str, Volume);

/// Classes with their open files, and the size of their voxels in nm, `[z, y, x]`.
type Opened<'a> = (Vec<OpenClass<'a>>, Option<[f64; 3]>);

/// Opens the files of all classes, which must have one shape and one voxel size.
fn open_classes<'a>(request: &'a MeasureRequest, observer: &mut Observer<'_>) -> Result<Opened<'a>> {
    let classes = &request.classes;
    let masks = open_alike(classes, |class| Some(&class.mask), observer)?;
    let Some((_, first)) = masks.first() else {
        return Err(UserError::new("there is nothing to measure", "give a mask of each class").into());
    };
    let shape = first.shape();
    let probabilities = open_alike(classes, |class| class.probabilities.as_ref(), observer)?;
    check_shape(&probabilities, "probabilities", shape)?;
    let boundaries = open_alike(classes, |class| class.boundary.as_ref(), observer)?;
    check_shape(&boundaries, "boundary", shape)?;
    let files = masks.iter().chain(&probabilities).chain(&boundaries);
    // A volume in memory is named as its class.
    let sizes = files.map(|(name, volume)| (volume.path().unwrap_or(Path::new(name)), volume));
    let voxel_size_nm = voxel_size::agreed(sizes, request.voxel_size_nm, observer)?;
    let [mut probabilities, mut boundaries] =
        [probabilities, boundaries].map(|volumes| volumes.into_iter().collect::<BTreeMap<_, _>>());
    let open = masks.into_iter().map(|(name, mask)| OpenClass {
        name,
        mask,
        probabilities: probabilities.remove(name),
        boundary: boundaries.remove(name),
        parts: None,
    });
    Ok((open.collect(), voxel_size_nm))
}

/// Opens one file of each class that has it; all must have one shape.
fn open_alike<'a>(
    classes: &'a [ClassFiles],
    path: impl Fn(&ClassFiles) -> Option<&PathBuf>,
    observer: &mut Observer<'_>,
) -> Result<Vec<OfClass<'a>>> {
    let mut volumes: Vec<OfClass<'a>> = Vec::new();
    for class in classes {
        let Some(path) = path(class) else { continue };
        let volume = open(path, observer)?;
        if let Some((other, first)) = volumes.first().filter(|(_, first)| first.shape() != volume.shape()) {
            let [here, there] = [volume.shape(), first.shape()].map(display::shape);
            let message =
                format!("`{}` is {here} voxels, and `{other}` is {there} [z, y, x]", path.display());
            return Err(UserError::new(message, "measure volumes of one size together").into());
        }
        grey_values::refuse_missing(&volume, observer)?;
        volumes.push((&class.name, volume));
    }
    Ok(volumes)
}

/// Files that go with masks must be as large.
fn check_shape(volumes: &[OfClass<'_>], option: &str, shape: [usize; 3]) -> Result<()> {
    match volumes.iter().find(|(_, volume)| volume.shape() != shape) {
        None => Ok(()),
        Some((class, volume)) => {
            let [here, there] = [volume.shape(), shape].map(display::shape);
            let message =
                format!("--{option} of `{class}` is {here} voxels, and the masks are {there} [z, y, x]");
            Err(UserError::new(message, "measure volumes of one size together").into())
        }
    }
}

/// Sections that are painted and written at a time.
const SECTIONS_AT_ONCE: usize = 4;

fn write_labels(objects: &Objects, path: &Path, observer: &mut Observer<'_>) -> Result<()> {
    write_label_volume(path, objects.space(), observer, |block| {
        let [sections, ..] = block.ranges();
        Ok(objects.paint(sections)?)
    })
}

/// Writes a label volume, some sections at a time.
pub(crate) fn write_label_volume(
    path: &Path,
    Space { shape, voxel_size_nm, .. }: Space,
    observer: &mut Observer<'_>,
    mut labels_of: impl FnMut(Roi) -> Result<Array3<u32>>,
) -> Result<()> {
    let spec = VolumeSpec { shape, voxel_type: VoxelType::U32, voxel_size_nm };
    let options = WriteOptions::default().with_content(Content::Label);
    let mut writer = VolumeWriter::with_options(path, spec, options)?;
    observer.stage(Stage::sections(shape), |observer| {
        for block in Blocks::of_sections(Roi::whole(shape), SECTIONS_AT_ONCE).iter() {
            writer.write(&Voxels::U32(labels_of(block)?))?;
            observer.advance(block.shape[0] as u64)?;
        }
        Ok(())
    })?;
    Ok(writer.finish()?)
}

/// Writes the table, the summary, its pictures and its page; `corrections` counts those of a person.
pub(crate) fn write_results(
    request: &MeasureRequest,
    staged: &Staged,
    labelled: &[Labelled<'_>],
    nearest: &Distances,
    corrections: Option<usize>,
    command: Option<&str>,
) -> Result<Measurement> {
    let measured: Vec<&Measured> = labelled.iter().map(|class| class.measured).collect();
    table::write(staged, &measured, nearest)?;
    let Space { shape, voxel_size_nm, .. } = measured[0].space;
    let voxels: f64 = shape.iter().map(|&edge| edge as f64).product();
    let volume_um3 = voxel_size_nm.map(|size| size.iter().product::<f64>() * 1e-9 * voxels);
    let mut classes = Vec::new();
    let mut drawn = Vec::new();
    for (class, nearest) in measured.into_iter().zip(nearest) {
        drawn.extend(pictured(class, nearest));
        let summary = summary::of_class(class, nearest, volume_um3)?;
        classes.push(MeasuredClass { name: class.name.clone(), split: class.split, summary });
    }
    let of_classes = classes.iter().map(|class| (class.name.as_str(), &class.summary)).collect();
    let summary = Summary {
        format_version: 1,
        command,
        inputs: request.inputs(),
        settings: Settings::of(request, corrections),
        shape,
        voxel_size_nm,
        volume_um3,
        classes: of_classes,
    };
    write::json(&staged.path("summary.json"), &summary)?;
    let picture = png(&histograms(&drawn)?)?;
    write::bytes(&staged.path("histograms.png"), &picture)?;
    let text = page::of_objects(&summary, labelled, nearest)?;
    write::bytes(&staged.path("report.html"), text.as_bytes())?;
    Ok(Measurement { classes, report: request.folder.join("report.html") })
}

/// The histograms of a class: diameters, or voxels where the voxel size is not known, and distances.
fn pictured(class: &Measured, nearest: &BTreeMap<String, Vec<Option<Nearest>>>) -> Vec<Histogram> {
    let diameters: Option<Vec<f64>> = class
        .objects
        .iter()
        .map(|object| object.physical.as_ref().map(|physical| physical.equivalent_diameter_nm))
        .collect();
    let (axis, values) = match diameters {
        Some(values) => ("equivalent diameter, nm", values),
        None => ("voxels", class.objects.iter().map(|object| object.voxels as f64).collect()),
    };
    let size = Histogram { title: class.name.clone(), axis: axis.into(), values };
    let near = nearest.iter().map(|(other, nearest)| Histogram {
        title: format!("{} to {other}", class.name),
        axis: "distance to the nearest, nm".into(),
        values: nearest.iter().flatten().map(|nearest| nearest.distance_nm).collect(),
    });
    std::iter::once(size).chain(near).collect()
}
