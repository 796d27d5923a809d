"""Opens what em-io wrote with the libraries that labs use: voxels, voxel size, axes.

    python ours.py FOLDER      the folder that `examples/interop.rs write FOLDER` has filled
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import h5py
import mrcfile
import numpy as np
import skimage.io
import tensorstore as ts
import tifffile
import zarr
from cloudvolume import CloudVolume
from common import SHAPE, SIZE_NM, TYPES, Checks, near, same, voxels
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models import open_ome_zarr
from PIL import Image, ImageSequence

NM = {"nm": 1.0, "micron": 1000.0, "µm": 1000.0, "\\u00B5m": 1000.0, "mm": 1e6}


def imagej(path, kind):
    with tifffile.TiffFile(path) as file:
        same(file.asarray(), voxels(kind))
        assert file.is_imagej, "not recognised as ImageJ's"
        metadata = file.imagej_metadata
        assert (metadata["images"], metadata["slices"]) == (SHAPE[0], SHAPE[0]), metadata
        assert file.series[0].axes == "ZYX", file.series[0].axes
        unit = NM[metadata["unit"]]
        tags = file.pages[0].tags
        per_pixel = [tags[name].value[1] / tags[name].value[0] for name in ("YResolution", "XResolution")]
        near(np.array([metadata["spacing"], *per_pixel]) * unit, SIZE_NM)
    same(skimage.io.imread(path), voxels(kind))


def pillow(path, kind):
    pages = [np.array(page) for page in ImageSequence.Iterator(Image.open(path))]
    assert np.array_equal(np.stack(pages), voxels(kind)), "other voxels"


def ome(path, kind):
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        same(file.series[0].asarray(), voxels(kind))
        assert file.series[0].axes == "ZYX", file.series[0].axes
        pixels = next(e for e in ElementTree.fromstring(file.ome_metadata).iter() if e.tag.endswith("Pixels"))
        size = [float(pixels.get(f"PhysicalSize{axis}")) * NM[pixels.get(f"PhysicalSize{axis}Unit", "µm")] for axis in "ZYX"]
        near(size, SIZE_NM)
        assert [int(pixels.get(f"Size{axis}")) for axis in "TCZYX"] == [1, 1, *SHAPE]


def mrc(path, kind):
    expected = voxels(kind)
    assert mrcfile.validate(path), "mrcfile finds it invalid"
    with mrcfile.open(path) as file:
        # Programs disagree about bytes in MRC: they are written as 16-bit numbers.
        same(file.data, expected.astype({"u8": np.uint16, "i8": np.int16}.get(kind, expected.dtype)))
        size = file.voxel_size
        near(np.array([size.z, size.y, size.x]) / 10, SIZE_NM)
        assert file.is_volume() or file.is_image_stack()


def hdf5(path, kind):
    with h5py.File(path) as file:
        assert list(file) == ["volume"], list(file)
        same(file["volume"][...], voxels(kind))
        near(file["volume"].attrs["element_size_um"] * 1000, SIZE_NM)
        near(file["volume"].attrs["resolution"], SIZE_NM)


def png(folder, kind):
    pages = [np.array(Image.open(path)) for path in sorted(Path(folder).iterdir())]
    assert np.array_equal(np.stack(pages), voxels(kind)), "other voxels"


def multiscale(group, version, expected):
    attributes = group.attrs.asdict()
    attributes = attributes if version == "04" else attributes["ome"]
    described = attributes["multiscales"][0]
    assert [axis["name"] for axis in described["axes"]] == ["z", "y", "x"]
    assert {axis["unit"] for axis in described["axes"]} == {"nanometer"}
    same(group["0"][...], expected)
    for dataset in described["datasets"]:
        scale = dataset["coordinateTransformations"][0]["scale"]
        factor = np.round(np.array(scale) / SIZE_NM).astype(int)
        near(scale, SIZE_NM * factor)
        level = group[dataset["path"]].shape
        assert level == tuple(-(-side // f) for side, f in zip(SHAPE, factor)), level
    return attributes


def ome_zarr(path, kind, version):
    group = zarr.open_group(path, mode="r", zarr_format=2 if version == "04" else 3)
    multiscale(group, version, voxels(kind))
    # ome-zarr-models checks the metadata against the specification.
    open_ome_zarr(group)
    nodes = list(Reader(parse_url(path, mode="r"))())
    same(nodes[0].data[0].compute(), voxels(kind))
    if kind == "u8":
        labels = group["labels"].attrs.asdict()
        assert (labels if version == "04" else labels["ome"])["labels"] == ["mito"]
        mask = ((voxels("u8") > 127) * 255).astype(np.uint8)
        attributes = multiscale(group["labels/mito"], version, mask)
        assert attributes["image-label"]["source"] == {"image": "../../"}
        open_ome_zarr(group["labels/mito"])


def shards(path, chunks):
    """All levels of an image or a label in shards, by zarr-python and tensorstore, against the same in chunks."""
    group, expected = zarr.open_group(path, mode="r"), zarr.open_group(chunks, mode="r")
    assert sorted(group.array_keys()) == sorted(expected.array_keys())
    for level in expected.array_keys():
        array = group[level]
        assert array.chunks == tuple(np.minimum((2, 16, 16), array.shape)), (level, array.chunks)
        count = [min(2, -(-side // chunk)) for side, chunk in zip(array.shape, array.chunks)]
        assert array.shards == tuple(np.multiply(array.chunks, count)), (level, array.shards)
        same(array[...], expected[level][...])
        opened = ts.open({"driver": "zarr3", "kvstore": f"file://{path}/{level}/"}, read=True).result()
        same(opened.read().result(), expected[level][...])
        same(opened[1:5, 3:9, 2:9].read().result(), expected[level][1:5, 3:9, 2:9])
        files = [file for file in (Path(path) / level / "c").rglob("*") if file.is_file()]
        most = np.prod([-(-side // shard) for side, shard in zip(array.shape, array.shards)])
        assert 0 < len(files) <= most, f"{len(files)} objects, at most {most} shards"


def few(path):
    """One voxel that is not background: one chunk of one shard."""
    expected = np.zeros(SHAPE, np.uint16)
    expected[-1, -1, -1] = 7
    same(zarr.open_array(f"{path}/0", mode="r")[...], expected)
    same(ts.open({"driver": "zarr3", "kvstore": f"file://{path}/0/"}, read=True).result().read().result(), expected)
    assert [file.relative_to(path).as_posix() for file in Path(path, "0/c").rglob("*") if file.is_file()] == ["0/c/1/1/1"]


def precomputed(path, kind, is_label):
    """Opened by tensorstore and by CloudVolume, whose axes are x, y, z, channel."""
    expected = voxels(kind)
    if is_label:
        expected = expected.astype(np.uint64 if kind == "u64" else np.uint32)
    opened = ts.open({"driver": "neuroglancer_precomputed", "kvstore": f"file://{path}/"}, read=True).result()
    same(opened[ts.d["channel"][0]].read().result().T, expected)
    volume = CloudVolume(f"file://{path}", progress=False, fill_missing=False)
    same(np.asarray(volume[:])[..., 0].T, expected)
    near(volume.resolution[::-1], SIZE_NM)
    assert volume.layer_type == ("segmentation" if is_label else "image")
    # Every level is there, and is as large as its resolution says.
    for level, scale in enumerate(volume.info["scales"]):
        factor = np.round(np.array(scale["resolution"][::-1]) / SIZE_NM).astype(int)
        shape = tuple(-(-side // f) for side, f in zip(SHAPE, factor))
        opened = ts.open({"driver": "neuroglancer_precomputed", "kvstore": f"file://{path}/", "scale_index": level}, read=True).result()
        assert opened[ts.d["channel"][0]].read().result().T.shape == shape, (level, shape)


def main(folder):
    checks = Checks()
    for kind in TYPES:
        at = lambda ending: str(folder / f"{kind}{ending}")
        if kind in ("u8", "u16", "f32"):
            checks.run(f"tifffile and scikit-image, ImageJ TIFF, {kind}", lambda: imagej(at(".tif"), kind))
            checks.run(f"Pillow, TIFF, {kind}", lambda: pillow(at(".tif"), kind))
        else:
            checks.run(f"tifffile, TIFF, {kind}", lambda: same(tifffile.imread(at(".tif")), voxels(kind)))
        # OME has no 64-bit integers, and MRC none above 16 bits.
        if kind not in ("u64", "i64"):
            checks.run(f"tifffile, OME-TIFF, {kind}", lambda: ome(at(".ome.tif"), kind))
        if kind not in ("u32", "i32", "u64", "i64"):
            checks.run(f"mrcfile, MRC, {kind}", lambda: mrc(at(".mrc"), kind))
        if Path(at(".h5")).exists():
            checks.run(f"h5py, HDF5, {kind}", lambda: hdf5(at(".h5"), kind))
        if kind in ("u8", "u16"):
            checks.run(f"Pillow, folder of PNG, {kind}", lambda: png(at("-png"), kind))
        for name in ("image", "labels"):
            if Path(at(f"-{name}.precomputed")).exists():
                checks.run(f"tensorstore and CloudVolume, precomputed {name}, {kind}", lambda: precomputed(at(f"-{name}.precomputed"), kind, name == "labels"))
        for version in ("04", "05", "05-shards"):
            checks.run(f"zarr, ome-zarr, ome-zarr-models, OME-Zarr {version}, {kind}", lambda: ome_zarr(at(f"-{version}.zarr"), kind, version))
        for label in [""] + (["/labels/mito"] if kind == "u8" else []):
            checks.run(f"zarr and tensorstore, shards, {kind}{label}", lambda: shards(at("-05-shards.zarr") + label, at("-05.zarr") + label))
    checks.run("zarr and tensorstore, shards of background", lambda: few(folder / "few-05-shards.zarr"))
    print(f"{checks.done} checks of what em-io wrote, {checks.failed} failed")
    return checks.failed


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1])) else 0)
