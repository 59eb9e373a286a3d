"""Conflicts of two titles, and that they are those which the pair model counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue.title_tokens import conflict_places, read_items, tokenize_titles
from samesku.pairs.title_features import n_conflicts

TITLES = st.lists(
    st.sampled_from(
        ["Sabun", "500", "500 ml", "0.5L", "1.000", "isi 12", "12pcs", "A12", "a-13", "A12-5", "×", "x", ",",
         "3x5 cm", "STRASSE", "ß", "İ", "10%", "-", ".", "IP14", "★", "1,5", "ml", "5", "½"]
    ),
    max_size=8,
)  # fmt: skip


def conflict_texts(left, right):
    """(texts of the left, texts of the right) of each conflict, as they stand in the titles."""
    return [
        tuple([title[start:stop] for start, stop in conflict[side]] for side, title in
              (("left", left), ("right", right)))
        for conflict in conflict_places(read_items(left), read_items(right))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("Shampoo 500 ML", "shampoo 1 l", [(["500 ML"], ["1 l"])]),
        ("Shampoo 1000ml", "shampoo 1 l", []),
        ("Shampoo 500ml", "shampoo", []),
        ("Strap A-12 mini", "strap a13", [(["A-12"], ["a13"])]),
        ("Strap A12", "strap B12", []),  # different codes, not different numbers of one code
        ("Tali 3×5 meter", "Tali 4 meter", [(["5 meter"], ["4 meter"])]),
        ("Tali 3 × 5 × 7 meter", "Tali 8 meter", [(["7 meter"], ["8 meter"])]),
        ("★ ßß 250 gr 2 pcs", "250 g 3pcs ★", [(["2 pcs"], ["3pcs"])]),
        ("Set 3 and 5", "Set 5", []),
        ("Set 3 and 5", "Set 7", [(["3", "5"], ["7"])]),
        ("", "Set 7", []),
    ],
)
def test_by_hand(left, right, expected):
    assert conflict_texts(left, right) == expected
    assert conflict_texts(right, left) == [pair[::-1] for pair in expected]


@given(TITLES, TITLES, st.sampled_from(["", " "]))
def test_they_are_those_of_the_pair_model(left, right, between):
    titles = [between.join(left), between.join(right)]
    tokens = tokenize_titles(titles)
    pairs = np.array([0]), np.array([1])
    counted = sum(n_conflicts(sets, pairs)[0] for sets in (tokens.numbers, tokens.quantities, tokens.codes))
    items = [read_items(title) for title in titles]
    assert len(conflict_places(*items)) == counted
    for title, row in zip(titles, items, strict=True):
        assert all(0 <= item.start < item.stop <= len(title) for item in row)
