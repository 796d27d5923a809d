"""The objects of a labels layer, counted and measured by the program, in a table that is linked to them."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
import pandas as pd
from qtpy.QtWidgets import QCheckBox, QComboBox, QSpinBox

import em_cli as em

from .fields import FOLDER, OnStack
from .reading import layer_of
from .scale import grid_of
from .table import ObjectTable
from .training import volume_data
from .work import OnEvent, Runner, Task, link, new_folder
from .writing import full_of, save

#: Sections that are looked at to tell a mask from numbered objects.
_SECTIONS = 5


class Measure(OnStack):
    """Measures objects and shows their table."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        """Add the fields."""
        self.objects = QComboBox()
        self.objects.addItems(["connected parts", "each number"])
        super().__init__(napari_viewer, napari.layers.Labels, "Labels")
        self.least = QSpinBox()
        self.least.setRange(1, 1_000_000_000)
        self.neck = QSpinBox()
        self.neck.setRange(0, 100_000)
        self.neck.setSpecialValueText("no")
        self.neck.setSuffix(" nm")
        self.holes = QCheckBox("within sections")
        self.row("Objects are", self.objects, "Whether voxels that touch are an object, or those of one number")
        self.row("Least voxels", self.least, "Smaller objects are left out")
        self.row(
            "Split necks", self.neck, "Objects that touch are split where the neck is narrower by this on each side"
        )
        self.row("Fill holes", self.holes, "Background that an object encloses within a section belongs to it")
        self.save_row()
        self.run_by(Runner("Measure", self._prepare, self._finish))
        self.table = ObjectTable(napari_viewer)
        self.table.hide()
        self.outer.addWidget(self.table, 1)
        self.outer.addStretch(0)

    def _show(self) -> None:
        super()._show()
        if self.stack.layer is not None:
            self.objects.setCurrentIndex(int(_is_numbered(self.stack.layer)))

    def _prepare(self) -> Task:
        layer, size = self.sized_stack("labels")
        data, is_numbered = volume_data(layer), self.objects.currentIndex() == 1
        name = re.sub(r"[^\w-]+", "_", layer.name).strip("_") or "objects"
        options: dict[str, Any] = {"fill_holes": self.holes.isChecked(), "min_voxels": self.least.value()}
        folder, neck = self.folder.path, self.neck.value()

        def task(on_event: OnEvent, cancel: threading.Event) -> Any:
            with new_folder(folder, "measure", "objects") as made, TemporaryDirectory(dir=made) as scratch:
                path = Path(scratch) / "labels.zarr"
                save(str(path), data if is_numbered else data != 0, size, labels=True)
                measured = em.program.measure(
                    {name: path},
                    output=made / "objects",
                    instances=is_numbered,
                    split_nm=neck or None,
                    on_event=on_event,
                    cancel=cancel,
                    **options,
                )
                levels = em.open_levels(made / "objects" / "labels.tif")
                labels, *_ = layer_of(levels, "", is_label=True)
                return layer, labels, pd.read_csv(made / "objects" / "objects.csv"), measured

        return task

    def _finish(self, result: Any) -> str:
        layer, labels, table, measured = result
        table = table.drop(columns="class")
        found = self.viewer.add_labels(
            labels if layer.ndim == 3 else labels[0],
            name=f"{layer.name} objects",
            # napari finds the row of a label by the column `index`.
            features=table.rename(columns={"id": "index"}),
            metadata={FOLDER: str(Path(measured.folder).parent.parent)},
            **grid_of(layer),
        )
        layer.visible = False
        self.table.show_objects(table, found)
        self.table.show()
        return f"{len(table)} objects; {link(measured.report, 'Show the report')}<br>saved in {measured.folder}"


def _is_numbered(layer: Any) -> bool:
    """Tell whether some sections have more than one number besides the background."""
    data = full_of(layer.data, layer.multiscale)
    depth = len(data)
    if len(data.shape) == 2:
        return len(np.setdiff1d(data, 0)) > 1
    seen = {(2 * number + 1) * depth // (2 * _SECTIONS) for number in range(_SECTIONS)}
    return len({int(value) for z in seen for value in np.unique(np.asarray(data[z])) if value}) > 1
