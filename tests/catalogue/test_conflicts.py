"""Conflicts of two titles, and that they are those which the pair model counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue import title_tokens as tokens
from samesku.catalogue.conflicts import conflicts, items
from samesku.pairs import overlap

TITLES = st.lists(
    st.sampled_from(
        ["Sabun", "500", "500 ml", "0.5L", "1.000", "isi 12", "12pcs", "A12", "a-13", "A12-5", "×", "x", ",",
         "3x5 cm", "STRASSE", "ß", "İ", "10%", "-", ".", "IP14", "★", "1,5", "ml", "5", "½"]
    ),
    max_size=8,
)  # fmt: skip


def said(left, right):
    """(what the left says, what the right says) of each conflict, as it stands in the titles."""
    return [
        tuple(
            [title[item.start : item.stop] for item in side]
            for title, side in zip((left, right), both, strict=True)
        )
        for both in conflicts(items(left), items(right))
    ]


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ("Shampoo 500 ML", "shampoo 1 l", [(["500 ML"], ["1 l"])]),
        ("Shampoo 1000ml", "shampoo 1 l", []),
        ("Shampoo 500ml", "shampoo", []),
        ("Strap A-12 mini", "strap a13", [(["A-12"], ["a13"])]),
        ("Strap A12", "strap B12", []),  # other codes, not other numbers of one code
        ("Tali 3×5 meter", "Tali 4 meter", [(["5 meter"], ["4 meter"])]),
        ("★ ßß 250 gr 2 pcs", "250 g 3pcs ★", [(["2 pcs"], ["3pcs"])]),
        ("Set 3 and 5", "Set 5", []),
        ("Set 3 and 5", "Set 7", [(["3", "5"], ["7"])]),
        ("", "Set 7", []),
    ],
)
def test_by_hand(left, right, found):
    assert said(left, right) == found
    assert said(right, left) == [pair[::-1] for pair in found]


@given(TITLES, TITLES, st.sampled_from(["", " "]))
def test_they_are_those_of_the_pair_model(left, right, between):
    titles = [between.join(left), between.join(right)]
    read = tokens.read(titles)
    pairs = np.array([0]), np.array([1])
    counted = sum(
        overlap.conflicts(bag, pairs)[0] for bag in (read.numbers, read.quantities, read.codes)
    )  # fmt: skip
    found = list(conflicts(*map(items, titles)))
    assert len(found) == counted
    for title in titles:
        for item in items(title):
            assert 0 <= item.start < item.stop <= len(title)
