"""Parquet to arrays and back, by hand, and that pandas stays out of it."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesku.artefacts import make_table, read_columns, to_numpy
from tests.conftest import ROOT


def test_what_is_written_comes_back(tmp_path):
    columns = {
        "n": np.array([3, -1, 2], np.int32),
        "x": np.array([0.5, np.inf, -2.0], np.float32)[::-1],
        "id": np.array(["a", "é ✓", ""], object),
        "text": ["one", "two", "three"],
    }
    pq.write_table(make_table(columns), tmp_path / "t.parquet")
    read = read_columns(tmp_path / "t.parquet")
    assert to_numpy(read["n"]).tolist() == [3, -1, 2]
    assert to_numpy(read["x"]).tolist() == [-2.0, np.inf, 0.5]
    assert read["id"].to_pylist() == ["a", "é ✓", ""]
    assert read["text"].to_pylist() == ["one", "two", "three"]
    assert [str(field.type) for field in pq.read_schema(tmp_path / "t.parquet")] == [
        "int32",
        "float",
        "string",
        "string",
    ]


@pytest.mark.parametrize("rows", [0, 7])
def test_row_groups_are_joined_and_columns_chosen(tmp_path, rows):
    table = pa.table({"a": list(range(rows)), "b": [i % 2 == 0 for i in range(rows)]})
    table = table.cast(pa.schema([("a", pa.int64()), ("b", pa.bool_())]))
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=3)
    read = read_columns(tmp_path / "t.parquet", ["b"])
    assert list(read) == ["b"]
    assert to_numpy(read["b"]).tolist() == [i % 2 == 0 for i in range(rows)]


def test_neither_pandas_nor_scipy_is_imported(tmp_path):
    """They take longer to import than the ranking of a small catalogue."""
    code = f"""
import sys
import numpy as np
import pyarrow.parquet as pq
from stages import evaluate, fuse, index
from samesku.artefacts import make_table, read_columns, to_numpy
pq.write_table(make_table({{"a": np.arange(3), "b": "xyz"}}), r"{tmp_path}/t.parquet")
to_numpy(read_columns(r"{tmp_path}/t.parquet")["a"])
print({{"pandas", "scipy", "torch"}} & sys.modules.keys())
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
