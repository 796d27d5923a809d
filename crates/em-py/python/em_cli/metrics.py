"""Scores of masks, objects and probabilities.

Counts come first and scores follow from them: counts of sections or volumes are added, as by ``sum``, before a score
is taken, so that each voxel weighs alike. A score that does not exist is ``None``, never 0 or 1: the IoU of a class
that is in neither mask, for one. Masks are arrays of any shape in which every value but 0 is foreground.

>>> from em_cli import metrics
>>> counts = metrics.confusion([[1, 1, 0, 0]], [[1, 0, 0, 0]])
>>> counts.iou, counts.recall
(0.5, 1.0)
>>> sum([counts, counts]).true_positives
2
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native
from ._arrays import as_labels, as_mask
from ._native import BoundaryCounts, Calibration, ConfusionCounts, InstanceCounts, SurfaceDistances

__all__ = [
    "BoundaryCounts",
    "Calibration",
    "ConfusionCounts",
    "InstanceCounts",
    "SurfaceDistances",
    "boundary",
    "calibration",
    "confusion",
    "distance_transform",
    "instances",
    "instances_at",
    "pooled",
    "soft_dice",
    "soft_jaccard",
    "surface_distances",
]


def confusion(prediction: npt.ArrayLike, label: npt.ArrayLike) -> ConfusionCounts:
    """Count the voxels of a predicted mask by what is true: IoU, Dice, precision, recall and more follow.

    Raises:
        ValueError: The shapes differ.
    """
    return _native.confusion(as_mask(prediction), as_mask(label))


def boundary(
    prediction: npt.ArrayLike,
    label: npt.ArrayLike,
    *,
    tolerance: float,
    spacing: npt.ArrayLike | None = None,
) -> BoundaryCounts:
    """Count boundary voxels of two masks, and those within a tolerance of the other's: boundary F1, surface Dice.

    The boundary is that of scikit-image's ``find_boundaries(mode="inner")``: where the array cuts an object, there is
    none.

    Args:
        prediction: The predicted mask.
        label: What is true.
        tolerance: How far a boundary may be off, in the unit of the spacing.
        spacing: The size of a voxel along each axis, such as nm; 1 if absent.
    """
    mask = as_mask(prediction)
    return _native.boundary(mask, as_mask(label), _spacing(spacing, mask), tolerance)


def surface_distances(
    prediction: npt.ArrayLike, label: npt.ArrayLike, *, spacing: npt.ArrayLike | None = None
) -> SurfaceDistances | None:
    """Measure how far the surfaces of two masks are apart: Hausdorff, its 95th percentile, mean.

    ``None`` where either mask is empty. Distances have the unit of the spacing, 1 per voxel if absent.
    """
    mask = as_mask(prediction)
    return _native.surface_distances(mask, as_mask(label), _spacing(spacing, mask))


def pooled(distances: Iterable[SurfaceDistances | None]) -> SurfaceDistances | None:
    """Put the distances of several sections or volumes together, before a percentile is taken."""
    return SurfaceDistances.pooled([part for part in distances if part is not None])


def instances(prediction: npt.ArrayLike, label: npt.ArrayLike, threshold: float = 0.5) -> InstanceCounts:
    """Match the objects of two label arrays one to one, where their IoU is at least the threshold.

    Args:
        prediction: A number per object, 0 in the background.
        label: The same of the true objects.
        threshold: The least IoU of a match, above 0 and at most 1.
    """
    return instances_at(prediction, label, [threshold])[0]


def instances_at(
    prediction: npt.ArrayLike, label: npt.ArrayLike, thresholds: Sequence[float]
) -> list[InstanceCounts]:
    """Match objects at several thresholds, whose overlaps are counted once; see :func:`instances`."""
    return _native.instances(as_labels(prediction), as_labels(label), [float(each) for each in thresholds])


def calibration(probabilities: npt.ArrayLike, label: npt.ArrayLike) -> Calibration:
    """Compare probabilities, 0 to 1, with a mask: expected calibration error, Brier score, 15 bins.

    Integers are refused: those that ``em-cli predict`` writes as bytes are ``volume / 255``.
    """
    return _native.calibration(_as_probabilities(probabilities), as_mask(label))


def soft_dice(
    probabilities: npt.ArrayLike, label: npt.ArrayLike, *, squared: bool = False, epsilon: float = 0.0
) -> float:
    """Compute 2 sum(p y) / (sum(p) + sum(y) + epsilon), before any threshold, as losses have it.

    Args:
        probabilities: From 0 to 1, no logits.
        label: A mask.
        squared: Whether the denominator has squares, as in V-Net.
        epsilon: Keeps two empty arrays from being an error.
    """
    values = _as_probabilities(probabilities)
    return _native.soft_dice(values, as_mask(label).astype(np.bool_).astype(np.float32), squared, epsilon)


def soft_jaccard(probabilities: npt.ArrayLike, label: npt.ArrayLike, *, smoothing: float = 1.0) -> float:
    """Compute (sum(p y) + s) / (sum(p) + sum(y) - sum(p y) + s), before any threshold, s being the smoothing."""
    values = _as_probabilities(probabilities)
    return _native.soft_jaccard(values, as_mask(label).astype(np.bool_).astype(np.float32), smoothing)


def distance_transform(mask: npt.ArrayLike, *, spacing: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
    """Compute each voxel's distance to the nearest foreground, exactly, in the unit of the spacing.

    It is SciPy's ``distance_transform_edt(~mask, sampling=spacing)``; infinite where the mask is empty.
    """
    values = as_mask(mask)
    return _native.distance_transform(values, _spacing(spacing, values))


def _as_probabilities(probabilities: npt.ArrayLike) -> npt.NDArray[np.float32]:
    values = np.asarray(probabilities)
    if values.dtype.kind != "f":
        hint = "hint: bytes of `em-cli predict --probabilities` are array / np.float32(255)"
        raise TypeError(f"probabilities of type {values.dtype}, expected floats from 0 to 1\n{hint}")
    return np.ascontiguousarray(values, dtype=np.float32)


def _spacing(spacing: npt.ArrayLike | None, mask: npt.NDArray[Any]) -> list[float]:
    if spacing is None:
        return [1.0] * mask.ndim
    values: list[float] = np.atleast_1d(np.asarray(spacing, dtype=np.float64)).tolist()
    return values * mask.ndim if len(values) == 1 else values
