//! Confidence intervals of pooled scores, over sections.

use std::collections::BTreeMap;

use crate::error::Result;
use em_metrics::{Bootstrap, BoundaryCounts, ConfusionCounts, Interval, SurfaceDistances};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{ClassScores, MEASURES, Measure, Scores};

/// What a section contributes to pooled scores.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Its voxels.
    pub counts: ConfusionCounts,
    /// Its boundary voxels.
    pub boundary: BoundaryCounts,
    /// Its distances; `None` where one of the masks is empty.
    pub distances: Option<SurfaceDistances>,
}

/// 95 %, of 1000 resamples: the ends are then good to about a tenth of the width.
const BOOTSTRAP: Bootstrap = Bootstrap { resamples: 1000, confidence: 0.95 };

/// Fewer sections have no 95 % interval: the ends of what a few values are resampled to are hardly more
/// than the worst and the best of them.
pub const FEWEST_SECTIONS: usize = 8;

/// Every interval starts its draws anew, so that the same counts give the same numbers.
const SEED: u64 = 0;

/// Pools the sections of these numbers, with their distances or without.
pub fn pooled(sections: &[Evidence], drawn: &[usize], with_distances: bool) -> Scores {
    let drawn = || drawn.iter().map(|&number| &sections[number]);
    let distances = with_distances
        .then(|| SurfaceDistances::pooled(drawn().filter_map(|section| section.distances.as_ref())))
        .flatten();
    Scores::new(
        drawn().map(|section| section.counts).sum(),
        drawn().map(|section| section.boundary).sum(),
        distances.as_ref(),
    )
}

/// Says why so many sections have no interval, where they are too few.
pub fn missing(sections: usize) -> Option<String> {
    let few = match sections {
        1 => "1 section is".to_owned(),
        few => format!("{few} sections are"),
    };
    (sections < FEWEST_SECTIONS)
        .then(|| format!("{few} too few for a 95 % interval, which takes {FEWEST_SECTIONS}"))
}

/// Computes the intervals of all pooled scores that have one; `None` for too few sections.
pub fn of(sections: &[Evidence]) -> Result<Option<BTreeMap<String, Interval>>> {
    if sections.len() < FEWEST_SECTIONS {
        return Ok(None);
    }
    let mut intervals = BTreeMap::new();
    for Measure { key, get, distance, .. } in MEASURES {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let score = |drawn: &[usize]| get(&pooled(sections, drawn, distance));
        if let Some(interval) = BOOTSTRAP.interval(sections.len(), &mut rng, score)? {
            intervals.insert(key.to_owned(), interval);
        }
    }
    Ok(Some(intervals))
}

/// Computes the interval of the IoU of `after` less that of `before`, on the same draws of units: a paired
/// bootstrap. `None` for too few units.
pub fn of_gain(before: &[ConfusionCounts], after: &[ConfusionCounts]) -> Result<Option<Interval>> {
    if before.len() < FEWEST_SECTIONS || before.len() != after.len() {
        return Ok(None);
    }
    let iou = |counts: &[ConfusionCounts], drawn: &[usize]| {
        drawn.iter().map(|&unit| counts[unit]).sum::<ConfusionCounts>().iou()
    };
    // Where nothing is foreground on either side, nothing is gained.
    let gain = |drawn: &[usize]| Some(iou(after, drawn).unwrap_or(0.0) - iou(before, drawn).unwrap_or(0.0));
    Ok(BOOTSTRAP.interval(before.len(), &mut ChaCha8Rng::seed_from_u64(SEED), gain)?)
}

/// Computes intervals of the scores that follow from voxels alone, over blocks of sections; `None` for
/// too few blocks with foreground.
pub fn of_blocks(blocks: &[ConfusionCounts]) -> Result<Option<BTreeMap<String, Interval>>> {
    let evidence = |counts: &ConfusionCounts| Evidence {
        counts: *counts,
        boundary: BoundaryCounts::default(),
        distances: None,
    };
    let labelled: Vec<Evidence> = blocks.iter().filter(|counts| counts.total() > 0).map(evidence).collect();
    let Some(mut intervals) = of(&labelled)? else { return Ok(None) };
    intervals.retain(|key, _| OF_VOXELS.contains(&key.as_str()));
    Ok(Some(intervals))
}

/// Scores that follow from counts of voxels.
const OF_VOXELS: [&str; 5] = ["iou", "dice", "accuracy", "precision", "recall"];

/// Computes the interval of a score of `b` less that of `a`, on the same draws of sections: a paired bootstrap.
///
/// `None` where the runs do not have the same sections, or too few of them, or the measure is a distance, which is not kept per section.
pub fn of_difference(a: &ClassScores, b: &ClassScores, measure: &Measure) -> Result<Option<Interval>> {
    // Labels are the same where each section has as many foreground voxels in both.
    let labelled = |scores: &ClassScores| -> Vec<(u64, u64)> {
        let section = |c: &ConfusionCounts| (c.true_positives + c.false_negatives, c.total());
        scores.sections.iter().map(|s| section(&s.scores.counts)).collect()
    };
    if measure.distance || a.sections.len() < FEWEST_SECTIONS || labelled(a) != labelled(b) {
        return Ok(None);
    }
    let [a, b] = [a, b].map(|scores| -> Vec<Evidence> {
        let evidence = |s: &Scores| Evidence { counts: s.counts, boundary: s.boundary, distances: None };
        scores.sections.iter().map(|section| evidence(&section.scores)).collect()
    });
    let score = |drawn: &[usize]| {
        let of = |sections: &[Evidence]| (measure.get)(&pooled(sections, drawn, false));
        Some(of(&b)? - of(&a)?)
    };
    Ok(BOOTSTRAP.interval(a.len(), &mut ChaCha8Rng::seed_from_u64(SEED), score)?)
}
