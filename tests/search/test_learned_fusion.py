"""Fused rows that a gate has changed: the plain fusion where it has learned nothing, and pairs that lack a channel."""

from functools import partial

import numpy as np
import pytest
import torch

from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels, pair_scores
from samesku.search.learned_fusion import change_fused
from samesku.training.fusion_networks import GatedFusion, change_rows
from tests.fixtures.five_listings import CHANNELS, HALVES, NEIGHBOURS, SCORE, A, B, C, D

EVERY = np.arange(5, dtype=np.int32)
ONES = dict.fromkeys(CHANNELS, 1.0)


def change(plain, network, listings=EVERY):
    return change_fused(plain, listings, partial(change_rows, network), network.weights)


def test_a_gate_that_has_learned_nothing_is_the_plain_fusion():
    fused, shares = change(concatenate_channels(CHANNELS, ONES), GatedFusion([2, 2], [1.0, 1.0], 4, 0))
    left, right = np.array(list(SCORE)).T
    assert pair_scores(fused, left, right) == pytest.approx(list(SCORE.values()), abs=1e-6)
    neighbours = search_neighbours(fused, EVERY, 4)
    for query, nearest in NEIGHBOURS.items():
        assert neighbours.neighbour[query][: len(nearest)].tolist() == nearest
    assert fused.weights == pytest.approx([0.5, 0.5])
    assert shares[[A, C, D]] == pytest.approx(np.array([[0.5, 0.5], [0, 1], [1, 0]]))


def test_the_weights_are_the_mean_of_listings_that_have_every_channel():
    """The gate gives the picture of A 0.75 and of B and E 0.5: the mean is 7/12."""
    network = GatedFusion([2, 2], [1.0, 1.0], 4, 0)
    with torch.no_grad():
        network.hidden.weight.zero_()
        network.hidden.weight[0] = torch.tensor(
            [0.0, 0, 100, -100]
        )  # 100 for A's title, 20 for B's, −100 for E's
        network.hidden.bias[0] = -60.0
        network.gate.weight[0, 0] = np.log(3) / 40
    fused, shares = change(concatenate_channels(CHANNELS, ONES), network)
    assert shares[[A, B]] == pytest.approx(np.array([[0.75, 0.25], [0.5, 0.5]]), abs=1e-6)
    assert fused.weights == pytest.approx([7 / 12, 5 / 12])
    # A and B share both: √(3/4 · 1/2) · 0.6 + √(1/4 · 1/2) · 0.8. A and C share the title alone, of weight 5/12:
    # √(1/4) · √(5/12) / (5/12).
    expected = [np.sqrt(0.375) * 0.6 + np.sqrt(0.125) * 0.8, 0.5 / np.sqrt(5 / 12)]
    assert pair_scores(fused, np.array([A, A]), np.array([B, C])) == pytest.approx(expected, abs=1e-6)


def test_listings_that_are_not_asked_for_are_zero():
    fused, shares = change(
        concatenate_channels(CHANNELS, ONES), GatedFusion([2, 2], [3.0, 1.0], 4, 0), EVERY[:2]
    )
    assert not fused.vectors[2:].any()
    assert len(shares) == 2
    assert fused.vectors[A] == pytest.approx([np.sqrt(0.75), 0, 0.5, 0], abs=1e-6)


def test_where_no_listing_has_every_channel_the_weights_stay():
    network = GatedFusion([2, 2], [3.0, 1.0], 4, 0)
    fused, _ = change(concatenate_channels(CHANNELS, ONES), network, np.array([C, D], np.int32))
    assert fused.weights == pytest.approx([0.75, 0.25])


def test_further_pictures_are_those_of_the_plain_fusion():
    """B has a further picture, equal to that of A."""
    owner = np.append(EVERY, B).astype(np.int32)
    channels = CHANNELS | {"image": np.concatenate([CHANNELS["image"], CHANNELS["image"][:1]])}
    plain = concatenate_channels(channels, HALVES, owner)
    fused, _ = change(concatenate_channels(channels, ONES, owner), GatedFusion([2, 2], [1.0, 1.0], 4, 0))
    assert fused.vectors == pytest.approx(plain.vectors, abs=1e-6)
    assert pair_scores(fused, np.array([A]), np.array([B])) == pytest.approx([0.5 * 1 + 0.5 * 0.8], abs=1e-6)
