//! All actions in order, which of them count, and what they paint.
//!
//! Labels are what the actions say: each voxel is painted by those that cover it, one after the other,
//! and by nothing else. So a chunk can be made anew by itself, and taking an action back needs no copy of
//! what was before.

use std::collections::BTreeMap;

use em_data::{Paint, ReviewedRegion};
use em_io::Roi;
use ndarray::ArrayViewMut2;

use super::action::{Action, Request};
use super::project::chunks_of;
use super::shapes::{self, Frame};
use super::strokes_source::StrokesPlan;
use crate::timeline::{Kind, Timeline};

/// The actions of a project.
#[derive(Debug)]
pub struct Ledger {
    /// Of the stack, `[z, y, x]`.
    shape: [usize; 3],
    actions: Vec<Action>,
    /// Which of them count.
    timeline: Timeline,
    /// The actions that paint in a section, in order.
    of_section: BTreeMap<usize, Vec<usize>>,
    /// How often something was painted or taken back.
    version: usize,
}

impl Ledger {
    /// Starts without actions.
    pub fn new(shape: [usize; 3]) -> Self {
        Self {
            shape,
            actions: Vec::new(),
            timeline: Timeline::default(),
            of_section: BTreeMap::new(),
            version: 0,
        }
    }

    /// Returns all actions, those that were taken back among them.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Returns where the action of that name is.
    pub fn place(&self, id: &str) -> Option<usize> {
        self.timeline.place(id)
    }

    /// Returns which action `Undo` would take back.
    pub fn last(&self) -> Option<usize> {
        self.timeline.last()
    }

    /// Returns which action `Redo` would do again.
    pub fn undone(&self) -> Option<usize> {
        self.timeline.undone()
    }

    /// Adds an action, and returns the box of what it may change, and whether it only adds paint.
    ///
    /// An action that there is nothing to do for changes nothing.
    pub fn push(&mut self, action: Action) -> Option<Change> {
        let changed = self.timeline.push(action.id.clone(), kind_of(&action.request));
        let place = self.actions.len();
        let change = changed.and_then(|changed| match &action.request {
            Request::Undo | Request::Redo => Some(Change { roi: self.bounds(changed), adds: None }),
            Request::RemoveRegion { .. } => {
                let region = self.removed_by(&action)?;
                Some(Change { roi: self.bounds(region), adds: None })
            }
            _ => Some(Change { roi: self.bounds_of(&action), adds: Some(place) }),
        });
        if let Some(roi) = self.bounds_of(&action) {
            for z in roi.ranges()[0].clone() {
                self.of_section.entry(z).or_default().push(place);
            }
        }
        self.actions.push(action);
        self.version += usize::from(change.is_some());
        change
    }

    /// Returns the regions that are reviewed, named by their numbers.
    pub fn regions(&self) -> Vec<ReviewedRegion> {
        let regions = self.actions.iter().enumerate().filter(|(_, action)| is_region(action));
        let named = (1..).zip(regions).filter(|(_, (place, _))| self.is_effective(*place));
        named
            .filter_map(|(number, (_, action))| {
                Some(ReviewedRegion { name: number.to_string(), roi: self.bounds_of(action)? })
            })
            .collect()
    }

    /// Returns the run that suggests, where it is not the network of the start.
    pub fn in_use(&self) -> Option<usize> {
        let run = |action: &Action| match action.request {
            Request::Used { run } => Some(run),
            _ => None,
        };
        self.actions.iter().rev().find_map(run).flatten()
    }

    /// Returns what the network before a training scored, by class.
    pub fn before(&self, run: usize) -> Option<&BTreeMap<String, f64>> {
        self.actions.iter().rev().find_map(|action| match &action.request {
            Request::Trained { run: of, before } if *of == run => Some(before),
            _ => None,
        })
    }

    /// Returns what was proposed before.
    pub fn visited(&self) -> Vec<Roi> {
        let of = |action: &Action| match action.request {
            Request::Visited { start, shape } => Some(Roi { start, shape }),
            _ => None,
        };
        self.actions.iter().filter_map(of).collect()
    }

    /// Returns the sections in which an action of a class counts.
    pub fn painted_sections(&self, class: &str) -> Vec<usize> {
        let is_painted =
            |place: &usize| self.is_effective(*place) && self.actions[*place].request.class() == Some(class);
        let sections = self.of_section.iter().filter(|(_, places)| places.iter().any(is_painted));
        sections.map(|(&z, _)| z).collect()
    }

    /// Returns what a classifier can learn from: at most so many tiles, the last ones painted.
    pub fn strokes_plan(&self, classes: &[String], most_tiles: usize) -> StrokesPlan {
        let effective = || (0..self.actions.len()).rev().filter(|&place| self.is_effective(place));
        let says = |class: &String, paint: Paint| {
            effective().any(|place| {
                let request = &self.actions[place].request;
                request.class().is_none_or(|painted| painted == class) && request.paints().contains(&paint)
            })
        };
        let both = |class: &String| says(class, Paint::Background) && says(class, Paint::Foreground);
        let mut tiles = Vec::new();
        for tile in effective().filter_map(|place| self.bounds(place)).flat_map(chunks_of) {
            if tiles.len() == most_tiles {
                break;
            }
            if !tiles.contains(&tile) {
                tiles.push(tile);
            }
        }
        StrokesPlan { tiles, classes: classes.iter().map(both).collect(), version: self.version }
    }

    /// Returns the boxes of all that counts and paints.
    pub fn painted(&self) -> impl Iterator<Item = Roi> {
        let effective = (0..self.actions.len()).filter(|&place| self.is_effective(place));
        effective.filter_map(|place| self.bounds(place))
    }

    /// Paints all that counts in a part of a section, from unknown voxels on.
    pub fn paint_all(&self, class: &str, z: usize, frame: Frame, mut voxels: ArrayViewMut2<'_, u8>) {
        voxels.fill(Paint::Unknown.into());
        for &place in self.of_section.get(&z).into_iter().flatten() {
            if self.is_effective(place) {
                self.paint(place, class, z, frame, voxels.view_mut());
            }
        }
    }

    /// Paints one action in a part of a section.
    pub fn paint(
        &self,
        place: usize,
        class: &str,
        z: usize,
        frame: Frame,
        mut voxels: ArrayViewMut2<'_, u8>,
    ) {
        let action = &self.actions[place];
        if action.request.class().is_some_and(|painted| painted != class) {
            return;
        }
        let at = |[y, x]: [usize; 2]| [y - frame.start[0], x - frame.start[1]];
        match &action.request {
            Request::Stroke { value, z: of, radius, points, .. } if *of == z => {
                shapes::stroke(points, *radius, frame, |voxel| voxels[at(voxel)] = (*value).into());
            }
            Request::Polygon { value, z: of, points, .. } if *of == z => {
                shapes::polygon(points, frame, |voxel| voxels[at(voxel)] = (*value).into());
            }
            Request::Region { .. } => {
                let Some(roi) = self.bounds_of(action) else { return };
                let [_, rows, columns] = roi.ranges();
                for ((y, x), voxel) in voxels.indexed_iter_mut() {
                    let inside =
                        rows.contains(&(y + frame.start[0])) && columns.contains(&(x + frame.start[1]));
                    if inside && *voxel == u8::from(Paint::Unknown) {
                        *voxel = Paint::Background.into();
                    }
                }
            }
            request => {
                let value = request.paints().first().copied().unwrap_or(Paint::Unknown);
                for runs in action.painted.iter().filter(|runs| runs.z == z) {
                    runs.paint(frame, |voxel| voxels[at(voxel)] = value.into());
                }
            }
        }
    }

    /// The box that an action may change.
    pub fn bounds(&self, place: usize) -> Option<Roi> {
        let action = &self.actions[place];
        match self.removed_by(action) {
            Some(region) => self.bounds_of(&self.actions[region]),
            None => self.bounds_of(action),
        }
    }

    fn bounds_of(&self, action: &Action) -> Option<Roi> {
        let [_, height, width] = self.shape;
        let roi = match &action.request {
            Request::Stroke { z, radius, points, .. } => flat(*z, shapes::bounds(points, *radius)),
            Request::Polygon { z, points, .. } => flat(*z, shapes::bounds(points, 0.0)),
            Request::Region { start, shape } => Some(Roi { start: *start, shape: *shape }),
            _ => action
                .painted
                .iter()
                .map(|runs| Roi {
                    start: [runs.z, runs.start[0], runs.start[1]],
                    shape: [1, runs.shape[0], runs.shape[1]],
                })
                .reduce(|one, other| one.around(other)),
        };
        roi?.intersection(Roi::whole([self.shape[0], height, width]))
    }

    /// Whether an action counts, and its region, where it is one, was not removed.
    fn is_effective(&self, place: usize) -> bool {
        let removes = |other: &usize| {
            self.timeline.counts(*other) && self.removed_by(&self.actions[*other]) == Some(place)
        };
        self.timeline.counts(place)
            && !(is_region(&self.actions[place]) && (place..self.actions.len()).any(|n| removes(&n)))
    }

    /// The region that an action removes.
    fn removed_by(&self, action: &Action) -> Option<usize> {
        let Request::RemoveRegion { name } = &action.request else { return None };
        let number: usize = name.parse().ok()?;
        let mut regions = (0..self.actions.len()).filter(|&place| is_region(&self.actions[place]));
        regions.nth(number.checked_sub(1)?)
    }
}

/// What an action changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where; `None` where it lies outside of the stack.
    pub roi: Option<Roi>,
    /// The one action that was painted on top, where nothing else changed.
    pub adds: Option<usize>,
}

fn is_region(action: &Action) -> bool {
    matches!(action.request, Request::Region { .. })
}

fn kind_of(request: &Request) -> Kind {
    match request {
        Request::Undo => Kind::Undo,
        Request::Redo => Kind::Redo,
        request if request.is_record() => Kind::Record,
        _ => Kind::Change,
    }
}

/// The voxels of a section that lie within bounds; `None` where these are no numbers.
fn flat(z: usize, [[top, bottom], [left, right]]: [[f64; 2]; 2]) -> Option<Roi> {
    let side = |from: f64, to: f64| {
        let (from, to) = (from.floor().max(0.0), to.ceil().max(0.0));
        (to > from && to < 1e9).then_some((from as usize, (to - from) as usize))
    };
    let ((y, height), (x, width)) = (side(top, bottom)?, side(left, right)?);
    Some(Roi { start: [z, y, x], shape: [1, height, width] })
}
