"""Writes measure_golden.json beside itself: what scikit-image, SciPy and cc3d measure in a few volumes.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 connected-components-3d==4.1.1
    python make_measure_golden.py
"""

import json
from pathlib import Path

import cc3d
import numpy as np
from scipy import ndimage
from skimage import measure


def blobs(shape, seed, share=0.2, sigma=(1.2, 2.5, 2.5)):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)
    return smooth > np.quantile(smooth, 1 - share)


def bits(mask):
    return np.packbits(mask.ravel()).tobytes().hex()


def objects(labels, spacing, probabilities):
    found = []
    for region in measure.regionprops(labels, probabilities, spacing=spacing):
        values, vectors = np.linalg.eigh(
            np.atleast_2d(np.cov(region.coords.T * np.array(spacing)[:, None], bias=True))
        )
        found.append(
            {
                "id": int(region.label),
                "voxels": int(region.num_pixels),
                "volume": float(region.area),
                "centroid_nm": list(map(float, region.centroid)),
                "bbox": list(map(int, region.bbox)),
                "equivalent_diameter": float(region.equivalent_diameter_area),
                "axis_major_length": float(region.axis_major_length),
                "axis_minor_length": float(region.axis_minor_length),
                "variances": sorted(map(float, values), reverse=True),
                "major_direction": list(map(float, vectors[:, -1])),
                "mean_probability": float(region.intensity_mean),
            }
        )
    return found


def nearest(a, b, spacing):
    """Distance of each object of a to the nearest of b, between centres of voxels, and all that are so near."""
    found = []
    for label in range(1, a.max() + 1):
        distances = [
            (float(ndimage.distance_transform_edt(b != other, sampling=spacing)[a == label].min()), other)
            for other in range(1, b.max() + 1)
        ]
        nearest = min(distances)[0]
        found.append({"distance": nearest, "ids": [o for d, o in distances if d <= nearest * (1 + 1e-12)]})
    return found


def case(name, shape, seed, spacing):
    mask, other = blobs(shape, seed), blobs(shape, seed + 100, share=0.06)
    labels = ndimage.label(mask, np.ones((3, 3, 3)))[0]
    others = ndimage.label(other, np.ones((3, 3, 3)))[0]
    statistics = cc3d.statistics(cc3d.connected_components(mask, connectivity=26))
    probabilities = np.random.default_rng(seed + 200).integers(0, 256, shape, dtype=np.uint8)
    result = {
        "name": name,
        "shape": shape,
        "spacing": spacing,
        "mask": bits(mask),
        "other": bits(other),
        "probabilities": probabilities.tobytes().hex(),
        "objects": objects(labels, spacing, probabilities / 255),
        "nearest": nearest(labels, others, spacing),
        "nearest_of_other": nearest(others, labels, spacing),
    }
    assert sorted(statistics["voxel_counts"][1:]) == sorted(o["voxels"] for o in result["objects"])
    return result


cases = [
    case("isotropic", (12, 30, 35), 1, [5.0, 5.0, 5.0]),
    case("anisotropic", (7, 33, 28), 2, [50.0, 4.6, 4.6]),
    case("three sides", (9, 14, 50), 3, [8.0, 4.0, 5.5]),
]
text = "[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n"
Path(__file__).with_name("measure_golden.json").write_text(text)
for c in cases:
    print(c["name"], len(c["objects"]), len(c["nearest_of_other"]), [round(n["distance"], 1) for n in c["nearest"]])
