//! The objects of a class: found, split, measured, and near to those of other classes.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;

use em_io::Volume;
use em_objects::{LARGEST_BOX, Object, Objects, Space, SplitCounts, join_parts};
use ndarray::{Array2, Axis};

use super::sharded::ClassParts;
use super::{Distances, MeasureRequest};
use crate::error::{Result, UserError};
use crate::staged::Staged;
use crate::{Event, Observer, Stage};

/// The open files of a class.
pub struct OpenClass<'a> {
    pub name: &'a str,
    pub mask: Volume,
    pub probabilities: Option<Volume>,
    pub boundary: Option<Volume>,
    /// Where the objects were found by other programs, part by part.
    pub parts: Option<ClassParts>,
}

/// A class whose objects are found and measured.
pub struct Found {
    pub objects: Objects,
    pub measured: Measured,
}

impl Found {
    /// Returns what was measured, with the labels.
    pub fn labelled(&self) -> Labelled<'_> {
        let section = |z: usize| Ok(self.objects.paint(z..z + 1)?.index_axis_move(Axis(0), 0));
        Labelled { measured: &self.measured, section: Box::new(section) }
    }
}

/// What was measured of the objects of a class, and the labels to show them by.
pub struct Labelled<'a> {
    pub measured: &'a Measured,
    /// Reads a section of the labels, `[y, x]`.
    pub section: Box<dyn Fn(usize) -> Result<Array2<u32>> + 'a>,
}

/// What was measured of the objects of a class.
pub struct Measured {
    pub name: String,
    pub space: Space,
    pub objects: Vec<Object>,
    /// The voxels of all of them in each section.
    pub by_section: Vec<u64>,
    pub split: Option<SplitSummary>,
}

/// What splitting has done to the objects of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SplitSummary {
    /// The objects before.
    pub objects: usize,
    /// Those of them that were split.
    pub split: usize,
    /// The parts that they were split into.
    pub parts: usize,
}

/// As `3 of 40 objects were split, into 7`.
impl fmt::Display for SplitSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} objects were split, into {}", self.split, self.objects, self.parts)
    }
}

impl OpenClass<'_> {
    /// Finds the objects of the class, measures them, and drops the small ones.
    pub fn measure(
        &self,
        request: &MeasureRequest,
        voxel_size_nm: Option<[f64; 3]>,
        staged: &Staged,
        observer: &mut Observer<'_>,
    ) -> Result<Found> {
        // Temporary files go where the results do, whose disk has the room.
        let (name, folder, find) = (self.name, staged.folder(), request.find);
        let shape = self.mask.shape();
        let parts = self.parts.as_ref();
        let mut objects = pass(shape, observer, |advance| match parts {
            Some(parts) => join_parts(&parts.mask, folder, advance),
            None => Objects::find(&self.mask, find, folder, advance),
        })?;
        objects.set_voxel_size_nm(voxel_size_nm);
        if objects.voxel_size_nm().is_none() {
            observer.warn(&without_size(name))?;
        }
        let mut split = None;
        if let Some(neck_nm) = request.split_nm {
            check_neck(&objects, name, neck_nm)?;
            let summary = cut(&mut objects, name, observer, |objects, advance| {
                objects.split(neck_nm, folder, advance)
            })?;
            split = Some(summary);
        }
        if let Some(boundary) = &self.boundary {
            let outlines = pass(shape, observer, |advance| match parts {
                Some(parts) => join_parts(&parts.boundary, folder, advance),
                None => Objects::find(boundary, find, folder, advance),
            })?;
            let summary = cut(&mut objects, name, observer, |objects, advance| {
                objects.split_at(&outlines, folder, advance)
            })?;
            split = Some(summary);
        }
        if request.minimum_voxels > 1 {
            // Before they are measured: noise has millions of specks, which would take memory.
            let sizes = objects.sizes()?;
            objects.retain(|number| sizes[number as usize - 1] >= request.minimum_voxels);
        }
        let probabilities = self.probabilities.as_ref();
        let found = pass(shape, observer, |advance| em_objects::measure(&objects, probabilities, advance))?;
        let measured = Measured {
            name: name.to_owned(),
            space: objects.space(),
            objects: found,
            by_section: objects.voxels_by_section()?,
            split,
        };
        Ok(Found { objects, measured })
    }
}

/// Says that a class has no voxel size.
pub fn without_size(name: &str) -> String {
    format!("`{name}` has no voxel size, so that nothing is measured in nm; give --voxel-size")
}

/// Is told the sections done, and answers whether the work goes on.
pub type Advance<'a> = &'a mut dyn FnMut(u64) -> ControlFlow<()>;

/// Goes once over a volume of `shape`, `[z, y, x]`.
pub fn pass<T>(
    shape: [usize; 3],
    observer: &mut Observer<'_>,
    work: impl FnOnce(Advance<'_>) -> em_objects::Result<T>,
) -> Result<T> {
    observer.stage(Stage::sections(shape), |observer| {
        Ok(work(&mut |sections| observer.hear(Event::Advanced(sections)))?)
    })
}

fn check_neck(objects: &Objects, name: &str, neck_nm: f64) -> Result<()> {
    if objects.voxel_size_nm().is_some() {
        return Ok(());
    }
    let message =
        format!("`{name}` has no voxel size, so that --split {neck_nm} nm cannot be told in voxels");
    Err(UserError::new(message, "give --voxel-size").into())
}

/// Splits the objects of a class.
fn cut(
    objects: &mut Objects,
    name: &str,
    observer: &mut Observer<'_>,
    split: impl FnOnce(&Objects, Advance<'_>) -> em_objects::Result<(Objects, SplitCounts)>,
) -> Result<SplitSummary> {
    let [depth, height, width] = objects.shape();
    // The sections are gone through twice.
    let (parts, counts) = pass([2 * depth, height, width], observer, |advance| split(objects, advance))?;
    if counts.too_large > 0 {
        observer.warn(&format!(
            "{} objects of `{name}` lie in boxes of more than {LARGEST_BOX} voxels and were not split",
            counts.too_large
        ))?;
    }
    let before = std::mem::replace(objects, parts).count();
    let made = objects.count() - (before - counts.split);
    Ok(SplitSummary { objects: before, split: counts.split, parts: made })
}

/// Looks for the nearest object of each other class, for each object of each class.
pub fn nearest_of_all(classes: &[Found], within_nm: f64, observer: &mut Observer<'_>) -> Result<Distances> {
    let mut all = Vec::new();
    for class in classes {
        let mut to_others = BTreeMap::new();
        for other in classes.iter().filter(|other| other.measured.name != class.measured.name) {
            let found = pass(class.objects.shape(), observer, |advance| {
                em_objects::nearest(&class.objects, &other.objects, within_nm, advance)
            })?;
            to_others.insert(other.measured.name.clone(), found);
        }
        all.push(to_others);
    }
    Ok(all)
}
