"""What two titles share and where they conflict, worked by hand."""

import numpy as np
import pytest

from samesku.catalogue.title_tokens import tokenize_titles
from samesku.pairs.title_features import ComparedItems, inverse_document_frequency

LOG2, LOG4 = np.log(2), np.log(4)


def pairs(*rows):
    return tuple(np.array(side, dtype=np.int32) for side in zip(*rows, strict=True))


def word_weights(words):
    """The weights of the words of these titles, which are the whole gallery."""
    return inverse_document_frequency(
        np.bincount(words.items.indices, minlength=words.items.shape[1]), words.items.shape[0]
    )


@pytest.fixture(scope="module")
def titles():
    # words: red in two of four, blue, cup, pot in one each, shoe in two
    return tokenize_titles(["red cup 500 ml A12", "red shoe 1 l A13", "blue shoe 500ml", "pot"])


def test_idf_is_the_log_of_all_listings_over_those_with_the_word(titles):
    weight = word_weights(titles.words)
    names = sorted({"red", "cup", "500", "ml", "a12", "shoe", "1", "l", "a13", "blue", "500ml", "pot"})
    by_name = dict(zip(names, weight.tolist(), strict=True))
    assert by_name["red"] == pytest.approx(LOG2)
    assert by_name["shoe"] == pytest.approx(LOG2)
    assert by_name["pot"] == pytest.approx(LOG4)


def test_an_item_that_no_listing_of_the_gallery_has_weighs_nothing(titles):
    pot = titles.words[np.array([3])]  # pot stands in 1 of 1 titles, the rest in none
    assert word_weights(pot).sum() == 0


def test_shared_total_and_rarest(titles):
    words = ComparedItems(titles.words, word_weights(titles.words))
    chosen = pairs((0, 1), (1, 2), (0, 3))
    assert ComparedItems(titles.words).shared(chosen).tolist() == [1, 1, 0]
    assert words.shared(chosen) == pytest.approx([LOG2, LOG2, 0])
    assert ComparedItems(titles.words).total.tolist() == [5, 5, 3, 1]
    assert words.total[3] == pytest.approx(LOG4)
    shared, rarest, _ = words.compare(chosen)
    assert shared.tolist() == words.shared(chosen).tolist()
    assert rarest == pytest.approx([LOG2, LOG2, 0])
    *_, (left, right) = words.compare(pairs((3, 3), (1, 3)))
    assert left == pytest.approx([0, LOG4])
    assert right == pytest.approx([0, LOG4])


def test_conflicts_are_kinds_that_both_have_and_agree_on_in_nothing(titles):
    chosen = pairs((0, 1), (0, 2), (1, 2), (0, 3))
    assert ComparedItems(titles.quantities).n_conflicts(chosen).tolist() == [1, 0, 1, 0]  # 500 ml against 1 l
    assert ComparedItems(titles.codes).n_conflicts(chosen).tolist() == [1, 0, 0, 0]  # a12 against a13


def test_one_agreement_settles_a_kind():
    two = tokenize_titles(["500 ml 1 l", "500 ml 2 l"])
    assert ComparedItems(two.quantities).n_conflicts(pairs((0, 1))).tolist() == [0]


def test_a_rounded_conversion_is_no_conflict():
    three = tokenize_titles(["2 lb", "907 g", "1 kg", "2 lb, 900 g"])
    chosen = pairs((0, 1), (0, 2), (1, 2), (2, 3), (0, 3), (1, 3))
    assert ComparedItems(three.quantities).n_conflicts(chosen).tolist() == [0, 1, 1, 1, 0, 0]
    assert ComparedItems(three.quantities).shared(chosen).tolist() == [0, 0, 0, 0, 1, 0]  # equal values alone


def test_empty_titles_and_no_pairs():
    none = tokenize_titles(["", ""])
    assert ComparedItems(none.words).shared(pairs((0, 1))).tolist() == [0]
    assert ComparedItems(none.codes).n_conflicts(pairs((0, 1))).tolist() == [0]
    empty = (np.empty(0, np.int32), np.empty(0, np.int32))
    assert ComparedItems(none.words).shared(empty).shape == (0,)


def test_titles_without_a_word_share_nothing_and_lack_nothing():
    """A catalogue of pictures alone: SciPy has no maximum of a matrix without columns."""
    words = tokenize_titles(["", "", ""]).words
    weight = np.ones(words.items.shape[1], np.float32)
    shared, largest, sides = ComparedItems(words, weight).compare(pairs((0, 1), (1, 2)))
    for column in (shared, largest, *sides):
        assert column.tolist() == [0, 0]
