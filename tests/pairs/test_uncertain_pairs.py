"""Which pairs the pair reader reads: uncertain ones, a few of each listing, each pair of titles once."""

import numpy as np

from samesku.pairs.candidates import Candidates
from samesku.pairs.uncertain_pairs import UncertainPairs, choose_uncertain
from samesku.params.schema import Reading

#: Five listings; the pairs 0-1, 0-2, 0-3, 1-2, 3-4.
CANDIDATES = Candidates(
    np.arange(10, 15, dtype=np.int32),
    np.array([0, 0, 0, 1, 3], dtype=np.int32),
    np.array([1, 2, 3, 2, 4], dtype=np.int32),
)


def log_odds(*probability):
    probability = np.array(probability)
    return np.log(probability / (1 - probability))


def test_pairs_of_a_middling_probability_are_read():
    probability = log_odds(0.02, 0.5, 0.04, 0.97, 0.96)
    chosen = choose_uncertain(CANDIDATES, probability, Reading(uncertain=0.035, pairs=10))
    assert chosen.tolist() == [False, True, True, False, True]


def test_a_listing_has_a_bounded_number_of_pairs_the_least_certain_first():
    """Of listing 0 that is 0-1, of 1 it is 0-1, of 2 it is 1-2, of 3 and 4 it is 3-4: 0-2 and 0-3 are left out."""
    probability = log_odds(0.5, 0.9, 0.9, 0.4, 0.7)
    chosen = choose_uncertain(CANDIDATES, probability, Reading(uncertain=0.03, pairs=1))
    assert chosen.tolist() == [True, False, False, True, True]


class Scores:
    """A reader whose score is the number of words that two titles share; it records what it has read."""

    def __init__(self):
        self.read = []

    def score(self, left, right):
        pairs = [tuple(sorted(pair)) for pair in zip(left, right, strict=True)]
        self.read += pairs
        return np.array([len(set(a.split()) & set(b.split())) for a, b in pairs], np.float32)


def make_pairs(titles, in_sample=()):
    reader = Scores()
    return reader, UncertainPairs(reader, [""] * 10 + titles, np.isin(np.arange(15), in_sample), Reading())


def test_each_pair_of_titles_is_read_once():
    reader, pairs = make_pairs(["tas merah", "tas biru", "tas merah", "sabun", "tas biru"])
    unsure = log_odds(0.5, 0.5, 0.5, 0.5, 0.001)
    assert pairs.read(CANDIDATES, unsure).tolist()[:4] == [1, 2, 0, 1]
    assert sorted(reader.read) == [
        ("sabun", "tas merah"),
        ("tas biru", "tas merah"),
        ("tas merah", "tas merah"),
    ]
    again = pairs.read(CANDIDATES, log_odds(0.5, 0.5, 0.5, 0.5, 0.5))
    assert again.tolist() == [1, 2, 0, 1, 0]
    assert reader.read[3:] == [("sabun", "tas biru")]


def test_what_is_certain_in_sample_or_without_a_title_is_not_read():
    _, pairs = make_pairs(["tas", "tas", "", "tas", "tas"], in_sample=[10, 11])
    read = pairs.read(CANDIDATES, log_odds(0.5, 0.5, 0.5, 0.5, 0.99))
    assert np.isnan(read).tolist() == [True, True, False, True, True]  # 0-3 has one listing that is in-sample
    assert read.dtype == np.float32


def test_without_an_uncertain_pair_nothing_is_read():
    reader, pairs = make_pairs(["tas"] * 5)
    assert np.isnan(pairs.read(CANDIDATES, log_odds(0.01, 0.99, 0.01, 0.01, 0.99))).all()
    assert reader.read == []
