"""Listings are taken, joined to components, assigned to splits, and checked for leaks: by hand and at random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue import picture
from samesku.catalogue.sample import (
    assign_by_name,
    assign_splits,
    count_leaks,
    find_components,
    number_products,
    take_listings,
)

THIRDS = {"train": 0.7, "val": 0.15, "test": 0.15}


def test_components_by_hand() -> None:
    label = ["x", "x", "y", "z", "", "", "w"]
    image = ["1", "2", "2", "3", "4", "", ""]
    phash = ["p", "", "", "q", "q", "", ""]
    # 0-1 by label, 1-2 by image, 3-4 by hash; 5 has nothing, 6 has a label of its own
    assert find_components(label, image, phash).tolist() == [0, 0, 0, 1, 1, 2, 3]


def test_equal_values_of_different_keys_link_nothing() -> None:
    assert find_components(["x", "y"], ["y", "x"]).tolist() == [0, 1]


def test_a_long_chain_is_one_component() -> None:
    links = [str(i // 2) for i in range(999)]
    shifted = [str((i + 1) // 2) for i in range(999)]
    assert set(find_components(links, shifted)) == {0}


def test_several_values_of_a_listing_link_it_by_each() -> None:
    images = [("a", "b"), ("c",), ("b", "c"), ("d", "")]
    assert find_components(["", "", "", ""], images).tolist() == [0, 0, 0, 1]


def test_no_listings() -> None:
    assert find_components([], []).shape == (0,)


_VALUES = st.sampled_from(["", *"abcde"])


@given(st.lists(st.tuples(_VALUES, _VALUES, _VALUES), min_size=1, max_size=30))
def test_components_against_merging_by_hand(rows: list[tuple[str, str, str]]) -> None:
    group = list(range(len(rows)))
    for _ in rows:  # relabel until nothing changes
        for i, left in enumerate(rows):
            for j, right in enumerate(rows):
                if any(a and a == b for a, b in zip(left, right, strict=True)):
                    group[i] = group[j] = min(group[i], group[j])
    components = find_components(*zip(*rows, strict=True))
    number: dict[int, int] = {}
    assert components.tolist() == [number.setdefault(g, len(number)) for g in group]
    assert components.dtype == np.int32


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=40),
    st.integers(0, 5),
    st.sampled_from(
        [THIRDS, {"train": 0.0, "val": 0.3, "test": 0.7}, {"train": 1.0, "val": 0.0, "test": 0.0}]
    ),
)
def test_groups_stay_whole_and_shares_are_kept(sizes: list[int], seed: int, shares: dict[str, float]) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    split = assign_splits(groups, shares, seed)
    assert split.tolist() == assign_splits(groups, shares, seed).tolist()
    for group in range(len(sizes)):
        assert len(set(split[groups == group])) == 1
    for name, share in shares.items():
        got = int((split == name).sum())
        assert abs(got - share * len(groups)) <= max(sizes)
        assert share > 0 or got == 0


def test_single_listings_are_dealt_exactly() -> None:
    split = assign_splits(np.arange(100), THIRDS, seed=3)
    assert [int((split == name).sum()) for name in THIRDS] == [70, 15, 15]


def test_the_seed_decides_who() -> None:
    assert (
        assign_splits(np.arange(100), THIRDS, 0).tolist() != assign_splits(np.arange(100), THIRDS, 1).tolist()
    )


def test_large_groups_are_not_kept_for_one_side() -> None:
    groups = np.repeat(np.arange(100), [50] * 10 + [1] * 90)
    sides = {assign_splits(groups, {"train": 0.5, "val": 0.0, "test": 0.5}, seed)[0] for seed in range(20)}
    assert sides == {"train", "test"}


def named(labels: list[str]) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """Groups and names of listings with these labels; "" is a listing by itself."""
    names = [(0, label) if label else (1, f"id{i}") for i, label in enumerate(labels)]
    return number_products(labels), names


def test_groups_that_go_by_name_stay_whole_and_where_they_are_when_others_come_and_go() -> None:
    labels = [f"product {i // 3}" for i in range(3000)]
    split = assign_by_name(*named(labels), THIRDS, 0)
    of_product = dict(zip(labels, split, strict=True))
    assert [of_product[label] for label in labels] == split
    rest = [*labels[600:], *(f"new {i}" for i in range(50)), "", labels[-1]]
    after = assign_by_name(*named(rest), THIRDS, 0)
    assert {label: of_product[label] for label in rest if label in of_product} == {
        label: side for label, side in zip(rest, after, strict=True) if label in of_product
    }


def test_groups_that_go_by_name_have_the_shares_on_average_and_another_seed_has_others() -> None:
    groups, names = named([f"product {i}" for i in range(4000)])
    split = np.array(assign_by_name(groups, names, THIRDS, 0))
    for name, share in THIRDS.items():
        assert abs((split == name).mean() - share) < 0.03
    assert (split != assign_by_name(groups, names, THIRDS, 1)).any()
    none = {"train": 0.0, "val": 0.5, "test": 0.5}
    assert set(assign_by_name(groups, names, none, 0)) == {"val", "test"}


def test_the_lowest_name_of_a_group_decides() -> None:
    one, two = np.zeros(2, int), np.zeros(3, int)
    for i in range(20):
        split = assign_by_name(one, [(0, f"b{i}"), (1, "a")], THIRDS, 0)
        assert assign_by_name(two, [(0, "z"), (1, "0"), (0, f"b{i}")], THIRDS, 0) == [*split, split[0]]


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_listings(n: int) -> None:
    assert len(assign_splits(np.arange(n), THIRDS, 0)) == n


LABELS = ["a", "a", "", "b", "b", "b", "", "c"]


def test_products_are_numbered_and_the_unlabelled_stand_alone() -> None:
    assert number_products(LABELS).tolist() == [0, 0, 1, 2, 2, 2, 3, 4]
    assert number_products([]).tolist() == []


@pytest.mark.parametrize("n", [None, 8, 9])
@pytest.mark.parametrize("by", ["product", "listing"])
def test_all_are_taken(n: int | None, by: str) -> None:
    assert take_listings(LABELS, n, by, seed=0).tolist() == list(range(8))


def test_the_number_of_products_that_comes_closest() -> None:
    labels = ["a"] * 10 + ["b"] * 10 + ["c"] * 10
    assert len(take_listings(labels, 14, "product", seed=0)) == 10
    assert len(take_listings(labels, 16, "product", seed=0)) == 20
    assert len(take_listings(labels, 15, "product", seed=0)) == 10
    assert len(take_listings(labels, 1, "product", seed=0)) == 10


@given(st.lists(st.sampled_from(["", *"abcdef"]), min_size=1), st.integers(1, 60), st.integers(0, 5))
def test_whole_products_and_the_same_ones_again(labels: list[str], n: int, seed: int) -> None:
    taken = take_listings(labels, n, "product", seed)
    assert taken.tolist() == sorted(set(taken.tolist()))
    assert taken.tolist() == take_listings(labels, n, "product", seed).tolist()
    product = number_products(labels)
    inside = np.isin(np.arange(len(labels)), taken)
    assert not set(product[inside]) & set(product[~inside])
    if n < len(labels):
        assert abs(len(taken) - n) <= np.bincount(product).max()
        assert len(take_listings(labels, n, "listing", seed)) == n


def test_the_seed_decides_which_listings_are_taken() -> None:
    labels = [str(i // 2) for i in range(200)]
    assert set(take_listings(labels, 50, "product", 0)) != set(take_listings(labels, 50, "product", 1))
    assert set(take_listings(labels, 50, "listing", 0)) != set(take_listings(labels, 50, "listing", 1))


TEST = np.array([True, True, True, False, False])


def test_leaks_by_hand() -> None:
    counts = count_leaks(
        TEST,
        label=["a", "b", "", "a", ""],  # row 0; an empty label is nobody's
        image=["x", "x", "", "y", ""],  # only among test
        phash=["ffff000000000000", "ffff000000000001", "000000000000001f", "ffff000000000000", ""],
        title=["t", "t", "", "t", ""],
    )
    # row 1 is one bit from row 3, row 2 is far; row 0 equals row 3
    assert counts == {"label": 1, "image": 0, "phash": 1, "title": 2, "near_phash": 2, "largest": 2}


def test_leaks_of_several_pictures_count_listings() -> None:
    counts = count_leaks(
        np.array([True, True, False]),
        label=["", "", ""],
        image=[("x", "y"), ("z",), ("v", "y", "x")],
        phash=[("ffff000000000000", ""), ("", "0000000000000003"), ("0000000000000000", "ffff000000000000")],
        title=["", "", ""],
    )
    assert counts == {"label": 0, "image": 1, "phash": 1, "title": 0, "near_phash": 2, "largest": 2}


def test_four_bits_are_near_and_five_are_not() -> None:
    test = np.array([True, True, False])
    phash = ["00ff00000000000f", "00ff00000000001f", "00ff000000000000"]
    none = ["", "", ""]
    assert count_leaks(test, label=none, image=none, phash=phash, title=none)["near_phash"] == 1


def test_nothing_leaks_where_all_are_on_one_side() -> None:
    for side in (True, False):
        counts = count_leaks(
            np.full(2, side), label=["a", "a"], image=["x", "x"], phash=["1" * 16] * 2, title=["t", "t"]
        )
        assert set(counts.values()) == {0}


_HASH = st.one_of(st.just(""), st.integers(0, 255).map(lambda n: f"{n * 0x0101010101010101:016x}"))


@given(st.lists(st.tuples(st.booleans(), _HASH), min_size=1, max_size=20), st.integers(1, 40))
def test_near_hashes_against_every_pair(rows: list[tuple[bool, str]], block: int) -> None:
    none = [""] * len(rows)
    before, picture.COMPARED = picture.COMPARED, block
    try:
        test, phash = np.array([t for t, _ in rows]), [h for _, h in rows]
        n_near = count_leaks(test, label=none, image=none, phash=phash, title=none)["near_phash"]
    finally:
        picture.COMPARED = before
    outside = [int(h, 16) for t, h in rows if h and not t]
    assert n_near == sum(any((int(h, 16) ^ o).bit_count() <= 4 for o in outside) for t, h in rows if t and h)
