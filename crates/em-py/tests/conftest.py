"""What the tests share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import em_cli


@pytest.fixture
def rng() -> np.random.Generator:
    """Return the same numbers in each test."""
    return np.random.default_rng(7)


@pytest.fixture
def blobs(rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return a mask of some dozens of blobs, `[z, y, x]`."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(size=(12, 60, 70)), (1.5, 3, 3))
    mask: npt.NDArray[np.bool_] = noise > 0.9 * noise.std()
    return mask


@pytest.fixture(scope="session")
def display() -> None:
    """Run a display in memory: Qt's offscreen platform takes OpenGL from one, which napari asks for.

    Qt holds on to it until Python ends, and so it ends with this process.
    """
    server = shutil.which("Xvfb")
    assert server is not None, "there is no Xvfb"
    outlet, inlet = os.pipe()
    ends_with_us = [sys.executable, "-I", str(Path(em_cli.__file__).with_name("_child.py")), str(os.getpid())]
    words = [*ends_with_us, server, "-displayfd", str(inlet), "-nolisten", "tcp"]
    subprocess.Popen(words, pass_fds=[inlet], stderr=subprocess.DEVNULL)
    os.close(inlet)
    with os.fdopen(outlet) as told:
        os.environ["DISPLAY"] = f":{told.readline().strip()}"


@pytest.fixture
def viewer(display: None, request: pytest.FixtureRequest) -> Any:
    """Return napari's viewer, without layers."""
    make: Callable[[], Any] = request.getfixturevalue("make_napari_viewer")
    return make()
