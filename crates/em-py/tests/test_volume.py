"""Volumes against NumPy's arrays: every index picks what NumPy picks, whatever is read for it."""

from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import em_cli as em

SIZE_NM = (50.0, 4.0, 5.0)

#: Each with one piece per section, and with pieces of several.
ENDINGS = ["tif", "zarr", "mrc", "precomputed"]


@pytest.fixture
def stack(rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Return voxels that are all different from their neighbours."""
    return rng.integers(0, 60_000, (21, 40, 50), np.uint16)


@pytest.fixture(params=ENDINGS)
def opened(request: pytest.FixtureRequest, tmp_path: Path, stack: npt.NDArray[np.uint16]) -> em.Volume:
    """Open the stack, written in one of the formats."""
    path = tmp_path / f"stack.{request.param}"
    em.write(path, stack, voxel_size_nm=SIZE_NM, chunk=(4, 16, 32))
    return em.open(path)


INDICES: list[Any] = [
    3,
    -1,
    np.int64(4),
    (2, 5, 7),
    (slice(3, 10), slice(None), 5),
    (Ellipsis, 4),
    (slice(None, None, 5), slice(3, 30, 4), slice(-7, None)),
    (slice(None, None, -3), slice(30, 3, -4)),
    slice(18, 2, -1),
    slice(7, 7),
    (slice(5, 2), 3),
    (None, slice(2), 3, None),
    (1, None, slice(None), 2),
    [0, 17, 3, 3],
    (slice(2, 4), [5, 1, 30]),
    ([1, 20, 4], [0, 39, 7], 3),
    np.arange(21) % 7 == 2,
    np.array([[1, 2], [20, 4]]),
    [],
]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_an_index_picks_what_numpy_picks(opened: em.Volume, stack: npt.NDArray[np.uint16], index: Any) -> None:
    picked, expected = opened[index], stack[index]
    assert picked.shape == expected.shape and picked.dtype == expected.dtype
    np.testing.assert_array_equal(picked, expected)


def test_a_mask_of_voxels_picks_what_numpy_picks(opened: em.Volume, stack: npt.NDArray[np.uint16]) -> None:
    mask = stack > 59_000
    np.testing.assert_array_equal(opened[mask], stack[mask])
    np.testing.assert_array_equal(opened[4, mask[4]], stack[4, mask[4]])


@pytest.mark.parametrize("index", [21, (0, 40), (0, 0, -51), (0, 0, 0, 0), (Ellipsis, Ellipsis), "x", 1.5])
def test_an_index_that_numpy_refuses_is_refused(opened: em.Volume, stack: npt.NDArray[np.uint16], index: Any) -> None:
    with pytest.raises(IndexError):
        stack[index]
    with pytest.raises(IndexError):
        opened[index]


def test_what_is_known_before_reading(opened: em.Volume, stack: npt.NDArray[np.uint16]) -> None:
    assert (opened.shape, opened.ndim, opened.size, opened.nbytes) == (stack.shape, 3, stack.size, stack.nbytes)
    assert opened.dtype == np.uint16 and len(opened) == 21
    assert opened.voxel_size_nm == pytest.approx(SIZE_NM)
    assert all(chunk % piece == 0 or chunk == side for chunk, piece, side in zip(opened.chunks, opened.piece, opened.shape))
    assert opened.with_voxel_size_nm(7).voxel_size_nm == (7.0, 7.0, 7.0)
    assert "stack." in repr(opened) and "50 x 4 x 5 nm" in repr(opened)


def test_numpy_reads_all_of_it(opened: em.Volume, stack: npt.NDArray[np.uint16]) -> None:
    np.testing.assert_array_equal(np.asarray(opened), stack)
    assert np.asarray(opened, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.stack(list(opened)), stack)
    with pytest.raises(ValueError, match="copy"):
        np.array(opened, copy=False)


def test_dask_reads_it_in_parallel(opened: em.Volume, stack: npt.NDArray[np.uint16]) -> None:
    import dask.array

    lazy = dask.array.from_array(opened, chunks=(5, 20, 50))
    assert int(lazy.sum().compute()) == int(stack.sum())
    np.testing.assert_array_equal(lazy[[0, 17, 3], 4:9].compute(), stack[[0, 17, 3], 4:9])
    assert dask.array.from_array(opened).shape == stack.shape


def test_it_goes_to_other_processes_by_its_path(opened: em.Volume, stack: npt.NDArray[np.uint16]) -> None:
    sent = pickle.dumps(opened.with_voxel_size_nm(3))
    assert len(sent) < 1000
    received = pickle.loads(sent)
    assert received.voxel_size_nm == (3.0, 3.0, 3.0)
    np.testing.assert_array_equal(received[2:4], stack[2:4])
    in_memory = pickle.loads(pickle.dumps(em.from_array(stack, SIZE_NM)))
    assert in_memory.voxel_size_nm == SIZE_NM
    np.testing.assert_array_equal(in_memory, stack)


def test_levels_are_opened_largest_first(tmp_path: Path) -> None:
    path = tmp_path / "image.zarr"
    em.write(path, np.full((8, 64, 64), 9, np.uint8), voxel_size_nm=10, chunk=(8, 16, 16), levels=3)
    levels = em.open_levels(path)
    assert [level.shape[1:] for level in levels] == [(64, 64), (32, 32), (16, 16)]
    assert levels[1].voxel_size_nm is not None and levels[1].voxel_size_nm[2] == 20
    assert pickle.loads(pickle.dumps(levels[2])).shape == levels[2].shape
    assert len(em.open_levels(_tif(tmp_path))) == 1


def test_threads_share_a_volume(opened: em.Volume, stack: npt.NDArray[np.uint16]) -> None:
    wrong: list[int] = []

    def read(first: int) -> None:
        wrong.extend(z for z in range(first, 21, 4) if not np.array_equal(opened[z], stack[z]))

    threads = [threading.Thread(target=read, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_reads_what_its_parent_opened(opened: em.Volume, stack: npt.NDArray[np.uint16]) -> None:
    assert np.array_equal(opened[0], stack[0])
    child = os.fork()
    if child == 0:
        # Without threads of its own it would wait for ever for those of its parent.
        os._exit(0 if np.array_equal(opened[1:20], stack[1:20]) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_errors_are_those_of_python_with_the_message_of_the_crate(tmp_path: Path) -> None:
    path = _tif(tmp_path)
    with pytest.raises(FileNotFoundError, match="no file or folder .*\nhint: did you mean `.*one.tif`"):
        em.open(tmp_path / "ome.tif")
    with pytest.raises(ValueError, match="has no channel 4"):
        em.open(path, channel=4)
    (tmp_path / "text.tif").write_text("no picture at all")
    with pytest.raises(OSError, match="expected a TIFF"):
        em.open(tmp_path / "text.tif")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(OSError):
        np.asarray(em.open(path))
    with pytest.raises(ValueError, match="expected three lengths"):
        em.from_array(np.zeros((2, 2, 2), np.uint8), (0, 1, 1))
    with pytest.raises(TypeError, match="float64.*\nhint: array.astype"):
        em.from_array(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="expected .z, y, x."):
        em.from_array(np.zeros(5, np.uint8))


def test_the_number_of_threads_can_be_set() -> None:
    before = em.threads()
    em.set_threads(1)
    assert em.threads() == 1
    em.set_threads(before)
    with pytest.raises(ValueError, match="at least 1"):
        em.set_threads(0)


def test_a_phantom_is_the_same_for_the_same_seed() -> None:
    made = em.phantom((2, 64, 64), seed=3)
    np.testing.assert_array_equal(made.raw, em.phantom((2, 64, 64), seed=3).raw)
    assert not np.array_equal(made.raw, em.phantom((2, 64, 64), seed=4).raw)
    assert made.raw.voxel_size_nm == (5.0, 5.0, 5.0)
    assert made.masks["membranes"].shape == made.cells.shape == (2, 64, 64)
    assert em.phantom((1, 32, 32), seed=3, vary=True).raw.voxel_size_nm != (5.0, 5.0, 5.0)


def _tif(folder: Path) -> Path:
    path = folder / "one.tif"
    em.write(path, np.arange(12_000, dtype=np.uint16).reshape(3, 40, 100))
    return path
