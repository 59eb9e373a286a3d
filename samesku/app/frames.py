"""DataFrames as the reader of tables takes them, and faults as a DataFrame."""

from __future__ import annotations

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from samesku.catalogue.quarantine import Entry, Quarantine
from samesku.errors import InputError

TABLE = "the table"  # how messages call a DataFrame


def to_parquet(table: pd.DataFrame, *, named_by_index: bool) -> bytes:
    """A DataFrame as a Parquet file, which the reader of tables takes.

    Args:
        named_by_index: whether the index names the listings where no column is called posting_id.

    Raises:
        InputError: it is no DataFrame.
    """
    if not isinstance(table, pd.DataFrame):
        raise InputError(f"{TABLE} is a {type(table).__name__}; allowed: a pandas DataFrame")
    names = [str(name) for name in table.columns]
    arrays = [_array(table.iloc[:, place]) for place in range(len(names))]
    if named_by_index and not any(name.strip().lower() == "posting_id" for name in names):
        names, arrays = ["posting_id", *names], [_array(table.index.to_series()), *arrays]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, names=names), file)
    return file.getvalue()


def _array(column: pd.Series) -> pa.Array:
    """A column; values of several types become text."""
    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError):  # several types, or half of a character
        missing = column.map(lambda value: pd.api.types.is_scalar(value) and bool(pd.isna(value)))
        texts = [
            None if gone else str(value).encode("utf-8", "replace").decode("utf-8")
            for value, gone in zip(column, missing, strict=True)
        ]
        array = pa.array(texts, pa.string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def faults_table(quarantine: Quarantine) -> pd.DataFrame:
    """Row, posting_id, file and reason of each fault, by row."""
    return pd.DataFrame(sorted(quarantine.entries), columns=list(Entry._fields))
