"""The napari plugin's files: what is opened becomes the right layer with its scale, and is saved with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import napari
import npe2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile

import em_cli as em
from em_cli._napari import reading, scale


SIZE = (30.0, 5.0, 4.6)


def test_the_plugin_is_found_and_all_that_it_names_is_there() -> None:
    manifest = npe2.PluginManifest.from_distribution("em-cli")
    manifest.validate_imports()
    assert [widget.display_name for widget in manifest.contributions.widgets] == [
        "Predict", "Train on painted labels", "Adapt", "Measure",
    ]  # fmt: skip


def test_the_package_alone_imports_no_napari() -> None:
    script = "import em_cli, sys; em_cli.open, em_cli.predict; print({'napari', 'qtpy', 'dask'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "set()\n"


def test_an_image_is_opened_with_its_scale_and_not_read(viewer: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    voxels = rng.integers(0, 255, (5, 20, 30), dtype=np.uint8)
    em.write(tmp_path / "stack.tif", voxels, voxel_size_nm=SIZE)
    [layer] = viewer.open(tmp_path / "stack.tif", plugin="em-cli")
    assert isinstance(layer, napari.layers.Image) and layer.name == "stack"
    assert isinstance(layer.data, em.Volume)
    assert tuple(layer.scale) == SIZE and [str(unit) for unit in layer.units] == ["nanometer"] * 3
    viewer.dims.set_current_step(0, 3)
    np.testing.assert_array_equal(np.asarray(layer._slice.image.view), voxels[3])


def test_a_pyramid_is_opened_with_its_levels(viewer: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    voxels = rng.integers(0, 255, (4, 600, 520), dtype=np.uint8)
    em.write(tmp_path / "stack.zarr", voxels, voxel_size_nm=SIZE, levels=2)
    [layer] = viewer.open(tmp_path / "stack.zarr", plugin="em-cli")
    assert layer.multiscale and [level.shape for level in layer.data] == [(4, 600, 520), (4, 300, 260)]
    assert layer.extent.world[1] == pytest.approx([3 * 30, 599 * 5, 519 * 4.6])


def test_each_channel_is_a_layer_and_points_in_time_are_refused(viewer: Any) -> None:
    fixtures = Path(__file__).parents[3] / "fixtures" / "em-io"
    layers = viewer.open(fixtures / "imagej-channels.tif", plugin="em-cli")
    assert [layer.name for layer in layers] == ["imagej-channels 0", "imagej-channels 1"]
    np.testing.assert_array_equal(
        np.asarray(layers[1].data), np.asarray(em.open(fixtures / "imagej-channels.tif", channel=1))
    )
    with pytest.raises(ValueError, match="holds 2 time points, expected one"):
        reading.read(str(fixtures / "times.nii"))


def test_a_file_without_a_voxel_size_has_pixels(viewer: Any, tmp_path: Path) -> None:
    em.write(tmp_path / "stack.tif", np.full((2, 8, 8), 7, np.uint8))
    [layer] = viewer.open(tmp_path / "stack.tif", plugin="em-cli")
    assert tuple(layer.scale) == (1, 1, 1) and scale.size_of_layer(layer) is None


@pytest.mark.parametrize(
    ("voxels", "is_label"),
    [
        (np.kron(np.arange(6).reshape(1, 2, 3), np.ones((3, 9, 9))).astype(np.uint16), True),
        (np.kron(np.arange(6).reshape(1, 2, 3), np.ones((3, 9, 9))).astype(np.uint32), True),
        (np.random.default_rng(1).integers(0, 9000, (3, 20, 20)).astype(np.uint16), False),
        (np.random.default_rng(1).integers(0, 255, (3, 20, 20)).astype(np.uint8), False),
        (np.tri(20, dtype=np.uint8)[np.newaxis] * np.uint8(255), True),
        (np.zeros((2, 9, 9), np.uint8), False),
        (np.zeros((2, 9, 9), np.float32), False),
    ],
)
def test_values_tell_labels_from_images(voxels: npt.NDArray[Any], is_label: bool) -> None:
    assert reading.looks_like_labels(em.from_array(voxels)) == is_label


def test_labels_are_opened_to_be_painted_on(viewer: Any, tmp_path: Path) -> None:
    em.write(tmp_path / "mask.tif", np.eye(16, dtype=bool)[np.newaxis], voxel_size_nm=SIZE)
    [layer] = viewer.open(tmp_path / "mask.tif", plugin="em-cli")
    assert isinstance(layer, napari.layers.Labels) and tuple(layer.scale) == SIZE
    layer.paint((0, 2, 9), 3)
    assert layer.data[0, 2, 9] == 3


@pytest.mark.parametrize("name", ["image.tif", "image.zarr", "image.mrc"])
def test_an_image_is_saved_with_its_scale(viewer: Any, tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    voxels = rng.integers(-90, 900, (3, 12, 14)).astype(np.int16)
    layer = viewer.add_image(voxels, scale=(0.03, 0.005, 0.0046), units="um")
    assert layer.save(str(tmp_path / name), plugin="em-cli") == [str(tmp_path / name)]
    written = em.open(tmp_path / name)
    np.testing.assert_array_equal(np.asarray(written), voxels)
    assert written.voxel_size_nm == pytest.approx(SIZE, rel=1e-6)


def test_labels_are_saved_and_opened_as_labels(viewer: Any, tmp_path: Path, blobs: npt.NDArray[np.bool_]) -> None:
    numbers = em.objects.label(blobs)
    layer = viewer.add_labels(numbers, scale=SIZE, units="nm")
    layer.save(str(tmp_path / "objects.zarr"), plugin="em-cli")
    viewer.layers.clear()
    [again] = viewer.open(tmp_path / "objects.zarr", plugin="em-cli")
    assert isinstance(again, napari.layers.Labels) and tuple(again.scale) == SIZE
    np.testing.assert_array_equal(again.data, numbers)
    # A smaller level has numbers of objects, and no means of them.
    for level in em.open_levels(tmp_path / "objects.zarr"):
        assert np.isin(np.asarray(level), numbers).all()


def test_an_array_of_floats_of_64_bits_and_a_picture_are_saved(viewer: Any, tmp_path: Path) -> None:
    viewer.add_image(np.linspace(0, 1, 63).reshape(7, 9), scale=(4, 4)).save(str(tmp_path / "a.tif"), plugin="em-cli")
    written = em.open(tmp_path / "a.tif")
    assert written.shape == (1, 7, 9) and written.dtype == np.float32 and written.voxel_size_nm == (4, 4, 4)


def test_what_is_no_volume_is_saved_as_napari_does_or_refused(viewer: Any, tmp_path: Path) -> None:
    colours = viewer.add_image(np.full((9, 8, 3), 7, np.uint8), rgb=True)
    times = viewer.add_image(np.full((2, 3, 9, 8), 5, np.uint8))
    for layer in (colours, times):
        layer.save(str(tmp_path / "a.tif"))
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), layer.data)
    (tmp_path / "a.tif").unlink()
    with pytest.raises(OSError, match="(?s)has colours, expected grey values.*hint: Split RGB"):
        colours.save(str(tmp_path / "a.zarr"), plugin="em-cli")
    with pytest.raises(OSError, match="a layer with 4 axes"):
        times.save(str(tmp_path / "a.zarr"), plugin="em-cli")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_wrong_is_told_by_the_message_of_em_cli(viewer: Any, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"no picture")
    with pytest.raises(OSError, match="a.tif"):
        viewer.open(tmp_path / "a.tif", plugin="em-cli")
    assert len(viewer.layers) == 0


def test_the_sample_is_a_stack_with_a_scale(viewer: Any) -> None:
    [layer] = viewer.open_sample("em-cli", "phantom")
    assert layer.data.ndim == 3 and tuple(layer.scale) == (8, 8, 8)


def test_voxel_sizes_are_read_as_they_are_written_and_typed(viewer: Any) -> None:
    assert scale.typed("30, 5,4.6") == scale.typed("30 x 5 x 4.6") == SIZE and scale.typed(" ") is None
    assert scale.shown(SIZE) == "30, 5, 4.6"
    for wrong in ("30, 5", "thick"):
        with pytest.raises(ValueError, match=f"(?s)`{wrong}`, expected three lengths in nm.*hint"):
            scale.typed(wrong)
    layer = viewer.add_image(np.zeros((2, 8, 8)), scale=(0.03, 0.005, 0.0046), units="um")
    assert scale.size_of_layer(layer) == SIZE
    on_it, elsewhere = (
        viewer.add_labels(np.zeros((2, 8, 8), int), scale=s, units="um") for s in (layer.scale, (1, 1, 1))
    )
    scale.set_size(viewer.layers, layer, SIZE)
    assert str(layer.units[0]) == "micrometer"
    scale.set_size(viewer.layers, layer, (40, 8, 8))
    assert scale.size_of_layer(on_it) == scale.size_of_layer(layer) == (40, 8, 8)
    assert scale.size_of_layer(elsewhere) == (1000, 1000, 1000)
