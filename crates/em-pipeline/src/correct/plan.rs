//! What a label volume says to an edit before it is done: whether it makes sense, and what it paints.

use std::sync::Arc;

use em_io::{Roi, Volume};

use super::corrections::{Corrections, bounds_of, unreadable};
use super::edit::{Edit, EditLine, Part};
use super::parts::{Seeds, Subject};
use crate::error::Result;
use crate::journal::Refusal;

/// Of lines that cut, in voxels.
const RADII: std::ops::RangeInclusive<f64> = 0.5..=50.0;

impl Corrections {
    /// Says what is wrong with an edit, or which box it is about and what it paints.
    pub(super) fn planned(&self, edit: &Edit) -> Result<(Roi, Vec<Part>), Refusal> {
        let senseless = |reason: String| Err(Refusal::Senseless(reason));
        match edit {
            Edit::Delete { object } | Edit::Keep { object } => Ok((self.bounds(*object)?, Vec::new())),
            Edit::Merge { objects: [one, other] } if one == other => {
                senseless(format!("{one} cannot be merged with itself"))
            }
            Edit::Merge { objects: [one, other] } => {
                Ok((self.bounds(*one)?.around(self.bounds(*other)?), Vec::new()))
            }
            Edit::Split { object, points } => self.split(*object, &Seeds::Points(points)),
            Edit::Cut { object, z, radius, points } => {
                let within = self.bounds(*object)?;
                let is_number = |point: &[f64; 2]| point.iter().all(|along| along.is_finite());
                if !RADII.contains(radius) || points.is_empty() || !points.iter().all(is_number) {
                    return senseless(format!("a line of {} points, {radius} wide", points.len()));
                }
                if !within.ranges()[0].contains(z) {
                    return senseless(format!("{object} has no voxel in section {z}"));
                }
                let volume = self.volume().map_err(unreadable)?;
                let pieces = self.subject(&volume, *object, within).pieces(*z, *radius, points);
                match pieces.map_err(unreadable)? {
                    Some(labels) => self.split(*object, &Seeds::Pieces { z: *z, labels }),
                    None => senseless(format!(
                        "the line does not part {object} in section {z}: draw it from one side through to the other"
                    )),
                }
            }
            Edit::Fill { object } => {
                let within = self.bounds(*object)?;
                let volume = self.volume().map_err(unreadable)?;
                let runs = self.subject(&volume, *object, within).enclosed().map_err(unreadable)?;
                match runs.is_empty() {
                    true => senseless(format!("{object} encloses no background in any section")),
                    false => Ok((within, vec![Part { object: *object, runs }])),
                }
            }
            Edit::Undo => toggled(self.edits.last(), "take back"),
            Edit::Redo => toggled(self.edits.undone(), "do again"),
            Edit::Opened { .. } => senseless("only the program says which labels it has opened".into()),
        }
    }

    fn split(&self, object: u32, seeds: &Seeds<'_>) -> Result<(Roi, Vec<Part>), Refusal> {
        let within = self.bounds(object)?;
        let volume = self.volume().map_err(unreadable)?;
        let parts =
            self.subject(&volume, object, within).split(seeds, self.next).map_err(|error| match error {
                crate::Error::Objects(error @ em_objects::Error::SplitPoints { .. }) => {
                    Refusal::Senseless(error.to_string())
                }
                error => unreadable(error),
            })?;
        match parts.is_empty() {
            true => Err(Refusal::Senseless(format!("{object} does not fall into parts there"))),
            false => Ok((within, parts)),
        }
    }

    fn subject<'a>(&'a self, labels: &'a Volume, object: u32, within: Roi) -> Subject<'a> {
        Subject { labels, probabilities: self.probabilities.as_ref(), object, within }
    }

    /// The box of an object.
    pub(super) fn bounds(&self, object: u32) -> Result<Roi, Refusal> {
        let Some(found) = self.objects.get(&object) else {
            return Err(Refusal::Senseless(format!("there is no object {object}")));
        };
        Ok(bounds_of(found))
    }
}

fn toggled(line: Option<&Arc<EditLine>>, what: &str) -> Result<(Roi, Vec<Part>), Refusal> {
    let within = line.and_then(|line| line.within);
    within
        .map(|within| (within, Vec::new()))
        .ok_or_else(|| Refusal::Senseless(format!("there is nothing to {what}")))
}
