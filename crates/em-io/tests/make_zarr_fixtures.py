"""Writes the Zarr golden files of em-io with zarr-python and ome-zarr-py.

    python3 -m venv venv && venv/bin/pip install zarr==3.1.6 ome-zarr==0.18.0 numpy
    venv/bin/python make_zarr_fixtures.py

The voxels are those of make_fixtures.py, so that the tests know them without reading a file.
"""

import json
import shutil
from pathlib import Path

import numcodecs
import numpy as np
import zarr
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.writer import write_image, write_labels
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec

OUT = Path(__file__).resolve().parents[3] / "fixtures" / "em-io" / "zarr"
SHAPE = (3, 13, 17)


def voxels(dtype=np.uint8, shape=SHAPE):
    z, y, x = np.indices(shape)
    if dtype == np.uint8:
        return ((z * 37 + y * 11 + x * 5) % 256).astype(dtype)
    wide = (z * 3701 + y * 1103 + x * 509) % 65536
    # Values that 64-bit floats do not hold, up to the largest.
    if dtype == np.uint64:
        return np.uint64(2**64 - 1) - (wide * 65537).astype(np.uint64)
    if dtype == np.int64:
        return wide * 65537 + np.iinfo(np.int64).min
    if dtype == np.uint16:
        return wide.astype(dtype)
    return (wide.astype(np.float32) * 0.25 - 100).astype(np.float32)


def write(name, array, chunks=(2, 13, 12), **options):
    store = zarr.create_array(OUT / name, shape=array.shape, chunks=chunks, dtype=array.dtype, **options)
    store[...] = array
    return store


def multiscales(axes, scale, **more):
    datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}]
    return {"axes": axes, "datasets": datasets, "name": "fixture", **more}


def space(units=("nanometer",) * 3, names="zyx"):
    return [{"name": name, "type": "space", **({"unit": unit} if unit else {})} for name, unit in zip(names, units)]


def image_v2(name, array, axes, scale, chunks, whole=None, **options):
    group = zarr.create_group(OUT / name, zarr_format=2)
    more = {"version": "0.4"}
    if whole:
        more["coordinateTransformations"] = [{"type": "scale", "scale": whole}]
    group.attrs["multiscales"] = [multiscales(axes, scale, **more)]
    write(f"{name}/0", array, chunks, zarr_format=2, chunk_key_encoding={"name": "v2", "separator": "/"}, **options)


def image_v3(name, array, axes, scale, chunks=(2, 8, 8), **options):
    group = zarr.create_group(OUT / name, zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscales(axes, scale)]}
    write(f"{name}/0", array, chunks, zarr_format=3, **options)


def arrays():
    """Bare arrays: every packing and layout."""
    grey, wide, real = voxels(), voxels(np.uint16), voxels(np.float32)
    for cname in ("lz4", "lz4hc", "blosclz", "zlib", "zstd"):
        write(f"v2-blosc-{cname}", wide, zarr_format=2, compressors=numcodecs.Blosc(cname=cname, shuffle=1))
    write("v2-blosc-bits", wide, zarr_format=2, compressors=numcodecs.Blosc(cname="zstd", shuffle=2))
    write("v2-gzip-big-endian", wide.astype(">u2"), zarr_format=2, compressors=numcodecs.GZip(5))
    write("v2-zlib", real, zarr_format=2, compressors=numcodecs.Zlib(5))
    write("v2-zstd-fortran", grey, zarr_format=2, order="F", compressors=numcodecs.Zstd(3))
    write("v2-raw", grey, zarr_format=2, compressors=None)
    write("v3-zstd", wide, zarr_format=3, compressors=ZstdCodec(level=3, checksum=True))
    write("v3-gzip", real, zarr_format=3, compressors=GzipCodec(level=5))
    write("v3-blosc", wide, zarr_format=3, compressors=BloscCodec(cname="lz4", shuffle="bitshuffle", typesize=2))
    write("v3-crc32c", grey, zarr_format=3, compressors=[ZstdCodec(), Crc32cCodec()])
    write("v3-raw", grey, zarr_format=3, compressors=None)
    write("v3-big-endian", wide, zarr_format=3, serializer=BytesCodec(endian="big"), compressors=ZstdCodec())
    write("v3-transpose", grey, zarr_format=3, filters=TransposeCodec(order=(2, 0, 1)), compressors=ZstdCodec())
    write("v3-sharded", wide, zarr_format=3, chunks=(1, 4, 4), shards=(2, 8, 12), compressors=ZstdCodec())
    inner = dict(chunk_shape=(1, 4, 4), codecs=[BytesCodec(), GzipCodec()], index_location="start")
    write("v3-sharded-index-first", wide, (2, 8, 12), zarr_format=3, serializer=ShardingCodec(**inner), compressors=None)
    write("v3-bool", grey > 127, zarr_format=3, compressors=ZstdCodec())
    sparse = zarr.create_array(OUT / "v3-missing", shape=SHAPE, chunks=(2, 8, 12), dtype="u2", fill_value=700)
    sparse[:2, :8, :12] = wide[:2, :8, :12]
    shards = zarr.create_array(OUT / "v3-sharded-missing", shape=SHAPE, chunks=(1, 4, 4), shards=(2, 8, 12), dtype="u2", fill_value=700)
    shards[:1, :4, :4] = wide[:1, :4, :4]
    write("v3-int64", voxels(np.int64), zarr_format=3)
    write("v3-uint64-sharded", voxels(np.uint64), zarr_format=3, chunks=(1, 4, 4), shards=(2, 8, 12), compressors=ZstdCodec())
    write("v2-uint64-big-endian", voxels(np.uint64).astype(">u8"), zarr_format=2, compressors=numcodecs.Blosc(cname="zstd", shuffle=1))
    large = zarr.create_array(OUT / "v3-uint64-missing", shape=SHAPE, chunks=(2, 8, 12), dtype="u8", fill_value=2**64 - 1)
    large[:2, :8, :12] = voxels(np.uint64)[:2, :8, :12]
    write("v3-float64", real.astype(np.float64), zarr_format=3)
    half = (grey * 0.25 - 20).astype(np.float16)
    write("v3-float16-sharded", half, zarr_format=3, chunks=(1, 4, 4), shards=(2, 8, 12), compressors=ZstdCodec())
    write("v2-float16-big-endian", half.astype(">f2"), zarr_format=2, compressors=numcodecs.Blosc(cname="lz4", shuffle=1))
    doubles = zarr.create_array(OUT / "v3-float64-missing", shape=SHAPE, chunks=(2, 8, 12), dtype="f8", fill_value=-1.5)
    doubles[:2, :8, :12] = real[:2, :8, :12]
    write("v3-xyz", grey.T, (8, 8, 2), zarr_format=3, dimension_names=("x", "y", "z"))
    # What is refused, each with its own message.
    write("v3-complex64", grey.astype(np.complex64), zarr_format=3)
    write("v3-two-of-four", np.stack([grey, grey]), (1, 2, 13, 12), zarr_format=3)
    write("v2-delta", wide, zarr_format=2, filters=[numcodecs.Delta(dtype="<u2")], compressors=None)
    write("v3-4d", grey[None], (1, 2, 13, 12), zarr_format=3)


def named(names, shape, array, chunks, version=4, **options):
    """An image whose axes have these names, 4.6 nm along y and x and 50 nm along z."""
    kinds, nm = {"t": "time", "c": "channel"}, {"z": 50.0, "y": 4.6, "x": 4.6}
    axes = [{"name": n, "type": kinds.get(n, "space"), **({"unit": "nanometer"} if n in nm else {})} for n in names]
    write_image_of = image_v2 if version == 4 else image_v3
    write_image_of(f"v0{version}-{names}.zarr", array.reshape(shape), axes, [nm.get(n, 1.0) for n in names], chunks, **options)


def others():
    """Axes in other orders and numbers, older versions, and groups of arrays."""
    grey, wide = voxels(), voxels(np.uint16)
    z, y, x = SHAPE
    named("tyx", SHAPE, grey, (2, 8, 8))
    named("cyx", (1, y, x), grey[:1], (1, 8, 8))
    named("zyxc", (z, y, x, 1), wide, (2, 8, 8, 1), 5)
    named("xyz", (x, y, z), np.ascontiguousarray(wide.T), (8, 8, 2), 5, shards=(16, 8, 2))
    both = np.stack([grey, 255 - grey], axis=1)
    named("zcyx", both.shape, both, (2, 2, 8, 8))
    image_v2("v04-negative.zarr", grey, space(), [50.0, -4.6, 4.6], (2, 8, 8))
    for version, axes in (("0.1", None), ("0.3", ["t", "c", "z", "y", "x"])):
        name = f"v0{version[2]}.zarr"
        group = zarr.create_group(OUT / name, zarr_format=2)
        multiscale = {"version": version, "datasets": [{"path": "0"}], **({"axes": axes} if axes else {})}
        group.attrs["multiscales"] = [multiscale]
        keys = {"name": "v2", "separator": "." if version == "0.1" else "/"}
        write(f"{name}/0", grey[None, None], (1, 1, 2, 8, 8), zarr_format=2, chunk_key_encoding=keys)
    for name, version in (("group-2.zarr", 2), ("group-3.zarr", 3)):
        group = zarr.create_group(OUT / name, zarr_format=version)
        group.create_group("volumes")
        write(f"{name}/volumes/raw", grey, (2, 8, 8), zarr_format=version)
        if version == 2:
            write(f"{name}/volumes/labels", wide, (2, 8, 8), zarr_format=version)
        write(f"{name}/scales", np.arange(3.0), (3,), zarr_format=version)


def images():
    grey, wide = voxels(), voxels(np.uint16)
    image_v2("v04.zarr", grey, space(), [50.0, 4.6, 4.6], (2, 8, 8))
    image_v2("v04-micron.zarr", grey, space(("micrometer",) * 3), [0.025, 0.0023, 0.0023], (2, 8, 8), whole=[2.0, 2.0, 2.0])
    image_v3("v05.zarr", wide, space(), [50.0, 4.6, 4.6])
    image_v3("v05-no-unit.zarr", grey, space((None,) * 3), [50.0, 4.6, 4.6])
    image_v3("v05-2d.zarr", grey[0], space(("nanometer",) * 2, "yx"), [4.6, 4.6], (8, 8))
    five = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *space()]
    image_v3("v05-5d.zarr", grey[None, None], five, [1.0, 1.0, 50.0, 4.6, 4.6], (1, 1, 2, 8, 8))
    image_v2("v04-channels.zarr", np.stack([grey, grey])[None], five, [1.0, 1.0, 50.0, 4.6, 4.6], (1, 1, 2, 8, 8))
    others()
    # ome-zarr-py, which makes a pyramid and labels of its own.
    for name, format in (("ome-zarr-py-04.zarr", FormatV04()), ("ome-zarr-py-05.zarr", FormatV05())):
        group = zarr.open_group(OUT / name, mode="w", zarr_format=format.zarr_format)
        options = dict(axes=space(), scale={"z": 50.0, "y": 4.6, "x": 4.6}, scale_factors=[2])
        write_image(grey, group, fmt=format, **options)
        write_labels(((grey > 127) * 255).astype(np.uint8), group, "mito", fmt=format, **options)


if __name__ == "__main__":
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    arrays()
    images()
    files = [file for file in OUT.rglob("*") if file.is_file()]
    print(len(files), "files,", sum(file.stat().st_size for file in files), "bytes in", OUT)
