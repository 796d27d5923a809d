//! What holds for boundaries, distances, objects, calibration and intervals of any shape, and what is refused.

use approx::assert_relative_eq;
use em_metrics::boundary::{Beyond, boundary};
use em_metrics::distance::distance_transform;
use em_metrics::{
    Bootstrap, BoundaryCounts, Calibration, Error, Interval, Overlaps, Result, SurfaceDistances,
};
use ndarray::{Array1, Array3, array, s};
use proptest::collection::vec;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

type Masks = (Array3<bool>, Array3<bool>);

fn masks() -> impl Strategy<Value = Masks> {
    (1_usize..5, 1_usize..6, 1_usize..7).prop_flat_map(|shape| {
        let voxels = || vec(any::<bool>(), shape.0 * shape.1 * shape.2);
        let array = move |v| Array3::from_shape_vec(shape, v).expect("one value per voxel");
        (voxels().prop_map(array), voxels().prop_map(array))
    })
}

fn spacings() -> impl Strategy<Value = [f64; 3]> {
    [0.5..50.0, 0.5..50.0, 0.5..50.0]
}

/// The distances by their definition: the nearest of all true voxels.
fn nearest(mask: &Array3<bool>, spacing: [f64; 3]) -> Array3<f64> {
    Array3::from_shape_fn(mask.dim(), |(z, y, x)| {
        let square = |(i, j, k): (usize, usize, usize)| {
            let steps = [i.abs_diff(z), j.abs_diff(y), k.abs_diff(x)];
            steps.iter().zip(spacing).map(|(&n, step)| (n as f64 * step).powi(2)).sum::<f64>()
        };
        let inside = mask.indexed_iter().filter(|&(_, &v)| v);
        inside.map(|(place, _)| square(place)).fold(f64::INFINITY, f64::min).sqrt()
    })
}

proptest! {
    #[test]
    fn distances_follow_their_definition((mask, _) in masks(), spacing in spacings()) {
        let found = distance_transform(mask.view(), &spacing).expect("a spacing");
        for (&found, &expected) in found.iter().zip(&nearest(&mask, spacing)) {
            prop_assert!(found == expected || (found - expected).abs() < 1e-9 * expected, "{found}, {expected}");
        }
        let turned = distance_transform(mask.t(), &[spacing[2], spacing[1], spacing[0]]).expect("a spacing");
        for (&turned, &found) in turned.t().iter().zip(&found) {
            prop_assert!(turned == found || (turned - found).abs() < 1e-9 * found);
        }
    }

    #[test]
    fn a_mask_has_its_own_boundary((mask, _) in masks(), spacing in spacings()) {
        let counts = BoundaryCounts::of(mask.view(), mask.view(), &spacing, 0.0).expect("a spacing");
        prop_assert_eq!(counts.f1(), (counts.labelled > 0).then_some(1.0));
        let edge = boundary(mask.view(), Beyond::Continued);
        prop_assert_eq!(counts.labelled, edge.iter().filter(|&&v| v).count() as u64);
        let distances = SurfaceDistances::of(mask.view(), mask.view(), &spacing).expect("a spacing");
        prop_assert_eq!(distances.is_some(), mask.iter().any(|&v| v));
        if let Some(distances) = distances {
            prop_assert_eq!((distances.hausdorff(), distances.hausdorff95(), distances.mean()), (0.0, 0.0, 0.0));
        }
    }

    #[test]
    fn boundaries_do_not_care_which_mask_is_the_label((a, b) in masks(), spacing in spacings(), tolerance in 0.0..60.0) {
        let counts = |a: &Array3<bool>, b: &Array3<bool>, t| BoundaryCounts::of(a.view(), b.view(), &spacing, t).expect("a spacing");
        let (there, back) = (counts(&a, &b, tolerance), counts(&b, &a, tolerance));
        prop_assert_eq!(there.f1(), back.f1());
        prop_assert_eq!(there.precision(), back.recall());
        prop_assert_eq!(there.surface_dice(), back.surface_dice());
        prop_assert!(there.f1() <= counts(&a, &b, tolerance + 10.0).f1());

        let of = |a: &Array3<bool>, b: &Array3<bool>| SurfaceDistances::of(a.view(), b.view(), &spacing).expect("a spacing");
        if let (Some(there), Some(back)) = (of(&a, &b), of(&b, &a)) {
            prop_assert_eq!(there.hausdorff95(), back.hausdorff95());
            assert_relative_eq!(there.mean(), back.mean(), max_relative = 1e-12);
            prop_assert!(there.hausdorff95() <= there.hausdorff());
            // The mean of equal distances may be off by its last digit.
            prop_assert!(there.mean() <= there.hausdorff() * (1.0 + 1e-12));
        }
    }

    #[test]
    fn scaling_the_spacing_scales_the_distances((a, b) in masks(), spacing in spacings()) {
        let of = |factor: f64| SurfaceDistances::of(a.view(), b.view(), &spacing.map(|s| s * factor)).expect("a spacing");
        if let (Some(once), Some(thrice)) = (of(1.0), of(3.0)) {
            assert_relative_eq!(3.0 * once.hausdorff95(), thrice.hausdorff95(), max_relative = 1e-9);
            assert_relative_eq!(3.0 * once.mean(), thrice.mean(), max_relative = 1e-9);
        }
    }

    #[test]
    fn an_empty_frame_around_masks_moves_no_distance((a, b) in masks(), spacing in spacings()) {
        let framed = |mask: &Array3<bool>| {
            let (d, h, w) = mask.dim();
            let mut framed = Array3::from_elem((d + 2, h + 3, w + 4), false);
            framed.slice_mut(s![1..=d, 1..=h, 1..=w]).assign(mask);
            framed
        };
        let of = |a: &Array3<bool>, b: &Array3<bool>| SurfaceDistances::of(a.view(), b.view(), &spacing).expect("a spacing");
        prop_assert_eq!(of(&a, &b), of(&framed(&a), &framed(&b)));
    }

    #[test]
    fn pooled_distances_are_those_of_all_sections((a, b) in masks(), spacing in spacings()) {
        let sections = a.outer_iter().zip(b.outer_iter());
        let parts: Vec<_> = sections.filter_map(|(a, b)| SurfaceDistances::of(a, b, &spacing[1..]).expect("a spacing")).collect();
        let pooled = SurfaceDistances::pooled(&parts);
        prop_assert_eq!(pooled.is_some(), !parts.is_empty());
        if let Some(pooled) = pooled {
            let worst = parts.iter().map(SurfaceDistances::hausdorff).fold(0.0, f64::max);
            prop_assert_eq!(pooled.hausdorff(), worst);
            prop_assert_eq!(SurfaceDistances::pooled(parts.iter().chain(&parts)).expect("some").mean(), pooled.mean());
        }
    }

    #[test]
    fn matched_objects_are_counted_once(labels in vec((0_u32..6, 0_u32..6), 1..80), threshold in 0.01..1.0) {
        let (a, b): (Array1<u32>, Array1<u32>) = (labels.iter().map(|l| l.0).collect(), labels.iter().map(|l| l.1).collect());
        let overlaps = |a: &Array1<u32>, b: &Array1<u32>| Overlaps::of(a.view(), b.view()).expect("one shape");
        let counts = overlaps(&a, &b).matched(threshold).expect("a threshold");
        let objects = |labels: &Array1<u32>| (1..6).filter(|l| labels.iter().any(|v| v == l)).count() as u64;
        prop_assert_eq!(counts.true_positives + counts.false_positives, objects(&a));
        prop_assert_eq!(counts.true_positives + counts.false_negatives, objects(&b));
        prop_assert!(counts.mean_matched_iou().is_none_or(|iou| iou >= threshold && iou <= 1.0));

        let back = overlaps(&b, &a).matched(threshold).expect("a threshold");
        prop_assert_eq!(back.true_positives, counts.true_positives);
        assert_relative_eq!(back.iou_sum, counts.iou_sum, epsilon = 1e-9);
        let same = overlaps(&a, &a).matched(1.0).expect("a threshold");
        prop_assert_eq!(same.average_precision(), (objects(&a) > 0).then_some(1.0));
    }

    #[test]
    fn matching_is_the_best_of_all(scores in vec(vec(0.0..1.0_f64, 4), 4)) {
        // Objects of 100 voxels, and overlaps that give about these scores.
        let mut pairs = Vec::new();
        for (row, scores) in scores.iter().enumerate() {
            for (column, score) in scores.iter().enumerate() {
                let shared = (25.0 * score) as usize;
                pairs.extend(std::iter::repeat_n((row as u32 + 1, column as u32 + 1), shared));
            }
        }
        for object in 1..5 {
            let missing = |side: fn(&(u32, u32)) -> u32| 100 - pairs.iter().filter(|pair| side(pair) == object).count();
            let (a, b) = (missing(|pair| pair.0), missing(|pair| pair.1));
            pairs.extend(std::iter::repeat_n((object, 0), a));
            pairs.extend(std::iter::repeat_n((0, object), b));
        }
        let (a, b): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
        let (a, b) = (Array1::from(a), Array1::from(b));
        let counts = Overlaps::of(a.view(), b.view()).expect("one shape").matched(0.05).expect("a threshold");
        prop_assert_eq!((counts.true_positives, (counts.iou_sum * 1e9).round()), best_of_all(&pairs));
    }

    #[test]
    fn honest_probabilities_have_no_error(seed in 0_u64..50) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let p: Array1<f32> = (0..20_000).map(|_| rng.random::<f32>()).collect();
        let label = p.mapv(|p| rng.random::<f32>() < p);
        let honest = Calibration::of(p.view(), label.view()).expect("probabilities");
        prop_assert!(honest.expected_error().expect("voxels") < 0.03);
        let proud = Calibration::of(p.mapv(|p| p.sqrt()).view(), label.view()).expect("probabilities");
        prop_assert!(proud.expected_error() > honest.expected_error());
        prop_assert!(proud.brier() > honest.brier());
    }
}

/// Number and sum of IoU, in 1e-9, of the best of all ways to pair four objects with four.
fn best_of_all(pairs: &[(u32, u32)]) -> (u64, f64) {
    let iou = |a: u32, b: u32| {
        let shared = pairs.iter().filter(|&&pair| pair == (a, b)).count();
        shared as f64 / (200 - shared) as f64
    };
    let mut best = (0, 0.0);
    for code in 0..256_u32 {
        let columns: Vec<u32> = (0..4).map(|row| (code >> (2 * row)) & 3).collect();
        if (0..4).any(|i| columns[..i].contains(&columns[i])) {
            continue;
        }
        let scores = columns.iter().zip(1..).map(|(&column, row)| iou(row, column + 1));
        let (count, sum) = scores.filter(|&s| s >= 0.05).fold((0, 0.0), |(n, sum), s| (n + 1, sum + s));
        if count > best.0 || (count == best.0 && sum > best.1) {
            best = (count, sum);
        }
    }
    (best.0, (best.1 * 1e9).round())
}

#[test]
fn what_is_empty_has_no_score() -> Result<()> {
    let (none, some) = (array![[false, false]], array![[true, false]]);
    let counts = |p: &ndarray::Array2<bool>, l: &ndarray::Array2<bool>| {
        BoundaryCounts::of(p.view(), l.view(), &[1.0, 1.0], 1.0)
    };
    assert_eq!(counts(&none, &none)?.f1(), None);
    assert_eq!(counts(&none, &none)?.surface_dice(), None);
    assert_eq!(counts(&some, &none)?.f1(), Some(0.0));
    assert_eq!((counts(&some, &none)?.precision(), counts(&some, &none)?.recall()), (Some(0.0), None));
    assert_eq!(counts(&none, &some)?.f1(), Some(0.0));
    assert_eq!(SurfaceDistances::of(none.view(), some.view(), &[1.0, 1.0])?, None);
    assert_eq!(SurfaceDistances::pooled([]), None);

    let background = Array1::<u32>::zeros(5);
    let counts = Overlaps::of(background.view(), background.view())?.matched(0.5)?;
    assert_eq!((counts.average_precision(), counts.f1(), counts.panoptic_quality()), (None, None, None));
    assert_eq!((counts.precision(), counts.recall(), counts.mean_matched_iou()), (None, None, None));
    let nothing = Array1::<u32>::zeros(0);
    assert_eq!(Overlaps::of(nothing.view(), nothing.view())?.matched(0.5)?.f1(), None);

    assert_eq!((Calibration::default().expected_error(), Calibration::default().brier()), (None, None));
    assert_eq!(Calibration::default().bins[0].probability(), None);
    Ok(())
}

#[test]
fn probabilities_on_the_edge_of_a_bin_are_counted_once() -> Result<()> {
    let p = array![0.0_f32, 0.2, 1.0];
    let counts = Calibration::of(p.view(), array![false, false, true].view())?;
    let filled: Vec<usize> = (0..15).filter(|&bin| counts.bins[bin].voxels > 0).collect();
    assert_eq!(filled, [0, 3, 14]);
    assert_eq!((counts.voxels(), counts.bins[14].foreground_share()), (3, Some(1.0)));
    let twice = counts + counts;
    assert_eq!((twice.voxels(), twice.brier()), (6, counts.brier()));
    Ok(())
}

#[test]
fn wrong_arguments_are_refused() {
    let mask = array![[true, false]];
    let other = array![[true], [false]];
    for spacing in [&[1.0][..], &[1.0, 0.0], &[1.0, f64::NAN], &[1.0, 1.0, 1.0]] {
        let error = distance_transform(mask.view(), spacing).unwrap_err();
        assert!(matches!(&error, Error::Spacing { axes: 2, .. }), "{error}");
    }
    let mismatch = |result: Result<()>| assert!(matches!(result, Err(Error::ShapeMismatch { .. })));
    mismatch(BoundaryCounts::of(mask.view(), other.view(), &[1.0, 1.0], 1.0).map(|_| ()));
    mismatch(SurfaceDistances::of(mask.view(), other.view(), &[1.0, 1.0]).map(|_| ()));
    mismatch(Overlaps::of(array![1].view(), array![1, 2].view()).map(|_| ()));
    mismatch(Calibration::of(array![0.5].view(), array![true, false].view()).map(|_| ()));

    let error = BoundaryCounts::of(mask.view(), mask.view(), &[1.0, 1.0], -1.0).unwrap_err();
    assert_eq!(error.to_string(), "tolerance is -1, expected a finite number that is 0 or more");
    let error = Overlaps::default().matched(0.0).unwrap_err();
    assert_eq!(error.to_string(), "threshold is 0, expected a number above 0 and at most 1");
    let p = array![[0.5, 0.5], [f32::NAN, 2.0]];
    let error = Calibration::of(p.view(), array![[true, true], [true, true]].view()).unwrap_err();
    assert!(matches!(&error, Error::InvalidProbability { index, .. } if index == &[1, 0]), "{error}");
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let error = Bootstrap { resamples: 9, confidence: 1.0 }.interval(3, &mut rng, |_| None).unwrap_err();
    assert_eq!(error.to_string(), "confidence is 1, expected a number between 0 and 1");
    assert!(Bootstrap { resamples: 0, confidence: 0.9 }.interval(3, &mut rng, |_| None).is_err());
}

#[test]
fn an_interval_needs_sections_that_differ() -> Result<()> {
    let values = [3.0, 3.0, 3.0];
    let mean = |drawn: &[usize]| Some(drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64);
    let interval =
        |sections| Bootstrap::default().interval(sections, &mut ChaCha8Rng::seed_from_u64(7), mean);
    assert_eq!(interval(0)?, None);
    assert_eq!(interval(1)?, None);
    assert_eq!(interval(3)?, Some(Interval { low: 3.0, high: 3.0 }));
    let never = Bootstrap::default().interval(3, &mut ChaCha8Rng::seed_from_u64(7), |_| None)?;
    assert_eq!(never, None);
    Ok(())
}

#[test]
fn nineteen_of_twenty_intervals_hold_the_truth() -> Result<()> {
    let bootstrap = Bootstrap { resamples: 400, confidence: 0.95 };
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut held = 0;
    for _ in 0..400 {
        let values: Vec<f64> = (0..40).map(|_| rng.random::<f64>()).collect();
        let mean = |drawn: &[usize]| Some(drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64);
        let Some(interval) = bootstrap.interval(values.len(), &mut rng, mean)? else { continue };
        held += usize::from(interval.low <= 0.5 && 0.5 <= interval.high);
    }
    // The percentile interval of 40 values is a little narrow: 93 to 95 % are expected, give or take 1.2 %.
    assert!((360..=390).contains(&held), "{held} of 400");
    Ok(())
}
