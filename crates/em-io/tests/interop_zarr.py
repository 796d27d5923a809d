"""Opens with zarr-python, ome-zarr-py and ome-zarr-models what em-io wrote, and compares it.

    cargo run --release -p em-io --example write_zarr FOLDER
    python3 -m venv venv && venv/bin/pip install zarr==3.1.6 ome-zarr==0.18.0 ome-zarr-models==1.7 numpy
    venv/bin/python interop_zarr.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models import open_ome_zarr

SHAPE = (5, 40, 37)
SIZE = [50.0, 4.6, 4.6]


def expected(kind):
    z, y, x = np.indices(SHAPE)
    value = z * 3701 + y * 1103 + x * 509
    if kind == "u8":
        return (value % 256).astype(np.uint8)
    wide = (value % 65536).astype(np.uint16)
    return wide if kind == "u16" else wide.astype(np.float32) * np.float32(0.25) - np.float32(100)


def check_multiscale(group, version, voxels):
    attributes = group.attrs.asdict()
    attributes = attributes["ome"] if version == "05" else attributes
    multiscale = attributes["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == ["z", "y", "x"]
    assert {axis["unit"] for axis in multiscale["axes"]} == {"nanometer"}
    full = group["0"]
    assert full.dtype == voxels.dtype and np.array_equal(full[...], voxels)
    for dataset in multiscale["datasets"]:
        scale = dataset["coordinateTransformations"][0]["scale"]
        factor = np.round(np.array(scale) / SIZE).astype(int)
        assert np.allclose(scale, SIZE * factor)
        level = group[dataset["path"]]
        assert level.shape == tuple(-(-side // f) for side, f in zip(SHAPE, factor)), level.shape
    return attributes


def check(path, kind, version):
    voxels = expected(kind)
    group = zarr.open_group(path, mode="r", zarr_format=2 if version == "04" else 3)
    check_multiscale(group, version, voxels)
    # ome-zarr-models checks the metadata against the specification.
    open_ome_zarr(group)
    nodes = list(Reader(parse_url(path, mode="r"))())
    assert np.array_equal(nodes[0].data[0].compute(), voxels)
    if kind == "u8":
        labels = group["labels"].attrs.asdict()
        assert (labels["ome"] if version == "05" else labels)["labels"] == ["mito"]
        attributes = check_multiscale(group["labels/mito"], version, ((voxels > 127) * 255).astype(np.uint8))
        assert attributes["image-label"]["source"] == {"image": "../../"}
        open_ome_zarr(group["labels/mito"])
        assert any("mito" in str(node.zarr) for node in nodes[1:]), nodes


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for version in ("04", "05"):
        for kind in ("u8", "u16", "f32"):
            path = folder / f"{kind}-{version}.zarr"
            check(path, kind, version)
            print("ok", path)
