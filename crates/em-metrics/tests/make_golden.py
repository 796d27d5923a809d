"""Writes golden.json beside itself: what SciPy, scikit-image, scikit-learn, MedPy, StarDist and TorchMetrics
make of a few masks, labels and probabilities.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 scikit-learn==1.9.1 medpy==0.5.2 \
        stardist==0.9.2 torchmetrics==1.9.0 torch==2.11.0
    python make_golden.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
import torch
from medpy.metric import binary
from scipy import ndimage, stats
from skimage.measure import label as components
from skimage.segmentation import find_boundaries
from sklearn.metrics import brier_score_loss
from stardist.matching import matching
from torchmetrics.functional.classification import binary_calibration_error

warnings.simplefilter("ignore")


def noise(shape, share, seed):
    return np.random.default_rng(seed).random(shape) < share


def blobs(shape, seed, share=0.25):
    """Smooth shapes, as an annotator draws them."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 2.0)
    return smooth > np.quantile(smooth, 1 - share)


def shaken(mask, seed):
    """The same shapes as a network finds them: shifted, frayed, with specks and a part that is missing."""
    rng = np.random.default_rng(seed)
    moved = ndimage.shift(mask.astype(float), 1 + rng.random(mask.ndim), order=1) > 0.5
    moved ^= ndimage.gaussian_filter(rng.standard_normal(mask.shape), 1.0) > 0.35
    moved[..., : mask.shape[-1] // 5] = False
    return moved


def bits(mask):
    return np.packbits(mask.ravel()).tobytes().hex()


def boundary_scores(prediction, label, spacing, tolerance):
    edges = [find_boundaries(m, mode="inner", connectivity=1) for m in (prediction, label)]
    near = []
    for at, other in (edges, edges[::-1]):
        # SciPy invents a distance where there is no voxel to be far from.
        distance = ndimage.distance_transform_edt(~other, sampling=spacing) if other.any() else np.full(at.shape, np.inf)
        near.append(int((at & (distance <= tolerance + 1e-6)).sum()))
    return {
        "tolerance": tolerance,
        "predicted": int(edges[0].sum()),
        "predicted_near": near[0],
        "labelled": int(edges[1].sum()),
        "labelled_near": near[1],
    }


def case(name, prediction, label, spacing, tolerances):
    found = {
        "name": name,
        "shape": label.shape,
        "spacing": spacing,
        "prediction": bits(prediction),
        "label": bits(label),
        "boundary": [boundary_scores(prediction, label, spacing, t) for t in tolerances],
    }
    if label.any():
        distances = ndimage.distance_transform_edt(~label, sampling=spacing)
        found["distances"] = [float(f"{d:.12g}") for d in distances.ravel()]
    if label.any() and prediction.any():
        found["surface"] = {
            "hd": float(binary.hd(prediction, label, spacing)),
            "hd95": float(binary.hd95(prediction, label, spacing)),
            "assd": float(binary.assd(prediction, label, spacing)),
        }
    return found


def objects(name, prediction, label):
    scores = []
    for threshold in (0.1, 0.3, 0.5, 0.75, 0.9):
        m = matching(label, prediction, thresh=threshold)
        scores.append({
            "threshold": threshold,
            "tp": int(m.tp), "fp": int(m.fp), "fn": int(m.fn),
            "accuracy": float(m.accuracy), "f1": float(m.f1),
            "precision": float(m.precision), "recall": float(m.recall),
            "mean_matched_score": float(m.mean_matched_score),
            "panoptic_quality": float(m.panoptic_quality),
        })
    return {
        "name": name, "shape": label.shape, "scores": scores,
        "prediction": prediction.ravel().tolist(), "label": label.ravel().tolist(),
    }


def cells(shape, count, seed):
    """Touching objects: the region that is nearest to each of a few points."""
    rng = np.random.default_rng(seed)
    points = rng.random((count, len(shape))) * shape
    grid = np.stack(np.indices(shape), -1)[..., None, :]
    nearest = ((grid - points) ** 2).sum(-1).argmin(-1) + 1
    return np.where(blobs(shape, seed + 1, 0.7), nearest, 0)


def calibration(name, n, seed, sharpness):
    rng = np.random.default_rng(seed)
    true = rng.random(n) ** 3
    label = rng.random(n) < true
    # In thousandths, so that both sides read the same 32-bit number; never on the edge of a bin.
    p = np.clip(np.round(1000 * true**sharpness), 1, 999).astype(int)
    p += p % 200 == 0
    probabilities = (p / 1000).astype(np.float32)
    ece = binary_calibration_error(torch.tensor(probabilities), torch.tensor(label.astype(int)), n_bins=15, norm="l1")
    return {
        "name": name, "thousandths": p.tolist(), "label": bits(label),
        "expected_error": ece.item(), "brier": float(brier_score_loss(label, probabilities)),
    }


def bootstrap():
    """The percentile interval of the pooled IoU over 24 sections."""
    rng = np.random.default_rng(11)
    tp, fp, fn = rng.integers(500, 4000, 24), rng.integers(50, 900, 24), rng.integers(50, 1200, 24)
    iou = lambda tp, fp, fn, axis=-1: tp.sum(axis) / (tp.sum(axis) + fp.sum(axis) + fn.sum(axis))
    found = stats.bootstrap(
        (tp, fp, fn), iou, paired=True, vectorized=True, method="percentile", n_resamples=400_000,
        confidence_level=0.95, batch=1000, rng=np.random.default_rng(0),
    ).confidence_interval
    return {
        "true_positives": tp.tolist(), "false_positives": fp.tolist(), "false_negatives": fn.tolist(),
        "low": float(found.low), "high": float(found.high),
    }


label2, label3 = blobs((30, 41), 1), blobs((7, 19, 23), 2)
one = np.zeros((4, 6, 9), bool)
one[1, 2, 3] = True
masks = [
    case("noise in a section", noise((12, 17), 0.3, 1), noise((12, 17), 0.3, 2), [1.0, 1.0], [0.0, 1.0, 1.5]),
    case("noise in a volume", noise((4, 7, 9), 0.2, 3), noise((4, 7, 9), 0.2, 4), [50.0, 4.6, 4.6], [4.6, 10.0, 50.0]),
    case("blobs in a section", shaken(label2, 5), label2, [5.0, 5.0], [5.0, 10.0]),
    case("blobs in long pixels", shaken(label2, 6), label2, [8.0, 3.5], [3.5, 8.0, 9.0]),
    case("blobs in a volume", shaken(label3, 7), label3, [5.0, 5.0, 5.0], [5.0, 10.0]),
    case("blobs in thick sections", shaken(label3, 8), label3, [45.0, 4.6, 4.6], [9.2, 45.0]),
    case("one voxel", one, blobs((4, 6, 9), 9), [30.0, 6.0, 4.0], [4.0, 12.0]),
    case("nothing predicted", np.zeros((5, 8), bool), blobs((5, 8), 10), [1.0, 2.0], [1.0]),
    case("nothing at all", np.zeros((5, 8), bool), np.zeros((5, 8), bool), [1.0, 2.0], [1.0]),
    case("all foreground", np.ones((3, 5, 8), bool), blobs((3, 5, 8), 11, 0.6), [3.0, 1.0, 2.0], [1.0, 2.0]),
]
flat, deep = cells((40, 50), 30, 20), cells((6, 20, 24), 25, 30)
instances = [
    objects("components of blobs", components(shaken(label3, 8)), components(label3)),
    objects("components of noise", components(noise((25, 30), 0.3, 12)), components(noise((25, 30), 0.3, 13))),
    objects("shifted cells", np.roll(flat, (2, 1), (0, 1)), flat),
    objects("frayed cells", np.where(noise(flat.shape, 0.8, 40), flat, 0), flat),
    objects("other cells", cells((40, 50), 22, 24), flat),
    objects("cells in a volume", np.roll(deep, (1, 2, 1), (0, 1, 2)), deep),
    objects("nothing predicted", np.zeros_like(flat), flat),
]
golden = {
    "masks": masks,
    "instances": instances,
    "calibration": [calibration("sharp", 4000, 1, 2.0), calibration("blunt", 4000, 2, 0.5), calibration("honest", 900, 3, 1.0)],
    "bootstrap": bootstrap(),
}
lists = lambda key: ",\n".join(json.dumps(c, separators=(",", ":")) for c in golden[key])
keys = ("masks", "instances", "calibration")
text = "{\n" + "".join(f'"{key}": [\n{lists(key)}\n],\n' for key in keys)
text += '"bootstrap": ' + json.dumps(golden["bootstrap"]) + "\n}\n"
Path(__file__).with_name("golden.json").write_text(text)
