"""Exact search by torch, here on the CPU: what NumPy finds, whatever the blocks and the memory."""

import numpy as np
import pytest
import torch

from samesku.errors import InputError
from samesku.search import cuda, exact
from samesku.search.cuda import device_search
from samesku.search.exact import MaskGroup, QueryBlock, search_neighbours
from samesku.search.fusion import concatenate_channels
from tests.fixtures.shops import number_shops
from tests.search import oracle

CPU = torch.device("cpu")
WEIGHTS = {"a": 0.7, "b": 0.3}
PLENTY = 10**9


def catalogue(n=300, values=None):
    """Clustered rows of two channels, some without one or both: three modality masks and the empty one."""
    generator = np.random.default_rng(7)
    channels = oracle.random_channels(generator, n, {"a": 16, "b": 7}, values=values or 40)
    for rows in channels.values():
        if not values:
            rows += np.where(rows.any(1, keepdims=True), generator.normal(scale=0.1, size=rows.shape), 0)
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return concatenate_channels(channels, WEIGHTS)


def both(fused, rows, k, memory=PLENTY):
    return (
        search_neighbours(fused, rows, k),
        search_neighbours(fused, rows, k, search_blocks=device_search(CPU, memory)),
    )


@pytest.fixture
def sent(monkeypatch):
    """Small blocks; the shapes of what is sent to the device, in order."""
    monkeypatch.setattr(exact, "QUERIES", 23)
    monkeypatch.setattr(cuda, "COLUMNS", 17)
    shapes, tensor = [], torch.tensor
    monkeypatch.setattr(torch, "tensor", lambda rows, **to: shapes.append(rows.shape) or tensor(rows, **to))
    return shapes


def assert_equal(left, right):
    """Scores to 1e-6; and within that, two listings may stand in either order."""
    assert left.neighbour.shape == right.neighbour.shape
    np.testing.assert_allclose(left.score, right.score, atol=1.1e-6)
    assert (left.valid == right.valid).all()
    for query, a, b, scores in zip(left.query, left.neighbour, right.neighbour, left.score, strict=True):
        assert query not in b
        assert len({*b[b >= 0]}) == (b >= 0).sum()
        only = np.isin(a, b, invert=True)  # beyond the end by a rounding
        np.testing.assert_allclose(scores[only], scores[-1], atol=1.1e-6)


@pytest.mark.parametrize("values", [None, 3])
@pytest.mark.parametrize("memory", [0, 3_000, PLENTY])
@pytest.mark.parametrize("k", [1, 20, 500])
def test_equals_the_search_by_numpy(sent, values, memory, k):
    fused = catalogue(values=values)
    rows = np.flatnonzero(np.arange(len(fused)) % 7).astype(np.int32)
    assert_equal(*both(fused, rows, k, memory))


@pytest.mark.parametrize("link", ["across", "within"])
def test_shops_leave_out_what_they_leave_out_by_numpy(sent, link):
    fused, rows = catalogue(), np.arange(3, 300, dtype=np.int32)
    allowed = number_shops(link, np.random.default_rng(0).integers(0, 5, 300))
    here, there = (
        search_neighbours(fused, rows, 100, allowed=allowed, search_blocks=blocks)
        for blocks in (None, device_search(CPU, PLENTY))
    )
    assert_equal(here, there)
    assert allowed.of_rows(there.query[:, None], there.neighbour)[there.valid].all()


def test_in_one_block_it_is_the_same():
    assert_equal(*both(catalogue(), np.arange(300, dtype=np.int32), 20))


def test_exact_ties_stand_in_the_order_of_rows():
    copies = np.tile(np.array([[1.0, 0.0]], np.float32), (200, 1))
    copies[150] = [0.0, 1.0]
    here, there = both(concatenate_channels({"a": copies}, {"a": 1.0}), np.arange(200, dtype=np.int32), 5)
    assert there.neighbour.tolist() == here.neighbour.tolist()
    assert there.score.tolist() == here.score.tolist()


def test_listings_are_sent_once_while_they_fit(sent):
    rows = np.eye(64, dtype=np.float32)
    fused, every = concatenate_channels({"a": rows}, {"a": 1.0}), np.arange(64, dtype=np.int32)
    queries, columns = [(23, 64), (23, 64), (18, 64)], [(17, 64), (17, 64), (17, 64), (13, 64)]
    both(fused, every, 5)
    assert sorted(sent) == sorted(queries + columns)
    sent.clear()
    both(fused, every, 5, memory=2 * 17 * 64 * 4)
    assert sorted(sent) == sorted(queries + columns + 2 * columns[2:])  # the first two stay


def test_what_a_block_gives():
    """As any BlockSearch: falling, −1 beyond what is there; of a read-only file too."""
    vectors = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]], np.float32)
    vectors.flags.writeable = False
    group = MaskGroup(1, np.arange(3, dtype=np.int32), vectors)
    block = QueryBlock(np.array([[1, 0]], np.float32), [group], [5])
    ((inner, position),) = next(device_search(CPU, PLENTY)([block]))
    assert inner.dtype == np.float32
    assert position.dtype == np.int64
    np.testing.assert_allclose(inner, [[1.0, 0.6, 0.0, -np.inf, -np.inf]], rtol=1e-6)
    assert position.tolist() == [[1, 2, 0, -1, -1]]


def test_products_are_of_whole_floats():
    torch.backends.cuda.matmul.allow_tf32 = True
    device_search(CPU, 0)
    assert not torch.backends.cuda.matmul.allow_tf32


def test_too_little_memory_there_is_one_sentence(monkeypatch):
    def full(rows, device):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3.00 GiB")

    monkeypatch.setattr(torch, "tensor", full)
    with pytest.raises(
        InputError, match=r"too little free memory on cpu; ways out: .* machine\.device: cpu$"
    ):
        search_neighbours(
            catalogue(), np.arange(300, dtype=np.int32), 5, search_blocks=device_search(CPU, PLENTY)
        )
