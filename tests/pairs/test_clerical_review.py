"""Bands: their edges hold on the pairs that fixed them, and cautiously so."""

import numpy as np

from samesku.pairs import clerical_review as bands
from samesku.pairs.clerical_review import Bands


def test_edges_belong_to_the_upper_band():
    found = Bands(accept=0.9, reject=0.2)(np.array([0.1, 0.2, 0.5, 0.9, 1.0]))
    assert [bands.NAMES[at] for at in found] == ["reject", "review", "review", "accept", "accept"]


def test_figures_by_hand():
    probability = np.array([0.95, 0.92, 0.5, 0.4, 0.1, 0.1])
    same = np.array([True, False, True, False, False, True])
    found = bands.figures(Bands(0.9, 0.2), probability, same, n_relevant=4)
    assert found["accept"] == {"pairs": 2, "share": 2 / 6, "precision": 0.5, "recall": 0.25}
    assert found["review"] == {"pairs": 2, "share": 2 / 6, "precision": 0.5, "recall": 0.25}
    assert found["reject"] == {"pairs": 2, "share": 2 / 6, "precision": 0.5, "recall": 0.25}


def ladder():
    """200 components of five pairs: the probability is 0.95, 0.9, 0.5, 0.3, 0.05; the first two are true."""
    probability = np.tile([0.95, 0.9, 0.5, 0.3, 0.05], 200)
    return probability, np.tile([True, True, False, False, False], 200), np.repeat(np.arange(200), 5)


def test_accept_reaches_down_to_where_precision_falls():
    found = bands.edges(*ladder(), precision=0.95, missed=0.0)
    assert found == Bands(accept=0.9, reject=0.9)


def test_reject_keeps_what_may_not_be_missed():
    probability, same, component = ladder()
    same = same | (probability == 0.3)  # a third of the pairs of one product
    assert bands.edges(probability, same, component, precision=0.95, missed=0.1).reject == 0.3
    assert bands.edges(probability, same, component, precision=0.95, missed=0.4).reject == 0.9


def test_one_bad_component_lowers_the_precision_that_can_be_relied_on():
    probability, same, component = ladder()
    same = same.copy()
    same[: 5 * 8] = False  # 8 of 200 components are wrong throughout: 96% precise, by a thin margin
    assert bands.edges(probability, same, component, precision=0.95, missed=0.0).accept == bands.NEVER
    assert bands.edges(probability, same, component, precision=0.93, missed=0.0).accept == 0.9


def test_without_a_true_pair_nothing_is_accepted_and_nothing_rejected():
    found = bands.edges(np.array([0.5]), np.array([False]), np.array([0]), precision=0.9, missed=0.1)
    assert found == Bands(bands.NEVER, 0.0)
    none = np.empty(0)
    assert bands.edges(none, none.astype(bool), none.astype(int), precision=0.9, missed=0.1).reject == 0.0
