"""Attributes: cells as shops write them, each with its value worked out by hand."""

import math

import numpy as np
import pytest

from samesku.catalogue.attributes import (
    Price,
    compare_brands,
    count_gtins,
    read_attributes,
    read_brand,
    read_category,
    read_mpn,
    read_price,
)
from samesku.catalogue.gtin import read_gtins
from samesku.catalogue.reader import ATTRIBUTES


def test_gtins_that_cannot_be_used_are_counted_and_empty_cells_are_not():
    cells = ["4006381333931", "4006381333932", "2012345678903", "", "n/a", "4006381333931"]
    assert read_gtins(cells).tolist() == [4006381333931, -1, -1, -1, -1, 4006381333931]
    assert count_gtins(cells) == (4, 2)
    assert count_gtins([]) == (0, 0)


@pytest.mark.parametrize(
    ("cell", "mpn"),
    [("R85WH1-Wide", "r85wh1wide"), ("WD 20.EARS", "wd20ears"), ("27528.0", "27528"), ("N/A", ""), ("-", "")],
)
def test_part_numbers(cell, mpn):
    assert read_mpn(cell) == mpn


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("Müller GmbH & Co. KG", ("muller",)),
        ("Acme, Inc.", ("acme",)),
        ("ACME LTD", ("acme",)),
        ("L'Oréal S.A.", ("loreal",)),
        ("PT Unilever Indonesia Tbk", ("unilever", "indonesia")),
        ("Hewlett-Packard", ("hewlett", "packard")),
        ("Co", ("co",)),
        ("Unbranded", ()),
        ("no brand", ()),
        ("", ()),
    ],
)
def test_brands(cell, words):
    assert read_brand(cell) == words


@pytest.mark.parametrize(
    ("left", "right", "level"),
    [
        ("Acme Inc", "ACME", 1),
        ("San Disk", "SanDisk", 1),
        ("Elite", "Elite Screens", 0.5),
        ("HP", "Hewlett-Packard", 0.5),
        ("Acme", "Bosch", 0),
        ("Elite Screens", "Elite Sport", 0),
    ],
)
def test_brands_are_compared_in_either_order(left, right, level):
    pair = read_brand(left), read_brand(right)
    assert compare_brands(*pair) == compare_brands(*pair[::-1]) == level


@pytest.mark.parametrize(
    ("cell", "price"),
    [
        ("1.234,50 €", Price(1234.5, "EUR")),
        ("$12.99", Price(12.99, "USD")),
        ("$1,299.00", Price(1299, "USD")),
        ("$12.99 CAD", Price(12.99, "CAD")),
        ("Rp 25.000", Price(25000, "IDR")),
        ("Rp25.000,00", Price(25000, "IDR")),
        ("12.99 USD", Price(12.99, "USD")),
        ("409.0", Price(409, "")),
        ("12,99", Price(12.99, "")),
        ("1 299,00 kr", Price(1299, "")),  # of three countries
        ("CHF 1'299.50", Price(1299.5, "CHF")),
        ("1.234.567", Price(1234567, "")),
        ("1,23,456", Price(123456, "")),
        (".99", Price(0.99, "")),
        ("25,- €", Price(25, "EUR")),
        ("12.99 - 15.99", None),
        ("-5", None),
        ("0", None),
        ("on request", None),
        ("", None),
    ],
)
def test_prices(cell, price):
    assert read_price(cell) == price


def test_categories():
    assert read_category("Home > TV/Video >  Screens") == ("home", "tv/video", "screens")
    assert read_category("Home/Screens") == ("home", "screens")
    assert read_category("") == ()


def make_attributes(*listings, titles=None):
    cells = {name: [listing.get(name, "") for listing in listings] for name in ATTRIBUTES}
    return read_attributes(cells, titles or [""] * len(listings))


LISTINGS = make_attributes(
    {"gtin": "4006381333931", "brand": "Acme", "price": "12.99", "category": "A > B > C", "mpn": "X-1200"},
    {"gtin": "04006381333931", "brand": "Acme Inc", "price": "$25.98", "category": "a > b > d"},
    {"gtin": "036000291452", "brand": "Bosch", "price": "12.99 €", "category": "Z", "mpn": "x 1200"},
    {},
    titles=["", "drill x1200 red", "", ""],
)
LEFT, RIGHT = np.array([0, 0, 1, 0]), np.array([1, 2, 2, 3])


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("gtin", [1, 0, 0, np.nan]),
        ("mpn", [np.nan, 1, np.nan, np.nan]),
        ("brand", [1, 0, 0, np.nan]),
        ("price", [math.log(2), 0, np.nan, np.nan]),  # dollars and euros have no ratio
        ("category", [2, 0, 0, np.nan]),
    ],
)
def test_pairs_by_hand(name, by_hand):
    for pair in ((LEFT, RIGHT), (RIGHT, LEFT)):
        assert LISTINGS.compare(name, *pair) == pytest.approx(by_hand, abs=1e-6, nan_ok=True)


def test_a_part_number_in_the_title_of_the_other_listing():
    # the title of 1 names the part that 0 and 2 are; no other title names one, and 1 and 3 have none
    left, right = np.array([0, 1, 0, 1]), np.array([1, 2, 2, 3])
    assert LISTINGS.mpn_in_title(left, right) == pytest.approx([1, 1, 0, np.nan], nan_ok=True)
    assert LISTINGS.mpn_in_title(right, left) == pytest.approx([1, 1, 0, np.nan], nan_ok=True)


def test_people_are_shown_what_agrees_and_what_does_not():
    first, second, _, none = LISTINGS.notes(LEFT, RIGHT)
    assert [note["text"] for note in first] == [
        "equal GTIN 4006381333931",
        "equal brand Acme",
        "price 12.99 ↔ $25.98 (× 2.0)",
    ]
    assert [note["text"] for note in second] == [
        "GTIN 4006381333931 ↔ 036000291452",
        "equal MPN X-1200",
        "brand Acme ↔ Bosch",
        "equal price 12.99",
    ]
    assert second[2] == {
        "attribute": "brand",
        "equal": False,
        "left": "Acme",
        "right": "Bosch",
        "text": "brand Acme ↔ Bosch",
    }
    assert none == []


def test_a_price_that_differs_a_little_and_a_brand_that_contains_the_other_are_not_shown():
    pair = make_attributes({"price": "10", "brand": "Elite"}, {"price": "12", "brand": "Elite Screens"})
    assert pair.notes(np.array([0]), np.array([1])) == [[]]


def test_an_attribute_that_cannot_be_read_is_not_present():
    assert make_attributes({"gtin": "123", "price": "?"}, {"brand": "n/a", "mpn": "7a"}).present == ["mpn"]
    assert make_attributes({}, {}).present == []
    assert make_attributes().present == []
