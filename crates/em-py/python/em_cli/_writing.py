"""Volumes that are written, from arrays or some sections at a time."""

from __future__ import annotations

import math
import os
from types import TracebackType
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _native
from ._arrays import as_size, as_three_axes, voxel_dtype
from ._volume import Path, Volume

ZarrVersion: TypeAlias = Literal["0.4", "0.5"]

#: Sections are taken from an array in parts of about so many bytes.
_PART_BYTES = 64 << 20


class ArrayLike3D(Protocol):
    """What has a shape and a type and gives sections: arrays of NumPy, dask and Zarr, and volumes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of voxels along each axis."""

    @property
    def dtype(self) -> Any:
        """The type of a voxel."""

    def __getitem__(self, index: Any, /) -> Any:
        """Give a part."""


class Writer:
    """A volume that is written some sections at a time, and appears whole or not at all.

    >>> import em_cli as em, numpy as np, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "probabilities.tif")
    >>> with em.Writer(path, (4, 32, 32), np.float32, voxel_size_nm=(50, 5, 5)) as writer:
    ...     writer.write(np.zeros((3, 32, 32), np.float32))
    ...     writer.write(np.ones((1, 32, 32), np.float32))
    >>> em.open(path).shape
    (4, 32, 32)
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: npt.DTypeLike,
        *,
        voxel_size_nm: npt.ArrayLike | None = None,
        labels: bool | None = None,
        chunk: tuple[int, int, int] | None = None,
        levels: int | None = None,
        zarr_version: ZarrVersion | None = None,
        compressed: bool = True,
        overwrite: bool = False,
    ) -> None:
        """Start a volume ``[z, y, x]``; the arguments are those of :func:`write`."""
        _refuse_to_replace(path, overwrite)
        self._agreed = np.dtype(dtype).newbyteorder("=")
        self._dtype = voxel_dtype(dtype)
        self._native = _native.Writer(
            os.fspath(path),
            shape,
            self._dtype.name,
            as_size(voxel_size_nm),
            True if labels is None and self._agreed == np.bool_ else labels,
            chunk,
            levels,
            zarr_version,
            compressed,
        )

    def write(self, sections: npt.ArrayLike) -> None:
        """Write the next sections, ``[z, y, x]``, or one, ``[y, x]``, of the type that was agreed."""
        values = np.asarray(sections)
        if values.dtype.newbyteorder("=") != self._agreed:
            raise ValueError(f"sections of type {values.dtype}, expected {self._agreed}")
        if self._agreed == np.bool_:
            values = np.where(values, np.uint8(255), np.uint8(0))
        self._native.write(as_three_axes(np.ascontiguousarray(values, dtype=self._dtype)))

    def finish(self) -> None:
        """Give the volume its name, when all sections are written."""
        self._native.finish()

    def abandon(self) -> None:
        """Leave nothing of the volume behind."""
        self._native.abandon()

    def __enter__(self) -> Writer:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the volume, or leave nothing of it where something went wrong."""
        if kind is None:
            self.finish()
        else:
            self.abandon()


def write(
    path: Path,
    array: ArrayLike3D | npt.ArrayLike,
    *,
    voxel_size_nm: npt.ArrayLike | None = None,
    labels: bool | None = None,
    chunk: tuple[int, int, int] | None = None,
    levels: int | None = None,
    zarr_version: ZarrVersion | None = None,
    compressed: bool = True,
    overwrite: bool = False,
) -> None:
    """Write a volume ``[z, y, x]``, or one section ``[y, x]``, whole or not at all.

    What need not be in memory is taken in parts: a :class:`~em_cli.Volume`, an array of dask or Zarr.

    Args:
        path: The ending decides on the format: ``.tif``, ``.ome.tif``, ``.mrc``, ``.zarr`` (OME-Zarr with a pyramid;
            ``image.zarr/labels/NAME`` for a label of an image), ``.precomputed`` (Neuroglancer), ``.png`` (one
            section), and without an ending a folder of PNG; ``s3://`` and ``gs://`` for the chunked ones.
        array: Integers of 8 to 64 bits, 32-bit floats, or booleans: a mask, which becomes 0 and 255.
        voxel_size_nm: Three lengths ``[z, y, x]`` in nm, or one; that of a volume if absent.
        labels: Whether voxels are masks or numbers of objects, of which smaller levels take the largest value and not
            the mean; masks are.
        chunk: The shape of a chunk, ``[z, y, x]``.
        levels: The number of levels of a pyramid, with the full one.
        zarr_version: The version of OME-Zarr, ``"0.5"`` if absent.
        compressed: Whether TIFF is packed.
        overwrite: Whether a file that is there is replaced; folders with anything in them never are.

    Raises:
        FileExistsError: A file is there.
        OSError: The place cannot be written, or a folder there is not empty.
        ValueError: The format cannot hold such voxels.
    """
    source: Any = array if hasattr(array, "shape") and hasattr(array, "dtype") else np.asarray(array)
    if len(source.shape) == 2:
        source = np.asarray(source)[np.newaxis]
    if len(source.shape) != 3:
        raise ValueError(f"an array of shape {source.shape}, expected [z, y, x] or one section [y, x]")
    depth, height, width = (int(side) for side in source.shape)
    if voxel_size_nm is None and isinstance(array, Volume):
        voxel_size_nm = array.voxel_size_nm
    with Writer(
        path,
        (depth, height, width),
        source.dtype,
        voxel_size_nm=voxel_size_nm,
        labels=labels,
        chunk=chunk,
        levels=levels,
        zarr_version=zarr_version,
        compressed=compressed,
        overwrite=overwrite,
    ) as writer:
        part = _depth_of_part(source)
        for z in range(0, depth, part):
            writer.write(source[z : z + part])


def _refuse_to_replace(path: Path, overwrite: bool) -> None:
    """Refuse a file that is there, unless it may be replaced; what a folder holds is looked at when it is written."""
    if not overwrite and os.path.isfile(path):
        raise FileExistsError(f"`{os.fspath(path)}` exists already\nhint: replace it with overwrite=True")


def _depth_of_part(source: Any) -> int:
    """Return how many sections are taken at once: whole pieces of a volume, of about 64 MB."""
    _, height, width = source.shape
    section = math.prod((int(height), int(width), np.dtype(source.dtype).itemsize))
    piece = source.piece[0] if isinstance(source, Volume) else 1
    return max(1, _PART_BYTES // max(1, section * piece)) * piece
