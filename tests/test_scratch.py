"""Arrays that lie in a file hold what arrays in memory hold."""

from pathlib import Path

import numpy as np
import pytest

from samesku import scratch
from samesku.scratch import gather_rows, new_array, slices


@pytest.mark.parametrize("limit", [0, 2**25])
def test_an_array_is_of_zeros_and_takes_values(monkeypatch, limit):
    monkeypatch.setattr(scratch, "IN_MEMORY", limit)
    array = new_array((3, 5), np.float32)
    assert array.shape == (3, 5)
    assert array.dtype == np.float32
    assert not array.any()
    array[1, 2] = 4
    assert array.sum() == 4
    assert new_array(0, bool).shape == (0,)


def test_a_large_array_lies_in_a_file_without_a_name(monkeypatch, tmp_path):
    monkeypatch.setattr(scratch, "IN_MEMORY", 100)
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    array = new_array(1000, np.int32)
    array[:] = np.arange(1000)
    maps = Path("/proc/self/maps")  # of Linux
    assert not maps.is_file() or str(tmp_path) in maps.read_text()
    assert list(tmp_path.iterdir()) == []
    assert array[[0, 999]].tolist() == [0, 999]


def test_an_array_without_room_is_an_error_and_no_crash(monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(scratch, "IN_MEMORY", 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            new_array(1000, np.float64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_rows_are_gathered_block_by_block(monkeypatch):
    monkeypatch.setattr(scratch, "ROWS", 2)
    array = np.arange(20).reshape(10, 2)
    rows = np.array([9, 0, 3, 3, 7])
    assert gather_rows(array, rows).tolist() == array[rows].tolist()


def test_slices_hold_each_place_once():
    assert [(part.start, part.stop) for part in slices(5, 2)] == [(0, 2), (2, 4), (4, 5)]
    assert list(slices(0, 2)) == []
