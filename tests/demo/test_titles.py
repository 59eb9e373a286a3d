"""Titles of the default catalogue, and the noise in them, case by case."""

import re
from collections import defaultdict

import numpy as np
import pytest

from data.demo.params import Params
from data.demo.products import invent
from data.demo.titles import escaped, measured, misspelt, squeezed, wordings


@pytest.fixture(scope="module")
def titles() -> dict[int, list[str]]:
    """Product number -> its titles."""
    params = Params()
    return {
        product.number: lines
        for family in invent(params)
        for product, lines in zip(family.products, wordings(family, params), strict=True)
    }


def test_some_titles_stand_on_different_products(titles: dict[int, list[str]]) -> None:
    owners = defaultdict(set)
    for product, lines in titles.items():
        for line in lines:
            owners[line].add(product)
    equal = sum(len(products) > 1 for products in owners.values())
    assert 15 <= equal <= 150


def test_literal_escapes_as_in_the_real_data(titles: dict[int, list[str]]) -> None:
    lines = [line for each in titles.values() for line in each]
    share = sum(bool(re.search(r"\\x[0-9a-f]{2}", line)) for line in lines) / len(lines)
    assert 0.01 < share < 0.06
    assert all(line == line.strip() and line for line in lines)


def test_noise_is_there(titles: dict[int, list[str]]) -> None:
    lines = [line for each in titles.values() for line in each]
    text = "\n".join(lines).lower()
    for word in ("promo", "cod", "original 100%", "murah", "ready"):
        assert word in text
    assert 0.1 < sum(line.isupper() for line in lines) / len(lines) < 0.3
    assert any(not line.isascii() for line in lines)


def test_brand_is_sometimes_left_out_or_misspelt(titles: dict[int, list[str]]) -> None:
    params = Params()
    brand = {p.number: p.look.brand.lower() for family in invent(params) for p in family.products}
    said = [brand[product] in line.lower() for product, each in titles.items() for line in each]
    assert 0.5 < sum(said) / len(said) < 0.9


def test_sizes_are_spelt_in_many_ways() -> None:
    spelt = {measured("500 ml", np.random.default_rng(i)) for i in range(200)}
    assert {"500ml", "500 ml", "500 ML", "0,5 L"} <= spelt
    assert {re.sub(r"[^\d,]", "", s) for s in spelt} == {"500", "0,5"}
    assert measured("A5", np.random.default_rng(0)) == "A5"


def test_escaped_spells_bytes() -> None:
    assert escaped("★ Kopi") == r"\xe2\x98\x85 Kopi"
    assert escaped("Kopi 250 g") == "Kopi 250 g"


def test_misspelt_stays_close() -> None:
    for i in range(100):
        word = misspelt("Velqis", np.random.default_rng(i))
        assert word[0] == "V"
        assert abs(len(word) - 6) <= 1


def test_squeezed() -> None:
    assert squeezed("KX-21") == squeezed("KX 21") == squeezed("KX21") == "KX21"
