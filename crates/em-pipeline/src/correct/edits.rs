//! All edits of a label volume in order, and what those that count make of a block of it.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use em_io::Roi;
use ndarray::{Array2, Array3, s};

use super::edit::{Edit, EditLine, Part};
use crate::annotate::Frame;
use crate::timeline::Timeline;

/// The edits of a label volume.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    lines: Vec<Arc<EditLine>>,
    timeline: Timeline,
}

/// The edits that count at a moment, which readers of blocks share.
#[derive(Clone, Debug, Default)]
pub struct Effective(Arc<Vec<Arc<EditLine>>>);

impl Edits {
    /// Adds a line, and returns the one that begins or ceases to count; `None` where nothing changes.
    pub fn push(&mut self, line: Arc<EditLine>) -> Option<Arc<EditLine>> {
        let changed = self.timeline.push(line.id.clone(), line.edit.kind());
        self.lines.push(line);
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

    /// Corrects the labels of a block, `[z, y, x]`, which lies at `roi` in the volume.
    pub fn apply(&self, roi: Roi, labels: &mut Array3<u32>) {
        self.apply_sampled(roi, |_, place| place, labels);
    }

    /// As [`apply`](Self::apply), of a smaller level: `voxel` tells which place along an axis of the volume one
    /// of the level shows, in the same order.
    pub fn apply_sampled(&self, roi: Roi, voxel: impl Fn(usize, usize) -> usize, labels: &mut Array3<u32>) {
        let block = Block(std::array::from_fn(|axis| {
            roi.ranges()[axis].clone().map(|place| voxel(axis, place)).collect()
        }));
        // Values that are other objects' by now; they are written when all edits were gone through.
        let mut renamed = Renamed::default();
        for line in self.0.iter() {
            match line.edit {
                Edit::Delete { object } => renamed.rename(object, 0),
                Edit::Merge { objects: [one, other] } => renamed.rename(other, one),
                Edit::Split { object, .. } | Edit::Cut { object, .. } => {
                    line.parts.iter().for_each(|part| renamed.paint(part, object, &block, labels));
                }
                Edit::Fill { .. } => {
                    line.parts.iter().for_each(|part| renamed.paint(part, 0, &block, labels))
                }
                Edit::Keep { .. } | Edit::Undo | Edit::Redo | Edit::Opened { .. } => {}
            }
        }
        renamed.write(labels);
    }
}

/// Which voxels of the volume a block shows, axis by axis, in their order.
struct Block([Vec<usize>; 3]);

impl Block {
    /// The places in the block that show voxels within a range of the volume along an axis.
    fn places(&self, axis: usize, voxels: Range<usize>) -> Range<usize> {
        let place = |voxel: usize| self.0[axis].partition_point(|&shown| shown < voxel);
        place(voxels.start)..place(voxels.end)
    }

    /// The part of a section of the volume that rows and columns of the block show.
    fn frame(&self, rows: &Range<usize>, columns: &Range<usize>) -> Frame {
        let [_, all_rows, all_columns] = &self.0;
        let range = |along: &[usize]| (along[0], along[along.len() - 1] + 1 - along[0]);
        let (y, height) = range(&all_rows[rows.clone()]);
        let (x, width) = range(&all_columns[columns.clone()]);
        Frame { start: [y, x], shape: [height, width] }
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
    fn paint(&self, part: &Part, onto: u32, block: &Block, labels: &mut Array3<u32>) {
        let [_, shown_rows, shown_columns] = &block.0;
        for runs in &part.runs {
            let sections = block.places(0, runs.z..runs.z + 1);
            let [rows, columns] = [0, 1]
                .map(|axis| block.places(axis + 1, runs.start[axis]..runs.start[axis] + runs.shape[axis]));
            if [&sections, &rows, &columns].iter().any(|range| range.is_empty()) {
                continue;
            }
            let frame = block.frame(&rows, &columns);
            let mut is_painted = Array2::from_elem(frame.shape, false);
            runs.paint(frame, |[y, x]| is_painted[[y - frame.start[0], x - frame.start[1]]] = true);
            let mut within = labels.slice_mut(s![sections, rows.clone(), columns.clone()]);
            for ((_, y, x), voxel) in within.indexed_iter_mut() {
                let at = [shown_rows[rows.start + y], shown_columns[columns.start + x]];
                let is_painted = is_painted[[at[0] - frame.start[0], at[1] - frame.start[1]]];
                if is_painted && self.of(*voxel) == onto {
                    *voxel = part.object;
                }
            }
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
