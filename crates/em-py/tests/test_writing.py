"""What is written is read again, whole or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

import em_cli as em

TYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32"]


@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_is_kept(tmp_path: Path, rng: np.random.Generator, dtype: str) -> None:
    array = (rng.random((3, 17, 19)) * 100).astype(dtype)
    for name in ["a.tif", "a.zarr"]:
        em.write(tmp_path / name, array, voxel_size_nm=(30, 4, 4))
        back = em.open(tmp_path / name)
        assert back.dtype == array.dtype and back.voxel_size_nm == pytest.approx((30, 4, 4))
        np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: a[:, ::-1, ::2],
        lambda a: np.asfortranarray(a),
        lambda a: a.astype(">u2"),
        lambda a: a[1],
        lambda a: em.from_array(a),
    ],
    ids=["strided", "fortran", "big-endian", "section", "volume"],
)
def test_arrays_of_any_layout_are_written(tmp_path: Path, rng: np.random.Generator, make: Any) -> None:
    array = make(rng.integers(0, 9000, (4, 20, 30), np.uint16))
    em.write(tmp_path / "a.tif", array)
    np.testing.assert_array_equal(em.open(tmp_path / "a.tif")[:], np.asarray(array).reshape(-1, *array.shape[-2:]))


def test_another_library_reads_it(tmp_path: Path, rng: np.random.Generator) -> None:
    array = rng.integers(0, 255, (3, 20, 30), np.uint8)
    em.write(tmp_path / "a.tif", array, voxel_size_nm=5, compressed=False)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), array)
    assert (tmp_path / "a.tif").stat().st_size > array.size


def test_a_lazy_array_is_computed_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dask.array

    array = np.arange(8 * 30 * 40, dtype=np.uint32).reshape(8, 30, 40)
    monkeypatch.setattr("em_cli._writing._PART_BYTES", 3 * 30 * 40 * 4)
    asked: list[int] = []

    class Recorded:
        shape, dtype = array.shape, array.dtype

        def __getitem__(self, index: slice) -> npt.NDArray[np.uint32]:
            asked.append(index.start)
            return array[index]

    em.write(tmp_path / "a.zarr", Recorded(), chunk=(4, 16, 16))
    assert asked == [0, 3, 6]
    em.write(tmp_path / "b.zarr", dask.array.from_array(array, chunks=(2, 30, 40)))
    for name in ["a.zarr", "b.zarr"]:
        np.testing.assert_array_equal(em.open(tmp_path / name), array)


def test_a_mask_is_written_as_0_and_255(tmp_path: Path, blobs: npt.NDArray[np.bool_]) -> None:
    em.write(tmp_path / "mask.tif", blobs)
    values = em.open(tmp_path / "mask.tif")[:]
    np.testing.assert_array_equal(values, np.where(blobs, 255, 0))
    # A smaller level of a mask has no greys.
    em.write(tmp_path / "mask.zarr", blobs, chunk=(4, 8, 8), levels=2)
    assert set(np.unique(em.open_levels(tmp_path / "mask.zarr")[1])) == {0, 255}


def test_the_voxel_size_of_a_volume_goes_with_it(tmp_path: Path) -> None:
    em.write(tmp_path / "a.mrc", em.from_array(np.ones((2, 3, 4), np.int16), (9, 4, 4)))
    assert em.open(tmp_path / "a.mrc").voxel_size_nm == pytest.approx((9, 4, 4))


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="enough"), em.Writer(tmp_path / "a.tif", (4, 8, 8), np.uint8) as writer:
        writer.write(np.zeros((2, 8, 8), np.uint8))
        raise RuntimeError("enough")
    with pytest.raises(ValueError, match="3 sections"), em.Writer(tmp_path / "a.tif", (4, 8, 8), np.uint8) as writer:
        writer.write(np.zeros((3, 8, 8), np.uint8))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="finished"):
        writer.write(np.zeros((1, 8, 8), np.uint8))


@pytest.mark.parametrize(
    ("path", "array", "error", "message"),
    [
        ("a.xyz", np.zeros((1, 2, 2), np.uint8), ValueError, "format `.xyz`.*expected a path that ends in"),
        ("a.png", np.zeros((2, 2, 2), np.uint8), ValueError, "a.png"),
        ("a.tif", np.zeros((2, 2, 2), np.complex64), TypeError, "complex64"),
        ("a.tif", np.zeros((2, 2, 2, 2), np.uint8), ValueError, "expected .z, y, x."),
        ("a.tif", np.zeros((0, 2, 2), np.uint8), ValueError, "at least"),
    ],
)
def test_what_cannot_be_written_is_refused(
    tmp_path: Path, path: str, array: npt.NDArray[Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        em.write(tmp_path / path, array)
    assert list(tmp_path.iterdir()) == []


def test_sections_of_another_type_are_refused(tmp_path: Path) -> None:
    writer = em.Writer(tmp_path / "a.tif", (1, 8, 8), np.uint8)
    with pytest.raises(ValueError, match="int16, expected uint8"):
        writer.write(np.zeros((1, 8, 8), np.int16))
    with pytest.raises(ValueError, match="9x8"):
        writer.write(np.zeros((1, 8, 9), np.uint8))
    writer.abandon()


def test_a_file_that_is_there_is_replaced_only_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    em.write(path, np.zeros((1, 8, 8), np.uint8))
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        em.write(path, np.ones((1, 8, 8), np.uint8))
    with pytest.raises(FileExistsError, match="exists already"):
        em.Writer(path, (1, 8, 8), np.uint8)
    assert path.read_bytes() == before
    em.write(path, np.ones((1, 8, 8), np.uint8), overwrite=True)
    assert np.asarray(em.open(path)).min() == 1


def test_a_mask_is_written_from_masks_alone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sections of type uint8, expected bool"):
        with em.Writer(tmp_path / "mask.tif", (1, 4, 4), np.bool_) as writer:
            writer.write(np.ones((1, 4, 4), np.uint8))
    assert not (tmp_path / "mask.tif").exists()
