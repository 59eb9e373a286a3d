"""Fixed pseudo-random numbers: a library's generator may change with its version, a saved model must not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def scramble(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A well-mixed number for each of `z`, by SplitMix64 (Steele et al. 2014); uint64 of the same shape."""
    z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
