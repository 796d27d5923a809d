//! Hand-computed counts, absent classes, and the laws that hold for any pair of masks.

use approx::assert_relative_eq;
use em_metrics::{ConfusionCounts, Error};
use ndarray::{Array3, ArrayView, Axis, Dimension, concatenate, s};
use proptest::collection::vec;
use proptest::prelude::*;

fn count<D: Dimension>(prediction: ArrayView<'_, bool, D>, label: ArrayView<'_, bool, D>) -> ConfusionCounts {
    ConfusionCounts::of(prediction, label).expect("masks of one shape")
}

fn counts(tp: u64, fp: u64, fn_: u64, tn: u64) -> ConfusionCounts {
    ConfusionCounts { true_positives: tp, false_positives: fp, false_negatives: fn_, true_negatives: tn }
}

#[test]
fn ten_voxels_counted_by_hand() {
    let prediction = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0].map(|v| v == 1);
    let label = [1, 0, 0, 0, 1, 1, 0, 0, 0, 0].map(|v| v == 1);
    let counts = count(ArrayView::from(&prediction), ArrayView::from(&label));
    assert_eq!(counts, self::counts(1, 3, 2, 4));
    assert_eq!(counts.total(), 10);
    assert_eq!(counts.iou(), Some(1.0 / 6.0));
    assert_eq!(counts.dice(), Some(2.0 / 7.0));
    assert_eq!(counts.accuracy(), Some(5.0 / 10.0));
    assert_eq!(counts.precision(), Some(1.0 / 4.0));
    assert_eq!(counts.recall(), Some(1.0 / 3.0));
    assert_eq!(counts.specificity(), Some(4.0 / 7.0));
    assert_eq!(counts.balanced_accuracy(), Some((1.0 / 3.0 + 4.0 / 7.0) / 2.0));
}

#[test]
fn nothing_counted_has_no_score() {
    let none = ConfusionCounts::default();
    let no_voxels = Array3::from_elem((2, 0, 3), true);
    assert_eq!(none, count(no_voxels.view(), no_voxels.view()));
    for score in [
        none.iou(),
        none.dice(),
        none.accuracy(),
        none.precision(),
        none.recall(),
        none.specificity(),
        none.balanced_accuracy(),
    ] {
        assert_eq!(score, None);
    }
}

#[test]
fn a_class_in_neither_mask_has_no_overlap_score() {
    let empty = counts(0, 0, 0, 7);
    assert_eq!((empty.iou(), empty.dice()), (None, None));
    assert_eq!((empty.precision(), empty.recall(), empty.balanced_accuracy()), (None, None, None));
    assert_eq!((empty.accuracy(), empty.specificity()), (Some(1.0), Some(1.0)));
}

#[test]
fn a_class_in_one_mask_scores_zero() {
    let missed = counts(0, 0, 3, 4);
    assert_eq!((missed.iou(), missed.dice(), missed.recall()), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!(missed.precision(), None, "nothing was predicted");

    let invented = counts(0, 3, 0, 4);
    assert_eq!((invented.iou(), invented.dice(), invented.precision()), (Some(0.0), Some(0.0), Some(0.0)));
    assert_eq!(invented.recall(), None, "nothing was to be found");
}

#[test]
fn a_label_without_background_has_no_specificity() {
    let full = counts(5, 0, 2, 0);
    assert_eq!((full.specificity(), full.balanced_accuracy()), (None, None));
    assert_eq!(full.recall(), Some(5.0 / 7.0));
}

#[test]
fn masks_of_different_shapes_are_refused() {
    // As many voxels, so that only the shape tells them apart.
    let (prediction, label) = (Array3::from_elem((2, 3, 4), true), Array3::from_elem((2, 4, 3), true));
    let error = ConfusionCounts::of(prediction.view(), label.view()).unwrap_err();
    assert_eq!(error, Error::ShapeMismatch { prediction: vec![2, 3, 4], label: vec![2, 4, 3] });
    assert_eq!(
        error.to_string(),
        "label has shape [2, 4, 3], expected [2, 3, 4], the shape of the prediction"
    );
}

#[test]
fn a_mask_larger_than_a_byte_can_count_is_counted_whole() {
    let ones = Array3::from_elem((3, 100, 100), true);
    assert_eq!(count(ones.view(), ones.view()), counts(30_000, 0, 0, 0));
    let zeros = Array3::from_elem((3, 100, 100), false);
    assert_eq!(count(ones.view(), zeros.view()), counts(0, 30_000, 0, 0));
    assert_eq!(count(zeros.view(), ones.view()), counts(0, 0, 30_000, 0));
}

#[test]
fn json_names_each_count() {
    let json = serde_json::to_string(&counts(1, 2, 3, 4)).unwrap();
    assert_eq!(json, r#"{"true_positives":1,"false_positives":2,"false_negatives":3,"true_negatives":4}"#);
    assert_eq!(serde_json::from_str::<ConfusionCounts>(&json).unwrap(), counts(1, 2, 3, 4));
}

/// Two masks `[z, y, x]` of one shape, with rows past the 224 voxels that are summed in a byte.
fn masks() -> impl Strategy<Value = (Array3<bool>, Array3<bool>)> {
    (1_usize..4, 1_usize..4, 1_usize..300).prop_flat_map(|shape| {
        let length = shape.0 * shape.1 * shape.2;
        (vec(any::<bool>(), length), vec(any::<bool>(), length)).prop_map(move |(prediction, label)| {
            (
                Array3::from_shape_vec(shape, prediction).expect("one value per voxel"),
                Array3::from_shape_vec(shape, label).expect("one value per voxel"),
            )
        })
    })
}

/// The counts by their definition, one voxel at a time.
fn counts_by_definition(prediction: &Array3<bool>, label: &Array3<bool>) -> ConfusionCounts {
    let of = |p, l| prediction.iter().zip(label).filter(|&(&a, &b)| (a, b) == (p, l)).count() as u64;
    counts(of(true, true), of(true, false), of(false, true), of(false, false))
}

proptest! {
    #[test]
    fn counts_follow_their_definition((prediction, label) in masks()) {
        let counts = count(prediction.view(), label.view());
        prop_assert_eq!(counts, counts_by_definition(&prediction, &label));
        prop_assert_eq!(counts.total(), prediction.len() as u64);
    }

    #[test]
    fn memory_layout_does_not_matter((prediction, label) in masks()) {
        let expected = counts_by_definition(&prediction, &label);
        let fortran = label.t().as_standard_layout().into_owned();
        prop_assert_eq!(count(prediction.view(), fortran.t()), expected);
        prop_assert_eq!(count(prediction.t(), fortran.view()), expected);
        prop_assert_eq!(count(prediction.t(), label.t()), expected);

        let backward = label.slice(s![.., .., ..;-1]).as_standard_layout().into_owned();
        prop_assert_eq!(count(prediction.view(), backward.slice(s![.., .., ..;-1])), expected);

        let window = s![.., .., 1..];
        prop_assert_eq!(
            count(prediction.slice(window), label.slice(window)),
            counts_by_definition(&prediction.slice(window).to_owned(), &label.slice(window).to_owned())
        );
    }

    #[test]
    fn a_mask_agrees_with_itself((mask, _) in masks()) {
        let counts = count(mask.view(), mask.view());
        let expected = mask.iter().any(|&v| v).then_some(1.0);
        prop_assert_eq!(counts.iou(), expected);
        prop_assert_eq!(counts.dice(), expected);
        prop_assert_eq!(counts.precision(), expected);
        prop_assert_eq!(counts.recall(), expected);
        prop_assert_eq!(counts.accuracy(), Some(1.0));
    }

    #[test]
    fn overlap_scores_do_not_care_which_mask_is_the_label((a, b) in masks()) {
        let (there, back) = (count(a.view(), b.view()), count(b.view(), a.view()));
        prop_assert_eq!(there.iou(), back.iou());
        prop_assert_eq!(there.dice(), back.dice());
        prop_assert_eq!(there.precision(), back.recall());
    }

    #[test]
    fn specificity_is_the_recall_of_the_background((a, b) in masks()) {
        let (foreground, background) = (count(a.view(), b.view()), count((!&a).view(), (!&b).view()));
        prop_assert_eq!(foreground.specificity(), background.recall());
        prop_assert_eq!(foreground.balanced_accuracy(), background.balanced_accuracy());
    }

    #[test]
    fn dice_follows_from_iou((a, b) in masks()) {
        let counts = count(a.view(), b.view());
        if let (Some(iou), Some(dice)) = (counts.iou(), counts.dice()) {
            assert_relative_eq!(dice, 2.0 * iou / (1.0 + iou), max_relative = 1e-14);
        } else {
            prop_assert_eq!(counts.iou(), counts.dice());
        }
    }

    #[test]
    fn pooled_counts_are_the_counts_of_the_concatenation((a, b) in masks(), (other, _) in masks()) {
        let sections: Vec<_> = a.outer_iter().zip(b.outer_iter()).map(|(a, b)| count(a, b)).collect();
        let whole = count(a.view(), b.view());
        prop_assert_eq!(sections.iter().sum::<ConfusionCounts>(), whole);
        prop_assert_eq!(sections.into_iter().sum::<ConfusionCounts>(), whole);

        let twice = concatenate![Axis(0), a, a];
        prop_assert_eq!(count(twice.view(), concatenate![Axis(0), b, b].view()), whole + whole);

        let mut pooled = whole;
        pooled += count(other.view(), other.view());
        prop_assert_eq!(pooled.total(), (a.len() + other.len()) as u64);
    }
}
