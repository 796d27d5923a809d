"""Masks of an image by a network, as layers."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari
import numpy as np
from qtpy.QtWidgets import QCheckBox

import em_cli as em

from .fields import FOLDER, Computing, NetworkBox, settings_of
from .reading import layer_of
from .scale import Size, grid_of
from .work import OnEvent, Runner, Task, new_folder
from .writing import COLOURED, full_of, save


class Predict(Computing):
    """Asks a network for the masks of an image."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        """Add the fields."""
        super().__init__(napari_viewer)
        self.network = NetworkBox()
        self.probabilities = QCheckBox("as a layer, too")
        self.row("Network", self.network, "What to look for")
        self.row("Probabilities", self.probabilities, "How sure the network is, from 0 to 255")
        self.last_rows("predict.views = 4")
        self.run_by(Runner("Predict", self._prepare, self._finish))

    def _prepare(self) -> Task:
        image, size = self.sized_stack("image")
        network, folder, device = self.network.name, self.folder.path, self.device.currentText()
        wants_probabilities, settings = self.probabilities.isChecked(), settings_of(self.settings.text())

        def task(on_event: OnEvent, cancel: threading.Event) -> Any:
            with new_folder(folder, "predict", "mask.zarr") as made, TemporaryDirectory(dir=made) as scratch:
                files = em.predict(
                    volume_of(image, size, Path(scratch)),
                    model=network,
                    output=made / "mask.zarr",
                    probabilities=made / "probabilities.zarr" if wants_probabilities else None,
                    settings=settings,
                    device=device,
                    on_event=on_event,
                    cancel=cancel,
                )
                return image, folder, [(file, em.open_levels(file.path)) for file in files]

        return task

    def _finish(self, result: Any) -> str:
        image, folder, files = result
        told = []
        for file, levels in files:
            is_mask = file.kind == "mask"
            name = f"{image.name} {file.class_name}" + ("" if is_mask else " probabilities")
            data, arguments, kind = layer_of(levels, name, is_label=is_mask)
            arguments |= {**grid_of(image), "metadata": {FOLDER: str(folder)}}
            if is_mask and isinstance(data, np.ndarray):
                # Label 1, as one paints it.
                data = (data > 0).view(np.uint8)
            elif not is_mask:
                arguments |= {"colormap": "magma", "blending": "additive", "contrast_limits": (0, 255)}
            if image.ndim == 2:
                data = full_of(data, isinstance(data, list))[0]
            self.viewer.add_layer(napari.layers.Layer.create(data, arguments, kind))
            if is_mask:
                told.append(f"{file.class_name}: {file.foreground:.1%} of the voxels")
        return "<br>".join([*told, f"saved in {Path(files[0][0].path).parent}"])


def volume_of(layer: Any, size: Size | None, scratch: Path) -> em.Volume:
    """Return the volume of an image layer: its file where it was read by em_cli, else what is written of it."""
    data = full_of(layer.data, layer.multiscale)
    if not isinstance(data, em.Volume):
        if getattr(layer, "rgb", False):
            raise ValueError(COLOURED.format(layer.name))
        path = scratch / "image.zarr"
        save(str(path), data, size, labels=None)
        data = em.open(path)
    return data if size is None else data.with_voxel_size_nm(size)
