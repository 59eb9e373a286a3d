"""Blending: a row moves towards its neighbours above the threshold, within its gallery and its channels."""

import numpy as np
import pytest

from samesku.search import augmentation as blending
from samesku.search import fusion, neighbours
from tests.fixtures.five_listings import CHANNELS, HALVES, A, B, C, D, E

ROOT = np.sqrt(0.5)


def rows(*at):
    return np.array(at, dtype=np.int32)


def blend(*at, threshold):
    fused = fusion.concatenate(CHANNELS, HALVES)
    found = neighbours.search(fused, rows(*at), 4)
    return fused, blending.blend(fused, found, threshold)


def test_two_listings_by_hand():
    # A and B alone, score 0.7: A's picture becomes (1, 0) + 0.7 (0.6, 0.8) = (1.42, 0.56), length 1.5265
    _, found = blend(A, B, threshold=0.7)
    picture = np.array([1.42, 0.56]) / np.hypot(1.42, 0.56)
    title = np.array([1.56, 0.42]) / np.hypot(1.56, 0.42)
    assert found.vectors[A] == pytest.approx(ROOT * np.concatenate([picture, title]), abs=1e-6)


def test_above_every_score_nothing_moves():
    before, after = blend(A, B, D, threshold=0.99)
    assert after.vectors[[A, B, D]] == pytest.approx(before.vectors[[A, B, D]], abs=1e-6)


def test_a_lacking_channel_stays_lacking():
    before, after = blend(A, B, C, D, E, threshold=0.5)
    assert (after.vectors[C, :2] == 0).all()
    assert (after.vectors[D, 2:] == 0).all()
    assert (after.modality_mask == before.modality_mask).all()
    lengths = [np.linalg.norm(of.vectors.reshape(5, 2, 2), axis=2) for of in (before, after)]
    assert lengths[1] == pytest.approx(lengths[0], abs=1e-6)


def test_rows_outside_the_gallery_have_no_part():
    _, within = blend(A, B, threshold=0.5)
    assert (within.vectors[[C, D, E]] == 0).all()


def test_no_steps_are_the_plain_search_and_each_step_searches_what_it_blended():
    fused = fusion.concatenate(CHANNELS, HALVES)
    every = rows(A, B, C, D, E)
    plain = neighbours.search(fused, every, 4)
    found, same = blending.search(fused, every, 4, steps=0, threshold=0.5)
    assert same is fused
    assert found.neighbour.tolist() == plain.neighbour.tolist()
    found, blended = blending.search(fused, every, 4, steps=1, threshold=0.5)
    again = neighbours.search(blending.blend(fused, plain, 0.5), every, 4)
    assert found.score.tolist() == again.score.tolist()
    assert blended is not fused
    assert found.score[A, 0] > plain.score[A, 1]  # A, B and C have come closer
