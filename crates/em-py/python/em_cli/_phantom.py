"""Generated stacks with labels, for trials and tests where real data cannot be shipped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import _native
from ._arrays import as_size
from ._volume import Volume, from_array


@dataclass(frozen=True)
class Phantom:
    """A generated volume and its labels, all of one shape, ``[z, y, x]``."""

    raw: Volume
    """Grey values with their voxel size: membranes dark, cytoplasm light."""
    masks: dict[str, npt.NDArray[np.bool_]]
    """Masks by their class: mitochondria, synapses, clefts, vesicles, membranes, nuclei."""
    cells: npt.NDArray[np.uint32]
    """The cells, numbered from 1."""


def phantom(
    shape: tuple[int, int, int] = (40, 512, 512),
    *,
    seed: int = 0,
    vary: bool = False,
    voxel_size_nm: npt.ArrayLike | None = None,
) -> Phantom:
    """Generate a phantom, the same for the same arguments.

    Args:
        shape: Voxels along ``[z, y, x]``.
        seed: Where the tissue is and how it was imaged.
        vary: Whether tissue and microscope are drawn from the seed, too.
        voxel_size_nm: 5 nm if absent, or what suits the microscope that was drawn.
    """
    raw, masks, cells, size = _native.phantom(shape, seed, vary, as_size(voxel_size_nm))
    return Phantom(from_array(raw, size), masks, cells)
