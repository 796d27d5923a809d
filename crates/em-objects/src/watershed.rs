//! Watershed of a landscape: its peaks, and the voxels that flow to each.

use em_metrics::DisjointSets;
use ndarray::{Array3, Zip};
use rayon::prelude::*;

/// A landscape over an object, bottomless outside.
pub(crate) fn over(object: &Array3<bool>, mut landscape: Array3<f32>) -> Array3<f32> {
    Zip::from(&mut landscape).and(object).for_each(|height, &inside| {
        if !inside {
            *height = f32::NEG_INFINITY;
        }
    });
    landscape
}

/// Labels the basins of the maxima of a landscape, from 1, 0 where it is bottomless; `None` where
/// there is one.
///
/// The landscape sinks from its top: a voxel that shows up alone starts a basin, one that touches
/// basins joins the neighbour that lies highest. Where basins meet, those for which `join` says so, from
/// their peak and the height of that pass, are joined to the highest.
pub(crate) fn basins(landscape: &Array3<f32>, join: impl Fn(f32, f32) -> bool) -> Option<Array3<u32>> {
    let shape = landscape.dim();
    let heights = landscape.as_slice().expect("a new array is contiguous");
    let mut order: Vec<u32> =
        (0..heights.len() as u32).filter(|&place| heights[place as usize] > f32::NEG_INFINITY).collect();
    // Equal heights in order of their place, so that the result is the same on any number of cores.
    order.par_sort_unstable_by(|&a, &b| heights[b as usize].total_cmp(&heights[a as usize]).then(a.cmp(&b)));
    let mut labels = vec![0_u32; heights.len()];
    // A basin that starts earlier has the higher peak, so the smallest number of those joined is the top.
    let mut peaks: Vec<f32> = Vec::new();
    let mut sets = DisjointSets::default();
    let mut met: Vec<u32> = Vec::new();
    for &place in &order {
        let height = heights[place as usize];
        met.clear();
        let mut highest: Option<(f32, u32)> = None;
        for neighbour in neighbours(place as usize, shape) {
            let label = labels[neighbour];
            if label == 0 {
                continue;
            }
            let basin = sets.root(label - 1);
            if highest.is_none_or(|(known, _)| heights[neighbour] > known) {
                highest = Some((heights[neighbour], basin));
            }
            if !met.contains(&basin) {
                met.push(basin);
            }
        }
        let Some((_, mut chosen)) = highest else {
            let number = sets.add().expect("fewer basins than voxels, which 32 bits number");
            peaks.push(height);
            labels[place as usize] = number + 1;
            continue;
        };
        if let Some(&top) = met.iter().min() {
            for &basin in &met {
                if basin != top && join(peaks[basin as usize], height) {
                    sets.join(basin, top);
                }
            }
            chosen = sets.root(chosen);
        }
        labels[place as usize] = chosen + 1;
    }
    let (numbers, count) = sets.numbered();
    if count < 2 {
        return None;
    }
    for label in labels.iter_mut().filter(|label| **label > 0) {
        *label = numbers[*label as usize - 1] + 1;
    }
    Some(Array3::from_shape_vec(shape, labels).expect("one label per voxel"))
}

/// The places of the up to 26 neighbours.
pub(crate) fn neighbours(
    place: usize,
    (depth, height, width): (usize, usize, usize),
) -> impl Iterator<Item = usize> {
    let (z, y, x) = (place / (height * width), place / width % height, place % width);
    let around = |middle: usize, edge: usize| middle.saturating_sub(1)..(middle + 2).min(edge);
    around(z, depth)
        .flat_map(move |z| {
            around(y, height).flat_map(move |y| around(x, width).map(move |x| (z * height + y) * width + x))
        })
        .filter(move |&neighbour| neighbour != place)
}
