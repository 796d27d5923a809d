//! Runs: the stretches of foreground in the rows of a section, on which everything here works.
//!
//! An object of a million voxels is some ten thousand runs, and what is asked of it (size, moments,
//! neighbours) follows from the ends of its runs in closed form.

use ndarray::ArrayView2;

/// The voxels `start..end` of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub start: u32,
    pub end: u32,
    /// The object that the run belongs to; what is counted as one depends on the stage.
    pub label: u32,
}

impl Run {
    /// Counts the voxels.
    pub fn voxels(self) -> u64 {
        u64::from(self.end - self.start)
    }
}

/// The runs of a section, row by row, each row from left to right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SectionRuns {
    runs: Vec<Run>,
    /// Where each row starts in `runs`, and the end of the last.
    rows: Vec<u32>,
}

impl SectionRuns {
    /// Finds the runs of a mask's section; their labels are 0.
    ///
    /// A section has fewer than 2^32 voxels.
    pub fn of(section: ArrayView2<'_, bool>) -> Self {
        Self::of_voxels(section, |inside| inside)
    }

    /// Finds the runs of voxels that pass a test; their labels are 0.
    pub fn of_voxels<T: Copy>(section: ArrayView2<'_, T>, inside: impl Fn(T) -> bool + Copy) -> Self {
        Self::by_row(section, |row, found| {
            let mut x = 0;
            loop {
                let start = x + next(&row[x..], inside);
                if start == row.len() {
                    return;
                }
                x = start + next(&row[start..], |voxel| !inside(voxel));
                found.push(start, x, 0);
            }
        })
    }

    /// Finds the runs of equal values other than 0; these are their labels.
    pub fn of_labels(section: ArrayView2<'_, u32>) -> Self {
        Self::by_row(section, |row, found| {
            let mut x = 0;
            loop {
                let start = x + next(&row[x..], |label| label != 0);
                let Some(&label) = row.get(start) else { return };
                x = start + next(&row[start..], |other| other != label);
                found.push(start, x, label);
            }
        })
    }

    /// Finds the runs of a part of a section, in coordinates of the whole one; `start` is `[y, x]` of
    /// the first voxel of the part.
    pub fn of_part(part: ArrayView2<'_, u32>, start: [usize; 2]) -> Self {
        let mut within = Self::of_labels(part);
        for run in &mut within.runs {
            // A section has fewer than 2^32 voxels.
            (run.start, run.end) = (run.start + start[1] as u32, run.end + start[1] as u32);
        }
        within.rows.splice(0..0, std::iter::repeat_n(0, start[0]));
        within
    }

    fn by_row<T: Copy>(section: ArrayView2<'_, T>, runs_of_row: impl Fn(&[T], &mut Self)) -> Self {
        let mut found = Self::empty();
        for row in section.rows() {
            match row.as_slice() {
                Some(row) => runs_of_row(row, &mut found),
                None => runs_of_row(&row.to_vec(), &mut found),
            }
            found.end_row();
        }
        found
    }

    /// Starts a section of no rows.
    pub fn empty() -> Self {
        Self { runs: Vec::new(), rows: vec![0] }
    }

    /// Adds a run to the row that has not ended yet.
    pub fn push(&mut self, start: usize, end: usize, label: u32) {
        // A section has fewer than 2^32 voxels.
        self.runs.push(Run { start: start as u32, end: end as u32, label });
    }

    /// Ends a row.
    pub fn end_row(&mut self) {
        self.rows.push(self.runs.len() as u32);
    }

    /// Gives each run another label, and drops those that get none.
    pub fn relabelled(&self, label: impl Fn(u32) -> Option<u32>) -> Self {
        let mut kept = Self::empty();
        for y in 0..self.height() {
            let runs = self.row(y).iter().filter_map(|run| Some(Run { label: label(run.label)?, ..*run }));
            kept.runs.extend(runs);
            kept.end_row();
        }
        kept
    }

    /// Returns the number of rows.
    pub fn height(&self) -> usize {
        self.rows.len() - 1
    }

    /// Returns the runs of row `y`.
    pub fn row(&self, y: usize) -> &[Run] {
        &self.runs[self.row_start(y)..self.row_start(y + 1)]
    }

    /// Returns the place in [`SectionRuns::runs`] of the first run of row `y`.
    pub fn row_start(&self, y: usize) -> usize {
        self.rows[y] as usize
    }

    /// Returns all runs, row by row.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Paints the runs into a section with rows of `width` voxels; what lies between them stays.
    pub fn paint<T: Copy>(&self, section: &mut [T], width: usize, value: impl Fn(u32) -> T) {
        for (y, row) in section.chunks_exact_mut(width.max(1)).enumerate() {
            for run in self.row(y) {
                row[run.start as usize..run.end as usize].fill(value(run.label));
            }
        }
    }

    /// Returns all runs, row by row, to be relabelled.
    pub fn runs_mut(&mut self) -> &mut [Run] {
        &mut self.runs
    }
}

/// Voxels that are looked at together where nothing changes.
const STRIDE: usize = 32;

/// Returns the place of the first voxel that passes a test, or the length.
fn next<T: Copy>(row: &[T], test: impl Fn(T) -> bool) -> usize {
    let mut skipped = 0;
    for chunk in row.chunks_exact(STRIDE) {
        // A fold without an early end is compiled to vector instructions.
        if chunk.iter().fold(false, |found, &voxel| found | test(voxel)) {
            break;
        }
        skipped += STRIDE;
    }
    let rest = &row[skipped..];
    skipped + rest.iter().position(|&voxel| test(voxel)).unwrap_or(rest.len())
}

/// Calls `visit` with the places of each pair of runs that overlap, or are within `slack` of it.
///
/// Both rows are in order of x, so one walk along both finds all pairs.
pub(crate) fn for_each_pair(a: &[Run], b: &[Run], slack: u32, mut visit: impl FnMut(usize, usize)) {
    let mut first = 0;
    for (i, run) in a.iter().enumerate() {
        while first < b.len() && b[first].end + slack <= run.start {
            first += 1;
        }
        for (j, other) in b.iter().enumerate().skip(first) {
            if other.start >= run.end + slack {
                break;
            }
            visit(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn runs_of_every_length_at_every_place_are_found() {
        let width = 3 * STRIDE + 5;
        for start in 0..width {
            for end in start + 1..=width {
                let row = Array2::from_shape_fn((1, width), |(_, x)| (start..end).contains(&x));
                let found = SectionRuns::of(row.view());
                assert_eq!(found.runs(), [Run { start: start as u32, end: end as u32, label: 0 }]);
            }
        }
    }

    #[test]
    fn rows_are_kept_apart_and_may_be_empty() {
        let section = ndarray::array![[true, true, false], [false, false, false], [true, false, true]];
        let found = SectionRuns::of(section.view());
        assert_eq!([found.row(0).len(), found.row(1).len(), found.row(2).len()], [1, 0, 2]);
        // Columns of a transposed view do not lie one behind the other in memory.
        let turned = SectionRuns::of(section.t());
        assert_eq!([turned.row(0).len(), turned.row(1).len(), turned.row(2).len()], [2, 1, 1]);
    }

    #[test]
    fn pairs_overlap_or_lie_within_the_slack() {
        let runs = |ends: &[(u32, u32)]| -> Vec<Run> {
            ends.iter().map(|&(start, end)| Run { start, end, label: 0 }).collect()
        };
        let (a, b) = (runs(&[(0, 3), (5, 6), (9, 12)]), runs(&[(2, 4), (4, 5), (6, 10)]));
        let pairs = |slack| {
            let mut pairs = Vec::new();
            for_each_pair(&a, &b, slack, |i, j| pairs.push((i, j)));
            pairs
        };
        assert_eq!(pairs(0), [(0, 0), (2, 2)]);
        assert_eq!(pairs(1), [(0, 0), (1, 1), (1, 2), (2, 2)]);
    }
}
