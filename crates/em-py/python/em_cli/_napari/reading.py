"""Volumes as layers: opened at once, read where somebody looks, with their voxel size as scale."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import em_cli as em

from .scale import scale_of

#: What napari takes for a layer: its data, its arguments, its type.
LayerData: TypeAlias = "tuple[Any, dict[str, Any], str]"

#: Labels up to this size are read into memory, so that they can be painted on.
_PAINTED_BYTES = 1 << 30

#: Of numbered objects, whose borders are few voxels, at least this share of neighbours along x is equal.
_EQUAL_NEIGHBOURS = 0.5

#: Sections that are looked at to tell an image from labels.
_SECTIONS = 3


def reader(path: str | Sequence[str]) -> Callable[[str | Sequence[str]], list[LayerData]] | None:
    """Return what reads a path; nothing for several files at once, which napari stacks by itself."""
    return read if isinstance(path, str) else None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read a path as an image or as labels; each of several channels is a layer.

    Raises:
        OSError: It cannot be read.
        ValueError: It holds several volumes or points in time.
    """
    place = os.fspath(path) if isinstance(path, (str, os.PathLike)) else path[0]
    name = Path(place).name.partition(".")[0]
    try:
        return [layer_of(em.open_levels(place), name)]
    except ValueError:
        channels = list(_channels(place))
        if not channels:
            raise
        return [layer_of(levels, f"{name} {number}") for number, levels in enumerate(channels)]


def layer_of(levels: list[em.Volume], name: str, is_label: bool | None = None) -> LayerData:
    """Make a layer of a volume and its smaller levels; what it is, its values tell where nobody says so."""
    full = levels[0]
    arguments = {"name": name, **scale_of(full.voxel_size_nm)}
    if looks_like_labels(full) if is_label is None else is_label:
        if full.nbytes <= _PAINTED_BYTES:
            return np.asarray(full), arguments, "labels"
        return _pyramid(levels), arguments, "labels"
    return _pyramid(levels), arguments, "image"


def phantom() -> list[LayerData]:
    """Generate a stack with mitochondria and synapses, to try things out."""
    made = em.phantom((24, 384, 384), seed=1, voxel_size_nm=(8, 8, 8))
    return [(np.asarray(made.raw), {"name": "phantom", **scale_of(made.raw.voxel_size_nm)}, "image")]


def looks_like_labels(volume: em.Volume) -> bool:
    """Tell masks and numbered objects from grey values, by the type, the place and some sections."""
    if volume.dtype.kind not in "iu":
        return False
    parts = Path(volume.path or "").parts
    if volume.dtype.itemsize > 2 or "labels" in parts[:-1] and any(part.endswith(".zarr") for part in parts):
        return True
    depth = volume.shape[0]
    seen = volume[[(2 * number + 1) * depth // (2 * _SECTIONS) for number in range(_SECTIONS)]]
    highest = int(seen.max(initial=0))
    if highest in (1, 255) and bool(((seen == 0) | (seen == highest)).all()):
        return True
    if volume.dtype.itemsize == 1 or highest == 0:
        return False
    here, following = seen[:, :, :-1], seen[:, :, 1:]
    inside = here > 0
    return bool((here == following)[inside].mean() >= _EQUAL_NEIGHBOURS) if inside.any() else False


def _channels(place: str) -> Iterator[list[em.Volume]]:
    """Open the channels of a file until there is no further one."""
    for channel in itertools.count():
        try:
            yield em.open_levels(place, channel=channel)
        except ValueError:
            return


def _pyramid(levels: list[em.Volume]) -> Any:
    return levels if len(levels) > 1 else levels[0]
