"""Arrays that hold a number for every candidate pair, or a row for every listing: large ones lie in a file.

The file is a temporary one, in the folder that TMPDIR names. The system keeps in memory what there is room for. The
file has no name and ends with the array, so a killed run leaves none.
"""

import mmap
import os
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike, NDArray

IN_MEMORY = 2**26  # bytes up to which an array lies in memory
ROWS = 4096  # gathered at once


def new_array(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray:
    """An array of zeros.

    Raises:
        OSError: the disk has no room for it. Its place is reserved at once: a write to a mapped page that finds no
            room would end the process.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.zeros(shape, dtype)
    with tempfile.TemporaryFile() as file:
        reserve = getattr(os, "posix_fallocate", None)  # not on macOS
        reserve(file.fileno(), 0, size) if reserve else file.truncate(size)
        return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)


def gather_rows(array: NDArray, rows: NDArray[np.integer]) -> NDArray:
    """Some rows of an array, int (M,), as a `new_array`."""
    gathered = new_array((len(rows), *array.shape[1:]), array.dtype)
    for block in slices(len(rows), ROWS):
        gathered[block] = array[rows[block]]
    return gathered


def slices(n: int, size: int) -> Iterator[slice]:
    """0 to n in blocks of `size`, the last one shorter."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))
