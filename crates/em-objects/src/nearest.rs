//! Distances from objects to the nearest object of another class.
//!
//! A run of one class and a row of the other are compared as intervals, and rows are visited from
//! near to far until none can be nearer, so that no distance map of the volume is made.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::objects::{Objects, told};
use crate::runs::{Run, SectionRuns};

/// The nearest object of another class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// The value of that object in its label volume.
    pub id: u32,
    /// Distance in nm between the middles of the two nearest voxels; 0 where objects share a voxel.
    pub distance_nm: f64,
}

/// Finds for each object the nearest one of `others`, at most `within_nm` away; `None` where there
/// is none, and where the voxel size is not known.
///
/// In memory are the runs of `others` in the sections within that distance. Exact: the distances are
/// those of a Euclidean distance transform of the background of `others`, at its least in an object.
///
/// # Errors
///
/// [`Error::ShapeMismatch`] for volumes of different shapes, and [`Error::TemporaryFile`].
pub fn nearest(
    objects: &Objects,
    others: &Objects,
    within_nm: f64,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Vec<Option<Nearest>>> {
    let shape = objects.shape();
    if others.shape() != shape {
        let reference = "the objects".to_owned();
        return Err(Error::ShapeMismatch { path: None, found: others.shape(), expected: shape, reference });
    }
    let Some(size) = objects.voxel_size_nm() else { return Ok(vec![None; objects.count()]) };
    let rows = near_rows(size, within_nm, shape);
    // Sections are read as they come near and forgotten as they go.
    let reach = rows.iter().map(|row| row.dz.unsigned_abs()).max().unwrap_or(0) as usize;
    let mut window = Window { first: 0, sections: VecDeque::new() };
    let mut best = vec![Best { distance: f64::INFINITY, number: 0 }; objects.count()];
    for z in 0..shape[0] {
        window.move_to(z.saturating_sub(reach)..(z + reach + 1).min(shape[0]), others)?;
        let section = objects.section(z)?;
        let found: Vec<(u32, Best)> = (0..section.height())
            .into_par_iter()
            .flat_map_iter(|y| section.row(y).iter().map(move |run| (y, run)))
            .filter_map(|(y, run)| {
                let so_far = best[run.label as usize - 1];
                let nearer = search(&window, &rows, [z, y], *run, size[2], so_far);
                (nearer.distance < so_far.distance).then_some((run.label, nearer))
            })
            .collect();
        for (number, nearer) in found {
            let so_far = &mut best[number as usize - 1];
            if nearer.distance < so_far.distance {
                *so_far = nearer;
            }
        }
        told(progress(1))?;
    }
    let name = |number: u32| others.names()[number as usize - 1];
    let known = |best: &Best| best.distance <= within_nm;
    Ok(best
        .iter()
        .map(|best| known(best).then(|| Nearest { id: name(best.number), distance_nm: best.distance }))
        .collect())
}

/// The nearest object so far.
#[derive(Clone, Copy, Debug)]
struct Best {
    distance: f64,
    number: u32,
}

/// A row of the other class, seen from a row of this one.
struct NearRow {
    dz: i64,
    dy: i64,
    /// Squared distance of the rows in nm².
    squared: f64,
}

/// All rows within a distance, nearest first; ties in a fixed order.
fn near_rows([sz, sy, _]: [f64; 3], within_nm: f64, [depth, height, _]: [usize; 3]) -> Vec<NearRow> {
    // `as` cuts off: a row farther away is not within the distance.
    let reach = |side: f64, edge: usize| ((within_nm / side) as i64).min(edge as i64 - 1).max(0);
    let (rz, ry) = (reach(sz, depth), reach(sy, height));
    let mut rows: Vec<NearRow> = (-rz..=rz)
        .flat_map(|dz| (-ry..=ry).map(move |dy| (dz, dy)))
        .map(|(dz, dy)| NearRow { dz, dy, squared: (dz as f64 * sz).powi(2) + (dy as f64 * sy).powi(2) })
        .filter(|row| row.squared <= within_nm * within_nm)
        .collect();
    rows.sort_by(|a, b| a.squared.total_cmp(&b.squared).then((a.dz, a.dy).cmp(&(b.dz, b.dy))));
    rows
}

/// The sections of the other class that are near.
struct Window {
    first: usize,
    sections: VecDeque<SectionRuns>,
}

impl Window {
    fn move_to(&mut self, range: std::ops::Range<usize>, others: &Objects) -> Result<()> {
        while self.first < range.start {
            self.sections.pop_front();
            self.first += 1;
        }
        while self.first + self.sections.len() < range.end {
            self.sections.push_back(others.section(self.first + self.sections.len())?);
        }
        Ok(())
    }

    fn row(&self, z: i64, y: i64) -> &[Run] {
        let place = usize::try_from(z - self.first as i64).ok();
        let section = place.and_then(|place| self.sections.get(place));
        let y = usize::try_from(y).ok();
        section.zip(y).filter(|(section, y)| *y < section.height()).map_or(&[], |(s, y)| s.row(y))
    }
}

/// Finds the run nearest to `run` of row `[z, y]`, if it is nearer than the nearest so far.
fn search(window: &Window, rows: &[NearRow], [z, y]: [usize; 2], run: Run, side: f64, so_far: Best) -> Best {
    let mut best = so_far;
    for row in rows {
        if row.squared >= best.distance * best.distance {
            break;
        }
        let others = window.row(z as i64 + row.dz, y as i64 + row.dy);
        // Runs of a row are sorted and apart: the nearest begins last before the end, or first after.
        let after = others.partition_point(|other| other.start < run.end);
        for other in others[after.saturating_sub(1)..].iter().take(2) {
            let gap = if other.start >= run.end {
                other.start - run.end + 1
            } else if other.end <= run.start {
                run.start - other.end + 1
            } else {
                0
            };
            let distance = (row.squared + (f64::from(gap) * side).powi(2)).sqrt();
            if distance < best.distance {
                best = Best { distance, number: other.label };
            }
        }
    }
    best
}
