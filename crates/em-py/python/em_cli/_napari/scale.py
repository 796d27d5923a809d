"""Voxel sizes in nm and the scales of layers, which have units of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

#: ``[z, y, x]`` in nm.
Size: TypeAlias = "tuple[float, float, float]"

#: What scales of this plugin's layers are in.
UNIT = "nm"


def size_of(scale: Sequence[float], units: Sequence[Any] | None) -> Size | None:
    """Return the voxel size that a scale means, ``None`` where it means none.

    A scale without a unit of length is in nm, unless it is 1 along all axes: then nobody has set it. A picture with
    two axes is taken for a section as thick as its pixels are high.
    """
    numbers = [float(number) for number in scale][-3:]
    lengths = [unit for unit in units or () if unit.is_compatible_with(UNIT)][-3:]
    if len(lengths) == len(numbers):
        numbers = [number * float((1 * unit).to(UNIT).magnitude) for number, unit in zip(numbers, lengths)]
    elif all(number == 1 for number in numbers):
        return None
    z, y, x = numbers if len(numbers) == 3 else (numbers[0], *numbers)
    # 0.008 um is 8 nm, and not 8.000000000000002.
    return (float(f"{z:.9g}"), float(f"{y:.9g}"), float(f"{x:.9g}"))


def size_of_layer(layer: Any) -> Size | None:
    """Return the voxel size of a layer."""
    return size_of(layer.scale, layer.units)


def scale_of(size: Size | None, axes: int = 3) -> dict[str, Any]:
    """Return a voxel size as the arguments of a layer with so many axes; none where it is not known."""
    return {} if size is None else {"scale": size[-axes:], "units": (UNIT,) * axes}


def set_size(layers: Iterable[Any], of: Any, size: Size | None) -> None:
    """Give a layer a voxel size, and with it all layers that lie on the same grid, so that they still fit."""
    if size is None or size == size_of_layer(of):
        return
    scale, units = np.array(of.scale), of.units
    for layer in layers:
        if layer.ndim == of.ndim and np.array_equal(layer.scale, scale) and layer.units == units:
            layer.scale = (*layer.scale[:-3], *size[-min(3, layer.ndim) :])
            layer.units = (*layer.units[:-3], *(UNIT,) * min(3, layer.ndim))


def grid_of(layer: Any) -> dict[str, Any]:
    """Return the arguments of a layer that lies where this one does."""
    return {"scale": layer.scale, "units": layer.units, "translate": layer.translate}


def shown(size: Size | None) -> str:
    """Write a voxel size as users type it."""
    return "" if size is None else ", ".join(f"{side:g}" for side in size)


def typed(text: str) -> Size | None:
    """Read a voxel size as users type it; nothing where nothing is typed.

    Raises:
        ValueError: It is not three lengths.
    """
    if not text.strip():
        return None
    try:
        z, y, x = (float(word) for word in re.split(r"[,;x\s]+", text.strip()))
    except ValueError:
        message = f"the voxel size is `{text}`, expected three lengths in nm: z, y, x\nhint: such as 30, 5, 5"
        raise ValueError(message) from None
    return (z, y, x)
