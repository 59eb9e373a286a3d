import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue.splits import assign_splits, find_components

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


def test_no_listings() -> None:
    assert find_components([], []).shape == (0,)


_VALUES = st.sampled_from(["", *"abcde"])


@given(st.lists(st.tuples(_VALUES, _VALUES, _VALUES), min_size=1, max_size=30))
def test_components_against_merging_by_hand(rows: list[tuple[str, str, str]]) -> None:
    group = list(range(len(rows)))
    for _ in rows:  # relabel until nothing changes
        for i, one in enumerate(rows):
            for j, other in enumerate(rows):
                if any(a and a == b for a, b in zip(one, other, strict=True)):
                    group[i] = group[j] = min(group[i], group[j])
    found = find_components(*zip(*rows, strict=True))
    number: dict[int, int] = {}
    assert found.tolist() == [number.setdefault(g, len(number)) for g in group]
    assert found.dtype == np.int32


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
    assert assign_splits(np.arange(100), THIRDS, 0).tolist() != assign_splits(np.arange(100), THIRDS, 1).tolist()


def test_large_groups_are_not_kept_for_one_side() -> None:
    groups = np.repeat(np.arange(100), [50] * 10 + [1] * 90)
    sides = {assign_splits(groups, {"train": 0.5, "val": 0.0, "test": 0.5}, seed)[0] for seed in range(20)}
    assert sides == {"train", "test"}


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_listings(n: int) -> None:
    assert len(assign_splits(np.arange(n), THIRDS, 0)) == n
