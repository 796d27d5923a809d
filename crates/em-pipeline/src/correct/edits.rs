//! All edits of a label volume in order, and what those that count make of a block of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use em_io::Roi;
use ndarray::{Array3, Axis};

use super::edit::{Edit, EditLine, Part};
use crate::annotate::Frame;
use crate::timeline::Timeline;

/// The edits of a label volume.
#[derive(Debug, Default)]
pub struct Edits {
    lines: Vec<Arc<EditLine>>,
    timeline: Timeline,
}

/// The edits that count at a moment, which readers of blocks share.
#[derive(Clone, Debug, Default)]
pub struct Effective(Arc<Vec<Arc<EditLine>>>);

impl Edits {
    /// Adds a line, and returns the one that begins or ceases to count; `None` where nothing changes.
    pub fn push(&mut self, line: EditLine) -> Option<Arc<EditLine>> {
        let changed = self.timeline.push(line.id.clone(), line.edit.kind());
        self.lines.push(Arc::new(line));
        changed.map(|place| Arc::clone(&self.lines[place]))
    }

    /// Returns all lines, each with whether it counts.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = (&EditLine, bool)> {
        self.lines.iter().enumerate().map(|(place, line)| (line.as_ref(), self.timeline.counts(place)))
    }

    /// Returns how many there are.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// Returns the line of that name.
    pub fn line(&self, id: &str) -> Option<&EditLine> {
        self.timeline.place(id).map(|place| self.lines[place].as_ref())
    }

    /// Returns the edit that would be taken back.
    pub fn last(&self) -> Option<&Arc<EditLine>> {
        self.timeline.last().map(|place| &self.lines[place])
    }

    /// Returns the edit that would be done again.
    pub fn undone(&self) -> Option<&Arc<EditLine>> {
        self.timeline.undone().map(|place| &self.lines[place])
    }

    /// Returns the edits that count.
    pub fn effective(&self) -> Effective {
        let counting = self.lines.iter().enumerate().filter(|(place, _)| self.timeline.counts(*place));
        Effective(Arc::new(counting.map(|(_, line)| Arc::clone(line)).collect()))
    }
}

impl Effective {
    /// Returns how many change something.
    pub fn count(&self) -> usize {
        self.0.iter().filter(|line| !line.edit.objects().is_empty()).count()
    }

    /// Returns the objects that were said to be right, and not changed since but by filling.
    pub fn kept(&self) -> BTreeSet<u32> {
        let mut kept = BTreeSet::new();
        for line in self.0.iter() {
            match &line.edit {
                Edit::Keep { object } => _ = kept.insert(*object),
                Edit::Fill { .. } => {}
                edit => edit.objects().iter().for_each(|object| _ = kept.remove(object)),
            }
        }
        kept
    }

    /// Corrects the labels of a block, `[z, y, x]`, which lies at `roi` in a level of the volume that takes one
    /// of `step` voxels along each axis.
    pub fn apply(&self, roi: Roi, step: [usize; 3], labels: &mut Array3<u32>) {
        let block = Block { roi, step };
        // Values that are other objects' by now; they are written when all edits were gone through.
        let mut renamed = Renamed::default();
        for line in self.0.iter() {
            match line.edit {
                Edit::Delete { object } => renamed.rename(object, 0),
                Edit::Merge { objects: [one, other] } => renamed.rename(other, one),
                Edit::Split { object, .. } | Edit::Cut { object, .. } => {
                    line.parts.iter().for_each(|part| renamed.paint(part, object, block, labels));
                }
                Edit::Fill { .. } => line.parts.iter().for_each(|part| renamed.paint(part, 0, block, labels)),
                Edit::Keep { .. } | Edit::Undo | Edit::Redo | Edit::Opened { .. } => {}
            }
        }
        renamed.write(labels);
    }
}

/// A block of a level.
#[derive(Clone, Copy)]
struct Block {
    roi: Roi,
    step: [usize; 3],
}

impl Block {
    /// The place in the block of a section of the volume, where the level has that.
    fn section(self, z: usize) -> Option<usize> {
        let place = (z / self.step[0]).checked_sub(self.roi.start[0])?;
        (z % self.step[0] == 0 && place < self.roi.shape[0]).then_some(place)
    }

    /// The voxels of a section of the volume that it covers.
    fn frame(self) -> Frame {
        let [_, down, right] = self.step;
        let ([_, y, x], [_, height, width]) = (self.roi.start, self.roi.shape);
        // Behind the last voxel that is taken, nothing is.
        let side = |count: usize, step: usize| count.saturating_sub(1) * step + 1;
        Frame { start: [y * down, x * right], shape: [side(height, down), side(width, right)] }
    }
}

/// What values stand for, where that is not themselves.
#[derive(Default)]
struct Renamed(HashMap<u32, u32>);

impl Renamed {
    fn of(&self, value: u32) -> u32 {
        self.0.get(&value).copied().unwrap_or(value)
    }

    fn rename(&mut self, from: u32, to: u32) {
        self.0.values_mut().filter(|name| **name == from).for_each(|name| *name = to);
        self.0.entry(from).or_insert(to);
    }

    /// Gives the voxels of a part that belong to `onto` to the part's object, whose value is its own: a value
    /// that was given away never comes back.
    fn paint(&self, part: &Part, onto: u32, block: Block, labels: &mut Array3<u32>) {
        let (frame, [_, down, right]) = (block.frame(), block.step);
        for runs in &part.runs {
            let Some(place) = block.section(runs.z) else { continue };
            let mut section = labels.index_axis_mut(Axis(0), place);
            runs.paint(frame, |[y, x]| {
                let at = [y - frame.start[0], x - frame.start[1]];
                if at[0] % down != 0 || at[1] % right != 0 {
                    return;
                }
                let voxel = &mut section[[at[0] / down, at[1] / right]];
                if self.of(*voxel) == onto {
                    *voxel = part.object;
                }
            });
        }
    }

    fn write(&self, labels: &mut Array3<u32>) {
        if self.0.is_empty() {
            return;
        }
        // Neighbours are often of one object.
        let mut last = (0, self.of(0));
        for voxel in labels {
            if *voxel != last.0 {
                last = (*voxel, self.of(*voxel));
            }
            *voxel = last.1;
        }
    }
}
