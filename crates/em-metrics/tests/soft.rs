//! Hand-computed soft measures, the inputs they refuse, and their agreement with the counts on hard masks.

use approx::assert_relative_eq;
use em_metrics::soft::{DiceDenominator, binary_accuracy, soft_dice, soft_dice_loss, soft_jaccard};
use em_metrics::{ConfusionCounts, Error, Result};
use ndarray::{Array1, Array3, ArrayView1, array};
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn four_voxels_computed_by_hand() -> Result<()> {
    let (p, y) = (array![[0.75, 0.5], [0.25, 0.0]], array![[1_u8, 0], [1, 0]]);
    let (p, y) = (p.view(), y.view());
    // Σpy = 1, Σp = 1.5, Σy = 2, Σp² = 0.875, Σy² = 2.
    assert_eq!(soft_jaccard(p, y, 0.0)?, 1.0 / 2.5);
    assert_eq!(soft_jaccard(p, y, 1.0)?, 2.0 / 3.5);
    assert_eq!(soft_dice(p, y, DiceDenominator::Plain, 0.0)?, 2.0 / 3.5);
    assert_eq!(soft_dice(p, y, DiceDenominator::Plain, 0.5)?, 2.0 / 4.0);
    assert_eq!(soft_dice(p, y, DiceDenominator::Squared, 0.0)?, 2.0 / 2.875);
    assert_eq!(soft_dice(p, y, DiceDenominator::Squared, 0.125)?, 2.0 / 3.0);
    // 0.75 and 0.0 are right, 0.25 is not, and 0.5 counts as background.
    assert_eq!(binary_accuracy(p, y)?, 0.75);
    Ok(())
}

#[test]
fn the_loss_averages_over_batch_and_class_and_not_over_voxels() -> Result<()> {
    // Dice per (sample, class): 1 on two voxels, 1 on one, 0 on two, and 0 for a class that is absent.
    let p = array![[[1.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]];
    let y = array![[[1.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]];
    let loss = soft_dice_loss(p.view(), y.view(), 1e-12)?;
    assert_relative_eq!(loss, 0.5, epsilon = 1e-11);
    Ok(())
}

#[test]
fn the_constant_decides_what_two_empty_arrays_give() -> Result<()> {
    let empty = Array3::<f32>::zeros((1, 2, 3));
    let empty = empty.view();
    assert_eq!(soft_jaccard(empty, empty, 1.0)?, 1.0);
    assert_eq!(soft_dice(empty, empty, DiceDenominator::Plain, 1e-6)?, 0.0);
    assert_eq!(soft_dice_loss(empty, empty, 1e-6)?, 1.0);

    assert_eq!(soft_jaccard(empty, empty, 0.0), Err(Error::ZeroDenominator { name: "smoothing" }));
    let undefined = Err(Error::ZeroDenominator { name: "epsilon" });
    assert_eq!(soft_dice(empty, empty, DiceDenominator::Squared, 0.0), undefined);
    assert_eq!(soft_dice_loss(empty, empty, 0.0), undefined);
    Ok(())
}

#[test]
fn values_that_are_no_probability_are_refused_with_their_place() {
    let label = array![[1.0, 0.0], [0.0, 1.0]];
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.5, 1.001] {
        let bad = array![[0.1, 0.2], [value, 0.4]];
        let error = binary_accuracy(bad.view(), label.view()).unwrap_err();
        assert!(
            matches!(&error, Error::InvalidProbability { index, value: found }
                if index == &[1, 0] && found.to_bits() == value.to_bits()),
            "{error}"
        );
        let error = soft_dice(label.view(), bad.view(), DiceDenominator::Plain, 1.0).unwrap_err();
        assert!(matches!(&error, Error::InvalidLabel { index, .. } if index == &[1, 0]), "{error}");
    }
    let error = soft_jaccard(array![0.5].view(), array![255_u8].view(), 1.0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "label is 255 at [0], expected a value from 0 to 1 (is it a mask of 0 and 255?)"
    );
}

#[test]
fn rounding_above_one_is_clamped() -> Result<()> {
    let one = array![1.0_f32 + 3.0 * f32::EPSILON, -f32::EPSILON];
    let label = array![true, false];
    assert_eq!(soft_dice(one.view(), label.view(), DiceDenominator::Squared, 0.0)?, 1.0);
    assert_eq!(soft_jaccard(one.view(), label.view(), 0.0)?, 1.0);
    Ok(())
}

#[test]
fn wrong_shapes_and_constants_are_refused() {
    let (two, three) = (Array1::<f32>::zeros(2), Array1::<f32>::zeros(3));
    let mismatch = Error::ShapeMismatch { prediction: vec![2], label: vec![3] };
    let (two, three) = (two.view(), three.view());
    assert_eq!(soft_jaccard(two, three, 1.0), Err(mismatch.clone()));
    assert_eq!(soft_dice(two, three, DiceDenominator::Plain, 1.0), Err(mismatch.clone()));
    assert_eq!(soft_dice_loss(two, three, 1.0), Err(mismatch.clone()));
    assert_eq!(binary_accuracy(two, three), Err(mismatch));

    assert_eq!(soft_dice_loss(two, two, 1.0), Err(Error::MissingAxes { shape: vec![2] }));
    let none = Array3::<f32>::zeros((0, 2, 3));
    let no_voxels = Err(Error::NoVoxels { shape: vec![0, 2, 3] });
    assert_eq!(soft_dice_loss(none.view(), none.view(), 1.0), no_voxels);
    assert_eq!(binary_accuracy(none.view(), none.view()), no_voxels);

    let negative = Error::InvalidConstant { name: "smoothing", value: -1.0 };
    assert_eq!(soft_jaccard(two, two, -1.0), Err(negative));
    for epsilon in [f64::NAN, f64::INFINITY] {
        let found = soft_dice(two, two, DiceDenominator::Plain, epsilon);
        assert!(matches!(found, Err(Error::InvalidConstant { name: "epsilon", .. })), "{found:?}");
    }
}

proptest! {
    #[test]
    fn on_hard_masks_the_soft_measures_are_the_scores(voxels in vec(any::<(bool, bool)>(), 1..200)) {
        let (mask, label): (Vec<_>, Vec<_>) = voxels.into_iter().unzip();
        let (mask, label) = (ArrayView1::from(&mask), ArrayView1::from(&label));
        let counts = ConfusionCounts::of(mask, label).unwrap();
        prop_assert_eq!(soft_jaccard(mask, label, 0.0).ok(), counts.iou());
        prop_assert_eq!(soft_dice(mask, label, DiceDenominator::Plain, 0.0).ok(), counts.dice());
        prop_assert_eq!(soft_dice(mask, label, DiceDenominator::Squared, 0.0).ok(), counts.dice());
        prop_assert_eq!(binary_accuracy(mask, label).ok(), counts.accuracy());
    }

    #[test]
    fn soft_measures_stay_in_range_and_are_symmetric(
        voxels in vec((0.0..=1.0, 0.0..=1.0), 1..100), constant in 1e-9..10.0,
    ) {
        let (p, y): (Vec<f64>, Vec<f64>) = voxels.into_iter().unzip();
        let (p, y) = (ArrayView1::from(&p), ArrayView1::from(&y));
        for denominator in [DiceDenominator::Plain, DiceDenominator::Squared] {
            let dice = soft_dice(p, y, denominator, constant).unwrap();
            prop_assert!((0.0..=1.0).contains(&dice));
            assert_relative_eq!(dice, soft_dice(y, p, denominator, constant).unwrap(), max_relative = 1e-12);
        }
        let jaccard = soft_jaccard(p, y, constant).unwrap();
        prop_assert!(jaccard > 0.0 && jaccard <= 1.0);
        assert_relative_eq!(jaccard, soft_jaccard(y, p, constant).unwrap(), max_relative = 1e-12);
    }

    #[test]
    fn the_loss_of_one_class_is_one_minus_its_dice(p in vec(0.0..=1.0, 24), y in vec(any::<bool>(), 24)) {
        let (p, y) = (ArrayView1::from(&p), ArrayView1::from(&y));
        let dice = soft_dice(p, y, DiceDenominator::Squared, 1e-6).unwrap();
        let blocks = (p.into_shape_with_order((1, 1, 2, 3, 4)), y.into_shape_with_order((1, 1, 2, 3, 4)));
        let loss = soft_dice_loss(blocks.0.unwrap(), blocks.1.unwrap(), 1e-6).unwrap();
        assert_relative_eq!(loss, 1.0 - dice, epsilon = 1e-12);
    }
}
