"""A gallery made ready: pairs scored as a search scores them, and nothing from outside it."""

import numpy as np
import pytest

from samesku.catalogue import title_tokens as tokens
from samesku.pairs import gallery
from samesku.pairs.gallery import Evidence
from samesku.search.exact import search_neighbours
from tests.fixtures.five_listings import CHANNELS, HALVES, SCORE, A, B, C, D, E

EVERY = np.array([A, B, C, D, E], dtype=np.int32)


def evidence(**more):
    titles = tokens.read(["a 1l", "a 1l", "b", "b", "c"])
    return Evidence(CHANNELS | more, HALVES, titles, {"hash": np.array([-1, 0, 0, -1, -1])})


def prepare(found, rows=EVERY, steps=1):
    plain = search_neighbours(found.fused, rows, 4)
    return gallery.prepare(found, plain, 4, steps, 0.7)


def column(ready, name):
    return ready.features.values[:, ready.features.names.index(name)]


def test_every_pair_that_can_be_compared_is_scored_as_the_search_scores_it():
    ready = prepare(evidence())
    pairs = list(zip(*(side.tolist() for side in ready.candidates.pairs), strict=True))
    assert set(pairs) == set(SCORE)  # all but C–D, which have nothing in common
    assert column(ready, "fused") == pytest.approx([SCORE[pair] for pair in pairs], abs=1e-6)


def test_each_channel_is_a_signal_and_unknown_where_one_lacks_it():
    ready = prepare(evidence(none=np.empty((5, 0), np.float32)))
    left, right = ready.candidates.pairs
    assert np.isnan(column(ready, "image")[(left == C) | (right == C)]).all()
    assert "none" not in ready.features.names  # a channel that nobody has says nothing
    assert "blended" in ready.features.names


def test_without_blending_there_is_no_blended_signal():
    ready = prepare(evidence(), steps=0)
    assert "blended" not in ready.features.names


def test_what_lies_outside_the_gallery_changes_nothing():
    within = np.array([A, B, C], dtype=np.int32)
    ours = prepare(evidence(), within)
    other = {name: rows.copy() for name, rows in CHANNELS.items()}
    for rows in other.values():
        rows[[D, E]] = rows[[D, E]][:, ::-1]
    titles = tokens.read(["a 1l", "a 1l", "b", "a", "a 1l b"])
    theirs = prepare(Evidence(other, HALVES, titles, {"hash": np.array([-1, 0, 0, 0, 0])}), within)
    np.testing.assert_array_equal(ours.features.values, theirs.features.values)
