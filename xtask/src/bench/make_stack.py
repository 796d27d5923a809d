"""Makes a stack of 1065 x 1536 x 2048 voxels of real sections, moved about: make_stack.py TRAIN.tif FOLDER"""

import sys

import numpy as np
import tifffile

raw = tifffile.imread(sys.argv[1])
wide = np.concatenate([raw, raw[:, :, ::-1]], 2)
tall = np.concatenate([wide, wide[:, ::-1]], 1)[:, :1536, :2048]
SECTIONS = 1065


def sections():
    rng = np.random.default_rng(0)
    for _ in range(SECTIONS):
        section = tall[rng.integers(len(tall))]
        yield np.ascontiguousarray(np.roll(section, (rng.integers(1536), rng.integers(2048)), (0, 1)))


for name, compression in (("plain", None), ("deflate", "zlib")):
    tifffile.imwrite(f"{sys.argv[2]}/{name}.tif", sections(), shape=(SECTIONS, *tall.shape[1:]), dtype="uint8",
                     photometric="minisblack", compression=compression)
