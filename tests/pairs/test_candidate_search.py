"""Candidates of a small catalogue, and what of a trained tower is hidden from the pair model."""

import weakref
from dataclasses import replace

import numpy as np
import pytest

from samesku.catalogue.listings import Listings
from samesku.catalogue.title_tokens import tokenize_titles
from samesku.pairs.candidate_search import find_candidates
from samesku.pairs.evidence import PairEvidence
from samesku.params.schema import Fusion, Rerank
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels

# rows 0 to 2 are of train, the last of them without a label; 3 and 4 are of val, 5 is of test
LISTINGS = Listings(
    posting_id=np.array(list("abcdef"), dtype=object),
    product=np.array([0, 1, -1, 2, 2, 3], np.int32),
    component=np.arange(6, dtype=np.int32),
    split=np.array(["train", "train", "train", "val", "val", "test"]),
)
OF_TOWER = ["pxk_image", "fused", "augmented", "density"]


@pytest.fixture
def evidence():
    rows = np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=2, keepdims=True)
    pictures = {"file": np.full(6, -1)}
    titles = tokenize_titles(["soap 1 l", "soap 2 l", "tea", "tea 20", "tea 20", "cup"])
    return PairEvidence({"pxk_image": rows[0], "title": rows[1]}, titles, pictures)


def find(evidence, towers, parts=("full",)):
    fused = concatenate_channels(evidence.channels, {"pxk_image": 0.5, "title": 0.5})
    spec = Rerank(fusion=Fusion(alpha=0.5), k=5)
    return find_candidates(evidence, fused, towers, LISTINGS, parts, spec, None)


def hidden_pairs(features, family):
    """The pairs, as rows of the catalogue, for which all columns of a family are NaN."""
    block = features.block(slice(None))
    columns = [column for column, name in zip(block.columns, block.families, strict=True) if name == family]
    left, right = features.candidates.catalogue_rows
    hidden = np.isnan(columns).all(axis=0)
    return sorted(zip(left[hidden].tolist(), right[hidden].tolist(), strict=True))


def test_what_a_tower_says_of_two_labelled_train_listings_is_hidden(evidence):
    _, (features,) = find(evidence, {"pxk_image"})
    assert len(features.candidates) == 15  # all pairs of six
    for family in OF_TOWER:
        assert hidden_pairs(features, family) == [(0, 1)], family
    assert hidden_pairs(features, "title") == []


def test_without_a_tower_nothing_is_hidden(evidence):
    _, (features,) = find(evidence, set())
    assert all(hidden_pairs(features, family) == [] for family in OF_TOWER)


def test_val_and_test_are_searched_apart(evidence):
    searches, features = find(evidence, set(), ("val", "test"))
    assert [len(part.candidates) for part in features] == [1, 0]
    assert searches[0].neighbours[0].neighbour.tolist() == [[4], [3]]
    assert searches[1].neighbours[0].k == 0


def test_augmented_rows_end_before_the_next_part_is_searched(evidence):
    alive = []

    def search(fused, rows, k, *, allowed, queries=None):
        assert not [row for row in alive if row() is not None and row() is not fused.vectors]
        if fused.vectors is not plain.vectors:
            alive.append(weakref.ref(fused.vectors))
        return search_neighbours(fused, rows, k, allowed=allowed, queries=queries)

    plain = concatenate_channels(evidence.channels, {"pxk_image": 0.5, "title": 0.5})
    spec = Rerank(fusion=Fusion(alpha=0.5), k=5)
    described = find_candidates(evidence, plain, set(), LISTINGS, ["val", "test"], spec, None, search)
    assert len(described[1]) == len(alive) == 2
    assert [row() for row in alive] == [None, None]


def test_every_search_is_that_of_the_index(evidence):
    """The rows as they are, then the augmented ones; both miss a listing, and so do the candidates."""
    searched = []

    def search(fused, rows, k, *, allowed, queries=None):
        searched.append(fused.vectors)
        nearest = search_neighbours(fused, rows, k, allowed=allowed, queries=queries)
        missed = (nearest.neighbour == 5) | (nearest.query == 5)[:, None]
        return replace(nearest, neighbour=np.where(missed, -1, nearest.neighbour))

    fused = concatenate_channels(evidence.channels, {"pxk_image": 0.5, "title": 0.5})
    spec = Rerank(fusion=Fusion(alpha=0.5), k=5)
    _, (features,) = find_candidates(evidence, fused, set(), LISTINGS, ["full"], spec, None, search)
    assert len(searched) == 2
    assert (searched[0] == fused.vectors).all()
    assert not (searched[1] == fused.vectors).all()
    assert len(features.candidates) == 10  # all pairs of five
