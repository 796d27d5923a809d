//! What a project says to a request before it is done: whether it makes sense, and what it paints.

use em_data::Paint;
use em_io::Roi;
use ndarray::s;

use super::action::Request;
use super::interpolation::between;
use super::pictures::painted;
use super::project::{Project, chunks_of};
use super::shapes::{Runs, connected};
use crate::error::Result;

/// A flood goes no further than this from its point.
const FLOOD_REACH: usize = 512;
const RADII: std::ops::RangeInclusive<f64> = 0.5..=200.0;
/// Tiles of a region that is marked at once: more than a person looks at in an hour, painted in seconds.
const MOST_REVIEWED: usize = 256;
/// Far more than a hand draws in one stroke.
const MOST_POINTS: usize = 100_000;
/// Sections that an interpolation fills at most.
const MOST_BETWEEN: usize = 100;

impl Project {
    /// Says what is wrong with a request.
    pub(super) fn check(&self, request: &Request) -> Result<(), String> {
        let [depth, height, width] = self.description().shape;
        if let Some(class) =
            request.class().filter(|class| !self.description().classes.iter().any(|c| c == class))
        {
            return Err(format!("the project has no class `{class}`"));
        }
        let section = |z: usize| match z < depth {
            true => Ok(()),
            false => Err(format!("there is no section {z}: the stack has {depth}")),
        };
        let are_near = |points: &[[f64; 2]]| {
            let far = 4.0 * (height.max(width) as f64 + 1000.0);
            let is_near = |point: &[f64; 2]| point.iter().all(|along| along.abs() <= far);
            match !points.is_empty() && points.len() <= MOST_POINTS && points.iter().all(is_near) {
                true => Ok(()),
                false => Err(format!("expected 1 to {MOST_POINTS} points near the section")),
            }
        };
        match request {
            Request::Stroke { z, radius, points, .. } => {
                if !RADII.contains(radius) {
                    return Err(format!("a radius of {radius}, expected 0.5 to 200"));
                }
                section(*z).and(are_near(points))
            }
            Request::Polygon { z, points, .. } => section(*z).and(are_near(points)),
            Request::Fill { z, .. } => section(*z),
            Request::Interpolate { from, to, .. } => {
                let gap = to.saturating_sub(*from);
                if !(2..=MOST_BETWEEN + 1).contains(&gap) {
                    return Err(format!("expected two sections with 1 to {MOST_BETWEEN} between them"));
                }
                section(*to)
            }
            Request::Region { start, shape } => {
                let roi = Roi { start: *start, shape: *shape };
                if shape.contains(&0) || !roi.is_within(self.description().shape) {
                    return Err("the region reaches out of the stack".into());
                }
                match chunks_of(roi).take(MOST_REVIEWED + 1).count() > MOST_REVIEWED {
                    true => Err(format!("the region holds more than {MOST_REVIEWED} tiles: mark several")),
                    false => Ok(()),
                }
            }
            Request::RemoveRegion { name } => {
                match self.regions().iter().any(|region| region.name == *name) {
                    true => Ok(()),
                    false => Err(format!("there is no region {name}")),
                }
            }
            Request::Accept { threshold, .. } | Request::Reject { threshold, .. }
                if !(0.0..=1.0).contains(threshold) =>
            {
                Err(format!("a threshold of {threshold}, expected 0 to 1"))
            }
            Request::Accept { within, object, .. } => match (within, object) {
                (Some(roi), None) if roi.is_within(self.description().shape) => Ok(()),
                (None, Some(voxel)) => self.voxel(*voxel),
                _ => Err("expected a box or an object within the stack".into()),
            },
            Request::Reject { object, .. } => self.voxel(*object),
            Request::Used { run: Some(run) } if !self.run(*run).weights().exists() => {
                Err(format!("there is no trained network {run}"))
            }
            Request::Visited { .. } | Request::Trained { .. } | Request::Used { .. } => Ok(()),
            Request::Undo => self.ledger().last().map(|_| ()).ok_or("there is nothing to undo".into()),
            Request::Redo => self.ledger().undone().map(|_| ()).ok_or("there is nothing to redo".into()),
        }
    }

    fn voxel(&self, voxel: [usize; 3]) -> Result<(), String> {
        let inside = voxel.iter().zip(self.description().shape).all(|(&along, side)| along < side);
        if inside { Ok(()) } else { Err(format!("there is no voxel {voxel:?}")) }
    }

    /// Floods from a point of a section.
    pub(super) fn flooded(&self, z: usize, point: [f64; 2], tolerance: u8) -> Result<Vec<Runs>, String> {
        let [_, height, width] = self.description().shape;
        let is_inside = (0.0..height as f64).contains(&point[0]) && (0.0..width as f64).contains(&point[1]);
        if !is_inside {
            return Err("the point lies outside of the section".into());
        }
        let at = point.map(|along| along as usize);
        let start = at.map(|along| along.saturating_sub(FLOOD_REACH));
        let shape = [0, 1].map(|axis| (at[axis] + FLOOD_REACH).min([height, width][axis]) - start[axis]);
        let roi = Roi { start: [z, start[0], start[1]], shape: [1, shape[0], shape[1]] };
        let grey = self.canvas().stack.read(roi).map_err(|error| error.to_string())?;
        let grey = self.canvas().greys.shown(&grey);
        let section = grey.slice(s![0, .., ..]);
        let seed = [at[0] - start[0], at[1] - start[1]];
        let middle = section[seed];
        let filled = connected(seed, shape, |voxel| section[voxel].abs_diff(middle) <= tolerance);
        let runs = filled.and_then(|filled| Runs::of(z, start, filled.view()));
        Ok(runs.into_iter().collect())
    }

    /// Fills the sections between two.
    pub(super) fn interpolated(&self, class: &str, from: usize, to: usize) -> Result<Vec<Runs>, String> {
        let place = self.description().classes.iter().position(|name| name == class).unwrap_or(0);
        let shape = |z: usize| self.foreground(place, z).map_err(|error| error.to_string());
        let (first, last) = (shape(from)?, shape(to)?);
        for (z, shape) in [(from, &first), (to, &last)] {
            if shape.is_none() {
                return Err(format!("section {z} has no paint of {class}"));
            }
        }
        let (Some(first), Some(last)) = (first, last) else { return Ok(Vec::new()) };
        let painted = between(&first, &last);
        if painted.is_empty() {
            let reason = "no shape of the one section overlaps one of the other: paint one in between";
            return Err(reason.into());
        }
        Ok(painted)
    }

    /// What is foreground of a class in a section.
    fn foreground(&self, class: usize, z: usize) -> Result<Option<Runs>> {
        let section = Roi::sections(self.description().shape, z..z + 1);
        let painted = painted(&self.canvas().labels[class], section)?;
        Ok(Runs::of(z, [0, 0], painted.mapv(|paint| paint == Paint::Foreground as u8).view()))
    }
}
