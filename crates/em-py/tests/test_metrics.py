"""Scores against scikit-image and SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import distance_transform_edt
from skimage import measure as skimage_measure
from skimage import metrics as skimage_metrics
from skimage import segmentation

from em_cli import metrics, objects

Mask = npt.NDArray[np.bool_]


@pytest.fixture
def other(blobs: Mask) -> Mask:
    """Return a mask that is near the blobs and not the same."""
    return np.roll(blobs, (0, 2, -1), axis=(0, 1, 2))


def test_voxel_scores_are_those_of_counts(blobs: Mask, other: Mask) -> None:
    counts = metrics.confusion(other, blobs)
    both, either = np.sum(blobs & other), np.sum(blobs | other)
    assert counts.iou == pytest.approx(both / either)
    assert counts.dice == pytest.approx(2 * both / (blobs.sum() + other.sum()))
    assert counts.precision == pytest.approx(both / other.sum())
    assert counts.recall == pytest.approx(both / blobs.sum())
    assert counts.accuracy == pytest.approx(np.mean(blobs == other))
    assert counts.specificity == pytest.approx(np.mean(~other[~blobs]))
    # Scikit-image's adapted Rand error has precision and recall of pairs; of one object they are those of voxels.
    assert metrics.confusion(blobs, blobs).iou == 1.0


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.uint16])
def test_every_value_but_0_is_foreground(blobs: Mask, other: Mask, dtype: Any) -> None:
    expected = metrics.confusion(other, blobs)
    assert metrics.confusion(other.astype(dtype) * 100, blobs.astype(dtype)) == expected
    assert metrics.confusion(other[:, ::-1], blobs[:, ::-1]) == expected
    # A view of bytes as booleans holds other bytes than 0 and 1.
    as_bytes = (other * np.uint8(255)).view(np.bool_)
    assert metrics.confusion(as_bytes, blobs) == expected


def test_counts_of_sections_add_up(blobs: Mask, other: Mask) -> None:
    sections = [metrics.confusion(a, b) for a, b in zip(other, blobs)]
    assert sum(sections[1:], start=sections[0]) == sum(sections) == metrics.confusion(other, blobs)
    with pytest.raises(ValueError, match="expected ConfusionCounts"):
        1 + sections[0]


def test_a_score_that_does_not_exist_is_none() -> None:
    nothing = np.zeros((3, 3), bool)
    counts = metrics.confusion(nothing, nothing)
    assert counts.iou is None and counts.recall is None and counts.accuracy == 1.0
    assert metrics.surface_distances(nothing, nothing) is None
    assert metrics.instances(nothing, nothing).f1 is None


def test_boundaries_are_those_of_scikit_image(blobs: Mask, other: Mask) -> None:
    spacing = (50.0, 5.0, 5.0)
    counts = metrics.boundary(other, blobs, tolerance=10.0, spacing=spacing)
    edges = [segmentation.find_boundaries(mask, mode="inner") for mask in (other, blobs)]
    far = [distance_transform_edt(~edge, sampling=spacing) for edge in edges]
    assert counts.predicted == edges[0].sum() and counts.labelled == edges[1].sum()
    assert counts.predicted_near == np.sum(far[1][edges[0]] <= 10.0)
    assert counts.labelled_near == np.sum(far[0][edges[1]] <= 10.0)


def test_hausdorff_distance_is_that_of_scikit_image() -> None:
    first, second = np.zeros((2, 20, 30, 30), bool)
    first[5:9, 4:8, 6:11] = True
    second[6:12, 4:15, 6:9] = True
    distances = metrics.surface_distances(first, second)
    assert distances is not None
    assert distances.hausdorff == pytest.approx(skimage_metrics.hausdorff_distance(first, second))
    assert distances.mean <= distances.hausdorff95 <= distances.hausdorff
    twice = metrics.pooled([distances, None, distances])
    assert twice is not None and twice.mean == pytest.approx(distances.mean)
    assert metrics.pooled([None]) is None


def test_distances_are_those_of_scipy(blobs: Mask) -> None:
    expected = distance_transform_edt(~blobs, sampling=(50, 4, 5))
    np.testing.assert_allclose(metrics.distance_transform(blobs, spacing=(50, 4, 5)), expected)
    np.testing.assert_allclose(metrics.distance_transform(blobs[0]), distance_transform_edt(~blobs[0]))


def test_objects_are_matched_by_their_overlap(blobs: Mask, other: Mask) -> None:
    truth, found = objects.label(blobs), objects.label(other)
    # By scikit-image: the table of overlaps, and the pairs above one half, which no object has two of.
    table = skimage_metrics.contingency_table(truth, found).toarray()
    ious = table / (table.sum(1, keepdims=True) + table.sum(0, keepdims=True) - table)
    expected = int(np.sum(ious[1:, 1:] > 0.5))
    counts = metrics.instances(found, truth, 0.5)
    assert 0 < counts.true_positives == expected
    assert counts.false_positives == found.max() - expected
    assert counts.false_negatives == truth.max() - expected
    assert counts.f1 == pytest.approx(2 * expected / (truth.max() + found.max()))
    at = metrics.instances_at(found, truth, [0.1, 0.5, 0.9])
    assert at[1] == counts and at[0].true_positives >= at[1].true_positives >= at[2].true_positives
    assert metrics.instances(truth, truth).panoptic_quality == 1.0


def test_calibration_compares_probabilities_with_shares(rng: np.random.Generator) -> None:
    probabilities = rng.random((50, 50)).astype(np.float32)
    label = rng.random((50, 50)) < probabilities
    counts = metrics.calibration(probabilities, label)
    assert counts.brier == pytest.approx(float(np.mean((probabilities - label) ** 2)), rel=1e-5)
    assert counts.expected_error is not None and counts.expected_error < 0.1
    assert sum(voxels for voxels, _, _ in counts.bins) == 2500
    with pytest.raises(TypeError, match="array / np.float32"):
        metrics.calibration((probabilities * 255).astype(np.uint8), label)


def test_soft_measures_are_their_formulas(rng: np.random.Generator) -> None:
    p = rng.random((20, 30)).astype(np.float32)
    y = rng.random((20, 30)) < 0.3
    both = float(np.sum(p * y, dtype=np.float64))
    assert metrics.soft_dice(p, y) == pytest.approx(2 * both / (p.sum(dtype=np.float64) + y.sum()))
    squares = np.sum(p.astype(np.float64) ** 2) + y.sum()
    assert metrics.soft_dice(p, y * 255, squared=True, epsilon=1.0) == pytest.approx(2 * both / (squares + 1))
    either = p.sum(dtype=np.float64) + y.sum() - both
    assert metrics.soft_jaccard(p, y) == pytest.approx((both + 1) / (either + 1))
    with pytest.raises(ValueError, match="expected epsilon above 0"):
        metrics.soft_dice(np.zeros(3), np.zeros(3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: metrics.confusion([1, 0], [1, 0, 0]), ValueError, r"label has shape \[3\], expected \[2\]"),
        (lambda: metrics.boundary([1], [1], tolerance=-1.0), ValueError, "tolerance is -1"),
        (lambda: metrics.boundary([1], [1], tolerance=1.0, spacing=(1, 2)), ValueError, "spacing is"),
        (lambda: metrics.instances([1], [1], 0.0), ValueError, "threshold is 0"),
        (lambda: metrics.instances([-1], [1]), ValueError, "from -1"),
        (lambda: metrics.instances([2**40], [1]), ValueError, "expected 0 to"),
        (lambda: metrics.instances([0.5], [1]), TypeError, "float64, expected integers"),
        (lambda: metrics.calibration([1.5], [1]), ValueError, "expected a probability"),
        (lambda: metrics.confusion(["a"], [1]), TypeError, "expected booleans or numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_jaccard_is_that_of_regionprops(blobs: Mask) -> None:
    # The solidity of a region is its Jaccard index with its convex hull, which contains it.
    label = objects.label(blobs[4])
    region = max(skimage_measure.regionprops(label), key=lambda region: region.area)
    assert metrics.confusion(region.image, region.image_convex).iou == pytest.approx(region.solidity)
