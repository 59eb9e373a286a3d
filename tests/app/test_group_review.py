"""The cards of the review: what is asked, and in which order."""

import numpy as np
import pytest

from samesku.app.group_review import Card, card_content, different_texts, review_cards, to_probability
from samesku.app.report.catalogue import read_catalogue
from samesku.params import load_params
from tests.app.test_products import write_groups
from tests.fixtures import two_system_predictions
from tests.fixtures.shops import number_shops


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write_shop(tmp_path)
    two_system_predictions.write_pair_model(tmp_path)
    write_groups("pair_model", ["a1", "a2", "a3"], ["b1", "b2"], ["c1"], ["d1"])
    return tmp_path


def cards(system):
    """The cards with ids in the place of rows."""
    catalogue = read_catalogue()
    ids = catalogue.listings.posting_id
    made = review_cards(system, load_params(), catalogue)
    return {(*(ids[row] for row in card.left), "|", *(ids[row] for row in card.right)): card for card in made}


def test_worth_is_uncertainty_times_the_pairs_that_an_answer_settles():
    assert Card((1, 2, 3), (), 0.5, ()).worth == 3  # three pairs, of which nothing is known
    assert Card((1, 2), (3, 4, 5), 0.9, ()).worth == pytest.approx(4 * 0.9 * 0.1 * 6)
    assert Card((1, 2), (), 1.0, ()).worth == 0
    assert Card((1, 2), (), 1.0, ("500 ml ≠ 250 ml",)).worth == 0.75  # what contradicts is in doubt


def test_pairs_that_may_not_match_are_worth_nothing():
    across = number_shops("across", [0, 0, 0, 1])
    assert Card((1, 2, 3), (), 0.5, (), across).n_pairs == 2  # 1 and 2 are of one shop
    assert Card((0, 1), (2, 3), 0.5, (), across).n_pairs == 2


def test_groups_and_uncertain_pairs_of_groups_are_cards_by_falling_worth(folder):
    made = cards("pair_model")
    assert list(made) == sorted(made, key=lambda key: -made[key].worth)
    by_right = {card[card.index("|") + 1 :]: made[card] for card in made}
    assert set(by_right) == {(), ("c1",), ("d1",)}  # a2 and a3 are in one group, so their pair is no card
    assert by_right[("c1",)].probability == pytest.approx(0.3)
    assert by_right[("c1",)].n_pairs == 3
    (group,) = [card for key, card in made.items() if set(key) == {"a1", "a2", "a3", "|"}]
    assert group.contradictions == ("500 ml ≠ 250 ml",)
    assert group.uncertainty >= 0.75


def test_a_fused_score_at_the_threshold_is_a_guess_of_one_half():
    assert to_probability(np.array([0.6, 0.7, 0.5]), 0.6).round(3).tolist() == [0.5, 0.881, 0.119]


def test_the_random_order_is_that_of_the_seed_and_the_listings(folder):
    catalogue = read_catalogue()
    made = review_cards("pair_model", load_params(), catalogue)
    first, again, of_another = (card_content(made, catalogue, seed) for seed in (0, 0, 1))
    assert first == again
    assert [row[-1] for row in first] != [row[-1] for row in of_another]
    assert len({row[-1] for row in first}) == len(first)


def test_a_contradiction_is_named_once_from_either_side():
    texts = ["26 ml ≠ 80 ml", "26 ≠ 38", "80 ml ≠ 26 ml", "26ML ≠ 80 Ml", "brand A ↔ B"]
    assert different_texts(texts) == (
        "26 ml ≠ 80 ml",
        "26 ≠ 38",
        "brand A ↔ B",
    )
