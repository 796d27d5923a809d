"""Connected components, the cleaning of masks, and objects that are measured.

>>> import numpy as np
>>> from em_cli import objects
>>> mask = np.zeros((1, 4, 6), bool)
>>> mask[0, :2, :2] = mask[0, 3, 5] = True
>>> objects.label(mask)[0]
array([[1, 1, 0, 0, 0, 0],
       [1, 1, 0, 0, 0, 0],
       [0, 0, 0, 0, 0, 0],
       [0, 0, 0, 0, 0, 2]], dtype=uint32)
>>> objects.find(mask, voxel_size_nm=(50, 5, 5)).measure()["voxels"]
array([4, 1])
"""

from __future__ import annotations

import warnings
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from . import _native
from ._arrays import as_mask, as_size, as_three_axes
from ._table import Table
from ._volume import Volume, native_of

__all__ = ["Objects", "clean", "find", "label", "measure", "surface"]

#: How many neighbours a voxel has: by faces, edges too, corners too.
Connectivity: TypeAlias = Literal[6, 18, 26]


def label(mask: npt.ArrayLike, *, connectivity: Connectivity = 26, flat: bool = False) -> npt.NDArray[np.uint32]:
    """Number the connected components of a mask from 1, in order of their first voxel.

    It is scikit-image's ``label(mask != 0)``, on all cores.

    Args:
        mask: ``[z, y, x]``, or one section ``[y, x]``, of which the result has the shape.
        connectivity: Voxels that touch by a face (6), an edge (18) or a corner (26) are one object; within a section
            6 is 4 and the others are 8.
        flat: Whether objects end with their section.
    """
    values = as_mask(mask)
    labels = _native.label(as_three_axes(values), connectivity, flat)
    return labels.reshape(values.shape)


def clean(
    mask: npt.ArrayLike,
    *,
    median_size: int = 1,
    minimum_voxels: int = 0,
    fill_holes: bool = False,
    flat: bool = False,
) -> npt.NDArray[np.bool_]:
    """Clean a mask: a median of votes, then no small components, then no holes.

    Args:
        mask: ``[z, y, x]``, or one section ``[y, x]``.
        median_size: Edge of the median's window in voxels, odd; 1 leaves it out.
        minimum_voxels: Components of fewer voxels are removed.
        fill_holes: Whether background that the foreground encloses is filled.
        flat: Whether each section is cleaned by itself.
    """
    values = as_mask(mask)
    cleaned = _native.clean(as_three_axes(values), median_size, minimum_voxels, fill_holes, flat)
    return cleaned.reshape(values.shape)


def surface(mask: npt.ArrayLike) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint32]]:
    """Return the closed surface of a mask: vertices ``[z, y, x]`` in voxels, and triangles of three of them.

    Times the voxel size, the vertices are what napari's ``add_surface`` takes.
    """
    return _native.surface(as_three_axes(as_mask(mask)))


class Objects:
    """The objects of a volume that need not fit into memory; see :func:`find`."""

    __slots__ = ("_native",)

    def __init__(self, native: _native.Objects) -> None:
        """Wrap native objects; users call :func:`find`."""
        self._native = native

    def __len__(self) -> int:
        """Return the number of objects."""
        return self._native.count

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the volume along ``[z, y, x]``."""
        return self._native.shape

    @property
    def voxel_size_nm(self) -> tuple[float, float, float] | None:
        """Size of a voxel along ``[z, y, x]`` in nm, where it is known."""
        return self._native.voxel_size_nm

    @property
    def ids(self) -> npt.NDArray[np.uint32]:
        """The value of each object in a label volume."""
        return self._native.ids

    def sizes(self) -> npt.NDArray[np.uint64]:
        """Count the voxels of each object."""
        return self._native.sizes()

    def labels(self, start: int = 0, end: int | None = None) -> npt.NDArray[np.uint32]:
        """Paint the objects of the sections from ``start`` to before ``end``, all if absent."""
        return self._native.paint(start, self.shape[0] if end is None else end)

    def measure(self, probabilities: npt.ArrayLike | Volume | None = None) -> Table:
        """Measure all objects: sizes, places, shapes, as in ``objects.csv`` of ``em-cli measure``.

        Without a voxel size, what is in nm or depends on it is NaN.

        Args:
            probabilities: Of the same shape, for the mean of each object: floats from 0 to 1, or unsigned integers,
                whose largest value is 1.
        """
        native = None if probabilities is None else native_of(probabilities)[0]
        return Table(dict(self._native.measure(native)))

    def split(self, neck_nm: float) -> Objects:
        """Split objects that touch, where the neck between parts is narrower by so many nm on each side.

        It is scikit-image's ``watershed(-distance)`` from ``h_maxima(distance, neck_nm)``, object by object. Without a
        voxel size the neck is in voxels.
        """
        parts, _, too_large = self._native.split(neck_nm)
        if too_large:
            warnings.warn(f"{too_large} objects are too large to be split, and stay whole", stacklevel=2)
        return Objects(parts)

    def nearest(self, others: Objects, *, within_nm: float = 1000.0) -> Table:
        """Find the nearest object of another class for each: its ``id``, 0 if there is none, and ``distance_nm``."""
        ids, distances = self._native.nearest(others._native, within_nm)
        return Table({"id": ids, "distance_nm": distances})

    def __repr__(self) -> str:
        """Tell how many objects there are, and where."""
        return f"<em_cli.objects.Objects: {len(self)} in {self.shape}>"


def find(
    volume: npt.ArrayLike | Volume,
    *,
    instances: bool = False,
    above: float | None = None,
    value: float | None = None,
    connectivity: Connectivity = 26,
    flat: bool = False,
    fill_holes: bool = False,
    min_voxels: int = 1,
    voxel_size_nm: npt.ArrayLike | None = None,
) -> Objects:
    """Find the objects of a mask, of probabilities or of labels, section by section.

    A volume of :func:`em_cli.open` is read once and never as a whole; the objects are kept in a temporary file.

    Args:
        volume: A mask of 0 and 255, 0 and 1, or booleans, if nothing else is said.
        instances: Whether each value but 0 is an object, whether it hangs together or not.
        above: The volume holds probabilities, with foreground above this one (0 to 1).
        value: This value is foreground.
        connectivity: Voxels that touch by a face (6), an edge (18) or a corner (26) are one object.
        flat: Whether objects end with their section.
        fill_holes: Whether background that the foreground encloses within a section is foreground, too.
        min_voxels: Objects of fewer voxels are left out.
        voxel_size_nm: That of the volume if absent.
    """
    native, known_size = native_of(volume)
    chosen: dict[str, Any] = {"instances": instances or None, "above": above, "value": value}
    given = [name for name, choice in chosen.items() if choice is not None]
    if len(given) > 1:
        raise ValueError(f"{' and '.join(given)} are given, expected one of them")
    foreground = given[0] if given else "mask"
    return Objects(
        _native.find(
            native,
            foreground,
            above if value is None else value,
            connectivity,
            flat,
            fill_holes,
            min_voxels,
            as_size(voxel_size_nm) or known_size,
        )
    )


def measure(
    labels: npt.ArrayLike | Volume,
    *,
    voxel_size_nm: npt.ArrayLike | None = None,
    probabilities: npt.ArrayLike | Volume | None = None,
    flat: bool = False,
) -> Table:
    """Measure the objects of a label volume, in which each value but 0 is one; see :meth:`Objects.measure`."""
    found = find(labels, instances=True, voxel_size_nm=voxel_size_nm, flat=flat)
    return found.measure(probabilities)
