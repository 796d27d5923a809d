"""What arrays of users become before the native half takes them: three axes, memory order, known types."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native


def voxel_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return the type in which voxels of a type are kept: booleans as bytes, the rest as they are."""
    found = np.dtype(dtype)
    if found == np.bool_:
        return np.dtype(np.uint8)
    native = found.newbyteorder("=")
    if native.name not in _native.VOXEL_TYPES:
        hint = "\nhint: array.astype(np.float32) rounds them" if found.kind == "f" else ""
        known = ", ".join(("bool", *_native.VOXEL_TYPES))
        raise TypeError(f"voxels of type {found}, expected one of {known}{hint}")
    return native


def as_voxels(array: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return an array of voxels ``[z, y, x]``; a section becomes a volume of depth 1."""
    values = np.asarray(array)
    return as_three_axes(np.ascontiguousarray(values, dtype=voxel_dtype(values.dtype)))


def as_three_axes(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Add the first axis to a section."""
    if array.ndim == 2:
        return array[np.newaxis]
    if array.ndim != 3:
        raise ValueError(
            f"an array with {array.ndim} axes, shape {array.shape}, expected [z, y, x] or one section [y, x]"
        )
    return array


def as_mask(array: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return a mask of any shape as bytes; every value but 0 is foreground, and NaN is neither."""
    values = np.asarray(array)
    if values.dtype.kind not in "buif":
        raise TypeError(f"a mask of type {values.dtype}, expected booleans or numbers")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype == np.bool_:
        return np.ascontiguousarray(values).view(np.uint8)
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise ValueError("a mask with values that are no numbers (NaN), expected 0 where there is nothing")
    return np.ascontiguousarray(values != 0).view(np.uint8)


def as_labels(array: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """Return numbers of objects of any shape as 32-bit integers."""
    values = np.asarray(array)
    if values.dtype.kind not in "bui":
        raise TypeError(f"numbers of objects of type {values.dtype}, expected integers")
    if values.size and values.dtype.itemsize > 2:
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > np.iinfo(np.uint32).max:
            raise ValueError(f"numbers of objects from {low} to {high}, expected 0 to {np.iinfo(np.uint32).max}")
    elif values.size and values.dtype.kind == "i" and int(values.min()) < 0:
        raise ValueError(f"numbers of objects from {int(values.min())} on, expected 0 or more")
    return np.ascontiguousarray(values, dtype=np.uint32)


def as_size(lengths: npt.ArrayLike | None) -> tuple[float, float, float] | None:
    """Return a voxel size in nm, ``[z, y, x]``; one number stands for all three."""
    if lengths is None:
        return None
    values = np.asarray(lengths, dtype=np.float64)
    if values.ndim == 0:
        values = np.repeat(values, 3)
    if values.shape != (3,):
        raise ValueError(f"a voxel size of shape {values.shape}, expected three lengths [z, y, x] in nm, or one")
    z, y, x = values.tolist()
    return (z, y, x)
