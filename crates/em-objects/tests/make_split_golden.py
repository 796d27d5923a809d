"""Makes split_golden.json: how scikit-image splits unions of balls at their necks.

usage: python crates/em-objects/tests/make_split_golden.py      needs: numpy scipy scikit-image
"""
import json, pathlib
import numpy as np
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

rng = np.random.default_rng(7)
cases = []
for name, shape, spacing, neck, balls in [
    ("two balls", (24, 30, 50), (5, 5, 5), 15, [(12, 15, 15, 11), (12, 15, 33, 10)]),
    ("a shallow neck stays", (24, 30, 50), (5, 5, 5), 30, [(12, 15, 18, 11), (12, 15, 28, 10)]),
    ("thick sections", (9, 60, 90), (40, 5, 5), 20, [(4, 30, 25, 22), (4, 30, 62, 20), (4, 12, 80, 9)]),
    ("at the border", (16, 30, 50), (8, 8, 8), 16, [(0, 0, 8, 10), (0, 2, 24, 10), (15, 29, 49, 12)]),
    ("many", (30, 60, 70), (6, 4, 4), 6, [(*rng.uniform((0, 0, 0), (30, 60, 70)), rng.uniform(5, 12)) for _ in range(24)]),
]:
    z, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    near = min(spacing)
    # Radii are in the smallest voxel edge, so that balls are round in nm.
    inside = lambda b: sum(((a - c) * s / near) ** 2 for a, c, s in zip((z, y, x), b, spacing)) <= b[3] ** 2
    mask = np.any([inside(b) for b in balls], axis=0)
    components, count = ndimage.label(mask, np.ones((3, 3, 3)))
    labels, parts = np.zeros(shape, int), 0
    for number in range(1, count + 1):
        own = components == number
        # Without background the transform would be of an empty mask; no case fills its volume.
        distance = ndimage.distance_transform_edt(own, sampling=spacing)
        markers = ndimage.label(h_maxima(distance, neck), np.ones((3, 3, 3)))[0]
        found = watershed(-distance, markers, mask=own, connectivity=np.ones((3, 3, 3)))
        labels[own] = found[own] + parts
        parts += found.max()
    flat = labels.ravel()
    ends = np.flatnonzero(np.diff(flat, append=-1)) + 1
    cases.append(dict(name=name, shape=shape, spacing=spacing, neck=neck, parts=int(parts), whole=int(count),
                      lengths=np.diff(ends, prepend=0).tolist(), labels=flat[ends - 1].tolist()))
    print(name, count, "objects,", parts, "parts")

(pathlib.Path(__file__).parent / "split_golden.json").write_text(json.dumps(cases) + "\n")
