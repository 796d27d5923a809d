"""A network that suits a stack which nobody labelled."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import napari

import em_cli as em

from .fields import Computing, NetworkBox, settings_of
from .predicting import volume_of
from .work import OnEvent, Runner, Task, new_folder


class Adapt(Computing):
    """Makes a copy of a network suit an image, without labels."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        """Add the fields."""
        super().__init__(napari_viewer)
        self.network = NetworkBox()
        self.row("Network", self.network, "The network to start from, which stays as it is")
        self.last_rows("train.epochs = 5")
        self.run_by(Runner("Adapt", self._prepare, self._finish))

    def _prepare(self) -> Task:
        image, size = self.sized_stack("image")
        network, folder, device = self.network.name, self.folder.path, self.device.currentText()
        settings = settings_of(self.settings.text())

        def task(on_event: OnEvent, cancel: threading.Event) -> em.program.Adapted:
            with new_folder(folder, "adapt", "run") as made, TemporaryDirectory(dir=made) as scratch:
                return em.adapt(
                    network,
                    volume_of(image, size, Path(scratch)),
                    output=made / "run",
                    settings=settings,
                    device=device,
                    on_event=on_event,
                    cancel=cancel,
                )

        return task

    def _finish(self, adapted: Any) -> str:
        self.network.choose(adapted.run)
        told = [f"{moved['class']}: {moved['changed']:.1%} of the voxels changed sides" for moved in adapted.moved]
        return "<br>".join([*told, f"Predict now offers the new network, {adapted.run}"])
