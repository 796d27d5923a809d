"""Writes golden.json beside itself: what SciPy and scikit-image make of a few masks.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0
    python make_golden.py
"""

import json
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage import measure, morphology


def noise(shape, share, seed):
    return np.random.default_rng(seed).random(shape) < share


def blobs(shape, seed):
    """Smooth shapes with specks and holes, as a network draws them."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), (0.8, 2.0, 2.0))
    mask = smooth > np.quantile(smooth, 0.75)
    return mask ^ (rng.random(shape) < 0.02)


def shells(shape):
    """Hollow spheres, one of which is cut by the border."""
    z, y, x = np.indices(shape)
    mask = np.zeros(shape, bool)
    for centre, radius in [((3, 8, 8), 5), ((4, 14, 24), 7), ((2, 3, 19), 3)]:
        r = np.sqrt((2 * (z - centre[0])) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
        mask |= (r <= radius) & (r > radius - 1.8)
    return mask


def bits(mask):
    return np.packbits(mask.ravel()).tobytes().hex()


def by_section(step):
    return lambda mask: np.stack([step(section) for section in mask])


def case(name, mask):
    labels, small, holes = {}, {}, {}
    for rank, connectivity in enumerate(["faces", "edges", "corners"], 1):
        structure = ndimage.generate_binary_structure(3, rank)
        found = ndimage.label(mask, structure)[0]
        assert (found == measure.label(mask, connectivity=rank)).all()
        labels[connectivity] = found.ravel().tolist()
        # max_size removes components of that size too.
        small[connectivity] = bits(morphology.remove_small_objects(mask, max_size=5, connectivity=rank))
    flat_labels = {}
    for rank, connectivity in enumerate(["faces", "edges"], 1):
        structure = np.zeros((3, 3, 3), int)
        structure[1] = ndimage.generate_binary_structure(2, rank)
        flat_labels[connectivity] = ndimage.label(mask, structure)[0].ravel().tolist()
    holes["volume"] = bits(ndimage.binary_fill_holes(mask))
    holes["section"] = bits(by_section(ndimage.binary_fill_holes)(mask))
    windows = [[3, 3, 3], [1, 5, 5], [5, 3, 1], [1, 9, 1], [13, 1, 3]]
    return {
        "name": name,
        "shape": mask.shape,
        "mask": bits(mask),
        "labels": labels,
        "section_labels": flat_labels,
        "without_five_and_less": small,
        "filled": holes,
        "medians": [
            {"window": w, "mask": bits(ndimage.median_filter(mask.astype(np.uint8), w) > 0)} for w in windows
        ],
    }


cases = [
    case("noise", noise((5, 13, 17), 0.3, 1)),
    case("dense noise", noise((4, 9, 20), 0.6, 2)),
    case("blobs", blobs((6, 24, 31), 3)),
    case("shells", shells((8, 24, 33))),
    case("one section", blobs((1, 20, 27), 4)),
    case("empty", np.zeros((2, 3, 5), bool)),
    case("full", np.ones((2, 3, 5), bool)),
]
text = "[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n"
Path(__file__).with_name("golden.json").write_text(text)
