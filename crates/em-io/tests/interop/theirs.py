"""Writes volumes with the libraries that labs use, and compares what em-io reads of them.

    python theirs.py FOLDER PROGRAM [hdf5]      the program is `examples/interop.rs`, built
"""

import hashlib
import itertools
import json
import subprocess
import sys
from pathlib import Path

import h5py
import mrcfile
import nibabel
import numpy as np
import tensorstore as ts
import tifffile
import zarr
from cloudvolume import CloudVolume
from common import SIZE_NM, TYPES, Checks, near, voxels
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.writer import write_image
from PIL import Image

KINDS = {dtype: kind for kind, dtype in TYPES.items()}


class Written:
    """The files with what em-io has to find in them."""

    def __init__(self, folder):
        self.folder = folder
        self.all = []

    def add(self, name, array, size_nm=None):
        array = np.ascontiguousarray(array)
        self.all.append((name, array, size_nm))
        return str(self.folder / name)


def tiffs(out):
    layouts = [{}, {"rowsperstrip": 7}, {"tile": (16, 32)}]
    packings = [None, "zlib", "adobe_deflate", "lzw", "zstd", "packbits"]
    for kind, layout, packing, order in itertools.product(TYPES, layouts, packings, "<>"):
        for predictor in (None, 3 if kind == "f32" else 2):
            if predictor and packing in (None, "packbits"):
                continue
            if packing == "packbits" and kind != "u8":
                continue
            array = voxels(kind)
            name = "-".join(map(str, ["tiff", kind, *layout, packing, "big" if order == ">" else "little", predictor])) + ".tif"
            tifffile.imwrite(out.add(name, array), array, photometric="minisblack", compression=packing,
                             predictor=predictor, byteorder=order, bigtiff=len(name) % 2 == 0, metadata=None, **layout)


def described_tiffs(out):
    for kind in ("u8", "u16", "f32"):
        array = voxels(kind)
        for unit, nm in (("nm", 1.0), ("micron", 1000.0), ("um", 1000.0)):
            size = np.array(SIZE_NM) / nm
            tifffile.imwrite(out.add(f"imagej-{kind}-{unit}.tif", array, SIZE_NM), array, imagej=True,
                             resolution=(1 / size[2], 1 / size[1]), metadata={"axes": "ZYX", "unit": unit, "spacing": size[0]})
        metadata = {"axes": "ZYX"} | {f"PhysicalSize{a}": s for a, s in zip("ZYX", SIZE_NM)} | {f"PhysicalSize{a}Unit": "nm" for a in "ZYX"}
        tifffile.imwrite(out.add(f"{kind}.ome.tif", array, SIZE_NM), array, ome=True, photometric="minisblack", metadata=metadata)


def mrcs(out):
    for kind in ("i8", "u16", "i16", "f32"):
        array = voxels(kind)
        with mrcfile.new(out.add(f"{kind}.mrc", array, SIZE_NM)) as file:
            file.set_data(array)
            file.set_volume()
            file.voxel_size = tuple(10 * s for s in SIZE_NM[::-1])


def niftis(out):
    for kind, ending in itertools.product(TYPES, ("nii", "nii.gz")):
        array = voxels(kind)
        # NIfTI has x first; half of the files say micrometres, half millimetres.
        unit, nm = ("micron", 1000.0) if ending == "nii" else ("mm", 1e6)
        # nibabel wants 64-bit integers to be asked for.
        image = nibabel.Nifti1Image(array.T, np.diag([*(s / nm for s in SIZE_NM[::-1]), 1]), dtype=array.dtype)
        image.header.set_xyzt_units(unit)
        nibabel.save(image, out.add(f"{kind}.{ending}", array, SIZE_NM))


def zarrs(out):
    gzip, zstd, blosc = zarr.codecs.GzipCodec(), zarr.codecs.ZstdCodec(), zarr.codecs.BloscCodec()
    for kind, (name, packing), shards in itertools.product(TYPES, [("gzip", gzip), ("zstd", zstd), ("blosc", blosc), ("raw", None)], (None, (4, 32, 32))):
        array = voxels(kind)
        path = out.add(f"v3-{kind}-{name}-{'shards' if shards else 'chunks'}.zarr", array)
        target = zarr.create_array(path, shape=array.shape, dtype=array.dtype, chunks=(2, 16, 16), shards=shards, compressors=packing)
        target[...] = array
    for kind, version in itertools.product(TYPES, ("0.4", "0.5")):
        array = voxels(kind)
        path = out.add(f"ome-{kind}-{version}.zarr", array, SIZE_NM)
        form = FormatV04() if version == "0.4" else FormatV05()
        group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
        write_image(array, group, scale_factors=[2], fmt=form, axes="zyx", scale=dict(zip("zyx", SIZE_NM)),
                    axes_units=dict.fromkeys("zyx", "nanometer"))


def hdf5s(out):
    options = {"plain": {}, "gzip": {"compression": "gzip", "shuffle": True, "chunks": (2, 16, 16)}}
    for kind, (name, packing), order in itertools.product(TYPES, options.items(), "<>"):
        array = voxels(kind)
        size = SIZE_NM if name == "gzip" else None
        path = out.add(f"{kind}-{name}-{'little' if order == '<' else 'big'}.h5", array, size)
        with h5py.File(path, "w") as file:
            stored = array.astype(array.dtype.newbyteorder(order))
            dataset = file.create_dataset("volumes/raw", data=stored, **packing)
            if size:
                dataset.attrs["element_size_um"] = np.array(SIZE_NM) / 1000
    array = voxels("u8")
    with h5py.File(out.add("ilastik.h5/exported_data", array).removesuffix("/exported_data"), "w") as file:
        # ilastik keeps time and channel as axes of length 1.
        file["exported_data"] = array[None, ..., None]
        file["other"] = array


def pngs(out):
    for kind in ("u8", "u16"):
        array = voxels(kind)
        folder = Path(out.add(f"png-{kind}", array))
        folder.mkdir()
        for z, section in enumerate(array):
            Image.fromarray(section).save(folder / f"section{z}.png")


def sharding(hash, minishards, shards, packing):
    return {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "hash": hash, "minishard_bits": minishards,
            "shard_bits": shards, "minishard_index_encoding": packing, "data_encoding": packing}


def precomputed(out):
    """Of tensorstore, whose axes are x, y, z, channel, and of CloudVolume."""
    shards = [None, sharding("identity", 2, 1, "raw"), sharding("murmurhash3_x86_128", 1, 3, "gzip")]
    for kind, (number, sharded), encoding in itertools.product(TYPES, enumerate(shards), ("raw", "compressed_segmentation", "png")):
        array = voxels(kind)
        kinds = {"raw": {*TYPES} - {"i64"}, "compressed_segmentation": {"u32", "u64"}, "png": {"u8", "u16"}}
        if kind not in kinds[encoding]:
            continue
        path = out.add(f"precomputed-{kind}-{encoding}-{number}", array, SIZE_NM)
        more = {"compressed_segmentation_block_size": [8, 8, 8]} if encoding == "compressed_segmentation" else {}
        target = ts.open({
            "driver": "neuroglancer_precomputed", "kvstore": f"file://{path}/",
            "multiscale_metadata": {"type": "image" if encoding != "compressed_segmentation" else "segmentation", "data_type": array.dtype.name, "num_channels": 1},
            "scale_metadata": {"size": array.shape[::-1], "resolution": SIZE_NM[::-1], "voxel_offset": [5, -3, 2], "chunk_size": [16, 8, 2],
                               "encoding": encoding, **more, **({"sharding": sharded} if sharded else {})},
        }, create=True).result()
        target.write(array.T[..., None]).result()
    for kind, encoding in (("u8", "raw"), ("f32", "raw"), ("u64", "compressed_segmentation"), ("u64", "raw")):
        array = voxels(kind)
        path = out.add(f"cloud-volume-{kind}-{encoding}", array, SIZE_NM)
        layer = "segmentation" if kind == "u64" else "image"
        info = CloudVolume.create_new_info(1, layer, array.dtype.name, encoding, SIZE_NM[::-1], [0, 0, 0], array.shape[::-1], chunk_size=[16, 16, 2])
        volume = CloudVolume(f"file://{path}", info=info, progress=False)
        volume.commit_info()
        volume[:] = array.T


def n5s(out):
    packings = {"raw": {"type": "raw"}, "gzip": {"type": "gzip", "level": 5, "useZlib": False}, "zlib": {"type": "gzip", "level": 5, "useZlib": True},
                "zstd": {"type": "zstd", "level": 3}, "blosc": {"type": "blosc", "cname": "zstd", "clevel": 5, "shuffle": 1}}
    for kind, (name, packing) in itertools.product(TYPES, packings.items()):
        array = voxels(kind)
        path = out.add(f"{kind}-{name}.n5/volumes/raw", array, SIZE_NM)
        target = ts.open({
            "driver": "n5", "kvstore": f"file://{path}/",
            "metadata": {"dimensions": array.shape[::-1], "blockSize": [16, 8, 2], "dataType": array.dtype.name, "compression": packing,
                         "resolution": SIZE_NM[::-1], "units": ["nm"] * 3, "axes": ["x", "y", "z"]},
        }, create=True).result()
        target.write(array.T).result()


def compare(found, array, size_nm):
    assert "error" not in found, found["error"]
    assert found["shape"] == list(array.shape), f"shape {found['shape']}"
    assert found["type"] == KINDS[array.dtype.name], f"type {found['type']}"
    little = array.astype(array.dtype.newbyteorder("<")).tobytes()
    assert found["sha256"] == hashlib.sha256(little).hexdigest(), "other voxels"
    if size_nm is not None:
        near(found["voxel_size_nm"], size_nm)


def main(folder, program, with_hdf5):
    out = Written(folder)
    formats = [tiffs, described_tiffs, mrcs, niftis, zarrs, precomputed, n5s, pngs]
    for write in formats + ([hdf5s] if with_hdf5 else []):
        write(out)
    paths = [str(folder / name) for name, _, _ in out.all]
    printed = subprocess.run([program, "describe", *paths], check=True, capture_output=True, text=True).stdout
    checks = Checks()
    for line, (name, array, size_nm) in zip(printed.splitlines(), out.all, strict=True):
        checks.run(f"em-io reads {name}", lambda: compare(json.loads(line), array, size_nm))
    print(f"{checks.done} checks of what em-io read, {checks.failed} failed")
    return checks.failed


if __name__ == "__main__":
    sys.exit(1 if main(Path(sys.argv[1]), sys.argv[2], "hdf5" in sys.argv[3:]) else 0)
