"""The two F1s, with expected values written as arithmetic."""

import numpy as np
import pytest

from samesku.evaluation import f1
from samesku.evaluation import relevance as truth
from tests.fixtures.five_listings import NEIGHBOURS, PRODUCT

# Threshold 0.7 on the five listings: A keeps C B, B keeps C D A, C keeps A B, D keeps B, E keeps nothing.
HITS, KEPT, TO_FIND = np.array([2, 2, 2, 0, 0]), np.array([2, 3, 2, 1, 0]), np.array([2, 2, 2, 1, 1])


def test_truth_of_five_listings():
    query = np.arange(5, dtype=np.int32)
    neighbour = np.array([NEIGHBOURS[q] + [-1] * (4 - len(NEIGHBOURS[q])) for q in range(5)])
    assert truth.relevant(PRODUCT, query, neighbour).astype(int).tolist() == [
        [1, 1, 0, 0],
        [1, 0, 1, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]
    assert truth.n_relevant(PRODUCT, query, query).tolist() == TO_FIND.tolist()


def test_an_unlabelled_listing_matches_nothing_and_is_found_by_nobody():
    product = np.array([0, 0, -1, -1])
    query = np.arange(4)
    assert not truth.relevant(product, query, np.array([[2], [3], [3], [2]])).any()
    assert truth.n_relevant(product, query, query).tolist() == [1, 1, 0, 0]


def test_to_find_counts_the_gallery_alone():
    assert truth.n_relevant(PRODUCT, np.array([0, 3]), np.array([0, 1, 3])).tolist() == [1, 0]


def test_row_f1_counts_the_query_in_both_sets():
    expected = [1, 2 * 3 / (4 + 3), 1, 2 * 1 / (2 + 2), 2 * 1 / (1 + 2)]
    assert f1.row_f1(HITS, KEPT, TO_FIND) == pytest.approx(expected)
    assert f1.row_precision(HITS, KEPT) == pytest.approx([1, 3 / 4, 1, 1 / 2, 1])
    assert f1.row_recall(HITS, TO_FIND) == pytest.approx([1, 1, 1, 1 / 2, 1 / 2])


def test_micro_f1_pools_pairs_without_self():
    assert f1.micro_f1(HITS, KEPT, TO_FIND) == pytest.approx(2 * 6 / (8 + 8))


def test_micro_f1_leaves_out_queries_without_a_true_match():
    assert f1.micro_f1(np.array([1, 0]), np.array([1, 5]), np.array([1, 0])) == 1
    assert f1.micro_f1(np.array([0]), np.array([5]), np.array([0])) == 0


def test_the_two_f1s_differ_on_the_same_matches():
    assert f1.row_f1(HITS, KEPT, TO_FIND).mean() != pytest.approx(f1.micro_f1(HITS, KEPT, TO_FIND), abs=0.01)


def test_b_cubed_is_the_harmonic_mean_of_means():
    precision, recall = (1 + 3 / 4 + 1 + 1 / 2 + 1) / 5, (1 + 1 + 1 + 1 / 2 + 1 / 2) / 5
    assert f1.b_cubed(HITS, KEPT, TO_FIND) == pytest.approx(
        {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}
    )
