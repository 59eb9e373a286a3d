"""The pairs that a pair reader learns from."""

import numpy as np
import pytest

from samesku.pairs.reader_pairs import draw_pairs
from samesku.search.neighbours import Neighbours


def draw(product, titles, neighbours, n=100, negatives=1.0, seed=0):
    query = np.arange(len(product), dtype=np.int32)
    table = np.array(neighbours, dtype=np.int32)
    nearest = Neighbours(query, table, np.zeros(table.shape, np.float32))
    return draw_pairs(np.array(product), titles, nearest, n, negatives, [seed])


def as_sets(pairs):
    rows = list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    assert len(set(rows)) == len(rows)
    assert all(left < right for left, right in rows)
    same = pairs.same_product.tolist()
    return {p for p, s in zip(rows, same, strict=True) if s}, {
        p for p, s in zip(rows, same, strict=True) if not s
    }


def test_partners_of_a_product_and_neighbours_of_other_products():
    """Listings 0 and 1 are a product, 2 and 3 another; each has the next listing as its neighbour."""
    drawn = [as_sets(draw([5, 5, 7, 7], list("abcd"), [[1], [2], [3], [0]], seed=s)) for s in range(20)]
    positives, negatives = (set.union(*sets) for sets in zip(*drawn, strict=True))
    assert positives == {(0, 1), (2, 3)}
    assert negatives == {(1, 2), (0, 3)}


@pytest.mark.parametrize(
    ("product", "titles"), [([5, 5, -1, 5], "abcd"), ([5, 5, 8, 5], "ab d"), ([5, 5, 8, 5], "abad")]
)
def test_listings_without_label_or_title_and_equal_titles_teach_nothing(product, titles):
    """Listing 2 has no label, no title, or the title of its only neighbour."""
    titles = [title.strip() for title in titles]
    positives, negatives = as_sets(draw(product, titles, [[2], [0], [0], [0]]))
    assert positives <= {(0, 1), (0, 3), (1, 3)}
    assert negatives == set()


def test_numbers_of_pairs():
    """Ten products of four listings, with all others as neighbours."""
    product = np.repeat(np.arange(10), 4)
    neighbours = [[j for j in range(40) if j != i] for i in range(40)]
    titles = [f"title {i}" for i in range(40)]
    pairs = draw(product, titles, neighbours, n=15, negatives=2.0)
    assert (pairs.same_product.sum(), len(pairs)) == (5, 15)
    assert 0 < np.flatnonzero(pairs.same_product).mean() < 14  # in random order
    every = draw(product, titles, neighbours, n=10_000, negatives=1.5)
    n_positives = every.same_product.sum()
    assert 10 <= n_positives <= 40  # a partner for each listing, each pair once
    assert len(every) == n_positives + round(1.5 * n_positives)


def test_a_large_product_has_no_more_pairs_than_listings():
    product = [0] * 100 + [1, 1]
    titles = [f"title {i}" for i in range(102)]
    pairs = draw(product, titles, [[101 - i] for i in range(102)])
    assert 40 < pairs.same_product.sum() <= 101
