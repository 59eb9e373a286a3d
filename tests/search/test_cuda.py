"""Exact search by torch, here on the processor: what NumPy finds, whatever is kept and however it is cut."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from samesku.errors import InputError
from samesku.params.schema import Index, Machine
from samesku.search import cuda as accelerator
from samesku.search import fusion, neighbours
from stages import index
from tests.conftest import ROOT
from tests.search import oracle

CPU = torch.device("cpu")
WEIGHTS = {"a": 0.7, "b": 0.3}
PLENTY = 10**9
MANY = 10**6  # listings


def catalogue(n=300, values=None):
    """Clustered rows of two channels, some without one or both: three modality masks and the empty one."""
    generator = np.random.default_rng(7)
    channels = oracle.random_channels(generator, n, {"a": 16, "b": 7}, values=values or 40)
    for rows in channels.values():
        if not values:
            rows += np.where(rows.any(1, keepdims=True), generator.normal(scale=0.1, size=rows.shape), 0)
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return fusion.concatenate(channels, WEIGHTS)


def both(fused, rows, k, room=PLENTY):
    return (
        neighbours.search(fused, rows, k),
        neighbours.search(fused, rows, k, look=accelerator.on(CPU, room)),
    )


@pytest.fixture
def sent(monkeypatch):
    """Small blocks; the shapes of what is sent to the device, in order."""
    monkeypatch.setattr(neighbours, "QUERIES", 23)
    monkeypatch.setattr(accelerator, "COLUMNS", 17)
    found, tensor = [], torch.tensor
    monkeypatch.setattr(torch, "tensor", lambda rows, **to: found.append(rows.shape) or tensor(rows, **to))
    return found


def equal(one, other):
    """Scores to 1e-6; and within that, two listings may stand in either order."""
    assert one.neighbour.shape == other.neighbour.shape
    np.testing.assert_allclose(one.score, other.score, atol=1.1e-6)
    assert (one.valid == other.valid).all()
    for query, a, b, scores in zip(one.query, one.neighbour, other.neighbour, one.score, strict=True):
        assert query not in b
        assert len({*b[b >= 0]}) == (b >= 0).sum()
        only = np.isin(a, b, invert=True)  # beyond the end by a rounding
        np.testing.assert_allclose(scores[only], scores[-1], atol=1.1e-6)


@pytest.mark.parametrize("values", [None, 3])
@pytest.mark.parametrize("room", [0, 3_000, PLENTY])
@pytest.mark.parametrize("k", [1, 20, 500])
def test_equals_the_search_by_numpy(sent, values, room, k):
    fused = catalogue(values=values)
    rows = np.flatnonzero(np.arange(len(fused)) % 7).astype(np.int32)
    equal(*both(fused, rows, k, room))


def test_in_one_block_it_is_the_same():
    equal(*both(catalogue(), np.arange(300, dtype=np.int32), 20))


def test_exact_ties_stand_in_the_order_of_rows():
    copies = np.tile(np.array([[1.0, 0.0]], np.float32), (200, 1))
    copies[150] = [0.0, 1.0]
    here, there = both(fusion.concatenate({"a": copies}, {"a": 1.0}), np.arange(200, dtype=np.int32), 5)
    assert there.neighbour.tolist() == here.neighbour.tolist()
    assert there.score.tolist() == here.score.tolist()


def test_columns_are_sent_once_while_they_fit(sent):
    rows = np.eye(64, dtype=np.float32)
    fused, every = fusion.concatenate({"a": rows}, {"a": 1.0}), np.arange(64, dtype=np.int32)
    queries, columns = [(23, 64), (23, 64), (18, 64)], [(17, 64), (17, 64), (17, 64), (13, 64)]
    both(fused, every, 5)
    assert sorted(sent) == sorted(queries + columns)
    sent.clear()
    both(fused, every, 5, room=2 * 17 * 64 * 4)
    assert sorted(sent) == sorted(queries + columns + 2 * columns[2:])  # the first two stay


def test_what_it_gives():
    """As any `Looks`: falling, −1 beyond what is there; of a read-only file too."""
    vectors = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]], np.float32)
    vectors.flags.writeable = False
    part = neighbours.Part(1, np.arange(3, dtype=np.int32), vectors)
    ((inner, at),) = next(accelerator.on(CPU, PLENTY)([(np.array([[1, 0]], np.float32), [part], [5])]))
    assert inner.dtype == np.float32
    assert at.dtype == np.int64
    np.testing.assert_allclose(inner, [[1.0, 0.6, 0.0, -np.inf, -np.inf]], rtol=1e-6)
    assert at.tolist() == [[1, 2, 0, -1, -1]]


def test_products_are_of_whole_floats():
    torch.backends.cuda.matmul.allow_tf32 = True
    accelerator.on(CPU, 0)
    assert not torch.backends.cuda.matmul.allow_tf32


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_index_searches_on_cuda(monkeypatch, tmp_path, device):
    monkeypatch.setattr(index, "DRIVER", (tmp_path,))
    monkeypatch.setattr(accelerator, "resolve", lambda name: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where: (1000, 2000))
    monkeypatch.setattr(accelerator, "on", lambda where, room: (where.type, room))
    with index.nearest(Index(), Machine(device=device), MANY) as searched:
        assert searched.func is neighbours.search
        assert searched.keywords == {"look": ("cuda", 750)}
    with index.nearest(Index(kind="hnsw"), Machine(device=device), MANY) as searched:
        assert "look" not in searched.keywords


def test_few_listings_are_searched_before_torch_is_imported(monkeypatch, tmp_path):
    monkeypatch.setattr(index, "DRIVER", (tmp_path,))
    with index.nearest(Index(), Machine(), 3000) as searched:
        assert searched is neighbours.search


def test_too_little_memory_there_is_one_sentence(monkeypatch):
    def full(rows, device):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB")

    monkeypatch.setattr(torch, "tensor", full)
    with pytest.raises(
        InputError, match=r"too little free memory on cpu; ways out: .* machine\.device: cpu$"
    ):
        neighbours.search(catalogue(), np.arange(300, dtype=np.int32), 5, look=accelerator.on(CPU, PLENTY))


def test_a_driver_without_cuda_leaves_the_search_on_the_processor(monkeypatch, tmp_path):
    monkeypatch.setattr(index, "DRIVER", (tmp_path,))
    monkeypatch.setattr(accelerator, "resolve", lambda name: CPU)
    with index.nearest(Index(), Machine(), MANY) as searched:
        assert searched.keywords == {"look": None}


WITHOUT = """
import sys
from stages import index
from samesku.params.schema import Index, Machine
index.DRIVER = ()
for device in ("auto", "cpu", "mps"):
    with index.nearest(Index(), Machine(device=device), 10**6) as searched:
        assert searched is index.neighbours.search
assert "torch" not in sys.modules
"""


def test_elsewhere_index_imports_no_torch():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
