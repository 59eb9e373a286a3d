"""The inverted file: with all cells it is exact, with some it finds what lies in them, whatever the data looks like."""

import numpy as np
import pytest

from samesku.search import inverted_file
from samesku.search.inverted_file import InvertedFile, Lists, k_means, nearest_rows, principal_axes


def unit_rows(n, width, seed=0, products=0):
    """float32 (n, width); with `products`, rows around so many centres."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n, width))
    if products:
        rows = generator.normal(size=(products, width))[generator.integers(0, products, n)] + 0.3 * rows
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def exact(queries, vectors, count):
    return -np.sort(-(queries @ vectors.T), axis=1)[:, :count]


@pytest.mark.parametrize("n", [1, 30, 5000])
def test_with_all_cells_it_is_exact(n):
    vectors = unit_rows(n, 16)
    index, queries = InvertedFile(vectors), unit_rows(70, 16, seed=1)
    inner, position = index.search(queries, 9, 4096)
    n_found = min(9, n)
    np.testing.assert_allclose(inner[:, :n_found], exact(queries, vectors, 9), atol=1e-6)
    assert (position[:, n_found:] == -1).all()
    same = np.einsum("qd,qcd->qc", queries, vectors[position[:, :n_found]])
    np.testing.assert_allclose(inner[:, :n_found], same, atol=1e-6)


def test_a_few_cells_hold_nearly_all_neighbours_of_clustered_rows():
    vectors = unit_rows(6000, 24, products=100)
    index = InvertedFile(vectors)
    inner, _ = index.search(vectors[::10], 20, 6)
    found = inner >= exact(vectors[::10], vectors, 20)[:, -1:] - 1e-6
    assert len(index.cells.vectors) > 40
    assert found.mean() > 0.99


def test_every_vector_lies_in_one_cell():
    index = InvertedFile(unit_rows(3000, 8))
    assert np.sort(index.vectors.members).tolist() == list(range(3000))
    assert index.vectors.start[[0, -1]].tolist() == [0, 3000]


def test_equal_vectors_are_one_cell():
    vectors = np.repeat(unit_rows(3, 8), 1000, axis=0)
    index = InvertedFile(vectors)
    assert len(index.cells.vectors) <= 3 * index.regions.shape[0]
    inner, _ = index.search(vectors[::500], 50, 1)
    np.testing.assert_allclose(inner, 1, atol=1e-6)


def test_equal_input_gives_equal_bytes():
    vectors = unit_rows(4000, 16, products=50)
    first, second = (InvertedFile(vectors).search(vectors[:500], 10, 4) for _ in range(2))
    for left, right in zip(first, second, strict=True):
        assert left.tobytes() == right.tobytes()


def test_large_lists_are_compared_in_parts(monkeypatch):
    monkeypatch.setattr(inverted_file, "COLUMNS", 7)
    monkeypatch.setattr(inverted_file, "PRODUCTS", 40)
    vectors, queries = unit_rows(50, 4), unit_rows(20, 4, seed=1)
    lists = Lists.of_numbers(vectors, np.arange(50) % 3, 4)
    inner, position = lists.search(queries, np.tile([[0, 2, -1]], (20, 1)), 5)
    some = np.flatnonzero(np.arange(50) % 3 != 1)
    np.testing.assert_allclose(inner, exact(queries, vectors[some], 5), atol=1e-6)
    assert set(position.ravel().tolist()) <= set(some.tolist())


def test_k_means_by_hand():
    """Two directions, three rows each: the means are these directions."""
    angle = np.array([-0.1, 0, 0.1, 1.4, 1.5, 1.6])
    rows = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    cells = k_means(rows, 2)
    assert sorted(np.arctan2(cells[:, 1], cells[:, 0]).tolist()) == pytest.approx([0, 1.5], abs=1e-6)


def test_the_nearest_rows():
    vectors, queries = unit_rows(30, 4), unit_rows(11, 4, seed=1)
    expected = np.argsort(-(queries @ vectors.T), axis=1)[:, :3]
    assert (np.sort(nearest_rows(queries, vectors, 3)) == np.sort(expected)).all()
    assert (nearest_rows(queries, vectors, 1)[:, 0] == expected[:, 0]).all()


def test_principal_axes_by_hand():
    """Lengths 9, 6 and 1 along the second, fourth and first column: two axes are the second and the fourth."""
    rows = np.zeros((3, 5), np.float32)
    rows[[0, 1, 2], [1, 3, 0]] = [9, 6, 1]
    axes = principal_axes(rows, 2)
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-6)
    np.testing.assert_allclose(axes @ axes.T, np.diag([0, 1, 0, 1, 0]), atol=1e-4)


@pytest.mark.parametrize("count", [3, 8, 100])
def test_products_are_kept_by_as_many_axes_as_the_rows_have_directions(count):
    rows = unit_rows(40, 3) @ unit_rows(3, 8, seed=1)
    axes, queries = principal_axes(rows, count), unit_rows(10, 8, seed=2)
    assert axes.shape == (8, min(count, 8))
    np.testing.assert_allclose((queries @ axes) @ (rows @ axes).T, queries @ rows.T, atol=1e-5)


def test_cells_are_found_by_fewer_axes_than_columns(monkeypatch):
    monkeypatch.setattr(inverted_file, "AXES", 12)
    vectors = unit_rows(6000, 10, products=100) @ np.linalg.qr(unit_rows(64, 10, seed=3))[0].T
    index = InvertedFile(vectors)
    assert index.cells.vectors.shape[1] == 12
    inner, _ = index.search(vectors[::10], 20, 6)
    assert (inner >= exact(vectors[::10], vectors, 20)[:, -1:] - 1e-6).mean() > 0.99
