"""The native half: what crosses from Rust. Users take the modules around it."""

from typing import Any, final

import numpy as np
import numpy.typing as npt

__all__ = [
    "BoundaryCounts",
    "Calibration",
    "ConfusionCounts",
    "InstanceCounts",
    "Objects",
    "SurfaceDistances",
    "Volume",
    "Writer",
    "VOXEL_TYPES",
    "__version__",
    "after_fork",
    "boundary",
    "calibration",
    "clean",
    "confusion",
    "distance_transform",
    "find",
    "from_array",
    "instances",
    "label",
    "open",
    "open_levels",
    "phantom",
    "set_threads",
    "soft_dice",
    "soft_jaccard",
    "surface",
    "surface_distances",
    "threads",
]

__version__: str
#: The types that volumes have, by the names of NumPy.
VOXEL_TYPES: list[str]

def threads() -> int:
    """Return on how many threads this process works."""

def set_threads(count: int) -> None:
    """Set on how many threads this process works from now on."""

def after_fork() -> None:
    """Forget the threads of the process that this one was forked from."""

@final
class Volume:
    """A volume, opened and not read."""

    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def dtype(self) -> str: ...
    @property
    def voxel_size_nm(self) -> tuple[float, float, float] | None: ...
    @property
    def piece(self) -> tuple[int, int, int]: ...
    @property
    def format(self) -> str: ...
    @property
    def path(self) -> Any: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def orientation(self) -> str | None: ...
    @property
    def section_names(self) -> list[str] | None: ...
    def read(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> npt.NDArray[Any]:
        """Read a block."""

def open(
    path: str,
    channel: int | None = None,
    time: int | None = None,
    volume: int | None = None,
    invert: bool | None = None,
) -> Volume:
    """Open a volume."""

def open_levels(
    path: str,
    channel: int | None = None,
    time: int | None = None,
    volume: int | None = None,
    invert: bool | None = None,
) -> list[Volume]:
    """Open the smaller levels that a file holds of a volume."""

def from_array(array: npt.NDArray[Any], voxel_size_nm: tuple[float, float, float] | None = None) -> Volume:
    """Make a volume of a copy of an array."""

@final
class Writer:
    """A volume that is being written."""

    def __new__(
        cls,
        path: str,
        shape: tuple[int, int, int],
        dtype: str,
        voxel_size_nm: tuple[float, float, float] | None = None,
        labels: bool | None = None,
        chunk: tuple[int, int, int] | None = None,
        levels: int | None = None,
        zarr_version: str | None = None,
        compressed: bool = True,
    ) -> Writer: ...
    def write(self, sections: npt.NDArray[Any]) -> None:
        """Write the next sections."""

    def finish(self) -> None:
        """Give the volume its name."""

    def abandon(self) -> None:
        """Leave nothing of the volume behind."""

@final
class ConfusionCounts:
    """Voxels of a mask by what was predicted and what is true; a score that does not exist is ``None``."""

    @property
    def true_positives(self) -> int: ...
    @property
    def false_positives(self) -> int: ...
    @property
    def false_negatives(self) -> int: ...
    @property
    def true_negatives(self) -> int: ...
    @property
    def iou(self) -> float | None:
        """TP / (TP + FP + FN), the Jaccard index."""

    @property
    def dice(self) -> float | None:
        """2 TP / (2 TP + FP + FN), F1."""

    @property
    def accuracy(self) -> float | None:
        """The share of voxels that are right."""

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP)."""

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN)."""

    @property
    def specificity(self) -> float | None:
        """TN / (TN + FP)."""

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of recall and specificity."""

    def __eq__(self, other: object, /) -> bool: ...
    def __add__(self, other: ConfusionCounts, /) -> ConfusionCounts: ...
    def __radd__(self, other: int, /) -> ConfusionCounts: ...

@final
class BoundaryCounts:
    """Boundary voxels of two masks, and those near the other's boundary."""

    @property
    def predicted(self) -> int: ...
    @property
    def predicted_near(self) -> int: ...
    @property
    def labelled(self) -> int: ...
    @property
    def labelled_near(self) -> int: ...
    @property
    def precision(self) -> float | None:
        """The share of the predicted boundary that is near the label's."""

    @property
    def recall(self) -> float | None:
        """The share of the label's boundary that is near the predicted one."""

    @property
    def f1(self) -> float | None:
        """Boundary F1."""

    @property
    def surface_dice(self) -> float | None:
        """The share of both boundaries that is near the other's."""

    def __eq__(self, other: object, /) -> bool: ...
    def __add__(self, other: BoundaryCounts, /) -> BoundaryCounts: ...
    def __radd__(self, other: int, /) -> BoundaryCounts: ...

@final
class InstanceCounts:
    """Objects by whether they found a partner."""

    @property
    def true_positives(self) -> int: ...
    @property
    def false_positives(self) -> int: ...
    @property
    def false_negatives(self) -> int: ...
    @property
    def iou_sum(self) -> float: ...
    @property
    def average_precision(self) -> float | None:
        """TP / (TP + FP + FN)."""

    @property
    def precision(self) -> float | None:
        """TP / (TP + FP)."""

    @property
    def recall(self) -> float | None:
        """TP / (TP + FN)."""

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN)."""

    @property
    def mean_matched_iou(self) -> float | None:
        """The mean IoU of the pairs."""

    @property
    def panoptic_quality(self) -> float | None:
        """The sum of the pairs' IoU over TP + (FP + FN) / 2."""

    def __eq__(self, other: object, /) -> bool: ...
    def __add__(self, other: InstanceCounts, /) -> InstanceCounts: ...
    def __radd__(self, other: int, /) -> InstanceCounts: ...

@final
class Calibration:
    """Probabilities against a label, in bins of equal width."""

    @property
    def squared_error_sum(self) -> float: ...
    @property
    def bins(self) -> list[tuple[int, float | None, float | None]]:
        """Voxels, mean probability and share of foreground of each bin."""

    @property
    def expected_error(self) -> float | None:
        """The expected calibration error."""

    @property
    def brier(self) -> float | None:
        """The mean square of probability less label."""

    def __eq__(self, other: object, /) -> bool: ...
    def __add__(self, other: Calibration, /) -> Calibration: ...
    def __radd__(self, other: int, /) -> Calibration: ...

@final
class SurfaceDistances:
    """Distances between the surfaces of two masks."""

    @property
    def hausdorff(self) -> float:
        """The largest distance."""

    @property
    def hausdorff95(self) -> float:
        """The 95th percentile of the distances of both directions together."""

    @property
    def mean(self) -> float:
        """The average symmetric surface distance."""

    @staticmethod
    def pooled(parts: list[SurfaceDistances]) -> SurfaceDistances | None:
        """Put distances of several sections or volumes together."""

    def __eq__(self, other: object, /) -> bool: ...

def confusion(prediction: npt.NDArray[np.uint8], label: npt.NDArray[np.uint8]) -> ConfusionCounts:
    """Count the voxels of a prediction against a label."""

def boundary(
    prediction: npt.NDArray[np.uint8], label: npt.NDArray[np.uint8], spacing: list[float], tolerance: float
) -> BoundaryCounts:
    """Count the boundary voxels of two masks, and those near the other's boundary."""

def surface_distances(
    prediction: npt.NDArray[np.uint8], label: npt.NDArray[np.uint8], spacing: list[float]
) -> SurfaceDistances | None:
    """Measure the distances between the surfaces of two masks."""

def instances(
    prediction: npt.NDArray[np.uint32], label: npt.NDArray[np.uint32], thresholds: list[float]
) -> list[InstanceCounts]:
    """Match the objects of two label arrays at some thresholds of IoU."""

def calibration(probabilities: npt.NDArray[np.float32], label: npt.NDArray[np.uint8]) -> Calibration:
    """Count probabilities and labels in bins."""

def soft_dice(
    probabilities: npt.NDArray[np.float32], label: npt.NDArray[np.float32], squared: bool, epsilon: float
) -> float:
    """Compute the soft Dice coefficient."""

def soft_jaccard(
    probabilities: npt.NDArray[np.float32], label: npt.NDArray[np.float32], smoothing: float
) -> float:
    """Compute the soft Jaccard index."""

def distance_transform(foreground: npt.NDArray[np.uint8], spacing: list[float]) -> npt.NDArray[np.float64]:
    """Compute each voxel's distance to the nearest foreground."""

@final
class Objects:
    """Objects of a volume, found and kept in a temporary file."""

    @property
    def shape(self) -> tuple[int, int, int]: ...
    @property
    def voxel_size_nm(self) -> tuple[float, float, float] | None: ...
    @property
    def count(self) -> int: ...
    @property
    def ids(self) -> npt.NDArray[np.uint32]: ...
    def sizes(self) -> npt.NDArray[np.uint64]:
        """Count the voxels of each object."""

    def paint(self, start: int, end: int) -> npt.NDArray[np.uint32]:
        """Paint the objects of some sections."""

    def measure(self, probabilities: Volume | None = None) -> list[tuple[str, npt.NDArray[Any]]]:
        """Measure all objects: the columns of a table."""

    def split(self, neck_nm: float) -> tuple[Objects, int, int]:
        """Split objects at their necks."""

    def nearest(self, others: Objects, within_nm: float) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.float64]]:
        """Find the nearest object of others for each."""

def find(
    volume: Volume,
    foreground: str,
    value: float | None = None,
    connectivity: int = 26,
    flat: bool = False,
    fill_holes: bool = False,
    min_voxels: int = 1,
    voxel_size_nm: tuple[float, float, float] | None = None,
) -> Objects:
    """Find the objects of a volume."""

def label(mask: npt.NDArray[np.uint8], connectivity: int, flat: bool) -> npt.NDArray[np.uint32]:
    """Number the connected components of a mask."""

def clean(
    mask: npt.NDArray[np.uint8], median_size: int, minimum_voxels: int, fill_holes: bool, flat: bool
) -> npt.NDArray[np.bool_]:
    """Clean a mask."""

def surface(mask: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint32]]:
    """Return the vertices, in voxels, and the triangles of the surface of a mask."""

def phantom(
    shape: tuple[int, int, int],
    seed: int,
    vary: bool = False,
    voxel_size_nm: tuple[float, float, float] | None = None,
) -> tuple[npt.NDArray[Any], dict[str, npt.NDArray[np.bool_]], npt.NDArray[Any], tuple[float, float, float]]:
    """Generate a phantom: grey values, masks by name, numbered cells, voxel size."""
