"""The napari plugin's widgets with the program itself, as users drive them: fields, a click, and what comes of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import napari
import numpy as np
import pytest
from napari.qt.threading import WorkerBase
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

import em_cli as em
from em_cli import program
from em_cli._napari import fields, training, work

pytestmark = pytest.mark.skipif(not os.environ.get("EM_CLI"), reason="EM_CLI names no program")

SIZE = (8.0, 8.0, 8.0)

#: A network and a training of a moment.
TINY = (
    "model.filters = [4, 8]; tiling.tile_size = 32; tiling.tiles_per_epoch = 4; train.epochs = 2; train.tune = false; "
    "data.split.folds = 0"
)

#: Opens a widget of the plugin.
Open: TypeAlias = Callable[[str], Any]
#: Clicks on the button of a widget, and waits for the end of its work.
Run: TypeAlias = Callable[[Any], None]


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(program.PROGRAM_VARIABLE, os.environ["EM_CLI"])
    fields.RUNS.folders.clear()
    notification_manager.records.clear()


@pytest.fixture
def open_widget(viewer: Any, qtbot: Any) -> Open:
    """Open a widget by its name, as napari's menu does."""

    def opened(name: str) -> Any:
        _, widget = viewer.window.add_plugin_dock_widget("em-cli", name)
        return widget

    return opened


@pytest.fixture
def run(qtbot: Any) -> Run:
    """Click, and wait."""

    def ran(widget: Any) -> None:
        qtbot.mouseClick(widget.runner.start, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not widget.runner.is_running, timeout=60_000)

    return ran


@pytest.fixture
def stack(viewer: Any, tmp_path: Path) -> Any:
    """Open a stack of a file."""
    em.write(tmp_path / "stack.tif", em.phantom((4, 96, 96), seed=1, voxel_size_nm=SIZE).raw)
    [layer] = viewer.open(tmp_path / "stack.tif", plugin="em-cli")
    return layer


def told() -> list[str]:
    """Return the messages that napari showed."""
    return [str(record.message) for record in notification_manager.records]


def test_predict_adds_masks_where_the_image_lies(
    open_widget: Open, run: Run, viewer: Any, stack: Any, tmp_path: Path
) -> None:
    stack.translate = (80, 0, 16)
    widget = open_widget("Predict")
    assert widget.size.text() == "8, 8, 8" and widget.folder.path == tmp_path / "stack-results"
    widget.probabilities.setChecked(True)
    run(widget)
    _, mask, probabilities = viewer.layers
    assert (mask.name, type(mask)) == ("stack mitochondria", napari.layers.Labels), told()
    assert isinstance(probabilities, napari.layers.Image)
    for layer in (mask, probabilities):
        np.testing.assert_array_equal(layer.extent.world, stack.extent.world)
    written = np.asarray(em.open(tmp_path / "stack-results" / "predict-1" / "mask.zarr"))
    np.testing.assert_array_equal(mask.data, written > 0)
    assert 0 < np.mean(written > 0) < 1 and f"{np.mean(written > 0):.1%}" in widget.runner.status.text()
    assert sorted(path.name for path in (tmp_path / "stack-results" / "predict-1").iterdir()) == [
        "mask.zarr",
        "probabilities.zarr",
    ]
    run(widget)
    assert (tmp_path / "stack-results" / "predict-2" / "mask.zarr").is_dir()


def test_a_typed_voxel_size_becomes_that_of_the_layers_on_the_grid(
    open_widget: Open, run: Run, viewer: Any, tmp_path: Path
) -> None:
    raw = np.asarray(em.phantom((1, 96, 96), seed=1, voxel_size_nm=SIZE).raw)[0]
    picture = viewer.add_image(raw)
    painted = viewer.add_labels(np.zeros(raw.shape, np.uint8))
    widget = open_widget("Predict")
    assert widget.size.text() == ""
    widget.size.setText("40, 8, 8")
    widget.folder.line.setText(str(tmp_path))
    run(widget)
    mask = viewer.layers[-1]
    assert mask.ndim == 2, told()
    assert (
        tuple(mask.scale) == tuple(picture.scale) == tuple(painted.scale) == (8, 8)
        and str(mask.units[0]) == "nanometer"
    )
    assert em.open(tmp_path / "predict-1" / "mask.zarr").voxel_size_nm == (40, 8, 8)


def test_a_mistake_is_told_in_the_words_of_the_program(
    open_widget: Open, run: Run, viewer: Any, stack: Any, tmp_path: Path
) -> None:
    widget = open_widget("Predict")
    widget.settings.setText("predict.tile_sise = 512")
    run(widget)
    assert (
        re.search(r"(?s)tile_sise.*did you mean.*tile_size", told()[-1]) and "tile_sise" in widget.runner.status.text()
    )
    assert len(viewer.layers) == 1 and list((tmp_path / "stack-results").iterdir()) == []
    for text, message in [("sure", "`sure` is no setting, expected KEY = VALUE"), ("", None)]:
        widget.settings.setText(text)
        if message:
            run(widget)
            assert message in told()[-1]
    viewer.layers.clear()
    run(widget)
    assert "there is no image layer" in told()[-1] and "hint: File > Open" in told()[-1]


def test_cancel_ends_the_program_and_leaves_nothing(
    open_widget: Open, qtbot: Any, viewer: Any, stack: Any, tmp_path: Path
) -> None:
    viewer.add_image(np.tile(np.asarray(stack.data), (30, 4, 4)), name="large", scale=SIZE, units="nm")
    widget = open_widget("Predict")
    widget.stack.choose(viewer.layers["large"])
    widget.folder.line.setText(str(tmp_path / "out"))
    qtbot.mouseClick(widget.runner.start, Qt.MouseButton.LeftButton)
    assert not widget.runner.start.isEnabled()
    qtbot.waitUntil(lambda: "sections" in widget.runner.status.text(), timeout=60_000)
    assert widget.runner.bar.maximum() > 0
    qtbot.mouseClick(widget.runner.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.runner.is_running, timeout=60_000)
    assert len(viewer.layers) == 2 and list((tmp_path / "out").iterdir()) == []
    assert widget.runner.start.isEnabled() and not widget.runner.cancel.isEnabled()
    assert told()[-1] == "cancelled; nothing is kept"


@pytest.mark.parametrize("how", ["panel", "napari"])
def test_a_work_ends_with_its_panel_and_with_napari(
    open_widget: Open, qtbot: Any, viewer: Any, stack: Any, tmp_path: Path, how: str
) -> None:
    viewer.add_image(np.tile(np.asarray(stack.data), (30, 4, 4)), name="large", scale=SIZE, units="nm")
    widget = open_widget("Predict")
    widget.stack.choose(viewer.layers["large"])
    widget.folder.line.setText(str(tmp_path / "out"))
    qtbot.mouseClick(widget.runner.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "sections" in widget.runner.status.text(), timeout=60_000)
    assert len(list((tmp_path / "out").iterdir())) == 1
    if how == "panel":
        viewer.window.remove_dock_widget(widget)
        qtbot.waitUntil(lambda: not widget.runner.is_running, timeout=60_000)
    else:
        WorkerBase.await_workers(60_000)
    assert list((tmp_path / "out").iterdir()) == []


def test_train_learns_from_the_sections_with_paint_and_predict_offers_the_network(
    open_widget: Open, run: Run, viewer: Any, stack: Any, tmp_path: Path
) -> None:
    labels = viewer.add_labels(np.zeros(stack.data.shape, np.uint8), name="painted", scale=SIZE, units="nm")
    labels.data[1, 20:50, 30:70] = 1
    labels.data[2, 20:50, 30:70] = 1
    widget, predict = open_widget("Train on painted labels"), open_widget("Predict")
    widget.classes.setText("bodies")
    widget.settings.setText(TINY)
    run(widget)
    made = tmp_path / "stack-results" / "train-1"
    assert (made / "run" / "model.safetensors").is_file(), told()
    regions = json.loads((made / "data" / "train_regions.json").read_text())["regions"]
    assert regions == [{"name": "region-1", "start": [1, 0, 0], "shape": [2, 96, 96]}]
    assert em.open(made / "data" / "train_bodies.zarr").voxel_size_nm == SIZE
    assert np.asarray(em.open(made / "data" / "train_bodies.zarr")).sum() == 2 * 30 * 40 * 255
    assert predict.network.box.findData(str(made / "run")) == len(fields.BUILT_IN)
    predict.network.choose(str(made / "run"))
    run(predict)
    assert viewer.layers[-1].name == "stack bodies", told()


def test_train_takes_rectangles_for_what_is_reviewed_and_numbers_for_classes(
    open_widget: Open, run: Run, viewer: Any, stack: Any, tmp_path: Path
) -> None:
    labels = viewer.add_labels(np.zeros(stack.data.shape, int), name="painted", scale=SIZE, units="nm")
    labels.data[2, 30:40, 30:40], labels.data[2, 60:70, 30:40], labels.data[0] = 1, 2, 1
    around = np.array([[2, 9.6, 20], [2, 9.6, 80], [2, 85, 80], [2, 85, 20]])
    shapes = viewer.add_shapes([around], shape_type="rectangle", scale=SIZE, units="nm")
    widget = open_widget("Train on painted labels")
    widget.regions.choose(shapes)
    widget.classes.setText("bodies, synapses")
    widget.settings.setText(TINY)
    run(widget)
    made = tmp_path / "stack-results" / "train-1"
    assert (made / "run" / "model.safetensors").is_file(), told()
    regions = json.loads((made / "data" / "train_regions.json").read_text())["regions"]
    assert regions == [{"name": "region-1", "start": [2, 10, 20], "shape": [1, 76, 61]}]
    np.testing.assert_array_equal(np.asarray(em.open(made / "data" / "train_synapses.zarr")) > 0, labels.data == 2)


def test_train_says_what_is_missing_before_anything_is_written(
    open_widget: Open, run: Run, viewer: Any, stack: Any, tmp_path: Path
) -> None:
    labels = viewer.add_labels(np.zeros(stack.data.shape, np.uint8), name="painted", scale=SIZE, units="nm")
    shapes = viewer.add_shapes(name="boxes", ndim=3)
    widget = open_widget("Train on painted labels")
    run(widget)
    assert "nothing is painted in `painted`" in told()[-1]
    labels.data[0, 5:9] = 1
    labels.metadata[fields.FOLDER] = "of a prediction"
    run(widget)
    assert "nobody said that it is right" in told()[-1] and "Reviewed" in told()[-1]
    labels.metadata.clear()
    widget.classes.setText("a/b")
    run(widget)
    assert "a class cannot be called `a/b`" in told()[-1]
    widget.classes.setText("bodies")
    widget.regions.choose(shapes)
    run(widget)
    assert "`boxes` is empty" in told()[-1]
    shapes.add(np.array([[0, 5, 5], [0, 5, 9], [0, 9, 9], [0, 9, 5]]), shape_type="ellipse")
    run(widget)
    assert "shape 1 of `boxes` is of type ellipse, expected rectangles" in told()[-1]
    widget.labels.choose(viewer.add_labels(np.zeros((2, 9, 9), int)))
    run(widget)
    assert "expected equal shapes" in told()[-1]
    assert not (tmp_path / "stack-results").exists()


def test_adapt_makes_a_network_that_is_chosen_next(open_widget: Open, run: Run, stack: Any, tmp_path: Path) -> None:
    widget = open_widget("Adapt")
    widget.settings.setText("train.epochs = 1; tiling.tiles_per_epoch = 4; tiling.tile_size = 32")
    run(widget)
    run_folder = tmp_path / "stack-results" / "adapt-1" / "run"
    assert (run_folder / "model.safetensors").is_file(), told()
    assert widget.network.name == str(run_folder) and "changed sides" in widget.runner.status.text()


def test_a_row_and_its_object_are_selected_together(
    open_widget: Open, run: Run, viewer: Any, qtbot: Any, tmp_path: Path, blobs: Any
) -> None:
    viewer.add_labels(blobs, name="mask of blobs", scale=(30, 5, 5), units="nm")
    widget = open_widget("Measure")
    assert widget.objects.currentText() == "connected parts"
    widget.folder.line.setText(str(tmp_path))
    widget.least.setValue(20)
    run(widget)
    found, table = viewer.layers[-1], widget.table
    wanted = em.objects.find(blobs, min_voxels=20, voxel_size_nm=(30, 5, 5)).measure()
    assert found.name == "mask of blobs objects", told()
    assert table.model().rowCount() == wanted.rows == len(np.unique(found.data)) - 1
    assert tuple(found.scale) == (30, 5, 5) and list(found.features["index"]) == list(wanted["id"])

    columns = [
        table.model().headerData(place, Qt.Orientation.Horizontal) for place in range(table.model().columnCount())
    ]
    table.sortByColumn(columns.index("voxels"), Qt.SortOrder.DescendingOrder)
    largest = int(wanted["id"][np.argmax(wanted["voxels"])])
    qtbot.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(table.model().index(0, 0)).center()
    )
    assert found.selected_label == largest
    z, y, x = (wanted[f"centroid_{axis}"][largest - 1] for axis in "zyx")
    assert viewer.dims.point[0] == pytest.approx(z * 30, abs=15)
    assert tuple(viewer.camera.center)[-2:] == pytest.approx((y * 5, x * 5), rel=1e-4)

    table.sortByColumn(columns.index("id"), Qt.SortOrder.AscendingOrder)
    assert table.currentIndex().row() == largest - 1

    place = tuple(np.argwhere(found.data == 5)[0] * (30, 5, 5))
    click = SimpleNamespace(position=place, view_direction=None, dims_displayed=[1, 2])
    viewer.dims.set_point(0, place[0])
    for callback in found.mouse_drag_callbacks:
        callback(found, click)
    assert found.selected_label == 5
    assert table.model().object_of(table.currentIndex().row())["id"] == 5

    found.selected_label = 2
    assert table.model().object_of(table.currentIndex().row())["id"] == 2


def test_each_number_is_an_object_where_there_are_several(
    open_widget: Open, run: Run, viewer: Any, tmp_path: Path
) -> None:
    numbers = np.zeros((3, 20, 20), np.uint16)
    numbers[:, 2:6, 2:6] = numbers[:, 12:16, 12:16] = 7
    numbers[:, 2:6, 6:9] = 9
    viewer.add_labels(numbers, name="numbers")
    widget = open_widget("Measure")
    assert widget.objects.currentText() == "each number"
    widget.folder.line.setText(str(tmp_path))
    run(widget)
    rows = [widget.table.model().object_of(row) for row in range(widget.table.model().rowCount())]
    assert [(row["id"], row["voxels"]) for row in rows] == [(7, 96), (9, 36)], told()


def test_progress_counts_epochs_and_sections() -> None:
    progress = work.Progress()
    told: list[tuple[program.Event, float | None, str]] = [
        ({"event": "fold", "number": 1, "of": 2}, None, "network 1 of 2 that scores"),
        ({"event": "planned", "epochs": 4}, 0.0, "network 1 of 2 that scores"),
        ({"event": "step", "epoch": 2, "tiles": 5, "of": 10}, 0.375, "network 1 of 2 that scores: epoch 2 of 4"),
        ({"event": "all_regions"}, None, ""),
        ({"event": "epoch", "epoch": 3, "validation": {"iou": 0.5}}, 0.75, "epoch 3 of 4, IoU 0.500"),
        ({"event": "stage", "unit": "sections", "done": 1, "of": 4}, 0.25, "1 of 4 sections"),
        ({"event": "stage_finished"}, None, "almost done"),
    ]
    for event, share, text in told:
        progress.hear(event)
        assert (progress.share, progress.text) == (share, text)


def test_settings_are_read_as_they_are_typed() -> None:
    typed = 'train.epochs = 5; model.filters=[4, 8] ;train.init = runs/a; x = "a b"; y = true;'
    assert fields.settings_of(typed) == {
        "train.epochs": 5, "model.filters": [4, 8], "train.init": "runs/a", "x": "a b", "y": True,
    }  # fmt: skip


def test_runs_of_sections_with_paint_are_boxes() -> None:
    labels = np.zeros((9, 4, 5), np.uint8)
    labels[[0, 1, 4, 8], 2, 3] = 1
    assert training.painted_sections(labels) == [([0, 0, 0], [2, 4, 5]), ([4, 0, 0], [5, 4, 5]), ([8, 0, 0], [9, 4, 5])]


def test_the_networks_that_are_built_in_are_those_of_the_program() -> None:
    listed = subprocess.run([os.environ["EM_CLI"], "models"], capture_output=True, text=True, check=True).stdout
    assert tuple(line for line in listed.splitlines() if not line.startswith(" ")) == fields.BUILT_IN
