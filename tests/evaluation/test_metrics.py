"""The metrics, with expected values written as arithmetic."""

import numpy as np
import pytest

from samesku.evaluation.metrics import (
    average_precision,
    b_cubed,
    bootstrap_interval,
    cluster_counts,
    cluster_metrics,
    f1_by_product_size,
    micro_f1,
    pairwise_scores,
    recall_at_k,
    row_f1,
    row_precision,
    row_recall,
    self_only_f1,
)
from tests.fixtures.shops import number_shops

# The five listings at threshold 0.7: A matches C B, B matches C D A, C matches A B, D matches B, E nothing.
HITS, N_PREDICTED, N_RELEVANT = (
    np.array([2, 2, 2, 0, 0]),
    np.array([2, 3, 2, 1, 0]),
    np.array([2, 2, 2, 1, 1]),
)

# Groups {0, 1, 2}, {3, 4}, {5}; products {0, 1, 3} and {2, 4}; 5 has no label.
GROUP = np.array([0, 0, 0, 1, 1, 2])
PRODUCT = np.array([0, 0, 1, 0, 1, -1])

RANKED = np.array([[1, 0, 1], [0, 0, 0], [0, 0, 0]], dtype=bool)
RANKED_N_RELEVANT = np.array([4, 1, 0])


def test_row_f1_counts_the_query_in_both_sets():
    expected = [1, 2 * 3 / (4 + 3), 1, 2 * 1 / (2 + 2), 2 * 1 / (1 + 2)]
    assert row_f1(HITS, N_PREDICTED, N_RELEVANT) == pytest.approx(expected)
    assert row_precision(HITS, N_PREDICTED) == pytest.approx([1, 3 / 4, 1, 1 / 2, 1])
    assert row_recall(HITS, N_RELEVANT) == pytest.approx([1, 1, 1, 1 / 2, 1 / 2])


def test_micro_f1_pools_pairs_without_self():
    assert micro_f1(HITS, N_PREDICTED, N_RELEVANT) == pytest.approx(2 * 6 / (8 + 8))


def test_micro_f1_leaves_out_queries_without_a_relevant_listing():
    assert micro_f1(np.array([1, 0]), np.array([1, 5]), np.array([1, 0])) == 1
    assert micro_f1(np.array([0]), np.array([5]), np.array([0])) == 0


def test_b_cubed_is_the_harmonic_mean_of_means():
    precision, recall = (1 + 3 / 4 + 1 + 1 / 2 + 1) / 5, (1 + 1 + 1 + 1 / 2 + 1 / 2) / 5
    assert b_cubed(HITS, N_PREDICTED, N_RELEVANT) == pytest.approx(
        {"precision": precision, "recall": recall, "f1": 2 * precision * recall / (precision + recall)}
    )


def test_average_precision_is_over_what_k_can_hold():
    values = average_precision(RANKED, RANKED_N_RELEVANT)
    assert values[0] == pytest.approx((1 / 1 + 2 / 3) / 3)  # min(4, k = 3)
    assert values[1] == 0
    assert np.isnan(values[2])


def test_recall_at_k_is_over_all_relevant():
    values = recall_at_k(RANKED, RANKED_N_RELEVANT)
    assert values[:2] == pytest.approx([2 / 4, 0])
    assert np.isnan(values[2])


def test_f1_by_number_of_listings():
    rows = f1_by_product_size(np.array([1.0, 0.5, 0.0, 0.25]), np.array([0, 1, 1, 30]))
    assert rows == [
        {"listings": "01", "queries": 1, "f1": 1.0},
        {"listings": "02", "queries": 2, "f1": 0.25},
        {"listings": "21 and more", "queries": 1, "f1": 0.25},
    ]


def test_cluster_counts_leave_out_the_query():
    hits, n_predicted, n_relevant = cluster_counts(GROUP, PRODUCT, np.arange(5))
    assert hits.tolist() == [1, 1, 0, 0, 0]
    assert n_predicted.tolist() == [2, 2, 2, 1, 1]
    assert n_relevant.tolist() == [2, 2, 1, 2, 1]


def test_cluster_counts_leave_out_listings_outside_the_gallery():
    counts = cluster_counts(np.array([0, 0, -1]), np.array([0, 0, 0]), np.array([0]))
    assert [count.tolist() for count in counts] == [[1], [1], [1]]


def test_pairwise_and_b_cubed_of_groups():
    values = cluster_metrics(GROUP, PRODUCT, np.arange(5))
    assert (values["groups"], values["largest"]) == (2, 3)
    assert values["pairwise"] == {"precision": 2 / 8, "recall": 2 / 8, "f1": 2 * 2 / 16}
    precision = (2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5
    recall = (2 / 3 + 2 / 3 + 1 / 2 + 1 / 3 + 1 / 2) / 5
    assert values["b_cubed"]["precision"] == pytest.approx(precision)
    assert values["b_cubed"]["recall"] == pytest.approx(recall)


def test_every_listing_in_a_group_by_itself():
    values = cluster_metrics(np.arange(3), np.array([0, 0, 1]), np.arange(3))
    assert values["pairwise"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert values["b_cubed"]["precision"] == 1.0


def test_a_single_component_leaves_nothing_to_resample():
    assert bootstrap_interval(np.array([0.2, 0.4]), np.array([7, 7])) == pytest.approx((0.3, 0.3))


def test_the_interval_of_independent_rows_is_that_of_the_normal_law():
    values = np.random.default_rng(0).random(2000)
    low, high = bootstrap_interval(values, np.arange(2000))
    half = 1.96 * values.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.2 * half)


def test_copies_within_a_component_are_no_more_evidence():
    values = np.random.default_rng(0).random(20)
    low, high = bootstrap_interval(np.repeat(values, 100), np.repeat(np.arange(20), 100))
    half = 1.96 * values.std() / np.sqrt(20)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.2 * half)


def test_the_seed_alone_decides_the_resamples():
    values, component = np.random.default_rng(0).random(50), np.arange(50)
    first = bootstrap_interval(values, component, seed=3)
    assert bootstrap_interval(values, component, seed=3) == first
    assert bootstrap_interval(values, component, seed=4) != first


def test_self_only_is_the_f1_without_any_match():
    assert self_only_f1(np.array([0, 1, 2])).tolist() == [1.0, 2 / 3, 1 / 2]
    assert pairwise_scores(np.array([2, 0]), np.array([3, 1]), np.array([2, 2])) == {
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
    }


def test_of_a_group_the_pairs_that_may_match_are_counted():
    """One group of two shops, with two products: 0 and 1 of one shop, 2 and 3 of the other."""
    group, product, shop = np.zeros(4, int), np.array([0, 0, 0, 1]), [0, 0, 1, 1]
    hits, n_predicted, n_relevant = cluster_counts(group, product, np.arange(4), number_shops("across", shop))
    assert hits.tolist() == [1, 1, 2, 0]
    assert n_predicted.tolist() == [2, 2, 2, 2]
    assert n_relevant.tolist() == [1, 1, 2, 0]
    values = cluster_metrics(group, product, np.arange(4), number_shops("across", shop))
    assert (values["groups"], values["largest"]) == (1, 4)
    assert values["pairwise"] == {"precision": 4 / 8, "recall": 1.0, "f1": 8 / 12}


def test_without_neighbours_average_precision_is_zero_where_there_was_something_to_rank():
    values = average_precision(np.zeros((2, 0), bool), np.array([1, 0]))
    assert values[0] == 0
    assert np.isnan(values[1])
