"""Volumes that are opened at once and read where somebody looks."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _native
from ._arrays import as_size, as_voxels

Path: TypeAlias = "str | os.PathLike[str]"
#: What NumPy's arrays are indexed with.
Index: TypeAlias = "int | slice | EllipsisType | None | npt.NDArray[Any] | list[int] | list[bool]"

#: What :func:`open` is given.
_Picked: TypeAlias = "tuple[str, int | None, int | None, int | None, bool | None]"
#: Sections, rows and columns that are read: those of rows and columns follow each other.
_Box: TypeAlias = "tuple[Sequence[int], range, range]"

#: Chunks that are proposed have at least about so many bytes.
_CHUNK_BYTES = 1 << 20


class Volume:
    """A volume of a file, a folder, an address or an array: ``[z, y, x]``, read block by block.

    It is what NumPy, dask, napari and Matplotlib take for an array: indexing reads the voxels asked for and
    no others, decoded on all cores without Python's lock, and ``np.asarray(volume)`` reads all of it. It keeps no
    file open, can be shared between threads, and goes to other processes by its path.

    >>> import em_cli as em
    >>> volume = em.from_array([[[1, 2, 3], [4, 5, 6]]], voxel_size_nm=(50, 5, 5))
    >>> volume.shape, volume.voxel_size_nm
    ((1, 2, 3), (50.0, 5.0, 5.0))
    >>> volume[0, 1]
    array([4, 5, 6])
    """

    __slots__ = ("_native", "_opened", "_token", "_voxel_size_nm")

    def __init__(
        self,
        native: _native.Volume,
        opened: tuple[_Picked, int] | None = None,
        voxel_size_nm: tuple[float, float, float] | None = None,
    ) -> None:
        """Wrap a native volume; users call :func:`open` and :func:`from_array`."""
        self._native = native
        self._opened = opened
        self._token = uuid.uuid4().hex
        self._voxel_size_nm = voxel_size_nm

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along ``[z, y, x]``."""
        return self._native.shape

    @property
    def ndim(self) -> int:
        """Always 3."""
        return 3

    @property
    def size(self) -> int:
        """The number of voxels."""
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a voxel, as the file stores it."""
        return np.dtype(self._native.dtype)

    @property
    def nbytes(self) -> int:
        """The size of all voxels in memory."""
        return self.size * self.dtype.itemsize

    @property
    def voxel_size_nm(self) -> tuple[float, float, float] | None:
        """Size of a voxel along ``[z, y, x]`` in nm; ``None`` where the file does not tell."""
        return self._voxel_size_nm or self._native.voxel_size_nm

    @property
    def piece(self) -> tuple[int, int, int]:
        """What is decoded at once: a chunk, a strip; (1, 1, 1) where any part can be read by itself."""
        return self._native.piece

    @property
    def chunks(self) -> tuple[int, int, int]:
        """A good size of blocks: whole pieces, of about 1 MB or more. ``dask.array.from_array`` asks for it."""
        chunk = list(self.piece)
        for axis in (2, 1, 0):
            missing = _CHUNK_BYTES / (math.prod(chunk) * self.dtype.itemsize)
            if missing <= 1:
                break
            chunk[axis] = min(self.shape[axis], chunk[axis] * math.ceil(missing))
        return (chunk[0], chunk[1], chunk[2])

    @property
    def format(self) -> str:
        """The name of the format, such as ``TIFF``."""
        return self._native.format

    @property
    def path(self) -> str | None:
        """The file, folder or address; ``None`` for an array."""
        found = self._native.path
        return None if found is None else os.fspath(found)

    @property
    def notes(self) -> list[str]:
        """What a user should know: colour that is read as grey, files that were skipped."""
        return self._native.notes

    @property
    def orientation(self) -> str | None:
        """Where x, y and z rise to, as NIfTI tells it: ``RAS`` is to the right, to the front and up."""
        return self._native.orientation

    @property
    def section_names(self) -> list[str] | None:
        """The name of each section without its ending, where each is a file of its own."""
        return self._native.section_names

    def with_voxel_size_nm(self, voxel_size_nm: npt.ArrayLike) -> Volume:
        """Return the same volume with another voxel size, for files that tell none or a wrong one."""
        return Volume(self._native, self._opened, as_size(voxel_size_nm))

    def origin(self) -> tuple[_Picked, tuple[float, float, float] | None]:
        """Return what :func:`open` was given, and the voxel size where it was set afterwards.

        Raises:
            TypeError: The volume is an array, or a smaller level: nothing that can be opened by a path.
        """
        if self._opened is None:
            raise TypeError("a volume of an array, expected one of a file\nhint: em_cli.write writes it to one")
        picked, level = self._opened
        if level > 0:
            raise TypeError(f"level {level} of `{picked[0]}`, expected the full volume")
        return picked, self._voxel_size_nm

    def read(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> npt.NDArray[Any]:
        """Read a block, ``[z, y, x]``, that lies within the volume."""
        return self._native.read(start, shape)

    def __getitem__(self, index: Index | tuple[Index, ...]) -> npt.NDArray[Any]:
        """Read voxels, as NumPy's indexing would pick them from an array.

        Only the box around them is read, and of steps along z only the pieces that hold sections asked for.
        """
        box, within = _box(index if isinstance(index, tuple) else (index,), self.shape)
        block = self._read(box)
        picked: npt.NDArray[Any] = block[within]
        # A view would keep the whole box alive.
        return picked.copy() if isinstance(picked, np.ndarray) and picked.size < block.size // 2 else picked

    def _read(self, box: _Box) -> npt.NDArray[Any]:
        """Read some sections of a box, those that are decoded together at once."""
        sections, rows, columns = box
        shape = (len(sections), len(rows), len(columns))
        if 0 in shape:
            return np.empty(shape, self.dtype)
        groups = list(_together(sections, self.piece[0]))
        if len(groups) == 1 and len(groups[0]) == groups[0][-1] - groups[0][0] + 1:
            return self.read((sections[0], rows.start, columns.start), shape)
        block = np.empty(shape, self.dtype)
        done = 0
        for group in groups:
            start = (group[0], rows.start, columns.start)
            part = self.read(start, (group[-1] - group[0] + 1, len(rows), len(columns)))
            block[done : done + len(group)] = part[np.asarray(group) - group[0]]
            done += len(group)
        return block

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Read the whole volume."""
        if copy is False:
            raise ValueError("a volume is read into memory, so there is no array without a copy")
        whole = self.read((0, 0, 0), self.shape)
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __len__(self) -> int:
        """Return the number of sections."""
        return self.shape[0]

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        """Read section after section, ``[y, x]``."""
        return (self[z] for z in range(len(self)))

    def __repr__(self) -> str:
        """Describe shape, type, voxel size and origin."""
        size = self.voxel_size_nm
        nm = "unknown voxel size" if size is None else " x ".join(f"{side:g}" for side in size) + " nm"
        place = "" if self.path is None else f" {self.path!r}"
        return f"<em_cli.Volume {self.shape} {self.dtype}, {nm}, {self.format}{place}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process by the path, or with the voxels of an array."""
        if self._opened is None:
            return (from_array, (np.asarray(self), self.voxel_size_nm))
        return (_reopened, (*self._opened, self._voxel_size_nm))

    def __dask_tokenize__(self) -> tuple[str, str]:
        """Tell dask volumes apart: a file may change between two openings."""
        return ("em_cli.Volume", self._token)


def open(
    path: Path,
    *,
    channel: int | None = None,
    time: int | None = None,
    volume: int | None = None,
    invert: bool | None = None,
) -> Volume:
    """Open a volume without reading its voxels.

    Args:
        path: A TIFF, OME-TIFF, MRC, NIfTI, NumPy, PNG or JPEG file, an OME-Zarr, N5 or precomputed folder, a folder
            of images, or an address (``https://``, ``s3://``, ``gs://``) of one of these.
        channel: The channel, counted from 0, where there are several.
        time: The point in time, counted from 0, where there are several.
        volume: The volume of a file that holds a row of them, counted from 0.
        invert: Whether black becomes white. Without it, values are turned only where a file shows 0 as white.

    Raises:
        OSError: The file is not there, or cannot be read (``FileNotFoundError``, ``PermissionError``).
        ValueError: The file has several channels, times or volumes and none is picked, or not the one picked.
    """
    picked = (os.fspath(path), channel, time, volume, invert)
    return Volume(_native.open(*picked), (picked, 0))


def open_levels(
    path: Path,
    *,
    channel: int | None = None,
    time: int | None = None,
    volume: int | None = None,
    invert: bool | None = None,
) -> list[Volume]:
    """Open a volume and the smaller levels that its file holds of it, largest first.

    OME-Zarr, N5 and precomputed folders have such levels; of other formats it is the volume alone. The list is
    what napari takes for a multiscale image. Arguments and errors are those of :func:`open`.
    """
    full = open(path, channel=channel, time=time, volume=volume, invert=invert)
    picked = (os.fspath(path), channel, time, volume, invert)
    smaller = enumerate(_native.open_levels(*picked), start=1)
    return [full, *(Volume(level, (picked, number)) for number, level in smaller)]


def from_array(array: npt.ArrayLike, voxel_size_nm: npt.ArrayLike | None = None) -> Volume:
    """Make a volume of a copy of an array ``[z, y, x]``, or of one section ``[y, x]``."""
    return Volume(_native.from_array(as_voxels(array), as_size(voxel_size_nm)))


def native_of(volume: npt.ArrayLike | Volume) -> tuple[_native.Volume, tuple[float, float, float] | None]:
    """Return the native volume of a volume or array, and its voxel size where one is known."""
    wrapped = volume if isinstance(volume, Volume) else from_array(volume)
    return wrapped._native, wrapped.voxel_size_nm


def _reopened(picked: _Picked, level: int, voxel_size_nm: tuple[float, float, float] | None) -> Volume:
    native = _native.open(*picked) if level == 0 else _native.open_levels(*picked)[level - 1]
    return Volume(native, (picked, level), voxel_size_nm)


def _together(sections: Sequence[int], deep: int) -> Iterator[Sequence[int]]:
    """Cut rising sections where a piece of the volume ends and the next section does not follow."""
    start = 0
    for place in range(1, len(sections)):
        before, here = sections[place - 1], sections[place]
        if here - before > 1 and here // deep != before // deep:
            yield sections[start:place]
            start = place
    yield sections[start:]


def _box(index: tuple[Any, ...], shape: tuple[int, int, int]) -> tuple[_Box, tuple[Any, ...]]:
    """Return the box that an index reads, and the index within what is read."""
    parts: list[Any] = []
    for part in index:
        array = np.asarray(part) if isinstance(part, (list, np.ndarray)) else None
        if array is not None and array.dtype == np.bool_:
            parts.extend(_places_of(array, shape, sum(_axes(before) for before in parts)))
        else:
            parts.append(part if array is None else array)
    used = sum(_axes(part) for part in parts)
    if used > len(shape):
        raise IndexError(f"{used} indices for a volume, which has 3 axes [z, y, x]")
    rest = [slice(None)] * (len(shape) - used)
    dots = [place for place, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index has one ellipsis (...) at most")
    parts = [*parts[: dots[0]], *rest, *parts[dots[0] + 1 :]] if dots else [*parts, *rest]
    sides: list[Any] = []
    within: list[Any] = []
    for part in parts:
        if part is None:
            within.append(None)
            continue
        axis = len(sides)
        side, picked = (_sections if axis == 0 else _side)(part, shape[axis], axis)
        sides.append(side)
        within.append(picked)
    return (sides[0], sides[1], sides[2]), tuple(within)


def _axes(part: Any) -> int:
    return 0 if part is None or part is Ellipsis else 1


def _places_of(mask: npt.NDArray[np.bool_], shape: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """Return the places that a mask over one or more axes picks."""
    expected = shape[axis : axis + mask.ndim]
    if mask.shape != expected:
        raise IndexError(f"a mask of shape {mask.shape} as an index, expected {expected}")
    return np.nonzero(mask)


def _sections(part: Any, depth: int, axis: int) -> tuple[Sequence[int], Any]:
    """Return the sections that are read, rising, and what is picked of them."""
    if isinstance(part, slice):
        sections = range(*part.indices(depth))
        rising = sections if sections.step > 0 else sections[::-1]
        return rising, slice(None, None, 1 if sections.step > 0 else -1)
    places = _checked(part, depth, axis)
    read, picked = np.unique(places, return_inverse=True)
    picked = picked.reshape(places.shape)
    return [int(z) for z in read], int(picked) if picked.ndim == 0 else picked


def _side(part: Any, length: int, axis: int) -> tuple[range, Any]:
    """Return what is read along an axis, one voxel after the other, and what is picked of that."""
    if isinstance(part, slice):
        places = range(*part.indices(length))
        if len(places) == 0:
            return range(0), slice(None)
        low, high = min(places[0], places[-1]), max(places[0], places[-1])
        return range(low, high + 1), slice(None, None, places.step)
    wanted = _checked(part, length, axis)
    if wanted.size == 0:
        return range(0), wanted
    first = int(wanted.min())
    picked = wanted - first
    return range(first, int(wanted.max()) + 1), int(picked) if picked.ndim == 0 else picked


def _checked(part: Any, length: int, axis: int) -> npt.NDArray[np.intp]:
    """Return integers that were given as an index, counted from the start."""
    places = np.asarray(part)
    if places.size == 0 and places.ndim > 0:
        return places.astype(np.intp)
    if places.dtype.kind not in "ui":
        raise IndexError(f"{part!r} as an index, expected integers, slices, `...`, `None` or masks")
    low, high = int(places.min()), int(places.max())
    if low < -length or high >= length:
        wrong = high if high >= length else low
        raise IndexError(f"index {wrong} is out of bounds for axis {axis}, which has {length} voxels")
    places = places.astype(np.intp)
    return np.where(places < 0, places + length, places)
