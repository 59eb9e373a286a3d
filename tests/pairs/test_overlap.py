"""What two bags share and where they conflict, worked by hand."""

import numpy as np
import pytest

from samesku.catalogue import title_tokens as tokens
from samesku.pairs import overlap

LOG2, LOG4 = np.log(2), np.log(4)


def pairs(*given):
    return tuple(np.array(side, dtype=np.int32) for side in zip(*given, strict=True))


@pytest.fixture(scope="module")
def titles():
    # words: red in two of four, blue, cup, pot in one each, shoe in two
    return tokens.read(["red cup 500 ml A12", "red shoe 1 l A13", "blue shoe 500ml", "pot"])


def test_idf_is_the_log_of_listings_over_holders(titles):
    weight = overlap.idf(titles.words.items)
    names = sorted({"red", "cup", "500", "ml", "a12", "shoe", "1", "l", "a13", "blue", "500ml", "pot"})
    by_name = dict(zip(names, weight.tolist(), strict=True))
    assert by_name["red"] == pytest.approx(LOG2)
    assert by_name["shoe"] == pytest.approx(LOG2)
    assert by_name["pot"] == pytest.approx(LOG4)


def test_an_item_that_no_listing_of_the_gallery_has_weighs_nothing(titles):
    assert overlap.idf(titles.words[np.array([3])].items).sum() == 0  # pot stands in 1 of 1; the rest in none


def test_shared_own_and_rarest(titles):
    weight = overlap.idf(titles.words.items)
    at = pairs((0, 1), (1, 2), (0, 3))
    assert overlap.shared(titles.words, at).tolist() == [1, 1, 0]
    assert overlap.shared(titles.words, at, weight) == pytest.approx([LOG2, LOG2, 0])
    assert overlap.own(titles.words).tolist() == [5, 5, 3, 1]
    assert overlap.own(titles.words, weight)[3] == pytest.approx(LOG4)
    assert overlap.rarest_shared(titles.words, at, weight) == pytest.approx([LOG2, LOG2, 0])
    left, right = overlap.rarest_alone(titles.words, pairs((3, 3), (1, 3)), weight)
    assert left == pytest.approx([0, LOG4])
    assert right == pytest.approx([0, LOG4])


def test_conflicts_are_kinds_that_both_have_and_agree_on_in_nothing(titles):
    at = pairs((0, 1), (0, 2), (1, 2), (0, 3))
    assert overlap.conflicts(titles.quantities, at).tolist() == [1, 0, 1, 0]  # 500 ml against 1 l
    assert overlap.conflicts(titles.codes, at).tolist() == [1, 0, 0, 0]  # a12 against a13


def test_one_agreement_settles_a_kind():
    both = tokens.read(["500 ml 1 l", "500 ml 2 l"])
    assert overlap.conflicts(both.quantities, pairs((0, 1))).tolist() == [0]


def test_empty_bags_and_no_pairs():
    none = tokens.read(["", ""])
    assert overlap.shared(none.words, pairs((0, 1))).tolist() == [0]
    assert overlap.conflicts(none.codes, pairs((0, 1))).tolist() == [0]
    empty = (np.empty(0, np.int32), np.empty(0, np.int32))
    assert overlap.shared(none.words, empty).shape == (0,)
