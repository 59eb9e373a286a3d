"""Augmentation: a row moves towards its neighbours above the threshold, in its gallery and channels."""

import numpy as np
import pytest

from samesku.search.augmentation import augment_rows, search_augmented
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels
from tests.fixtures.five_listings import CHANNELS, HALVES, A, B, C, D, E

ROOT = np.sqrt(0.5)


def rows(*numbers):
    return np.array(numbers, dtype=np.int32)


def augment(*gallery, threshold):
    fused = concatenate_channels(CHANNELS, HALVES)
    neighbours = search_neighbours(fused, rows(*gallery), 4)
    return fused, augment_rows(fused, neighbours, threshold)


def test_two_listings_by_hand():
    # A and B alone, score 0.7: A's picture becomes (1, 0) + 0.7 (0.6, 0.8) = (1.42, 0.56), length 1.5265
    _, augmented = augment(A, B, threshold=0.7)
    picture = np.array([1.42, 0.56]) / np.hypot(1.42, 0.56)
    title = np.array([1.56, 0.42]) / np.hypot(1.56, 0.42)
    assert augmented.vectors[A] == pytest.approx(ROOT * np.concatenate([picture, title]), abs=1e-6)


def test_above_every_score_nothing_moves():
    before, after = augment(A, B, D, threshold=0.99)
    assert after.vectors[[A, B, D]] == pytest.approx(before.vectors[[A, B, D]], abs=1e-6)


def test_a_lacking_channel_stays_lacking():
    before, after = augment(A, B, C, D, E, threshold=0.5)
    assert (after.vectors[C, :2] == 0).all()
    assert (after.vectors[D, 2:] == 0).all()
    assert (after.modality_mask == before.modality_mask).all()
    lengths = [np.linalg.norm(fused.vectors.reshape(5, 2, 2), axis=2) for fused in (before, after)]
    assert lengths[1] == pytest.approx(lengths[0], abs=1e-6)


def test_rows_outside_the_gallery_become_zero():
    _, within = augment(A, B, threshold=0.5)
    assert (within.vectors[[C, D, E]] == 0).all()


def test_no_steps_are_the_plain_search_and_each_step_searches_the_augmented_rows():
    fused = concatenate_channels(CHANNELS, HALVES)
    every = rows(A, B, C, D, E)
    plain = search_neighbours(fused, every, 4)
    result, same = search_augmented(fused, every, 4, steps=0, threshold=0.5)
    assert same is fused
    assert result.neighbour.tolist() == plain.neighbour.tolist()
    result, augmented = search_augmented(fused, every, 4, steps=1, threshold=0.5)
    again = search_neighbours(augment_rows(fused, plain, 0.5), every, 4)
    assert result.score.tolist() == again.score.tolist()
    assert augmented is not fused
    assert result.score[A, 0] > plain.score[A, 1]  # A, B and C have come closer
