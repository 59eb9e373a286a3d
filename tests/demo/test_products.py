"""Families and group sizes of the default catalogue, before anything is drawn."""

from dataclasses import fields
from statistics import median

import pytest

from data.demo.forms import FORMS
from data.demo.kinds import KINDS
from data.demo.params import Params
from data.demo.products import Family, Product, invent
from data.demo.words import BRANDS

AXIS_FIELD = {"size": "size", "flavor": "flavor", "color": "color", "model": "model"}


@pytest.fixture(scope="module")
def families() -> list[Family]:
    return invent(Params())


def test_sizes_are_those_of_the_params(families: list[Family]) -> None:
    sizes = [p.listings for family in families for p in family.products]
    assert len(sizes) == 1500
    assert [p.number for family in families for p in family.products] == list(range(1500))
    assert 3800 <= sum(sizes) <= 4300


def test_group_sizes_are_shopees(families: list[Family]) -> None:
    sizes = [p.listings for family in families for p in family.products]
    assert median(sizes) == 2
    assert 20 < max(sizes) <= 40
    assert sum(n > 20 for n in sizes) >= 3
    assert 0 < sum(n == 1 for n in sizes) <= 0.02 * len(sizes)


def test_a_third_of_the_products_have_siblings(families: list[Family]) -> None:
    with_siblings = sum(len(family.products) for family in families if len(family.products) > 1)
    assert with_siblings >= 1500 / 3
    assert with_siblings == pytest.approx(1500 * Params().siblings, rel=0.1)
    assert {family.axis for family in families} == {"", "size", "color", "flavor", "model"}
    assert any(family.shared for family in families)


def test_siblings_differ_in_their_axis_alone(families: list[Family]) -> None:
    for family in families:
        first = family.products[0]
        for other in family.products[1:]:
            assert _differences(first, other) == {AXIS_FIELD[family.axis]}
            assert first.look != other.look
        values = [getattr(p, AXIS_FIELD[family.axis]) for p in family.products if family.axis]
        assert len(set(values)) == len(values)


def _differences(a: Product, b: Product) -> set[str]:
    kept = {"number", "listings", "look"}
    return {f.name for f in fields(a) if f.name not in kept and getattr(a, f.name) != getattr(b, f.name)}


def test_a_family_that_shares_one_hash_is_no_leak_hazard(families: list[Family]) -> None:
    # The pipeline samples 3,000 listings, and no connected component may be above 2% of them.
    assert max(sum(p.listings for p in family.products) for family in families) <= 0.02 * 3000


def test_every_kind_can_be_drawn_and_sold() -> None:
    assert len(FORMS) >= 15
    assert {kind.form for kind in KINDS} == set(FORMS)
    assert {kind.trade for kind in KINDS} == set(BRANDS)
    assert all(kind.sizes or kind.flavors or kind.colored or kind.models for kind in KINDS)


def test_seed_decides() -> None:
    assert invent(Params(products=50)) == invent(Params(products=50))
    assert invent(Params(products=50)) != invent(Params(products=50, seed=1))


@pytest.mark.parametrize("products", [1, 2, 7, 60])
def test_small_catalogues(products: int) -> None:
    families = invent(Params(products=products))
    assert sum(len(family.products) for family in families) == products
