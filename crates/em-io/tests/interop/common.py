"""What both directions share: the voxels, and a list of checks that is printed line by line."""

import traceback

import numpy as np

SHAPE = (5, 40, 37)
SIZE_NM = [50.0, 4.6, 4.6]
TYPES = {"u8": "uint8", "i8": "int8", "u16": "uint16", "i16": "int16", "u32": "uint32", "i32": "int32", "u64": "uint64", "i64": "int64", "f32": "float32"}


def voxels(kind, shape=SHAPE):
    """The voxels that `examples/interop.rs` computes by the same formula."""
    z, y, x = np.indices(shape, dtype=np.int64)
    value = z * 3701 + y * 1103 + x * 509
    wide = value % 65536
    return {
        "u8": value % 256,
        "i8": value % 256 - 128,
        "u16": wide,
        "i16": wide - 32768,
        "u32": wide * 65537,
        "i32": wide * 65537 - 2**31,
        "u64": np.uint64(2**64 - 1) - (wide * 65537).astype(np.uint64),
        "i64": wide * 65537 + np.iinfo(np.int64).min,
        "f32": wide * 0.25 - 100,
    }[kind].astype(TYPES[kind])


class Checks:
    """Runs checks, prints a line for each, and counts those that fail."""

    def __init__(self):
        self.done = 0
        self.failed = 0

    def run(self, name, check):
        self.done += 1
        try:
            check()
            print(f"ok      {name}")
        except Exception:
            self.failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc(limit=-2)}")


def same(found, expected):
    found = np.asarray(found)
    assert found.shape == expected.shape, f"shape {found.shape}, expected {expected.shape}"
    assert found.dtype.newbyteorder("=") == expected.dtype, f"type {found.dtype}, expected {expected.dtype}"
    assert np.array_equal(found, expected), "other voxels"


def near(found, expected):
    assert np.allclose(found, expected, rtol=1e-5), f"{found}, expected {expected}"
