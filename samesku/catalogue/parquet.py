"""Parquet files to arrays and back without pandas, which pyarrow's own conversions import: half a second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray


def read(path: Path, columns: Sequence[str] | None = None) -> dict[str, pa.Array]:
    """The columns of a Parquet file, each whole, by name."""
    with pq.ParquetFile(path) as file:
        table = file.read(columns=columns)
    return {name: _whole(table[name]) for name in table.column_names}


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks or [pa.nulls(0, column.type)])


def numbers(column: pa.Array) -> NDArray[np.generic]:
    """A column of numbers or booleans, none of them null, as an array that shares its memory where it can."""
    if pa.types.is_boolean(column.type):
        return np.from_dlpack(pc.cast(column, pa.uint8())).astype(bool)
    return np.from_dlpack(column)


def table(columns: Mapping[str, NDArray[np.generic] | Iterable[str]]) -> pa.Table:
    """A table of arrays of numbers, and of strings."""
    arrays = [
        _of_numbers(of) if isinstance(of, np.ndarray) and of.dtype.kind in "iuf" else _of_strings(of)
        for of in columns.values()
    ]
    return pa.Table.from_arrays(arrays, names=list(columns))


def _of_numbers(values: NDArray[np.generic]) -> pa.Array:
    whole = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(whole.dtype), len(whole), [None, pa.py_buffer(whole)])


def _of_strings(values: Iterable[str]) -> pa.Array:
    encoded = [str(value).encode() for value in values]
    ends = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(value) for value in encoded], out=ends[1:])
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded)))
