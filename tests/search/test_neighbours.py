"""The table of neighbours: its order, stacked tables, and the file."""

import numpy as np
import pyarrow.parquet as pq

from samesku.search.exact import search_neighbours
from samesku.search.fusion import channel_cosines, concatenate_channels, pair_scores
from samesku.search.neighbours import (
    Neighbours,
    keep_mutual,
    move_first,
    read_neighbours,
    select_top_k,
    stack_neighbours,
    write_neighbours,
)

INF = np.inf


def table(query, neighbour, score):
    return Neighbours(np.array(query, np.int32), np.array(neighbour, np.int32), np.array(score, np.float32))


def test_the_first_k_by_score_and_then_by_row():
    rows = np.array([[7, 3, 5, 9], [4, 2, 8, -1]], np.int32)
    scores = np.array([[0.5, 0.9, 0.5, 0.1], [0.2, 0.2000004, 0.3, -INF]])  # 0.2 ties by rounding
    row, score = select_top_k(rows, scores, 3)
    assert row.tolist() == [[3, 5, 7], [8, 2, 4]]
    assert score.tolist() == [[0.9, 0.5, 0.5], [0.3, 0.2000004, 0.2]]
    assert select_top_k(rows, scores, 9)[0].tolist() == [[3, 5, 7, 9], [8, 2, 4, -1]]


def test_stacked_tables_are_padded_to_the_widest():
    narrow = table([0, 1], [[1], [0]], [[0.5], [0.5]])
    wide = table([5, 6, 7], [[6, 7], [7, 5], [6, -1]], [[0.9, 0.1], [0.8, 0.1], [0.8, -INF]])
    stacked = stack_neighbours([narrow, wide], 2)
    assert stacked.query.tolist() == [0, 1, 5, 6, 7]
    assert stacked.neighbour.tolist() == [[1, -1], [0, -1], [6, 7], [7, 5], [6, -1]]
    assert stacked.valid.sum(axis=1).tolist() == [1, 1, 2, 2, 1]
    assert stack_neighbours([narrow, wide], 1).neighbour.tolist() == [[1], [0], [6], [7], [6]]


def test_what_is_written_is_read_with_the_queries_that_have_no_neighbour(tmp_path):
    neighbours = table([2, 4, 9], [[4, 9], [-1, -1], [2, -1]], [[0.7, 0.6], [-INF, -INF], [0.7, -INF]])
    write_neighbours(tmp_path / "split.parquet", neighbours)
    columns = pq.read_table(tmp_path / "split.parquet").to_pydict()
    assert columns["query"] == [2, 2, 9]
    assert columns["neighbour"] == [4, 9, 2]
    assert columns["rank"] == [1, 2, 1]
    read = read_neighbours(tmp_path / "split.parquet", neighbours.query)
    for name in ("query", "neighbour", "score"):
        np.testing.assert_array_equal(getattr(read, name), getattr(neighbours, name))


def test_scores_of_equal_listings_are_one_and_are_read_again(tmp_path):
    """The sum of 2,048 products in float32 is above 1 by more than the last of six decimals."""
    copies = np.full((8, 1024), 1 / 32, np.float32)
    fused = concatenate_channels({"image": copies, "title": copies}, {"image": 0.6, "title": 0.4})
    assert (fused.vectors @ fused.vectors.T).max() > 1 + 1e-6  # or this test says nothing
    rows = np.arange(8, dtype=np.int32)
    neighbours = search_neighbours(fused, rows, 5)
    assert (neighbours.score == 1).all()
    write_neighbours(tmp_path / "full.parquet", neighbours)
    read = read_neighbours(tmp_path / "full.parquet", rows)
    np.testing.assert_array_equal(read.neighbour, neighbours.neighbour)
    assert (pair_scores(fused, rows, rows) <= 1).all()
    assert (channel_cosines({"image": copies}, rows, rows)["image"] <= 1).all()


#: Rows 0 and 1 are of one shop, 2 and 3 of another, 4 of a third.
SHOP = np.array([0, 0, 1, 1, 2], np.int32)


def test_of_each_other_shop_the_best_is_kept_where_each_is_the_best_of_the_other():
    neighbours = table(
        [0, 1, 2, 3, 4],
        [[2, 3, 4], [2, 0, 3], [0, 1, 4], [0, 4, 1], [3, 0, 2]],
        [[0.9, 0.8, 0.5], [0.8, 0.7, 0.4], [0.9, 0.8, 0.3], [0.8, 0.6, 0.4], [0.6, 0.5, 0.3]],
    )
    kept = keep_mutual(neighbours, SHOP)
    assert kept.tolist() == [
        [True, False, True],  # 2 is the best of its shop for 0, and 0 for 2; 4 and 0 likewise
        [False, True, False],  # 2 has a better one in 0; 0 is of the same shop
        [True, False, False],  # 4 has a better one in 3
        [False, True, False],  # 0 has a better one in 2
        [True, True, False],
    ]
    assert move_first(kept, neighbours.neighbour, -1).tolist() == [
        [2, 4, -1], [0, -1, -1], [0, -1, -1], [4, -1, -1], [3, 0, -1]
    ]  # fmt: skip


def test_the_lists_of_neighbours_that_are_no_queries_are_given_apart():
    query = table([4], [[3, 0]], [[0.6, 0.5]])
    assert not keep_mutual(query, SHOP).any()
    lists = table([0, 3], [[2, 4], [0, 4]], [[0.9, 0.5], [0.8, 0.6]])
    assert keep_mutual(query, SHOP, lists).tolist() == [[True, True]]
