"""Components, cleaning and measures against scikit-image and SciPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
import skimage.morphology as morphology
from skimage import measure, segmentation

import em_cli as em
from em_cli import objects

Mask = npt.NDArray[np.bool_]
SIZE_NM = (50.0, 5.0, 4.0)


@pytest.mark.parametrize(("neighbours", "axes"), [(6, 1), (18, 2), (26, 3)])
def test_labels_are_those_of_scikit_image(blobs: Mask, neighbours: Literal[6, 18, 26], axes: int) -> None:
    expected = measure.label(blobs, connectivity=axes)
    np.testing.assert_array_equal(objects.label(blobs, connectivity=neighbours), expected)


def test_sections_can_be_labelled_alone(blobs: Mask) -> None:
    np.testing.assert_array_equal(objects.label(blobs[3]), measure.label(blobs[3], connectivity=2))
    flat = objects.label(blobs, flat=True)
    assert flat.max() == sum(measure.label(section, connectivity=2).max() for section in blobs)


def test_cleaning_is_that_of_scikit_image(blobs: Mask) -> None:
    removed = morphology.remove_small_objects(blobs, max_size=39, connectivity=3)
    np.testing.assert_array_equal(objects.clean(blobs, minimum_voxels=40), removed)
    hollow = blobs & ~ndimage.binary_erosion(blobs)
    np.testing.assert_array_equal(objects.clean(hollow, fill_holes=True), ndimage.binary_fill_holes(hollow))
    voted = ndimage.median_filter(blobs[2], size=3)
    np.testing.assert_array_equal(objects.clean(blobs[2], median_size=3), voted)
    with pytest.raises(ValueError, match="odd numbers"):
        objects.clean(blobs, median_size=4)


def test_measures_are_those_of_regionprops(blobs: Mask) -> None:
    found = objects.find(blobs, voxel_size_nm=SIZE_NM)
    table = found.measure()
    regions = measure.regionprops(measure.label(blobs, connectivity=3), spacing=SIZE_NM)
    assert len(found) == table.rows == len(regions) > 10
    np.testing.assert_array_equal(table["id"], [region.label for region in regions])
    np.testing.assert_array_equal(table["voxels"], [region.coords.shape[0] for region in regions])
    np.testing.assert_array_equal(found.sizes(), table["voxels"])
    for axis, name in enumerate("zyx"):
        np.testing.assert_allclose(table[f"centroid_{name}_nm"], [region.centroid[axis] for region in regions])
        np.testing.assert_array_equal(table[f"start_{name}"], [region.bbox[axis] for region in regions])
        np.testing.assert_array_equal(table[f"end_{name}"], [region.bbox[axis + 3] for region in regions])
    np.testing.assert_allclose(table["volume_um3"], [region.area * 1e-9 for region in regions])
    np.testing.assert_allclose(table["equivalent_diameter_nm"], [r.equivalent_diameter_area for r in regions])


def test_a_file_is_measured_like_its_array(tmp_path: Path, blobs: Mask) -> None:
    em.write(tmp_path / "mask.zarr", blobs, voxel_size_nm=SIZE_NM, chunk=(4, 32, 32))
    of_file = objects.find(em.open(tmp_path / "mask.zarr"))
    of_array = objects.find(blobs, voxel_size_nm=SIZE_NM)
    assert of_file.voxel_size_nm == pytest.approx(SIZE_NM)
    np.testing.assert_array_equal(of_file.labels(), of_array.labels())
    np.testing.assert_array_equal(of_file.labels(3, 5), objects.label(blobs)[3:5])
    table = of_file.measure()
    for name, column in of_array.measure().items():
        np.testing.assert_allclose(table[name], column, err_msg=name)


def test_labels_are_measured_by_their_values(blobs: Mask, rng: np.random.Generator) -> None:
    labels = objects.label(blobs) * 10
    probabilities = rng.random(blobs.shape).astype(np.float32)
    table = objects.measure(labels, voxel_size_nm=5, probabilities=probabilities)
    regions = measure.regionprops(labels, probabilities)
    np.testing.assert_array_equal(table["id"], [region.label for region in regions])
    np.testing.assert_allclose(table["mean_probability"], [region.intensity_mean for region in regions], rtol=1e-6)
    ids = objects.find(labels, instances=True).ids
    np.testing.assert_array_equal(ids, table["id"])


def test_without_a_voxel_size_there_is_nothing_in_nm(blobs: Mask) -> None:
    table = objects.find(blobs).measure()
    assert np.isnan(table["volume_um3"]).all() and not np.isnan(table["centroid_z"]).any()


def test_what_is_foreground_can_be_said(blobs: Mask, rng: np.random.Generator) -> None:
    probabilities = rng.random((4, 30, 30)).astype(np.float32)
    found = objects.find(probabilities, above=0.8)
    assert found.sizes().sum() == np.sum(probabilities > np.float32(0.8))
    three = np.where(blobs, 3, 0).astype(np.uint8)
    assert objects.find(three, value=3).sizes().sum() == blobs.sum()
    large = objects.find(blobs, min_voxels=100)
    assert 0 < len(large) < len(objects.find(blobs)) and large.sizes().min() >= 100
    with pytest.raises(ValueError, match="values 0, 3"):
        objects.find(three)
    with pytest.raises(ValueError, match="above and value are given"):
        objects.find(three, value=3, above=0.5)


def test_touching_objects_are_split_as_by_a_watershed() -> None:
    z, y, x = np.ogrid[:24, :24, :44]
    balls = [(z - 12) ** 2 + (y - 12) ** 2 + (x - at) ** 2 <= 100 for at in (13, 30)]
    mask = balls[0] | balls[1]
    parts = objects.find(mask, voxel_size_nm=1).split(1.0)
    distance = ndimage.distance_transform_edt(mask)
    markers = measure.label(morphology.h_maxima(distance, 1.0), connectivity=3)
    expected = segmentation.watershed(-distance, markers, mask=mask)
    assert len(parts) == expected.max() == 2
    # Voxels that are as far from both may go either way.
    assert np.mean(parts.labels() == expected) > 0.99
    with pytest.raises(ValueError, match="neck"):
        parts.split(0.0)


def test_the_nearest_object_of_another_class_is_found() -> None:
    first, second = np.zeros((2, 6, 40, 40), bool)
    first[2, 5, 5] = first[2, 30, 30] = True
    second[2, 5, 9] = second[5, 30, 30] = True
    here, there = (objects.find(mask, voxel_size_nm=(50, 5, 5)) for mask in (first, second))
    table = here.nearest(there, within_nm=100)
    np.testing.assert_array_equal(table["id"], [1, 0])
    np.testing.assert_allclose(table["distance_nm"], [20.0, np.nan])
    np.testing.assert_allclose(here.nearest(there)["distance_nm"], [20.0, 150.0])
    with pytest.raises(ValueError, match="voxel size"):
        objects.find(first).nearest(there)


def test_a_surface_is_closed_and_holds_the_volume() -> None:
    z, y, x = np.ogrid[:24, :24, :24]
    ball = (z - 12) ** 2 + (y - 12) ** 2 + (x - 12) ** 2 <= 81
    vertices, triangles = objects.surface(ball)
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 2).all()
    a, b, c = (vertices[triangles[:, corner]].astype(float) for corner in range(3))
    assert abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6) == pytest.approx(ball.sum(), rel=0.05)


def test_a_table_becomes_one_of_the_library_at_hand(blobs: Mask) -> None:
    table = objects.find(blobs).measure()
    frame = table.to_pandas()
    assert list(frame.columns) == table.columns and len(frame) == table.rows
    lazy = table.to_polars()
    assert lazy["volume_um3"].null_count() == table.rows and lazy["voxels"].sum() == blobs.sum()
    assert "rows x 36 columns" in repr(table)
    large = table[table["voxels"] > 100]
    assert large.rows == int(np.sum(table["voxels"] > 100))
    assert table.with_columns(twice=table["voxels"] * 2)["twice"][0] == 2 * table["voxels"][0]
    with pytest.raises(KeyError):
        table["volume"]
    with pytest.raises(ValueError, match="equal lengths"):
        em.Table({"a": np.zeros(2), "b": np.zeros(3)})


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_library_that_is_not_there_is_named(blobs: Mask, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, library, None)
    convert: Any = getattr(objects.find(blobs).measure(), f"to_{library}")
    with pytest.raises(ImportError, match=f"pip install {library}"):
        convert()


def test_nothing_and_no_number_are_no_reason_to_break() -> None:
    nothing = np.zeros((0, 3, 3), np.bool_)
    assert em.objects.clean(nothing, median_size=3).shape == nothing.shape
    with pytest.raises(ValueError, match="no numbers"):
        em.objects.label(np.array([[np.nan, 0.0]]))
    with pytest.raises(ValueError, match="no numbers"):
        em.metrics.confusion(np.array([[0, 1]]), np.array([[0.5, np.nan]]))
    one = em.objects.find(np.ones((1, 4, 4), np.bool_), voxel_size_nm=(5, 5, 5))
    for distance in [np.nan, -1.0]:
        with pytest.raises(ValueError, match="expected 0 or more"):
            one.nearest(one, within_nm=distance)


def test_a_phantom_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at most"):
        em.phantom((10**6, 10**6, 10**6), seed=1)
