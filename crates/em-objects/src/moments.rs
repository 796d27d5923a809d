//! What is summed over the voxels of an object, run by run in closed form, in exact integers.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::runs::{Run, SectionRuns, for_each_pair};
use crate::surface_area::DIRECTIONS;

/// Moments over the voxels of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub voxels: u64,
    /// Of z, y and x.
    pub first: [u128; 3],
    /// Of zz, yy, xx, zy, zx and yx.
    pub second: [u128; 6],
    /// The first voxel of the bounding box, `[z, y, x]`.
    pub start: [u32; 3],
    /// The voxel behind the last, `[z, y, x]`.
    pub end: [u32; 3],
    /// Voxels in the first and in the last section of the bounding box.
    pub ends: [u64; 2],
    /// Pairs of neighbours in each direction of [`DIRECTIONS`].
    pub pairs: [u64; 13],
    /// Of the probabilities, as they are stored.
    pub probability: f64,
}

/// The faces that voxels of two objects share, by the numbers of both, the smaller one first.
pub(crate) type Contacts = HashMap<[u32; 2], u64>;

impl Moments {
    pub fn add(&mut self, other: &Self) {
        self.add_ends(other);
        self.voxels += other.voxels;
        (0..3).for_each(|i| self.first[i] += other.first[i]);
        (0..6).for_each(|i| self.second[i] += other.second[i]);
        (0..13).for_each(|i| self.pairs[i] += other.pairs[i]);
        self.probability += other.probability;
    }

    /// Grows the bounding box, and counts what lies in its first and in its last section.
    fn add_ends(&mut self, other: &Self) {
        if self.voxels == 0 {
            (self.start, self.end, self.ends) = (other.start, other.end, other.ends);
            return;
        }
        for (side, order) in
            [other.start[0].cmp(&self.start[0]), self.end[0].cmp(&other.end[0])].into_iter().enumerate()
        {
            match order {
                Ordering::Less => self.ends[side] = other.ends[side],
                Ordering::Equal => self.ends[side] += other.ends[side],
                Ordering::Greater => {}
            }
        }
        for axis in 0..3 {
            self.start[axis] = self.start[axis].min(other.start[axis]);
            self.end[axis] = self.end[axis].max(other.end[axis]);
        }
    }

    /// How much the object changes from section to section: 1 less the Dice coefficient of neighbouring
    /// sections, pooled over all. `None` for an object in one section.
    pub fn section_change(&self) -> Option<f64> {
        let along_z = DIRECTIONS.iter().position(|direction| *direction == [1, 0, 0]);
        let shared = self.pairs[along_z.expect("the next section is among the directions")];
        let both = 2 * self.voxels - self.ends[0] - self.ends[1];
        (self.end[0] - self.start[0] > 1).then(|| 1.0 - 2.0 * shared as f64 / both as f64)
    }

    fn add_run(&mut self, z: u32, y: u32, run: Run) {
        let n = u128::from(run.voxels());
        let [z_, y_] = [z, y].map(u128::from);
        let x_ = sum_to(run.end) - sum_to(run.start);
        let xx = squares_to(run.end) - squares_to(run.start);
        self.add(&Self {
            voxels: run.voxels(),
            first: [n * z_, n * y_, x_],
            second: [n * z_ * z_, n * y_ * y_, xx, n * z_ * y_, z_ * x_, y_ * x_],
            start: [z, y, run.start],
            end: [z + 1, y + 1, run.end],
            ends: [run.voxels(); 2],
            ..Self::default()
        });
        self.pairs[0] += run.voxels() - 1;
    }
}

/// The sum of 0, 1, ... up to `end` - 1.
fn sum_to(end: u32) -> u128 {
    let end = u128::from(end);
    end * end.saturating_sub(1) / 2
}

/// The sum of their squares.
fn squares_to(end: u32) -> u128 {
    let end = u128::from(end);
    end * end.saturating_sub(1) * (2 * end).saturating_sub(1) / 6
}

/// Moments over the objects of section `z`, by their numbers, and what they share with others;
/// `probability` is the sum over a run of row y.
///
/// Pairs with the section before count here.
pub(crate) fn moments_of_section(
    z: u32,
    here: &SectionRuns,
    before: Option<&SectionRuns>,
    probability: impl Fn(usize, Run) -> f64,
) -> (Vec<(u32, Moments)>, Contacts) {
    let mut sums = ByNumber::of(here);
    for y in 0..here.height() {
        sums.add_contacts_in_row(here.row(y));
        for &run in here.row(y) {
            let sums = sums.get(run.label);
            // Rows fit 32 bits, as sections do.
            sums.add_run(z, y as u32, run);
            sums.probability += probability(y, run);
        }
        if y > 0 {
            add_pairs(&mut sums, here.row(y), here.row(y - 1), [0, 1]);
        }
        let Some(before) = before else { continue };
        for other in y.saturating_sub(1)..(y + 2).min(here.height()) {
            add_pairs(&mut sums, here.row(y), before.row(other), [1, y as i32 - other as i32]);
        }
    }
    (sums.values, sums.contacts)
}

/// Counts pairs of neighbours in two rows, of which the second is `[dz, dy]` before the first.
fn add_pairs(sums: &mut ByNumber, here: &[Run], there: &[Run], [dz, dy]: [i32; 2]) {
    let first = DIRECTIONS.iter().position(|direction| direction[..2] == [dz, dy]);
    let first = first.expect("rows before a row are among the directions");
    for_each_pair(here, there, 1, |i, j| {
        let (a, b) = (here[i], there[j]);
        if a.label != b.label {
            if dz + dy == 1 {
                sums.touch(a.label, b.label, a.end.min(b.end).saturating_sub(a.start.max(b.start)));
            }
            return;
        }
        let pairs = &mut sums.get(a.label).pairs;
        // Three directions follow each other, with dx from -1 to 1; the other run is shifted by it.
        for (dx, pairs) in (-1..=1).zip(&mut pairs[first..first + 3]) {
            let start = i64::from(a.start).max(i64::from(b.start) + dx);
            let end = i64::from(a.end).min(i64::from(b.end) + dx);
            *pairs += (end - start).max(0).unsigned_abs();
        }
    });
}

/// Moments of the objects in a section, in order of their numbers.
struct ByNumber {
    values: Vec<(u32, Moments)>,
    contacts: Contacts,
    /// Where the object asked for last is: neighbours in a row are often the same one.
    last: usize,
}

impl ByNumber {
    fn of(section: &SectionRuns) -> Self {
        let mut numbers: Vec<u32> = section.runs().iter().map(|run| run.label).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let values = numbers.into_iter().map(|number| (number, Moments::default())).collect();
        Self { values, contacts: Contacts::new(), last: 0 }
    }

    fn touch(&mut self, one: u32, other: u32, faces: u32) {
        if faces > 0 {
            *self.contacts.entry([one.min(other), one.max(other)]).or_default() += u64::from(faces);
        }
    }

    fn add_contacts_in_row(&mut self, row: &[Run]) {
        for pair in row.windows(2).filter(|pair| pair[0].end == pair[1].start) {
            if pair[0].label != pair[1].label {
                self.touch(pair[0].label, pair[1].label, 1);
            }
        }
    }

    fn get(&mut self, number: u32) -> &mut Moments {
        if self.values[self.last].0 != number {
            let place = self.values.binary_search_by_key(&number, |value| value.0);
            self.last = place.expect("the numbers of all runs were collected");
        }
        &mut self.values[self.last].1
    }
}
