"""Writes the golden files of N5 and Neuroglancer's precomputed format with tensorstore and CloudVolume.

    python3 -m venv venv && venv/bin/pip install tensorstore==0.1.86 cloud-volume==12.15.2 lz4==4.4.5 xxhash==4.1.0
    venv/bin/python make_chunk_fixtures.py

The voxels are those of make_fixtures.py, so that the tests know them without reading a file.
"""

import gzip
import json
import shutil
import struct
from pathlib import Path

import lz4.block
import numpy as np
import tensorstore as ts
import xxhash
from cloudvolume import CloudVolume

OUT = Path(__file__).resolve().parents[3] / "fixtures" / "em-io"
SHAPE = (3, 13, 17)
TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32")


def voxels(dtype="uint8", shape=SHAPE):
    z, y, x = np.indices(shape)
    grey = (z * 37 + y * 11 + x * 5) % 256
    wide = (z * 3701 + y * 1103 + x * 509) % 65536
    return {
        "uint8": grey,
        "int8": grey - 128,
        "uint16": wide,
        "int16": wide - 32768,
        "uint32": wide * 65537,
        "int32": wide * 65537 - 2**31,
        "uint64": np.uint64(2**64 - 1) - (wide * 65537).astype(np.uint64),
        "int64": wide * 65537 + np.iinfo(np.int64).min,
        "float32": wide * 0.25 - 100,
        "float64": wide * 0.25 - 100,
    }[dtype].astype(dtype)


def labels(dtype):
    """Few numbers, some of them alone in their block."""
    z, y, x = np.indices(SHAPE)
    return ((y // 5 * 7 + x // 6) * 1000003 + z + (2**40 if dtype == "uint64" else 0)).astype(dtype)


def store(folder):
    return {"driver": "file", "path": f"{folder}/"}


def precomputed(name, array, encoding="raw", chunk=(10, 13, 2), offset=(0, 0, 0), size=(4.6, 4.6, 50.0), sharding=None, part=None, kind="image", **more):
    """Writes an array [z, y, x] or [z, y, x, channel]; sizes are x, y, z."""
    folder = OUT / "precomputed" / name
    if array.ndim == 3:
        array = array[..., None]
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": store(folder),
        "multiscale_metadata": {"type": kind, "data_type": array.dtype.name, "num_channels": array.shape[3]},
        "scale_metadata": {
            "size": list(array.shape[2::-1]), "resolution": list(size), "voxel_offset": list(offset),
            "chunk_size": list(chunk), "encoding": encoding, **more, **({"sharding": sharding} if sharding else {}),
        },
    }
    target = ts.open(spec, create=True, open=True).result()
    whole = array.transpose(2, 1, 0, 3)
    begin = [slice(o, o + s) for o, s in zip(offset, part or whole.shape[:3])]
    target[tuple(begin)].write(whole[tuple(slice(0, s) for s in (part or whole.shape[:3]))]).result()
    return folder


def sharding(hash, minishards, shards, preshift=0, index="raw", data="raw"):
    return {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": preshift, "hash": hash, "minishard_bits": minishards,
            "shard_bits": shards, "minishard_index_encoding": index, "data_encoding": data}


def all_precomputed():
    for dtype in TYPES:
        # Neuroglancer knows no signed numbers of 64 bits.
        if dtype == "int64":
            continue
        precomputed(f"raw-{dtype}", voxels(dtype))
    precomputed("offset", voxels("uint16"), chunk=(8, 8, 2), offset=(100, -20, 7))
    precomputed("channels", np.stack([voxels(), 255 - voxels()], axis=-1))
    for dtype in ("uint32", "uint64"):
        precomputed(f"labels-{dtype}", labels(dtype), "compressed_segmentation", kind="segmentation", compressed_segmentation_block_size=[8, 8, 8])
        # More numbers than fit into 8 bits, and blocks that do not divide the chunk.
        precomputed(f"many-labels-{dtype}", voxels(dtype), "compressed_segmentation", (17, 13, 3), kind="segmentation", compressed_segmentation_block_size=[16, 5, 7])
    both = np.stack([labels("uint32"), labels("uint32") + 1], axis=-1)
    precomputed("labels-channels", both, "compressed_segmentation", compressed_segmentation_block_size=[8, 8, 2])
    even = np.full(SHAPE, 77, np.uint8)
    precomputed("jpeg", even, "jpeg", jpeg_quality=100)
    precomputed("jpeg-colour", np.stack([even, even, even], axis=-1), "jpeg", jpeg_quality=100)
    precomputed("png-uint8", voxels(), "png")
    precomputed("png-uint16", voxels("uint16"), "png")
    precomputed("png-channels", np.stack([voxels(), 255 - voxels()], axis=-1), "png")
    wide = voxels("uint16")
    chunk = (4, 4, 1)
    precomputed("sharded", wide, chunk=chunk, sharding=sharding("identity", 2, 1))
    precomputed("sharded-one", wide, chunk=chunk, sharding=sharding("identity", 0, 0, 20))
    precomputed("sharded-murmur", wide, chunk=chunk, sharding=sharding("murmurhash3_x86_128", 2, 3, 1, "gzip", "gzip"))
    precomputed("sharded-labels", labels("uint64"), "compressed_segmentation", chunk, kind="segmentation",
                sharding=sharding("murmurhash3_x86_128", 3, 1, 0, "gzip", "raw"), compressed_segmentation_block_size=[8, 8, 8])
    precomputed("sharded-missing", wide, chunk=chunk, sharding=sharding("identity", 1, 2), part=(8, 8, 1))
    precomputed("missing", wide, chunk=(8, 8, 2), part=(8, 8, 2))
    precomputed("levels", voxels())
    precomputed("levels", voxels()[:, ::2, ::2], size=(9.2, 9.2, 50.0))
    # A copy of a bucket that serves packed chunks, and what CloudVolume makes of a folder.
    for file in (OUT / "precomputed").glob("raw-uint16/*/*"):
        packed = OUT / "precomputed" / "packed" / file.parent.name / file.name
        packed.parent.mkdir(parents=True, exist_ok=True)
        packed.write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    shutil.copy(OUT / "precomputed/raw-uint16/info", OUT / "precomputed/packed/info")
    for name, array, encoding in (("cloud-volume", voxels(), "raw"), ("cloud-volume-labels", labels("uint64"), "compressed_segmentation")):
        kind = "image" if encoding == "raw" else "segmentation"
        info = CloudVolume.create_new_info(1, kind, array.dtype.name, encoding, [4.6, 4.6, 50.0], [0, 0, 0], SHAPE[::-1], chunk_size=[8, 8, 2])
        volume = CloudVolume(f"file://{OUT}/precomputed/{name}", info=info)
        volume.commit_info()
        volume[:] = array.T
        (OUT / "precomputed" / name / "provenance").unlink(missing_ok=True)


def n5(name, array, block=(10, 13, 2), compression=None, part=None, **attributes):
    """Writes an array of any number of axes, x last; the block is x first."""
    folder = OUT / "n5" / name
    metadata = {"dimensions": list(array.shape[::-1]), "blockSize": list(block), "dataType": array.dtype.name,
                "compression": compression or {"type": "raw"}}
    target = ts.open({"driver": "n5", "kvstore": store(folder), "metadata": metadata}, create=True).result()
    whole = array.T
    part = tuple(slice(0, side) for side in (part or whole.shape))
    target[part].write(whole[part]).result()
    add(folder, attributes)
    return folder


def add(folder, attributes):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "attributes.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | attributes))


def lz4_block(data, size=200):
    """The stream of lz4-java's LZ4BlockOutputStream, in blocks of a few bytes."""
    out = b""
    for at in range(0, len(data), size):
        raw = data[at : at + size]
        packed = lz4.block.compress(raw, store_size=False)
        method, packed = (0x20, packed) if len(packed) < len(raw) else (0x10, raw)
        out += b"LZ4Block" + bytes([method | 0x05]) + struct.pack("<iii", len(packed), len(raw), xxhash.xxh32(raw, 0x9747B28C).intdigest() & 0xFFFFFFF) + packed
    return out + b"LZ4Block" + bytes([0x15]) + struct.pack("<iii", 0, 0, 0)


def with_lz4(name, array):
    """Packs the blocks of a raw dataset anew: tensorstore does not know lz4."""
    folder = n5(name, array, compression={"type": "raw"})
    header = 4 + 4 * array.ndim
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "attributes.json":
            content = file.read_bytes()
            file.write_bytes(content[:header] + lz4_block(content[header:]))
    add(folder, {"compression": {"type": "lz4", "blockSize": 200}})


def all_n5():
    wide = voxels("uint16")
    for dtype in (*TYPES, "float64"):
        n5(f"raw-{dtype}.n5", voxels(dtype))
    n5("gzip.n5", wide, compression={"type": "gzip", "level": 5, "useZlib": False})
    n5("zlib.n5", wide, compression={"type": "gzip", "level": 5, "useZlib": True})
    n5("zstd.n5", wide, compression={"type": "zstd", "level": 3})
    n5("blosc.n5", wide, compression={"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1})
    n5("bzip2.n5", wide, compression={"type": "bzip2", "blockSize": 9})
    n5("xz.n5", wide, compression={"type": "xz", "preset": 6})
    with_lz4("lz4.n5", labels("uint32"))
    with_lz4("lz4-noise.n5", wide)
    n5("missing.n5", wide, (8, 8, 2), part=(8, 8, 2))
    n5("two.n5", voxels()[0], (8, 8))
    n5("channels.n5", np.stack([voxels(), 255 - voxels()]), (8, 8, 2, 2))
    n5("one-channel.n5", voxels()[None], (8, 8, 2, 1))
    # How programs lay out groups, levels and the size of voxels.
    gzipped = {"type": "gzip", "level": 5, "useZlib": False}
    n5("group.n5/volumes/raw", voxels(), compression=gzipped, pixelResolution={"dimensions": [4.6, 4.6, 50.0], "unit": "nm"})
    n5("group.n5/volumes/labels", wide, compression=gzipped, resolution=[4.6, 4.6, 50.0])
    n5("group.n5/table", np.arange(5, dtype=np.uint8), (5,))
    add(OUT / "n5/group.n5", {"n5": "2.5.1"})
    half = voxels()[:, ::2, ::2]
    n5("paintera.n5/data/s0", voxels(), compression=gzipped)
    n5("paintera.n5/data/s1", half, compression=gzipped, downsamplingFactors=[2, 2, 1])
    add(OUT / "n5/paintera.n5/data", {"multiScale": True, "resolution": [4.6, 4.6, 50.0], "offset": [0, 0, 0]})
    n5("bdv.n5/setup0/timepoint0/s0", voxels(), compression=gzipped)
    n5("bdv.n5/setup0/timepoint0/s1", half, compression=gzipped)
    add(OUT / "n5/bdv.n5", {"n5": "2.0.0"})
    add(OUT / "n5/bdv.n5/setup0", {"downsamplingFactors": [[1, 1, 1], [2, 2, 1]], "dataType": "uint8"})
    add(OUT / "n5/bdv.n5/setup0/timepoint0", {"multiScale": True, "resolution": [4.6, 4.6, 50.0]})
    for level, array, scale in (("s0", voxels(), [50.0, 4.6, 4.6]), ("s1", half, [50.0, 9.2, 9.2])):
        transform = {"axes": ["z", "y", "x"], "scale": scale, "translate": [0.0] * 3, "units": ["nm"] * 3}
        n5(f"cosem.n5/em/{level}", array, compression=gzipped, transform=transform, pixelResolution={"dimensions": scale[::-1], "unit": "nm"})
    add(OUT / "n5/cosem.n5/em", {"multiscales": [{"name": "em", "datasets": [{"path": "s0"}, {"path": "s1"}]}]})
    n5("viewer.n5/c0/s0", voxels(), compression=gzipped)
    n5("viewer.n5/c0/s1", half, compression=gzipped)
    add(OUT / "n5/viewer.n5/c0", {"scales": [[1, 1, 1], [2, 2, 1]], "pixelResolution": {"dimensions": [0.0046, 0.0046, 0.05], "unit": "um"}})


if __name__ == "__main__":
    for name in ("precomputed", "n5"):
        shutil.rmtree(OUT / name, ignore_errors=True)
    all_precomputed()
    all_n5()
    for name in ("precomputed", "n5"):
        files = [file for file in (OUT / name).rglob("*") if file.is_file()]
        print(len(files), "files,", sum(file.stat().st_size for file in files), "bytes in", OUT / name)
