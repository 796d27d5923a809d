//! The steps of a choice: threshold, median, small components, holes.
//!
//! A step is kept only where it gains, and where the 95 % interval of its gain leaves out zero: the
//! same sections, or blocks of few sections, are drawn with it and without it (a paired bootstrap), so
//! that what helps some of them by chance is not kept. Masks are cleaned section by section, or as a
//! volume where that is better by the same rule.

use em_metrics::{ConfusionCounts, Interval};
use em_model::{ClassTuning, TuningStep};
use em_objects::{Extent, Postprocess};
use ndarray::{Array3, ArrayView3, Axis};

use super::sizes::SmallestObjects;
use crate::error::Result;
use crate::scores::{intervals, outside, units};

/// A step that gains less is not kept: it is noise.
const LEAST_GAIN: f64 = 0.0005;

/// Edges of median windows that are tried, in voxels.
const MEDIANS: [usize; 3] = [3, 5, 7];

/// Sizes, in voxels of a section or of the volume, below which components are removed.
const SMALLEST: [u64; 9] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// Thresholds that are tried: 0.05 to 0.95, in steps of 0.05.
const THRESHOLDS: usize = 19;

fn thresholds() -> [f32; THRESHOLDS] {
    std::array::from_fn(|number| ((number + 1) as f64 * 5.0 / 100.0) as f32)
}

/// How many of the thresholds each probability is above: a byte for each voxel, and yet exactly the
/// masks that the report and `predict` make.
fn above(probabilities: ArrayView3<'_, f32>) -> Array3<u8> {
    let thresholds = thresholds();
    // There are 19.
    probabilities.mapv(|p| thresholds.partition_point(|&threshold| p > threshold) as u8)
}

/// One validation region: the number of thresholds that each voxel is above, the label, and what does
/// not count, `[z, y, x]`.
pub struct Scored<'a> {
    above: Array3<u8>,
    label: ArrayView3<'a, bool>,
    ignored: Option<ArrayView3<'a, bool>>,
}

impl<'a> Scored<'a> {
    /// Keeps of the probabilities what a choice needs.
    pub fn new(
        probabilities: ArrayView3<'_, f32>,
        label: ArrayView3<'a, bool>,
        ignored: Option<ArrayView3<'a, bool>>,
    ) -> Self {
        Self { above: above(probabilities), label, ignored }
    }
}

/// Goes through the steps, by section and as a volume, and takes what is better.
pub fn choose(sides: &[Scored<'_>], smallest: SmallestObjects) -> Result<ClassTuning> {
    let sections = sides.iter().map(|side| labelled_sections(side)).sum();
    let sides = Sides { sides, unit: units::Unit::of(sections) };
    let by_section = sides.choose_in(Extent::Section, smallest.section)?;
    if sides.sides.iter().all(|side| side.label.len_of(Axis(0)) == 1) {
        return Ok(by_section.tuning);
    }
    let volume = sides.choose_in(Extent::Volume, smallest.volume)?;
    Ok(if gain(&by_section.counts, &volume.counts)?.is_kept() { volume.tuning } else { by_section.tuning })
}

/// Sections in which anything was labelled.
fn labelled_sections(side: &Scored<'_>) -> usize {
    let depth = side.label.len_of(Axis(0));
    side.ignored.map_or(depth, |ignored| {
        ignored.outer_iter().filter(|section| section.iter().any(|&out| !out)).count()
    })
}

/// What one choice gains over another.
struct Gain {
    iou: f64,
    interval: Option<Interval>,
}

impl Gain {
    fn is_kept(&self) -> bool {
        self.iou > LEAST_GAIN && self.interval.is_some_and(|interval| interval.low > 0.0)
    }
}

/// Compares the counts of two choices in the same units.
fn gain(before: &[ConfusionCounts], after: &[ConfusionCounts]) -> Result<Gain> {
    let iou = |counts: &[ConfusionCounts]| pooled(counts).unwrap_or(0.0);
    Ok(Gain { iou: iou(after) - iou(before), interval: intervals::of_gain(before, after)? })
}

/// The IoU of all units; `None` where there is no foreground at all.
fn pooled(counts: &[ConfusionCounts]) -> Option<f64> {
    counts.iter().copied().sum::<ConfusionCounts>().iou()
}

/// A choice with what it comes to in each unit.
#[derive(Clone)]
struct Choice {
    tuning: ClassTuning,
    counts: Vec<ConfusionCounts>,
}

/// All validation regions.
struct Sides<'a, 'b> {
    sides: &'a [Scored<'b>],
    unit: units::Unit,
}

impl Sides<'_, '_> {
    /// Goes through the steps; nothing of `smallest` voxels or more is removed as too small.
    fn choose_in(&self, extent: Extent, smallest: u64) -> Result<Choice> {
        let none = Postprocess { extent, ..Default::default() };
        let start = ClassTuning { threshold: 0.5, postprocess: none, steps: Vec::new() };
        let mut chosen = self.choice(start)?;
        let tried = thresholds().into_iter().map(|threshold| (format!("above {threshold}"), threshold, none));
        self.step("threshold", tried.collect(), &mut chosen)?;
        let window = |n: usize| match extent {
            Extent::Section => format!("{n} x {n}"),
            Extent::Volume => format!("{n} x {n} x {n}"),
        };
        let sizes = SMALLEST.into_iter().filter(|&size| size <= smallest);
        for (name, choices) in [
            ("median", MEDIANS.map(|n| (window(n), Postprocess { median_size: n, ..none })).to_vec()),
            (
                "small components",
                sizes.map(|n| (format!("below {n}"), Postprocess { minimum_voxels: n, ..none })).collect(),
            ),
            ("holes", vec![("filled".to_owned(), Postprocess { fill_holes: true, ..none })]),
        ] {
            let ClassTuning { threshold, postprocess, .. } = chosen.tuning;
            let with = |change: Postprocess| Postprocess {
                extent,
                median_size: postprocess.median_size.max(change.median_size),
                minimum_voxels: postprocess.minimum_voxels.max(change.minimum_voxels),
                fill_holes: postprocess.fill_holes || change.fill_holes,
            };
            let tried = choices.into_iter().map(|(choice, change)| (choice, threshold, with(change)));
            self.step(name, tried.collect(), &mut chosen)?;
        }
        Ok(chosen)
    }

    /// Tries choices and keeps the best where it gains enough.
    fn step(&self, name: &str, tried: Vec<(String, f32, Postprocess)>, chosen: &mut Choice) -> Result<()> {
        let mut top: Option<(String, Choice, f64)> = None;
        for (name, threshold, postprocess) in tried {
            let candidate = self.choice(ClassTuning { threshold, postprocess, steps: Vec::new() })?;
            let Some(score) = pooled(&candidate.counts) else { continue };
            if top.as_ref().is_none_or(|(_, _, highest)| score > *highest) {
                top = Some((name, candidate, score));
            }
        }
        // A class that is neither predicted nor labelled has no score, and nothing to choose by.
        let Some((choice, candidate, iou)) = top else { return Ok(()) };
        let found = gain(&chosen.counts, &candidate.counts)?;
        let kept = found.is_kept();
        let mut steps = std::mem::take(&mut chosen.tuning.steps);
        let (gain, interval) = (found.iou, found.interval);
        steps.push(TuningStep { step: name.into(), choice, iou: Some(iou), gain, interval, kept });
        if kept {
            *chosen = candidate;
        }
        chosen.tuning.steps = steps;
        Ok(())
    }

    /// Counts what a choice comes to in each unit.
    fn choice(&self, tuning: ClassTuning) -> Result<Choice> {
        let mut counts = Vec::new();
        let number = thresholds().partition_point(|&lower| lower < tuning.threshold);
        for side in self.sides {
            let mask = tuning.postprocess.apply(side.above.mapv(|above| usize::from(above) > number))?;
            counts.extend(match side.ignored {
                None => self.unit.counts(mask.view(), side.label, None)?,
                Some(ignored) => {
                    let [mask, label] = [mask.view(), side.label].map(|mask| outside(mask, ignored));
                    self.unit.counts(mask.view(), label.view(), Some(ignored))?
                }
            });
        }
        Ok(Choice { tuning, counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::s;

    const SECTIONS: usize = 10;

    const ANY_SIZE: SmallestObjects = SmallestObjects { section: u64::MAX, volume: u64::MAX };

    fn block() -> Array3<bool> {
        Array3::from_shape_fn((SECTIONS, 40, 40), |(_, y, x)| y > 5 && y < 30 && x > 5 && x < 30)
    }

    fn sure(mask: &Array3<bool>) -> Array3<f32> {
        mask.mapv(|inside| if inside { 1.0 } else { 0.0 })
    }

    /// Blocks of 16 x 16 that are predicted at 0.32, with a hole, and specks of 4 voxels at 0.9.
    fn predicted() -> (Array3<f32>, Array3<bool>) {
        let mut label = Array3::from_elem((SECTIONS, 40, 40), false);
        label.slice_mut(s![.., 4..20, 4..20]).fill(true);
        let mut probabilities = label.mapv(|inside| if inside { 0.32 } else { 0.0 });
        probabilities.slice_mut(s![.., 10..14, 10..14]).fill(0.0);
        for place in [24, 30, 36] {
            probabilities.slice_mut(s![.., place..place + 2, place..place + 2]).fill(0.9);
        }
        (probabilities, label)
    }

    fn scored<'a>(probabilities: &Array3<f32>, label: &'a Array3<bool>) -> Scored<'a> {
        Scored::new(probabilities.view(), label.view(), None)
    }

    fn chosen_for(probabilities: &Array3<f32>, label: &Array3<bool>) -> ClassTuning {
        choose(&[scored(probabilities, label)], ANY_SIZE).unwrap()
    }

    fn is_nothing_kept(chosen: &ClassTuning) -> bool {
        let is_default = (chosen.threshold, chosen.postprocess.is_none()) == (0.5, true);
        is_default && chosen.steps.iter().all(|step| !step.kept)
    }

    #[test]
    fn masks_are_exactly_those_of_the_rule_that_is_chosen() {
        use em_model::MaskRule;
        // Each threshold, the float before it and the one behind it: rounded to bytes, two would be one.
        let near = thresholds().map(|t| [t.next_down(), t, t.next_up()]);
        let probabilities = Array3::from_shape_fn((1, THRESHOLDS, 3), |(_, y, x)| near[y][x]);
        let label = Array3::from_elem((1, THRESHOLDS, 3), true);
        let sides = [scored(&probabilities, &label)];
        let sides = Sides { sides: &sides, unit: units::Unit::Section };
        for threshold in thresholds() {
            let mask = MaskRule { threshold, ..Default::default() }.mask(probabilities.view()).unwrap();
            let expected = ConfusionCounts::of(mask.view(), label.view()).unwrap();
            let tuning = ClassTuning { threshold, postprocess: Postprocess::default(), steps: Vec::new() };
            assert_eq!(sides.choice(tuning).unwrap().counts, [expected], "{threshold}");
        }
    }

    #[test]
    fn each_step_is_chosen_by_what_it_gains() {
        let (probabilities, label) = predicted();
        let chosen = chosen_for(&probabilities, &label);
        assert!(chosen.threshold < 0.32, "{}", chosen.threshold);
        // The specks go with the median or by their size, the hole of 4 x 4 by filling only.
        assert!(chosen.postprocess.median_size > 1 || chosen.postprocess.minimum_voxels > 4);
        assert!(chosen.postprocess.fill_holes);
        let gains: f64 = chosen.steps.iter().filter(|step| step.kept).map(|step| step.gain).sum();
        let last = chosen.steps.iter().rev().find(|step| step.kept).unwrap();
        assert!(gains > 0.9 && last.iou.unwrap() > 0.95, "{:?}", chosen.steps);
        assert!(last.interval.is_some_and(|interval| interval.low > 0.0));
    }

    #[test]
    fn what_helps_few_sections_by_chance_is_not_kept() {
        // A speck in one section of ten: without it the pooled score is better, by that section alone.
        let label = block();
        let mut mask = label.clone();
        mask.slice_mut(s![4, 34..38, 34..38]).fill(true);
        let chosen = chosen_for(&sure(&mask), &label);
        assert!(is_nothing_kept(&chosen), "{:?}", chosen.steps);
        let best = chosen.steps.iter().map(|step| step.gain).fold(0.0, f64::max);
        assert!(best > LEAST_GAIN, "{:?}", chosen.steps);
        // In every section it is no chance.
        mask.slice_mut(s![.., 34..38, 34..38]).fill(true);
        assert!(!is_nothing_kept(&chosen_for(&sure(&mask), &label)));
    }

    #[test]
    fn nothing_is_removed_that_is_as_large_as_objects_of_the_training() {
        let label = block();
        let mut mask = label.clone();
        mask.slice_mut(s![.., 32..39, 32..39]).fill(true);
        let of = |smallest: u64| {
            let smallest = SmallestObjects { section: smallest, volume: 0 };
            choose(&[scored(&sure(&mask), &label)], smallest).unwrap().postprocess.minimum_voxels
        };
        assert_eq!([1000, 100, 50].map(of), [50; 3]);
        assert_eq!([49, 0].map(of), [0; 2], "the square of 49 voxels may be an object");
    }

    #[test]
    fn few_sections_are_judged_by_their_blocks() {
        let (probabilities, label) = predicted();
        let [probabilities, label] =
            [probabilities, sure(&label)].map(|array| array.slice(s![0..2, .., ..]).to_owned());
        let label = label.mapv(|value| value > 0.5);
        let chosen = chosen_for(&probabilities, &label);
        assert!(chosen.threshold < 0.32, "{:?}", chosen.steps);
        assert!(chosen.steps[0].interval.is_some());
        let counts = ConfusionCounts { true_positives: 9, ..Default::default() };
        assert!(gain(&[counts; 7], &[counts; 7]).unwrap().interval.is_none(), "too few to draw from");
    }

    #[test]
    fn specks_of_one_section_are_told_from_thin_objects_in_the_volume_only() {
        // A column that is as thin as the specks of single sections beside it.
        let label =
            Array3::from_shape_fn((16, 40, 40), |(_, y, x)| (8..10).contains(&y) && (8..10).contains(&x));
        let mut mask = label.clone();
        for z in 0..16 {
            let place = 14 + 4 * (z % 6);
            mask.slice_mut(s![z, place..place + 2, place..place + 2]).fill(true);
        }
        let chosen = chosen_for(&sure(&mask), &label);
        assert_eq!(chosen.postprocess.extent, Extent::Volume);
        assert_eq!(chosen.steps.iter().rev().find(|step| step.kept).unwrap().iou, Some(1.0));
    }

    #[test]
    fn voxels_that_do_not_count_choose_nothing() {
        let label = block();
        let mut probabilities = sure(&label);
        let mut ignored = Array3::from_elem((SECTIONS, 40, 40), false);
        // Specks that would be removed, were they not in the part that does not count.
        for place in [31, 34, 37] {
            probabilities.slice_mut(s![.., place..place + 2, place..place + 2]).fill(1.0);
        }
        ignored.slice_mut(s![.., 31.., 31..]).fill(true);
        let chosen =
            |ignored| choose(&[Scored { ignored, ..scored(&probabilities, &label) }], ANY_SIZE).unwrap();
        assert!(!is_nothing_kept(&chosen(None)));
        let chosen = chosen(Some(ignored.view()));
        assert!(is_nothing_kept(&chosen), "{:?}", chosen.steps);
        assert_eq!(chosen.steps[0].iou, Some(1.0));
    }

    #[test]
    fn what_gains_nothing_is_left_out() {
        let label = block();
        let chosen = chosen_for(&sure(&label), &label);
        assert!(is_nothing_kept(&chosen), "{:?}", chosen.steps);
    }
}
