"""Segmentation of electron-microscopy volumes: files, scores and objects on NumPy's arrays, and the program em-cli.

>>> import em_cli as em
>>> em.open("stack.tif")                                                    # doctest: +SKIP
<em_cli.Volume (165, 768, 1024) uint8, 5 x 5 x 5 nm, TIFF 'stack.tif'>
>>> em.predict("stack.tif", model="mitochondria", output="mask.tif")        # doctest: +SKIP
>>> em.objects.find(em.open("mask.tif")).measure().to_pandas()              # doctest: +SKIP

Axes are always ``[z, y, x]``, sections count from 0, and sizes are in voxels unless a name ends in ``_nm``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import metrics, objects, program
    from ._native import __version__, set_threads, threads
    from ._phantom import Phantom, phantom
    from ._table import Table
    from ._volume import Volume, from_array, open, open_levels
    from ._writing import Writer, write
    from .program import Cancelled, NotReady, ProgramError, ProgramWarning, adapt, predict, print_event, train

__all__ = [
    "Cancelled",
    "NotReady",
    "Phantom",
    "ProgramError",
    "ProgramWarning",
    "Table",
    "Volume",
    "Writer",
    "__version__",
    "adapt",
    "from_array",
    "metrics",
    "objects",
    "open",
    "open_levels",
    "phantom",
    "predict",
    "print_event",
    "program",
    "set_threads",
    "threads",
    "train",
    "write",
]

#: Where each name comes from. They are imported when somebody asks, so that the program starts without NumPy.
_HOMES = {
    **dict.fromkeys(["metrics", "objects", "program"], ""),
    **dict.fromkeys(["__version__", "set_threads", "threads"], "._native"),
    **dict.fromkeys(["Phantom", "phantom"], "._phantom"),
    "Table": "._table",
    **dict.fromkeys(["Volume", "from_array", "open", "open_levels"], "._volume"),
    **dict.fromkeys(["Writer", "write"], "._writing"),
    **dict.fromkeys(["Cancelled", "NotReady", "ProgramError", "ProgramWarning"], ".program"),
    **dict.fromkeys(["adapt", "predict", "print_event", "train"], ".program"),
}


def __getattr__(name: str) -> Any:
    """Import what a name stands for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if home == "":
        return importlib.import_module(f".{name}", __name__)
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the names that users know."""
    return sorted(__all__)
