//! The worst places: where most voxels that hang together were wrongly found or missed.
//!
//! Boundaries that are off by no more than a hand's unsteadiness would join to the largest places of all, so
//! only voxels farther from the other mask than the ruler's tolerance count.

use em_metrics::distance::distance_transform;
use em_objects::{Components, Connectivity, Extent};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, Zip};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::Result;
use crate::scores::Ruler;

/// What is wrong in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mistake {
    /// It was predicted and is not labelled.
    Wrong,
    /// It is labelled and was not predicted.
    Missed,
}

/// A part of a block in which one thing went wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// What.
    pub mistake: Mistake,
    /// Its voxels in all sections.
    pub voxels: u64,
    /// The sections that it reaches through.
    pub sections: usize,
    /// The section in which it is largest, from the first of the block.
    pub z: usize,
    /// The box around it in that section, `[y, x]`.
    pub start: [usize; 2],
    /// The size of that box, `[y, x]`.
    pub size: [usize; 2],
}

/// Finds the places of a block in which most went wrong, worst first, at most `most` of them. In both masks,
/// `[z, y, x]`, voxels that do not count are background.
///
/// # Errors
///
/// Fails if the ruler has no size.
pub fn worst(
    prediction: ArrayView3<'_, bool>,
    label: ArrayView3<'_, bool>,
    ruler: &Ruler,
    most: usize,
) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for (mistake, mask, other) in [(Mistake::Wrong, prediction, label), (Mistake::Missed, label, prediction)]
    {
        places.extend(largest(mistake, far_from(mask, other, ruler)?.view(), most));
    }
    places.sort_by_key(|place| std::cmp::Reverse(place.voxels));
    places.truncate(most);
    Ok(places)
}

/// The voxels of a mask that are farther from the other one than the tolerance, section by section.
fn far_from(mask: ArrayView3<'_, bool>, other: ArrayView3<'_, bool>, ruler: &Ruler) -> Result<Array3<bool>> {
    let mut far = Array3::from_elem(mask.dim(), false);
    far.outer_iter_mut().into_par_iter().enumerate().try_for_each(|(z, mut far)| -> Result<()> {
        let [mask, other] = [mask, other].map(|mask| mask.index_axis_move(Axis(0), z));
        if Zip::from(mask).and(other).any(|&inside, &there| inside && !there) {
            let distances = distances(other, ruler)?;
            Zip::from(&mut far).and(mask).and(&distances).for_each(|far, &inside, &distance| {
                *far = inside && distance > ruler.tolerance;
            });
        }
        Ok(())
    })?;
    Ok(far)
}

/// How far each pixel is from the mask, `[y, x]`; infinitely where there is none.
fn distances(mask: ArrayView2<'_, bool>, ruler: &Ruler) -> Result<Array2<f64>> {
    let [_, y, x] = ruler.voxel;
    Ok(distance_transform(mask, &[y, x])?)
}

/// The largest components of a mask, at most `most` of them.
fn largest(mistake: Mistake, mask: ArrayView3<'_, bool>, most: usize) -> Vec<Place> {
    let components = Components::of(mask, Extent::Volume, Connectivity::Corners);
    let mut numbers: Vec<usize> = (0..components.count()).collect();
    numbers.sort_by_key(|&number| std::cmp::Reverse(components.sizes()[number]));
    numbers.truncate(most);
    // The place of each component among the largest.
    let mut ranks = vec![None; components.count() + 1];
    numbers.iter().enumerate().for_each(|(rank, &number)| ranks[number + 1] = Some(rank));
    let mut traces = vec![Trace::default(); numbers.len()];
    let labels = components.labels();
    for (z, section) in labels.outer_iter().enumerate() {
        let mut here = vec![Outline::default(); numbers.len()];
        for ((y, x), &number) in section.indexed_iter() {
            if let Some(rank) = ranks[number as usize] {
                here[rank].add([y, x]);
            }
        }
        traces.iter_mut().zip(here).for_each(|(trace, outline)| trace.add(z, outline));
    }
    let place = |(number, trace): (&usize, &Trace)| {
        let Outline { first, last, .. } = trace.largest;
        Place {
            mistake,
            voxels: components.sizes()[*number],
            sections: trace.sections,
            z: trace.z,
            start: first,
            size: [last[0] - first[0] + 1, last[1] - first[1] + 1],
        }
    };
    numbers.iter().zip(&traces).map(place).collect()
}

/// A component through sections.
#[derive(Clone, Default)]
struct Trace {
    sections: usize,
    /// The section in which it is largest, and what it is there.
    z: usize,
    largest: Outline,
}

impl Trace {
    fn add(&mut self, z: usize, outline: Outline) {
        if outline.pixels > 0 {
            self.sections += 1;
        }
        if outline.pixels > self.largest.pixels {
            (self.z, self.largest) = (z, outline);
        }
    }
}

/// A component in one section: how large it is, and its box, `[y, x]`.
#[derive(Clone, Copy, Default)]
struct Outline {
    pixels: u64,
    first: [usize; 2],
    last: [usize; 2],
}

impl Outline {
    fn add(&mut self, place: [usize; 2]) {
        if self.pixels == 0 {
            (self.first, self.last) = (place, place);
        }
        self.pixels += 1;
        self.first = std::array::from_fn(|axis| self.first[axis].min(place[axis]));
        self.last = std::array::from_fn(|axis| self.last[axis].max(place[axis]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    #[test]
    fn what_is_missed_or_made_up_is_found_and_an_unsteady_outline_is_not() {
        let mut label = Array3::from_elem((4, 60, 60), false);
        label.slice_mut(s![.., 5..30, 5..30]).fill(true);
        let mut prediction = Array3::from_elem((4, 60, 60), false);
        // One voxel off on every side: 4 sections of about 100 voxels, and no place.
        prediction.slice_mut(s![.., 6..31, 6..31]).fill(true);
        label.slice_mut(s![1..3, 40..44, 50..56]).fill(true);
        prediction.slice_mut(s![2, 45..55, 10..20]).fill(true);
        prediction.slice_mut(s![3, 45..47, 10..12]).fill(true);
        let ruler = Ruler::new(Some([40.0, 4.0, 4.0]), None);
        let places = worst(prediction.view(), label.view(), &ruler, 10).unwrap();
        let [made_up, missed] = &places[..] else { panic!("{places:?}") };
        assert_eq!((made_up.mistake, made_up.voxels, made_up.sections), (Mistake::Wrong, 104, 2));
        assert_eq!((made_up.z, made_up.start, made_up.size), (2, [45, 10], [10, 10]));
        assert_eq!((missed.mistake, missed.voxels, missed.sections), (Mistake::Missed, 48, 2));
        assert_eq!((missed.z, missed.start, missed.size), (1, [40, 50], [4, 6]));
        assert_eq!(worst(prediction.view(), label.view(), &ruler, 1).unwrap(), std::slice::from_ref(made_up));
        assert_eq!(worst(label.view(), label.view(), &ruler, 10).unwrap(), []);
    }
}
