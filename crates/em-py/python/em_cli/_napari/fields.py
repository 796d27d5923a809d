"""The fields that several widgets have: the layer, its voxel size, the network, where results go, and settings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import napari
from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .scale import Size, set_size, shown, size_of_layer, typed
from .work import Runner

#: The networks that the program brings; `em-cli models` tells of them.
BUILT_IN = ("mitochondria", "synapses")

#: The width of a button that looks for a folder.
_NARROW = 32

#: Where a layer's metadata have the folder that it was made in.
FOLDER = "em_cli_folder"


class Runs(QObject):
    """Runs that were trained or picked while napari is open, for all widgets to choose among."""

    changed = Signal()

    def __init__(self) -> None:
        """Begin without any."""
        super().__init__()
        self.folders: list[str] = []

    def add(self, folder: str) -> None:
        """Add a run, where it is not known."""
        if folder not in self.folders:
            self.folders.append(folder)
            self.changed.emit()


RUNS = Runs()


class LayerBox(QComboBox):
    """A box of the viewer's layers of a kind; one that may be absent begins with what stands for none."""

    picked = Signal()

    def __init__(self, viewer: napari.Viewer, kind: type, absent: str | None = None) -> None:
        """Offer the layers that are there."""
        super().__init__()
        self._viewer, self._kind, self._absent = viewer, kind, absent
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.currentIndexChanged.connect(self.picked)
        self.fill()

    @property
    def layer(self) -> Any:
        """The layer, ``None`` without one."""
        return self.currentData()

    def choose(self, layer: Any) -> None:
        """Choose a layer of the viewer."""
        self.setCurrentIndex([self.itemData(index) for index in range(self.count())].index(layer))

    def required(self, what: str) -> Any:
        """Return the layer.

        Raises:
            ValueError: There is none.
        """
        if self.layer is None:
            hint = "File > Open File(s)..., or File > Open Sample > em-cli"
            raise ValueError(f"there is no {what} layer, expected one\nhint: {hint}")
        return self.layer

    def fill(self) -> None:
        """Offer what there is now, and keep the choice where it is still there."""
        chosen = self.layer
        self.blockSignals(True)
        self.clear()
        if self._absent is not None:
            self.addItem(self._absent, None)
        layers: list[Any] = [layer for layer in self._viewer.layers if isinstance(layer, self._kind)]
        for layer in layers:
            self.addItem(layer.name, layer)
        if chosen in layers:
            self.choose(chosen)
        self.blockSignals(False)
        if self.layer is not chosen:
            self.picked.emit()


class NetworkBox(QWidget):
    """A box of networks, and a button that adds the folder of a run."""

    def __init__(self) -> None:
        """Offer what is built in and what was trained."""
        super().__init__()
        self.box = QComboBox()
        self.box.setToolTip("A network that is built in, or a run: what Train, Adapt or `em-cli train` made")
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        other = QPushButton("...")
        other.setFixedWidth(_NARROW)
        other.setToolTip("Look for the folder of a run that was trained before")
        other.clicked.connect(self._pick)
        _beside(self, self.box, other)
        self._fill()
        # A signal of Qt, which lets go of boxes that are gone.
        RUNS.changed.connect(self._fill)

    @property
    def name(self) -> str:
        """The built-in network, or the folder of a run."""
        return str(self.box.currentData())

    def choose(self, name: str) -> None:
        """Choose a network; a run becomes known to all widgets."""
        if name not in BUILT_IN:
            RUNS.add(name)
        self.box.setCurrentIndex(self.box.findData(name))

    def _fill(self) -> None:
        chosen = self.box.currentData()
        self.box.clear()
        for name in BUILT_IN:
            self.box.addItem(name, name)
        for run in RUNS.folders:
            self.box.addItem("/".join(Path(run).parts[-2:]), run)
        self.box.setCurrentIndex(max(0, self.box.findData(chosen)))

    def _pick(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a run")
        if folder:
            self.choose(folder)


class FolderEdit(QWidget):
    """A line with a folder, and a button that looks for one."""

    def __init__(self, title: str) -> None:
        """Take the title of the dialog."""
        super().__init__()
        self._title = title
        self.line = QLineEdit()
        look = QPushButton("...")
        look.setFixedWidth(_NARROW)
        look.clicked.connect(self._look)
        _beside(self, self.line, look)

    @property
    def path(self) -> Path:
        """The folder.

        Raises:
            ValueError: There is none.
        """
        text = self.line.text().strip()
        if not text:
            raise ValueError("there is no folder for the results, expected one under Save in")
        return Path(text).expanduser().absolute()

    def _look(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self._title, self.line.text())
        if folder:
            self.line.setText(folder)


class Form(QWidget):
    """Rows of fields with their names, and a runner below them; napari calls `reset_choices` when layers change."""

    def __init__(self, viewer: napari.Viewer) -> None:
        """Begin without rows."""
        super().__init__()
        self.viewer = viewer
        self.rows = QFormLayout()
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.outer = QVBoxLayout(self)
        self.outer.addLayout(self.rows)
        self.runner: Runner | None = None

    def row(self, name: str, widget: QWidget, tooltip: str) -> None:
        """Add a field."""
        widget.setToolTip(tooltip)
        self.rows.addRow(name, widget)

    def run_by(self, runner: Runner) -> None:
        """Put a runner below the fields."""
        self.runner = runner
        self.outer.addWidget(runner)

    def event(self, event: QEvent) -> bool:
        """End the work when the panel is closed, since its button is gone: napari takes it out of its window then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and self.runner is not None:
            self.runner.end()
        return bool(super().event(event))

    def reset_choices(self, event: Any = None) -> None:
        """Offer the layers that there are now."""
        for box in self.findChildren(LayerBox):
            box.fill()


class OnStack(Form):
    """A form about one layer, the stack: its voxel size, and where results go."""

    def __init__(self, viewer: napari.Viewer, kind: type, name: str) -> None:
        """Add the fields of the stack."""
        super().__init__(viewer)
        self.stack = LayerBox(viewer, kind)
        self.size = QLineEdit()
        self.size.setPlaceholderText("z, y, x; unknown")
        self.folder = FolderEdit("Folder for results")
        self.row(name, self.stack, "The layer to work on")
        tooltip = "Thickness of a section, height and width of a pixel; it becomes the scale of the layer"
        self.row("Voxel size (nm)", self.size, tooltip)
        self.stack.picked.connect(self._show)
        self._show()

    def save_row(self) -> None:
        """Add where results go."""
        self.row("Save in", self.folder, "Each work makes a numbered folder here; nothing that is there is replaced")

    def _show(self) -> None:
        layer = self.stack.layer
        if layer is not None:
            self.size.setText(shown(size_of_layer(layer)))
            self.folder.line.setText(str(_folder_beside(layer)))

    def sized_stack(self, what: str) -> tuple[Any, Size | None]:
        """Return the layer with its voxel size, which it gets where another one was typed.

        Raises:
            ValueError: There is no layer, or what was typed is no voxel size.
        """
        layer, size = self.stack.required(what), typed(self.size.text())
        set_size(self.viewer.layers, layer, size)
        return layer, size


class Computing(OnStack):
    """A form about an image that goes through a network: also the device, and the settings of the program."""

    def __init__(self, viewer: napari.Viewer) -> None:
        """Add the fields of the stack."""
        super().__init__(viewer, napari.layers.Image, "Image")
        self.device = QComboBox()
        self.device.addItems(["auto", "cpu", "cuda"])
        self.settings = QLineEdit()

    def last_rows(self, example: str) -> None:
        """Add the fields that seldom change, with an example of a setting."""
        self.settings.setPlaceholderText(f"{example}; ...")
        self.save_row()
        self.row("Device", self.device, "Where to compute: auto takes an NVIDIA card where there is one")
        self.row("Settings", self.settings, "Keys of the configuration that are set otherwise, between semicolons")


def settings_of(text: str) -> dict[str, Any]:
    """Read settings as users type them: ``train.epochs = 5; train.init = mitochondria``.

    Raises:
        ValueError: A part is no setting.
    """
    settings: dict[str, Any] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not (key and equals and value):
            raise ValueError(f"`{part}` is no setting, expected KEY = VALUE\nhint: such as train.epochs = 5")
        try:
            settings[key] = json.loads(value)
        except ValueError:
            settings[key] = value
    return settings


def _folder_beside(layer: Any) -> Path:
    """Propose a folder for results: the one that the layer is of, or one beside its file, else one at home."""
    if FOLDER in layer.metadata:
        return Path(layer.metadata[FOLDER])
    path = layer.source.path
    home = Path.home() / "em-cli"
    name = re.sub(r"[^\w .-]+", "_", layer.name)
    return home / name if path is None or "://" in path else Path(path).absolute().parent / f"{name}-results"


def _beside(parent: QWidget, *widgets: QWidget) -> None:
    layout = QHBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(widgets[0], 1)
    for widget in widgets[1:]:
        layout.addWidget(widget)
