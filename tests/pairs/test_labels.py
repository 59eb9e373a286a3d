"""What the pair model learns from: which pairs, with what label and weight, in which fold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue.listings import Links
from samesku.evaluation.annotated import AnnotatedPairs
from samesku.pairs.candidates import Candidates
from samesku.pairs.labels import FoldCheck, NotEnoughPairs, deal_folds, label_pairs, limit_folds
from samesku.params.schema import PairModelParams

# listings 0–3 are product 0 and 4 is product 1, all labelled val; 5 is unlabelled, 6 is train's product 1,
# 7 a test listing whose label is hidden
PRODUCT = np.array([0, 0, 0, 0, 1, -1, 1, -1])
VAL_LABELLED = np.array([True, True, True, True, True, False, False, False])


def label(pairs, teaching=VAL_LABELLED, annotated=None):
    left, right = np.array(pairs, np.int32).T
    candidates = Candidates(np.arange(8, dtype=np.int32), left, right)
    labels = label_pairs(
        candidates, PRODUCT, VAL_LABELLED, teaching, PRODUCT, PairModelParams(folds=2), annotated
    )
    return labels.select(slice(None))


def test_labels_by_hand():
    labels = label([(0, 1), (0, 4), (4, 5), (4, 6), (4, 7), (6, 7)])
    assert labels.same_product.tolist() == [True, False, False, True, False, False]
    # nothing is learned from a pair with the unlabelled or the test listing, nor from one without a val listing
    assert labels.train_mask.tolist() == [True, True, False, True, False, False]
    assert labels.n_queries.tolist() == [2, 2, 1, 1, 1, 0]
    product_0, product_1 = 1 / np.sqrt(4), 1 / np.sqrt(2)
    expected = [2 * product_0, product_0 + product_1, product_1, product_1, product_1, 0]
    assert labels.weight == pytest.approx(expected)


def test_a_product_is_in_one_fold_and_listings_that_teach_nothing_in_none():
    fold = label([(0, 1), (0, 4), (4, 5), (6, 7)]).fold
    assert fold[0, 0] == fold[1, 0]
    assert sorted(fold[:, 1]) == [0, 1]
    assert fold[1, 2] == -1
    assert fold[:, 3].tolist() == [-1, -1]


def test_labels_of_train_and_val_by_hand():
    """The listing 6 of train teaches too: product 1 has the val listing 4 and the train listing 6."""
    labels = label([(0, 4), (4, 5), (4, 7), (6, 7), (0, 6), (4, 6)], teaching=PRODUCT >= 0)
    # No pair with a test listing teaches.
    assert labels.train_mask.tolist() == [True, False, False, False, True, True]
    assert labels.same_product.tolist() == [False, False, False, False, False, True]
    assert labels.calibration_pairs().tolist() == [True, False, False, False, True, True]
    product_0, product_1 = 1 / np.sqrt(4), 1 / np.sqrt(2)
    assert labels.weight[[0, 4, 5]] == pytest.approx([product_0 + product_1] * 2 + [2 * product_1])


def test_a_pair_is_scored_as_if_its_val_listing_were_of_test():
    """Products 0 and 1 are in two folds; of a train and a val listing the fold of the val listing is held out."""
    labels = label([(0, 4), (0, 6), (5, 6), (6, 7)], teaching=PRODUCT >= 0)
    assert labels.held_out[:, 0].tolist() == labels.fold[:, 0].tolist()
    assert labels.held_out[:, 1].tolist() == [labels.fold[0, 1], -1]
    assert labels.held_out[:, 2:].tolist() == [[-1, -1], [-1, -1]]  # unlabelled or test: all models


def test_a_pair_of_train_is_scored_out_of_fold():
    product = np.array([0, 1, 2])
    candidates = Candidates(np.arange(3, dtype=np.int32), np.array([0], np.int32), np.array([1], np.int32))
    val, teaching = np.array([False, False, True]), np.ones(3, bool)
    labels = label_pairs(candidates, product, val, teaching, product, PairModelParams(folds=3)).select([0])
    assert labels.held_out.tolist() == labels.fold.tolist()
    assert (labels.fold >= 0).all()


def test_some_pairs_have_the_labels_that_they_have_among_all():
    pairs = [(0, 1), (0, 4), (4, 5), (4, 6)]
    labels, some = label(pairs), label(pairs[1:3])
    assert some.same_product.tolist() == labels.same_product[1:3].tolist()
    assert some.weight.tolist() == labels.weight[1:3].tolist()
    assert some.fold.tolist() == labels.select(slice(1, 3)).fold.tolist()


def test_there_are_no_more_folds_than_labelled_components():
    params = PairModelParams(folds=5)
    component = np.array([0, 0, 1, 2, 2, 3, 4, 5])  # the labelled listings are of three
    assert limit_folds(params, component, VAL_LABELLED).folds == 3
    assert limit_folds(PairModelParams(folds=2), component, VAL_LABELLED).folds == 2
    with pytest.raises(NotEnoughPairs, match="of one product"):
        limit_folds(params, np.zeros(8, int), VAL_LABELLED)


@given(seed=st.integers(0, 2**32 - 1), n_folds=st.integers(2, 7))
def test_components_are_dealt_whole_and_evenly(seed, n_folds):
    draw = np.random.default_rng(seed)
    component = draw.integers(0, 30, 80)
    val_labelled = draw.random(80) < 0.7
    fold = deal_folds(component, val_labelled, n_folds, seed=1)
    assert (fold[~val_labelled] == -1).all()
    names = np.unique(component[val_labelled])
    dealt = [np.unique(fold[val_labelled & (component == name)]) for name in names]
    assert all(len(folds) == 1 for folds in dealt)
    sizes = np.bincount(np.concatenate(dealt), minlength=n_folds) if len(names) else np.zeros(n_folds)
    assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize(
    ("same_product", "fold", "message"),
    [
        ([True, True], [0, 1], "no candidate pair of two products"),
        ([False, False], [0, 1], "no candidate pair of one product"),
        ([True, False, False], [0, 1, 2], "without fold 0"),
    ],
)
def test_the_message_says_what_is_missing(same_product, fold, message):
    check = FoldCheck(3)
    check.add(np.array(same_product), np.array([fold, fold]))
    with pytest.raises(NotEnoughPairs, match=message):
        check.refuse()


def test_enough_pairs_pass_in_several_blocks():
    check, fold = FoldCheck(3), np.repeat([0, 1, 2], 2)
    for k in range(3):
        check.add(np.array([True, False]), np.stack([fold, fold])[:, fold == k])
    check.refuse()


def test_annotated_pairs_teach_also_without_a_label_and_against_one():
    """5, which has no label, is 4, and is not 6; of 0 and 1, which have one label, people say that they differ."""
    links = Links(np.array([[5, 4]], np.int32), np.array([[5, 6], [0, 1]], np.int32))
    pairs = [(4, 5), (5, 6), (0, 1), (0, 2), (0, 5), (4, 6)]
    labels = label(pairs, annotated=AnnotatedPairs(links, 8))
    # 4 is 5 and 5 is not 6, so 4 is not 6, whatever their label
    assert labels.train_mask.tolist() == [True, True, True, True, False, True]
    assert labels.same_product[[0, 1, 2, 3, 5]].tolist() == [True, False, False, True, False]
    assert (labels.weight[labels.train_mask] > 0).all()
    # of annotated pairs, those with labels alone calibrate
    assert labels.calibration_pairs().tolist() == [False, False, True, True, False, True]
    assert (labels.fold[:, :2] >= 0).all()
    assert labels.held_out[0, 0] == labels.fold[0, 0]
