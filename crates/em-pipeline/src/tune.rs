//! Thresholds and cleaning of masks, chosen on the validation sections of a run.
//!
//! The network predicts once; then each class goes through the steps in turn, and a step is kept
//! only where it gains. Masks are cleaned section by section, or as a volume where that gains more.
//! Nothing but validation is looked at.

use em_metrics::ConfusionCounts;
use em_model::{ClassTuning, Device, ModelCard, Predictor, RunFolder, Tuning, TuningStep};
use em_objects::{Extent, Postprocess};
use ndarray::{Array3, ArrayView3, Axis};

use crate::dataset::region_probabilities;
use crate::error::Result;
use crate::scores::outside;
use crate::{Dataset, Observer, RunConfig};

/// A step that gains less is not kept: it is noise.
const LEAST_GAIN: f64 = 0.0005;

/// Edges of median windows that are tried, in voxels.
const MEDIANS: [usize; 3] = [3, 5, 7];

/// Sizes, in voxels of a section or of the volume, below which components are removed.
const SMALLEST: [u64; 9] = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// Thresholds that are tried: 0.05 to 0.95, in steps of 0.05.
const THRESHOLDS: usize = 19;

/// Chooses thresholds and cleaning on the validation regions of a run, and writes them to its folder;
/// `settings` are overrides of `data.*`, for data that were moved, and of `predict.*`.
///
/// # Errors
///
/// Fails if the run or its data are missing or damaged, or memory runs out.
pub fn tune(
    run: &RunFolder,
    settings: &[String],
    device: Device,
    observer: &mut Observer<'_>,
) -> Result<Tuning> {
    // The card is read first: its error says what a run is.
    let card = ModelCard::read(run)?;
    let config = RunConfig::of_run(run, settings)?;
    let dataset = Dataset::read(&config, observer)?;
    let predictor = Predictor::with_config(run, device, config.predict.clone())?;
    let mut sides: Vec<Vec<Scored<'_>>> = card.classes.iter().map(|_| Vec::new()).collect();
    for region in &dataset.split.validation {
        let volume = &dataset.set.volumes()[region.volume];
        let ignored = volume.ignored().map(|ignored| region.slice(ignored));
        let probabilities = region_probabilities(&predictor, &dataset.set, region)?;
        for (class, sides) in sides.iter_mut().enumerate() {
            let label = region.slice(volume.mask(class));
            let above = above(probabilities.index_axis(Axis(0), class));
            sides.push(Scored { above, label, ignored });
        }
    }
    let mut tuning = Tuning::new(run, &card)?;
    for (class, sides) in card.classes.iter().zip(&sides) {
        tuning.classes.insert(class.clone(), choose(sides)?);
    }
    tuning.write(run)?;
    Ok(tuning)
}

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
struct Scored<'a> {
    above: Array3<u8>,
    label: ArrayView3<'a, bool>,
    ignored: Option<ArrayView3<'a, bool>>,
}

/// Goes through the steps, by section and as a volume, and takes what is better.
fn choose(sides: &[Scored<'_>]) -> Result<ClassTuning> {
    let by_section = choose_in(sides, Extent::Section)?;
    if sides.iter().all(|side| side.label.len_of(Axis(0)) == 1) {
        return Ok(by_section);
    }
    let volume = choose_in(sides, Extent::Volume)?;
    let gained = |chosen: &ClassTuning| -> f64 {
        chosen.steps.iter().filter(|step| step.kept).map(|step| step.gain).sum()
    };
    Ok(if gained(&volume) > gained(&by_section) + LEAST_GAIN { volume } else { by_section })
}

/// Goes through the steps: threshold, median, small components, holes.
fn choose_in(sides: &[Scored<'_>], extent: Extent) -> Result<ClassTuning> {
    let none = Postprocess { extent, ..Default::default() };
    let mut chosen = ClassTuning { threshold: 0.5, postprocess: none, steps: Vec::new() };
    let mut best = iou(sides, chosen.threshold, none)?;
    let tried = thresholds()
        .into_iter()
        .map(|t| (format!("above {t}"), ClassTuning { threshold: t, ..chosen.clone() }));
    step("threshold", tried.collect(), &mut chosen, &mut best, sides)?;
    let window = |n: usize| match extent {
        Extent::Section => format!("{n} x {n}"),
        Extent::Volume => format!("{n} x {n} x {n}"),
    };
    for (name, choices) in [
        ("median", MEDIANS.map(|n| (window(n), Postprocess { median_size: n, ..none })).to_vec()),
        (
            "small components",
            SMALLEST.map(|n| (format!("below {n}"), Postprocess { minimum_voxels: n, ..none })).to_vec(),
        ),
        ("holes", vec![("filled".to_owned(), Postprocess { fill_holes: true, ..none })]),
    ] {
        let with = |change: Postprocess| Postprocess {
            extent,
            median_size: chosen.postprocess.median_size.max(change.median_size),
            minimum_voxels: chosen.postprocess.minimum_voxels.max(change.minimum_voxels),
            fill_holes: chosen.postprocess.fill_holes || change.fill_holes,
        };
        let tried = choices
            .into_iter()
            .map(|(choice, change)| (choice, ClassTuning { postprocess: with(change), ..chosen.clone() }));
        step(name, tried.collect(), &mut chosen, &mut best, sides)?;
    }
    Ok(chosen)
}

/// Tries choices and keeps the best where it gains enough.
fn step(
    name: &str,
    tried: Vec<(String, ClassTuning)>,
    chosen: &mut ClassTuning,
    best: &mut Option<f64>,
    sides: &[Scored<'_>],
) -> Result<()> {
    let mut top: Option<(String, ClassTuning, f64)> = None;
    for (choice, candidate) in tried {
        let Some(score) = iou(sides, candidate.threshold, candidate.postprocess)? else { continue };
        if top.as_ref().is_none_or(|(_, _, highest)| score > *highest) {
            top = Some((choice, candidate, score));
        }
    }
    // A class that is neither predicted nor labelled has no score, and nothing to choose by.
    let Some((choice, candidate, score)) = top else { return Ok(()) };
    let gain = score - best.unwrap_or(0.0);
    let kept = gain > LEAST_GAIN;
    let mut steps = std::mem::take(&mut chosen.steps);
    steps.push(TuningStep { step: name.into(), choice, iou: Some(score), gain, kept });
    if kept {
        (*chosen, *best) = (candidate, Some(score));
    }
    chosen.steps = steps;
    Ok(())
}

/// The IoU of all regions pooled; `None` where there is no foreground at all.
fn iou(sides: &[Scored<'_>], threshold: f32, postprocess: Postprocess) -> Result<Option<f64>> {
    let mut counts = ConfusionCounts::default();
    let number = thresholds().partition_point(|&lower| lower < threshold);
    for side in sides {
        let mask = postprocess.apply(side.above.mapv(|above| usize::from(above) > number))?;
        counts += match side.ignored {
            None => ConfusionCounts::of(mask.view(), side.label)?,
            Some(ignored) => {
                let [mask, label] = [mask.view(), side.label].map(|mask| outside(mask, ignored));
                ConfusionCounts::of(mask.view(), label.view())?
            }
        };
    }
    Ok(counts.iou())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of 16 x 16 that is predicted at 0.3, with a hole, and specks of 4 voxels at 0.9.
    fn predicted() -> (Array3<f32>, Array3<bool>) {
        let mut label = Array3::from_elem((1, 40, 40), false);
        label.slice_mut(ndarray::s![0, 4..20, 4..20]).fill(true);
        let mut probabilities = label.mapv(|inside| if inside { 0.32 } else { 0.0 });
        probabilities.slice_mut(ndarray::s![0, 10..14, 10..14]).fill(0.0);
        for place in [24, 30, 36] {
            probabilities.slice_mut(ndarray::s![0, place..place + 2, place..place + 2]).fill(0.9);
        }
        (probabilities, label)
    }

    fn scored<'a>(probabilities: &Array3<f32>, label: &'a Array3<bool>) -> Scored<'a> {
        Scored { above: above(probabilities.view()), label: label.view(), ignored: None }
    }

    #[test]
    fn masks_are_exactly_those_of_the_rule_that_is_chosen() {
        use em_model::MaskRule;
        // Each threshold, the float before it and the one behind it: rounded to bytes, two would be one.
        let near = thresholds().map(|t| [t.next_down(), t, t.next_up()]);
        let probabilities = Array3::from_shape_fn((1, THRESHOLDS, 3), |(_, y, x)| near[y][x]);
        let label = Array3::from_elem((1, THRESHOLDS, 3), true);
        for threshold in thresholds() {
            let mask = MaskRule { threshold, ..Default::default() }.mask(probabilities.view()).unwrap();
            let expected = ConfusionCounts::of(mask.view(), label.view()).unwrap().iou();
            let found = iou(&[scored(&probabilities, &label)], threshold, Postprocess::default()).unwrap();
            assert_eq!(found, expected, "{threshold}");
        }
    }

    #[test]
    fn each_step_is_chosen_by_what_it_gains() {
        let (probabilities, label) = predicted();
        let chosen = choose(&[scored(&probabilities, &label)]).unwrap();
        assert!(chosen.threshold < 0.32, "{}", chosen.threshold);
        // The specks go with the median or by their size, the hole of 4 x 4 by filling only.
        assert!(chosen.postprocess.median_size > 1 || chosen.postprocess.minimum_voxels > 4);
        assert!(chosen.postprocess.fill_holes);
        let gains: f64 = chosen.steps.iter().filter(|step| step.kept).map(|step| step.gain).sum();
        let last = chosen.steps.iter().rev().find(|step| step.kept).unwrap();
        assert!(gains > 0.9 && last.iou.unwrap() > 0.95, "{:?}", chosen.steps);
    }

    #[test]
    fn specks_of_one_section_are_told_from_the_ends_of_objects_in_the_volume_only() {
        // A cone, whose tip is as small as the specks of other sections.
        let label = Array3::from_shape_fn((6, 40, 40), |(z, y, x)| y < 2 * z + 2 && x < 2 * z + 2);
        let mut mask = label.clone();
        for (z, place) in [(0, 20), (2, 26), (3, 32), (4, 38)] {
            mask.slice_mut(ndarray::s![z, place..place + 2, place..place + 2]).fill(true);
        }
        let probabilities = mask.mapv(|inside| if inside { 1.0 } else { 0.0 });
        let chosen = choose(&[scored(&probabilities, &label)]).unwrap();
        assert_eq!(chosen.postprocess.extent, Extent::Volume);
        assert_eq!(chosen.steps.iter().rev().find(|step| step.kept).unwrap().iou, Some(1.0));
    }

    #[test]
    fn voxels_that_do_not_count_choose_nothing() {
        let label = Array3::from_shape_fn((1, 40, 40), |(_, y, x)| y > 5 && y < 30 && x > 5 && x < 30);
        let mut probabilities = label.mapv(|inside| if inside { 1.0 } else { 0.0 });
        let mut ignored = Array3::from_elem((1, 40, 40), false);
        // Specks that would be removed, were they not in the part that does not count.
        for place in [31, 34, 37] {
            probabilities.slice_mut(ndarray::s![0, place..place + 2, place..place + 2]).fill(1.0);
        }
        ignored.slice_mut(ndarray::s![0, 31.., 31..]).fill(true);
        let side = |ignored| Scored { ignored, ..scored(&probabilities, &label) };
        assert!(choose(&[side(None)]).unwrap().steps.iter().any(|step| step.kept));
        let chosen = choose(&[side(Some(ignored.view()))]).unwrap();
        assert!(chosen.steps.iter().all(|step| !step.kept), "{:?}", chosen.steps);
        assert_eq!(chosen.steps[0].iou, Some(1.0));
    }

    #[test]
    fn what_gains_nothing_is_left_out() {
        let label = Array3::from_shape_fn((1, 40, 40), |(_, y, x)| y > 5 && y < 30 && x > 5 && x < 30);
        let probabilities = label.mapv(|inside| if inside { 1.0 } else { 0.0 });
        let chosen = choose(&[scored(&probabilities, &label)]).unwrap();
        assert_eq!((chosen.threshold, chosen.postprocess.is_none()), (0.5, true));
        assert!(chosen.steps.iter().all(|step| !step.kept), "{:?}", chosen.steps);
    }
}
