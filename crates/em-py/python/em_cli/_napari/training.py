"""A network from what is painted: the sections or boxes in which labels are complete, given to the program's training.

The image around them and the labels are written as ``em-cli train`` reads them, with ``train_regions.json`` for the
boxes, and ``em-cli config init --data`` chooses how to train, so that the folder can be used without napari, too.
"""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any, TypeAlias

import dask.array as da
import napari
import numpy as np
from qtpy.QtWidgets import QLineEdit

import em_cli as em

from .fields import BUILT_IN, FOLDER, RUNS, Computing, LayerBox, settings_of
from .scale import Size
from .work import OnEvent, Runner, Task, link, new_folder
from .writing import full_of, save

#: First voxel and the one behind the last, ``[z, y, x]`` each.
Box: TypeAlias = "tuple[list[int], list[int]]"

#: Sections that are written before and behind the labelled ones, for networks that see neighbours.
_AROUND = 8

#: What stands behind ``train_`` in names of files, and is no class.
_NO_CLASSES = ("ignore", "regions")


class Train(Computing):
    """Trains a network on painted labels."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        """Add the fields."""
        super().__init__(napari_viewer)
        self.labels = LayerBox(napari_viewer, napari.layers.Labels)
        self.classes = QLineEdit(BUILT_IN[0])
        self.regions = LayerBox(napari_viewer, napari.layers.Shapes, absent="sections with paint")
        self.row("Labels", self.labels, "What was painted")
        self.row(
            "Class",
            self.classes,
            "What it is, such as mitochondria; of several, a, b, ..., label 1 is the first, label 2 the second",
        )
        self.row(
            "Reviewed",
            self.regions,
            "Where labels are complete, so that all that is not painted is background: rectangles of a Shapes layer, "
            "or, without one, each section that has paint",
        )
        self.last_rows("train.epochs = 5")
        self.run_by(Runner("Train", self._prepare, self._finish))

    def _prepare(self) -> Task:
        labels, shapes = self.labels.required("labels"), self.regions.layer
        image, size = self.sized_stack("image")
        raw, painted = volume_data(image), volume_data(labels)
        if raw.shape != painted.shape:
            message = f"`{labels.name}` is {painted.shape} and `{image.name}` {raw.shape}"
            raise ValueError(f"{message}, expected equal shapes")
        classes, settings = classes_of(self.classes.text()), settings_of(self.settings.text())
        reviewed = None if shapes is None else boxes_of(shapes, image, raw.shape)
        if reviewed is None and FOLDER in labels.metadata:
            raise ValueError(
                f"`{labels.name}` is what a program found, of which nobody said that it is right\n"
                "hint: correct a part, draw rectangles around it in a Shapes layer, and choose that one under Reviewed"
            )
        folder, device = self.folder.path, self.device.currentText()

        def task(on_event: OnEvent, cancel: threading.Event) -> Any:
            boxes = painted_sections(painted) if reviewed is None else reviewed
            if not boxes:
                raise ValueError(
                    f"nothing is painted in `{labels.name}`, expected labels\n"
                    "hint: paint all objects of one section or more"
                )
            with new_folder(folder, "train", "run") as made:
                write_data(made / "data", raw, painted, size, classes, boxes)
                em.program.suggest_config(made / "data", made / "run.toml")
                trained = em.train(
                    made / "run.toml",
                    settings={"output.folder": str((made / "run").absolute()), **settings},
                    device=device,
                    on_event=on_event,
                    cancel=cancel,
                )
                return str(made / "run"), trained

        return task

    def _finish(self, result: Any) -> str:
        run, trained = result
        RUNS.add(run)
        told = []
        for name, scores in (trained.scores.get("validation") or {}).items():
            iou = scores["pooled"]["iou"]
            told.append(f"{name}: IoU " + ("unknown" if iou is None else f"{iou:.3f}") + " on a part that was left out")
        told.append(f"Predict now offers the new network, {run}")
        return "<br>".join([*told, link(trained.report, "Show the report")])


def volume_data(layer: Any) -> Any:
    """Return the data of a layer, lazily, with three axes.

    Raises:
        ValueError: They have more, or colours.
    """
    data = full_of(layer.data, layer.multiscale)
    if len(data.shape) not in (2, 3) or getattr(layer, "rgb", False):
        what = "colours" if getattr(layer, "rgb", False) else f"{len(data.shape)} axes"
        raise ValueError(f"layer `{layer.name}` has {what}, expected grey values or labels [z, y, x]")
    # Without a name, for which dask would read all of an array.
    lazy = data if isinstance(data, da.Array) else da.from_array(data, name=False)
    return lazy[np.newaxis] if len(data.shape) == 2 else lazy


def classes_of(text: str) -> list[str]:
    """Read the names of classes, with commas between them.

    Raises:
        ValueError: There is none, or one cannot be part of a file's name.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if not re.fullmatch(r"\w[\w-]*", name) or name in _NO_CLASSES:
            raise ValueError(f"a class cannot be called `{name}`, expected letters, digits, - and _")
    if not names:
        raise ValueError("the class has no name, expected one\nhint: such as mitochondria")
    return names


def painted_sections(labels: Any) -> list[Box]:
    """Return a box for each run of sections with paint."""
    depth, height, width = labels.shape
    has_paint = [bool(np.any(np.asarray(labels[z]))) for z in range(depth)]
    edges = np.flatnonzero(np.diff([False, *has_paint, False]))
    return [([int(first), 0, 0], [int(end), height, width]) for first, end in zip(edges[::2], edges[1::2])]


def boxes_of(shapes: Any, image: Any, shape: tuple[int, ...]) -> list[Box]:
    """Return the voxels whose middles lie in the rectangles of a layer.

    Raises:
        ValueError: There is no rectangle, another shape, or one that holds no voxel.
    """
    boxes = []
    for number, (corners, kind) in enumerate(zip(shapes.data, shapes.shape_type), start=1):
        if kind != "rectangle":
            raise ValueError(f"shape {number} of `{shapes.name}` is of type {kind}, expected rectangles")
        places = np.array([image.world_to_data(shapes.data_to_world(corner))[-image.ndim :] for corner in corners])
        # Rectangles without z, and all of a picture, hold for all sections.
        has_z = min(shapes.ndim, image.ndim) == 3
        low, high = ([0, *side[-2:]] if not has_z else side for side in (places.min(axis=0), places.max(axis=0)))
        flat = np.round(low) if has_z else low
        start = [max(0, int(np.ceil(side - 1e-6))) for side in low]
        end = [min(most, int(np.floor(side + 1e-6)) + 1) for side, most in zip(high, shape)]
        if not has_z:
            start[0], end[0] = 0, shape[0]
        elif high[0] - low[0] < 1:
            start[0], end[0] = int(flat[0]), int(flat[0]) + 1
        if any(first >= last for first, last in zip(start, end)):
            raise ValueError(f"rectangle {number} of `{shapes.name}` lies outside of `{image.name}`")
        boxes.append((start, end))
    if not boxes:
        raise ValueError(f"`{shapes.name}` is empty, expected rectangles around what is labelled completely")
    return boxes


def write_data(folder: Path, raw: Any, labels: Any, size: Size | None, classes: list[str], boxes: list[Box]) -> None:
    """Write the labelled sections with some around them, as ``data.folder`` of a configuration."""
    folder.mkdir()
    first = max(0, min(start[0] for start, _ in boxes) - _AROUND)
    end = min(raw.shape[0], max(end[0] for _, end in boxes) + _AROUND)
    save(str(folder / "train.zarr"), raw[first:end], size, labels=None)
    for value, name in enumerate(classes, start=1):
        mask = labels[first:end] != 0 if len(classes) == 1 else labels[first:end] == value
        save(str(folder / f"train_{name}.zarr"), mask, size, labels=True)
    regions = [
        {
            "name": f"region-{number}",
            "start": [start[0] - first, *start[1:]],
            "shape": [last - begin for begin, last in zip(start, end)],
        }
        for number, (start, end) in enumerate(boxes, start=1)
    ]
    text = json.dumps({"format_version": 1, "regions": regions}, indent=1)
    (folder / "train_regions.json").write_text(text + "\n", encoding="utf-8")
