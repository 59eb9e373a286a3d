from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from samesku.errors import InputError
from samesku.params import TrainRun
from samesku.training.sampler import (
    ListingSampler,
    PairSampler,
    PKSampler,
    describe_fit,
    draw_evenly,
    fit_batches,
    group_by_product,
    make_sampler,
)

#: Sizes of the products of a catalogue.
SIZES = st.lists(st.integers(1, 9), min_size=2, max_size=12).filter(lambda s: sum(n > 1 for n in s) >= 2)


def labels_of(sizes, seed=0):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    return np.random.default_rng(seed).permutation(labels)


@given(n=st.integers(1, 12), size=st.integers(1, 30), seed=st.integers(0, 5), count=st.integers(1, 20))
def test_draws_are_even_within_and_over_draw_evenly(n, size, seed, count):
    total = np.zeros(n, int)
    for drawn in islice(draw_evenly(n, size, np.random.default_rng(seed)), count):
        within = np.bincount(drawn, minlength=n)
        assert len(drawn) == size
        assert within.max() - within.min() <= 1
        total += within
        assert total.max() - total.min() <= 1


@settings(deadline=None)
@given(sizes=SIZES, K=st.integers(2, 6), seed=st.integers(0, 3), data=st.data())
def test_every_batch_is_p_products_of_k_listings(sizes, K, seed, data):
    labels = labels_of(sizes)
    learnable = sum(n > 1 for n in sizes)
    P = data.draw(st.integers(2, learnable))
    visits = np.zeros(len(sizes), int)
    drawn = np.zeros(len(labels), int)
    for batch in islice(PKSampler(labels, P, K, seed), 15):
        drawn_labels = labels[batch].reshape(P, K)
        assert len({tuple(row) for row in drawn_labels}) == P  # P products …
        assert (drawn_labels == drawn_labels[:, :1]).all()  # … of K listings each
        for label, rows in zip(drawn_labels[:, 0], batch.reshape(P, K), strict=True):
            assert sizes[label] > 1
            counts = np.unique(rows, return_counts=True)[1]
            assert counts.max() <= -(-K // sizes[label])  # no repetition while it has K
            visits[label] += 1
        np.add.at(drawn, batch, 1)
        eligible = visits[[n > 1 for n in sizes]]
        assert eligible.max() - eligible.min() <= 1  # every product is visited equally often
    for label in range(len(sizes)):  # and every listing of it
        counts = drawn[labels == label]
        assert counts.max() - counts.min() <= 1


@settings(deadline=None)
@given(sizes=SIZES, K=st.integers(2, 6), seed=st.integers(0, 3), data=st.data())
def test_without_copies_a_batch_is_as_large_and_has_no_listing_twice(sizes, K, seed, data):
    labels = labels_of(sizes)
    available = sum(min(K, n) for n in sizes if n > 1)
    assume(available >= K)
    P = data.draw(st.integers(1, available // K))
    visits = np.zeros(len(sizes), int)
    for batch in islice(PKSampler(labels, P, K, seed, copies=False), 15):
        assert len(batch) == len(set(batch)) == P * K
        *products, last = [label for i, label in enumerate(labels[batch]) if i in starts(labels[batch])]
        assert all(np.sum(labels[batch] == product) == min(K, sizes[product]) for product in products)
        assert np.sum(labels[batch] == last) <= min(K, sizes[last])
        visits[[*products, last]] += 1
        eligible = visits[[n > 1 for n in sizes]]
        assert eligible.max() - eligible.min() <= 1


def starts(labels):
    """Where a run of equal labels begins."""
    return {i for i, label in enumerate(labels) if i == 0 or label != labels[i - 1]}


def test_more_products_take_the_place_of_copies():
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4])
    batches = list(islice(PKSampler(labels, 2, 4, 0, copies=False), 40))
    for batch in batches:  # 8 listings: four products of two, or three of two and two of the three
        counts = np.bincount(labels[batch], minlength=5)
        assert sorted(counts) in ([0, 2, 2, 2, 2], [0, 1, 2, 2, 3])
    assert {row for batch in batches for row in batch} == set(range(11))
    assert PKSampler(labels, 2, 4, 0, copies=False).steps_per_epoch == 2  # 11 listings, 8 a step
    assert PKSampler(labels, 2, 4, 0).steps_per_epoch == 3  # 5 products of 4, 8 a step


def test_batches_with_copies_stay_as_committed_metrics_were_trained_with():
    batches = islice(PKSampler(np.array([0, 0, 1, 1, 1, 2, 2]), 2, 3, 0), 4)
    expected = [[6, 5, 6, 0, 1, 1], [2, 3, 4, 5, 6, 5], [0, 1, 0, 2, 4, 3], [5, 6, 6, 1, 0, 1]]
    assert [batch.tolist() for batch in batches] == expected


@pytest.mark.parametrize(
    ("towers", "augment", "distinct"),
    [
        (["image"], {}, 2),
        (["image"], None, 4),
        (["title"], {"word_dropout": 0.2}, 4),
        (["image", "title"], {}, 4),
    ],
)
def test_only_an_augmented_picture_is_a_positive_of_itself(towers, augment, distinct):
    run = TrainRun(towers=towers, image="cnn", title="sbert", P=2, K=2, augment=augment)
    run = run.model_copy(update={"P": 1, "K": 4})  # one product with copies, or two without
    batch = next(iter(make_sampler(run, np.array([0, 0, 1, 1]))))
    assert len(batch) == 4
    assert len(set(batch.tolist())) == distinct


@pytest.mark.parametrize(
    ("sizes", "augment", "fitted"),
    [
        ([2, 9], {}, "P 16 -> 2"),  # with copies both give 4
        ([2, 9], None, "P 16 -> 2, K 4 -> 2"),  # 2 + 4 and 2 + 3 are too few for two products of 4 or 3
        ([3, 9], None, "P 16 -> 2, K 4 -> 3"),
        ([2, 2, 2], None, "P 16 -> 3, K 4 -> 2"),
        ([2, 2, 2, 5], None, "P 16 -> 2"),  # 2 + 2 + 2 + 4 listings are two products of 4
    ],
)
def test_batches_are_lowered_to_the_listings_that_are_there(sizes, augment, fitted):
    run = TrainRun(towers=["image"], image="cnn", augment=augment)
    labels = labels_of(sizes)
    lowered = fit_batches(run, labels)
    assert describe_fit(run, lowered) == f", lowered to the catalogue: {fitted}"
    assert len(next(iter(make_sampler(lowered, labels)))) == lowered.P * lowered.K


def test_the_stream_is_a_function_of_the_seed():
    labels = labels_of([3, 4, 5, 2])

    def first(seed):
        return [batch.tolist() for batch in islice(PKSampler(labels, 2, 2, seed), 10)]

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_an_epoch_visits_every_product_and_draws_as_many_as_there_are():
    assert PKSampler(labels_of([2] * 10), 5, 4, 0).steps_per_epoch == 2  # 10 products, 5 a step
    assert PKSampler(labels_of([40, 40, 2]), 2, 4, 0).steps_per_epoch == 11  # 82 listings, 8 a step


def test_invariants_are_asserted():
    sampler = PKSampler(np.array([0, 0, 1, 1]), 2, 2, 0)
    with pytest.raises(AssertionError, match="4 listings of 2 or more products"):
        sampler._assert_invariants(np.array([0, 1, 0, 1]))
    with pytest.raises(AssertionError, match="evenly"):
        PKSampler(np.array([0, 0, 0, 1, 1, 1]), 2, 3, 0)._assert_invariants(np.array([0, 0, 0, 3, 4, 5]))
    with pytest.raises(AssertionError, match="evenly"):
        PKSampler(np.array([0, 0, 1, 1]), 2, 2, 0, copies=False)._assert_invariants(np.array([0, 0, 2, 3]))


@given(sizes=SIZES, seed=st.integers(0, 3))
def test_pairs_are_one_positive_and_one_negative(sizes, seed):
    labels = labels_of(sizes)
    first = np.zeros(len(sizes), int)
    for batch in islice(PairSampler(labels, seed), 20):
        a, positive, negative = labels[batch]
        assert a == positive
        assert batch[0] != batch[1]
        assert a != negative
        first[a] += 1
    eligible = first[[n > 1 for n in sizes]]
    assert eligible.max() - eligible.min() <= 1


def test_listings_are_drawn_equally_often():
    sampler = ListingSampler(10, 4, 0)
    assert sampler.steps_per_epoch == 3
    drawn = np.concatenate(list(islice(sampler, 5)))
    assert (np.bincount(drawn) == 2).all()


def test_products_leave_out_the_unlabelled_and_the_single():
    products = group_by_product(np.array([7, -1, 3, 7, -1, 3, 9]))
    assert [rows.tolist() for rows in products] == [[2, 5], [0, 3]]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: PKSampler(np.array([0, 1, 2, -1, -1]), 2, 2, 0), "no product has two or more listings"),
        (
            lambda: PKSampler(np.array([0, 0, 1, 1, 2]), 3, 2, 0),
            "P is 3, but only 2 products .* allowed: 2 to 2",
        ),
        (lambda: PKSampler(np.array([], int), 2, 2, 0), "no product has two or more listings"),
        (lambda: PairSampler(np.array([0, 0, 1]), 0), "only one product"),
        (lambda: ListingSampler(3, 4, 0), "batch_size is 4, but there are 3"),
    ],
)
def test_what_cannot_be_sampled_is_refused(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_a_drawn_product_brings_those_it_is_confused_with():
    labels = np.repeat(np.arange(12), 2)
    confused = {product: [(product + 1) % 12] for product in range(12)}
    for batch in islice(PKSampler(labels, 6, 2, 0, copies=False, confused=confused), 20):
        drawn = labels[batch][::2].tolist()
        assert len(set(drawn)) == 6
        together = [(a + 1) % 12 == b for a, b in pairwise(drawn)]
        assert sum(together) >= 2  # of six products at least two bring one that was not yet there


def test_products_outside_the_training_rows_are_not_brought():
    labels = np.array([5, 5, 7, 7, 9])
    batch = next(iter(PKSampler(labels, 2, 2, 0, confused={5: [9, 7], 9: [5]})))
    assert sorted(labels[batch].tolist()) == [5, 5, 7, 7]
