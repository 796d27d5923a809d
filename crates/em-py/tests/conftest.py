"""What the tests share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest


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
