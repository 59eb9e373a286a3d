"""Indexes that may miss neighbours: what they find is scored exactly, and too few is refused."""

import numpy as np
import pytest

from samesku.errors import InputError
from samesku.search import approximate
from samesku.search.approximate import build_index, order_by_cell, recall, search_approximate
from samesku.search.exact import group_by_mask, search_neighbours
from samesku.search.fusion import concatenate_channels
from samesku.search.neighbours import Neighbours
from tests.fixtures.shops import number_shops

EVERY = np.arange(600, dtype=np.int32)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(approximate, "SMALL", 50)
    monkeypatch.setattr(approximate, "CHECKED", 200)


@pytest.fixture(scope="module")
def fused():
    """600 listings in threes, some without the second channel."""
    generator = np.random.default_rng(0)
    channels = {}
    for name, width in {"a": 24, "b": 8}.items():
        rows = np.repeat(generator.normal(size=(200, width)), 3, axis=0)
        rows += 0.3 * generator.normal(size=rows.shape)
        channels[name] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    channels["b"][generator.random(600) < 0.3] = 0
    return concatenate_channels(channels, {"a": 0.6, "b": 0.4})


@pytest.mark.parametrize("kind", ["ivf", "hnsw", "IVF16,Flat", "IVF16,SQfp16", "IVF4,PQ8x4"])
def test_with_enough_effort_it_finds_what_exact_search_finds(fused, kind):
    exact = search_neighbours(fused, EVERY, 5)
    result = search_approximate(fused, EVERY, 5, kind, effort=600, min_recall=0.8)
    assert recall(result, exact) > (0.8 if "PQ" in kind else 0.99)
    same = result.neighbour == exact.neighbour
    assert result.score[same] == pytest.approx(exact.score[same], abs=2e-6)  # compressed vectors too
    assert (np.diff(result.score, axis=1) <= 0).all()
    assert (result.neighbour != EVERY[:, None]).all()


@pytest.mark.parametrize("link", ["all", "within", "across"])
def test_some_queries_have_the_neighbours_that_they_have_among_all(fused, link):
    shops = number_shops(link, EVERY % 4)
    queries = EVERY[10:590:7]
    every, some = (
        search_approximate(fused, EVERY, 5, "ivf", 600, 0.9, allowed=shops, queries=of)
        for of in (None, queries)
    )
    assert (some.query == queries).all()
    assert (some.neighbour == every.neighbour[queries]).all()


def test_too_few_are_refused_with_the_effort_that_finds_enough(fused):
    with pytest.raises(InputError, match=r"finds 0\.\d+ of the 20 nearest of 200 .*index\.effort \d+ finds"):
        search_approximate(fused, EVERY, 20, "IVF64,Flat", effort=1, min_recall=0.99)


def test_where_no_effort_is_enough_it_says_so(fused):
    with pytest.raises(InputError, match="no effort up to 4096 finds enough"):
        search_approximate(fused, EVERY, 20, "PQ4x2", effort=4096, min_recall=1.0)


@pytest.mark.parametrize("small", [50, 600])
@pytest.mark.parametrize("kind", ["nonsense", "IVF", "IVF4,PQ7"])
def test_a_kind_that_faiss_cannot_make_is_refused(fused, kind, small, monkeypatch):
    monkeypatch.setattr(approximate, "SMALL", small)
    with pytest.raises(InputError, match=r"index\.kind: FAISS cannot make.*allowed: flat, ivf, hnsw"):
        search_approximate(fused, EVERY, 5, kind, effort=8, min_recall=0.9)


def test_small_parts_are_searched_exactly(fused, monkeypatch):
    monkeypatch.setattr(approximate, "SMALL", 600)
    result = search_approximate(fused, EVERY, 5, "IVF64,Flat", effort=1, min_recall=0.99)
    exact = search_neighbours(fused, EVERY, 5)
    assert (result.neighbour == exact.neighbour).all()
    assert (result.score == exact.score).all()


def test_recall_by_hand():
    """Of 2 + 1 true neighbours one of two is found; the third's place is taken by one that ties with it."""
    query = np.array([0, 1], np.int32)
    true = Neighbours(
        query, np.array([[5, 6], [7, -1]], np.int32), np.array([[0.9, 0.8], [0.7, -np.inf]], np.float32)
    )
    result = Neighbours(
        query, np.array([[5, 4], [8, 3]], np.int32), np.array([[0.9, 0.1], [0.7, 0.2]], np.float32)
    )
    assert recall(result, true) == pytest.approx(2 / 3)


def test_some_queries_alone(fused):
    some = np.array([3, 77, 599], np.int32)
    whole, part = search_neighbours(fused, EVERY, 5), search_neighbours(fused, EVERY, 5, queries=some)
    assert (part.query == some).all()
    assert (part.neighbour == whole.neighbour[some]).all()
    assert part.score == pytest.approx(whole.score[some], abs=2e-6)


def test_across_shops_the_search_is_exact_and_says_so(fused, capsys):
    allowed = number_shops("across", EVERY % 4)
    result = search_approximate(fused, EVERY, 5, "hnsw", effort=1, min_recall=1.0, allowed=allowed)
    assert (
        "match.link is across, so the search is exact; index.kind hnsw is not used" in capsys.readouterr().out
    )
    exact = search_neighbours(fused, EVERY, 5, allowed=allowed)
    assert result.neighbour.tolist() == exact.neighbour.tolist()


def test_within_shops_each_shop_has_its_index(fused):
    allowed = number_shops("within", EVERY // 200)
    exact = search_neighbours(fused, EVERY, 5, allowed=allowed)
    result = search_approximate(fused, EVERY, 5, "hnsw", effort=600, min_recall=0.9, allowed=allowed)
    assert recall(result, exact) > 0.99
    assert (result.neighbour[result.valid] // 200 == np.nonzero(result.valid)[0] // 200).all()


def test_listings_of_one_cell_are_searched_together(fused):
    groups = group_by_mask(fused, EVERY)
    indexes = {group.mask: build_index(group.vectors, "ivf") for group in groups[1:]}
    order = order_by_cell(indexes, groups, len(EVERY))
    for group in groups[1:]:
        cell = indexes[group.mask].nearest_cells(group.vectors, 1)[:, 0]
        assert len(set(cell.tolist())) > 1
        assert (np.diff(cell[np.argsort(order[group.rows])]) >= 0).all()
    assert (order[groups[0].rows] == groups[0].rows).all()
    some = search_neighbours(fused, EVERY, 5, queries=EVERY[::2], order=-EVERY)
    assert (some.neighbour == search_neighbours(fused, EVERY, 5, queries=EVERY[::2]).neighbour).all()
