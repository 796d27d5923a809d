"""Layers as files, with their scale as voxel size."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari_builtins import io as builtins

import em_cli as em

from .scale import Size, size_of


#: The message for a layer that is no volume of grey values.
COLOURED = "layer `{}` has colours, expected grey values\nhint: Split RGB makes three layers of it"


def write_image(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write an image layer; 64-bit floats, which no format here holds, are rounded to 32 bits.

    Raises:
        OSError: The place cannot be written, the layer is no volume, or the format cannot hold its values.
    """
    return _write(path, data, meta, labels=None)


def write_labels(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write a labels layer; errors are those of :func:`write_image`."""
    return _write(path, data, meta, labels=True)


def _write(path: str, data: Any, meta: dict[str, Any], labels: bool | None) -> list[str]:
    size = size_of(meta.get("scale", (1, 1, 1)), meta.get("units"))
    data = full_of(data, bool(meta.get("multiscale")))
    if path.lower().endswith(".tif") and (meta.get("rgb") or len(data.shape) not in (2, 3)):
        # napari takes the first plugin that knows an ending: what is no volume is saved as it is without this one.
        written = (builtins.napari_write_labels if labels else builtins.napari_write_image)(path, data, meta)
        return [] if written is None else [written]
    try:
        if meta.get("rgb"):
            raise ValueError(COLOURED.format(meta["name"]))
        # Whoever names a file that is there was asked by the dialog; folders are never replaced.
        save(path, data, size, labels=labels, overwrite=True)
    except (ValueError, TypeError) as error:
        # napari takes a ValueError of a writer for "there is no writer", and says no more.
        raise OSError(str(error)) from error
    return [path]


def full_of(data: Any, is_multiscale: bool) -> Any:
    """Return the data of a layer at its full size."""
    return data[0] if is_multiscale else data


def save(path: str, data: Any, size: Size | None, *, labels: bool | None, overwrite: bool = False) -> None:
    """Write the data of a layer, with two axes or three."""
    if len(data.shape) not in (2, 3):
        message = f"a layer with {len(data.shape)} axes, expected [z, y, x] or [y, x]"
        raise ValueError(f"{message}\nhint: Split Stack makes layers of its first axis")
    if data.dtype == np.float64:
        data = data.astype(np.float32)
    em.write(path, data, voxel_size_nm=size, labels=labels, overwrite=overwrite)
