import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue import splits
from samesku.catalogue.splits import count_leaks

TEST = np.array([True, True, True, False, False])


def test_by_hand() -> None:
    found = count_leaks(
        TEST,
        label=["a", "b", "", "a", ""],  # row 0; an empty label is nobody's
        image=["x", "x", "", "y", ""],  # only among test
        phash=["ffff000000000000", "ffff000000000001", "000000000000001f", "ffff000000000000", ""],
        title=["t", "t", "", "t", ""],
    )
    # row 1 is one bit from row 3, row 2 is far; row 0 equals row 3
    assert found == {"label": 1, "image": 0, "phash": 1, "title": 2, "near_phash": 2, "largest": 2}


def test_four_bits_are_near_and_five_are_not() -> None:
    test = np.array([True, True, False])
    phash = ["00ff00000000000f", "00ff00000000001f", "00ff000000000000"]
    none = ["", "", ""]
    assert count_leaks(test, label=none, image=none, phash=phash, title=none)["near_phash"] == 1


def test_all_on_one_side() -> None:
    for side in (True, False):
        found = count_leaks(
            np.full(2, side), label=["a", "a"], image=["x", "x"], phash=["1" * 16] * 2, title=["t", "t"]
        )
        assert set(found.values()) == {0}


_HASH = st.one_of(st.just(""), st.integers(0, 255).map(lambda n: f"{n * 0x0101010101010101:016x}"))


@given(st.lists(st.tuples(st.booleans(), _HASH), min_size=1, max_size=20), st.integers(1, 40))
def test_near_hashes_against_every_pair(rows: list[tuple[bool, str]], block: int) -> None:
    none = [""] * len(rows)
    before, splits.BLOCK = splits.BLOCK, block
    try:
        test, phash = np.array([t for t, _ in rows]), [h for _, h in rows]
        found = count_leaks(test, label=none, image=none, phash=phash, title=none)["near_phash"]
    finally:
        splits.BLOCK = before
    others = [int(h, 16) for t, h in rows if h and not t]
    assert found == sum(any((int(h, 16) ^ o).bit_count() <= 4 for o in others) for t, h in rows if t and h)
