import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue.splits import number_products, take_listings

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


def test_another_seed_takes_others() -> None:
    labels = [str(i // 2) for i in range(200)]
    assert set(take_listings(labels, 50, "product", 0)) != set(take_listings(labels, 50, "product", 1))
    assert set(take_listings(labels, 50, "listing", 0)) != set(take_listings(labels, 50, "listing", 1))
