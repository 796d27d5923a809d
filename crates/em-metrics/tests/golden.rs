//! Agreement with NumPy, scikit-learn and PyTorch, on arrays that both sides can make from one formula.

use approx::assert_relative_eq;
use em_metrics::soft::{self, DiceDenominator};
use em_metrics::{ConfusionCounts, Result};
use ndarray::{Array, Dimension, ShapeBuilder};

/// `p = (i * 37) % 101 / 100` and `y = (i * i) % 7 < 3` with `i` the position in row-major order.
fn arrays<Sh: ShapeBuilder<Dim: Dimension>>(shape: Sh) -> (Array<f64, Sh::Dim>, Array<bool, Sh::Dim>) {
    let positions = Array::<u32, _>::from_shape_vec(shape, (0..LENGTH).collect()).expect("LENGTH elements");
    (positions.mapv(|i| f64::from((i * 37) % 101) / 100.0), positions.mapv(|i| (i * i) % 7 < 3))
}

const LENGTH: u32 = 4 * 9 * 11;

// import numpy as np
// from sklearn.metrics import *
// i = np.arange(4 * 9 * 11)
// a, b = (i * 37) % 101 / 100 > 0.5, (i * i) % 7 < 3      # prediction, label
// confusion_matrix(b, a).ravel()                          # [tn, fp, fn, tp] = [ 55  58 145 138]
// for score in (jaccard_score, f1_score, accuracy_score, precision_score, recall_score, balanced_accuracy_score):
//     print(score(b, a))
// print(recall_score(b, a, pos_label=False))              # specificity
// print(np.logical_and(a, b).sum() / np.logical_or(a, b).sum())
#[test]
fn scores_agree_with_scikit_learn() -> Result<()> {
    let (probabilities, label) = arrays((4, 9, 11));
    let prediction = probabilities.mapv(|p| p > 0.5);
    let counts = ConfusionCounts::of(prediction.view(), label.view())?;

    let expected = ConfusionCounts {
        true_positives: 138,
        false_positives: 58,
        false_negatives: 145,
        true_negatives: 55,
    };
    assert_eq!(counts, expected);
    for (found, expected) in [
        (counts.iou(), 0.4046920821114369),
        (counts.dice(), 0.5762004175365344),
        (counts.accuracy(), 0.48737373737373735),
        (counts.precision(), 0.7040816326530612),
        (counts.recall(), 0.4876325088339223),
        (counts.balanced_accuracy(), 0.4871790862753682),
        (counts.specificity(), 0.48672566371681414),
    ] {
        assert_relative_eq!(found.unwrap(), expected, max_relative = 1e-15);
    }
    Ok(())
}

// i = np.arange(4 * 9 * 11)
// p, y = (i * 37) % 101 / 100, (i * i) % 7 < 3
// overlap = (p * y).sum()
// print((overlap + 1) / (np.abs(p).sum() + np.abs(y).sum() - overlap + 1))
// print(2 * overlap / (p.sum() + y.sum() + 1e-6))
// print(2 * overlap / ((p**2).sum() + (y**2).sum() + 1e-6))
// print(((p > 0.5) == y).mean())
#[test]
fn soft_measures_agree_with_numpy() -> Result<()> {
    let (p, y) = arrays((4, 9, 11));
    let (p, y) = (p.view(), y.view());
    for (found, expected) in [
        (soft::soft_jaccard(p, y, 1.0)?, 0.4138354841541569),
        (soft::soft_dice(p, y, DiceDenominator::Plain, 1e-6)?, 0.5836849203290349),
        (soft::soft_dice(p, y, DiceDenominator::Squared, 1e-6)?, 0.6753326810006951),
        (soft::binary_accuracy(p, y)?, 0.48737373737373735),
    ] {
        assert_relative_eq!(found, expected, max_relative = 1e-13);
    }
    Ok(())
}

// import torch
// i = torch.arange(2 * 3 * 6 * 11)
// p = (((i * 37) % 101).double() / 100).reshape(2, 3, 6, 11)
// y = ((i * i) % 7 < 3).double().reshape(2, 3, 6, 11)
// y[:, 2] = 0                                             # a class without foreground
// n, d = 2 * (p * y).sum((2, 3)), (p**2 + y**2).sum((2, 3))
// print((1 - (n / (d + 1e-6)).mean()).item())
#[test]
fn soft_dice_loss_agrees_with_pytorch() -> Result<()> {
    let (p, mut y) = arrays((2, 3, 6, 11));
    y.slice_mut(ndarray::s![.., 2, .., ..]).fill(false);
    let loss = soft::soft_dice_loss(p.view(), y.view(), 1e-6)?;
    assert_relative_eq!(loss, 0.5545880668889147, max_relative = 1e-13);

    // In f32 the inputs are rounded, and the sums are not.
    let loss = soft::soft_dice_loss(p.mapv(|p| p as f32).view(), y.view(), 1e-6)?;
    assert_relative_eq!(loss, 0.5545880668889147, max_relative = 1e-7);
    Ok(())
}
