"""The items of titles: a quantity in two units is one item, two codes are two; and where titles conflict."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue.title_tokens import conflict_places, parse_number, read_items, tokenize_titles
from samesku.catalogue.titles import normalise_title
from samesku.catalogue.units import UNITS
from samesku.pairs.title_features import ComparedItems


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1 l", "1000ml"),
        ("1,5 L", "1.5 liter"),
        ("0.25kg", "250 gr"),
        ("2 ons", "200 gram"),
        ("1.000 ml", "1 ltr"),
        ("2 lusin", "24 pcs"),
        ("12.500 mAh", "12500mah"),
        ("10-cm", "100 mm"),
        ("1 tb", "1000 GB"),
        ('55"', "55 inch"),
        ("55 ''", "55in"),
        ("16 oz", "1 lb"),
        ("12 fl oz", "12 fl. oz"),
        ("500毫升", "0.5 升"),
        ("牛奶500毫升", "500ml"),
        ("1000 มล.", "1ลิตร"),
        ("1000 мл", "1 л"),
        ("1 lít", "1000 ml"),
        ("۵۰۰ گرم", "0,5 kg"),
        ("30入", "30 pcs"),
        ("1/2 kg", "500 g"),
        ("1 1⁄2 l", "1500 ml"),
        ('3/4"', "0.75 inch"),
        ("10개입", "10 pcs"),
    ],
)
def test_one_quantity_in_two_units(left, right):
    tokens = tokenize_titles([left, right])
    assert tokens.quantities.items.toarray().tolist() == [[1], [1]]
    assert tokens.numbers.items.shape[1] == 0  # the figure of a quantity is no bare number


@pytest.mark.parametrize(
    ("title", "numbers", "quantities", "codes"),
    [
        ("Sabun 500ml", 0, 1, 0),
        ("36x115ml", 1, 1, 0),  # 36 · 115 ml
        ("16x25 cm", 1, 1, 0),
        ("RB941-2nD router", 0, 0, 1),  # rb9412nd
        ("no.19 ukuran 39-46", 3, 0, 0),
        ("2 in 1", 2, 0, 0),
        ("spf50 3ply", 0, 0, 2),
        ("rb941g", 0, 0, 1),  # no 941 grams inside a code
        ("", 0, 0, 0),
        ("500mlx", 0, 0, 1),
        ("2in 1", 1, 0, 1),
        ("2in1", 0, 0, 1),
        ("5 in a box", 1, 0, 0),
        ("TV 32-in LED, 40 in.", 0, 2, 0),
        ('frame 24"x36"', 0, 2, 0),
        ('TV 55"LED', 0, 1, 0),
        ('Lamp "Model 55" (“No 7”)', 2, 0, 0),
        ('TV 55" and "Lamp 7"', 1, 1, 0),
        ("39/40 cm, 2/5 cm", 2, 2, 0),  # two sizes each
        ("size 7/8", 2, 0, 0),
        ("3米色", 1, 0, 0),  # beige, no metres
        ("1升装", 0, 1, 0),  # a pack of one litre
        ("12개월", 1, 0, 0),  # months, no pieces
        ("红米Note12 8GB", 0, 1, 1),  # note12
        ("рулон 10х20 см", 1, 1, 0),
        ("%", 0, 0, 0),
    ],
)
def test_what_a_title_holds(title, numbers, quantities, codes):
    tokens = tokenize_titles([title])
    counts = [bag.items.shape[1] for bag in (tokens.numbers, tokens.quantities, tokens.codes)]
    assert counts == [numbers, quantities, codes]


def test_a_decimal_number_is_a_part_of_its_code():
    items = [(item.group, item.kind, item.value) for item in read_items("Drill 2.4xy, 2,53xy and i7-2.4xy")]
    assert items == [
        ("codes", "#xy", "2.4xy"),
        ("codes", "#xy", "2.53xy"),
        ("codes", "i#", "i72"),
    ]
    assert [item.value for item in read_items("CPU 2.4 GHz, 2400MHz")] == ["2400000000", "2400000000"]


@pytest.mark.parametrize(
    ("title", "kind", "value"),
    [
        ("Chuck 12345678", "number", "12345678"),  # not 1.23457e+07, which 12345679 is too
        ("Flour 1 000 g", "mass", "1000"),
        ("Milk 2 000 ml", "volume", "2000"),
        ("دقيق ١٫٥ كجم", "mass", "1500"),
        ("أرز 5 كيلو", "mass", "5000"),
        ("Water 5 dl", "volume", "500"),
        ("Mehl 2 Kilogramm", "mass", "2000"),
    ],
)
def test_a_figure_in_one_of_its_spellings(title, kind, value):
    assert [(item.kind, item.value) for item in read_items(title)] == [(kind, value)]


def test_no_blank_of_thousands_where_it_may_be_two_numbers():
    assert [item.value for item in read_items("galaxy s 21 128gb")] == ["21", "128000"]
    assert [item.value for item in read_items("isi 12 500 ml")] == ["12", "500"]


def test_codes_of_one_stem_are_of_one_kind():
    tokens = tokenize_titles(["Samsung A12", "samsung a-13", "Samsung M12"]).codes
    assert tokens.items.toarray().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]  # a12 a13 m12
    assert tokens.kind.tolist() == [0, 0, 1]


def test_quantities_of_one_dimension_are_of_one_kind():
    tokens = tokenize_titles(["500 ml", "1 l", "1 kg"]).quantities
    # mass:1000, volume:1000, volume:500
    assert tokens.items.toarray().tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]
    assert tokens.kind.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("text", "value"), [("1,5", 1.5), ("1.000", 1000), ("0.250", 0.25), ("12.500.000", 12.5e6), ("7", 7)]
)
def test_decimal_and_thousands_signs(text, value):
    assert parse_number(text) == value


def test_case_and_repeats_are_folded():
    tokens = tokenize_titles(["Masker masker MASKER"])
    assert tokens.words.items.toarray().tolist() == [[1]]
    assert tokens.length.tolist() == [20]


def test_no_titles():
    tokens = tokenize_titles([])
    assert tokens.words.items.shape == (0, 0)
    assert tokens.length.shape == (0,)


def test_rows_can_be_taken():
    some = tokenize_titles(["a b", "b c", "c 5ml"])[np.array([2, 0])]
    assert some.length.tolist() == [5, 3]
    assert some.quantities.items.toarray().tolist() == [[1], [0]]
    assert some.words.items.toarray().tolist() == [[1, 0, 0, 1], [0, 1, 1, 0]]  # 5ml, a, b, c


TITLES = st.lists(
    st.sampled_from(
        ["Sabun", "500", "500 ml", "0.5L", "1.000", "isi 12", "12pcs", "A12", "a-13", "A12-5", "×", "x", ",",
         "3x5 cm", "STRASSE", "ß", "İ", "10%", "-", ".", "IP14", "★", "1,5", "ml", "5", "½", '"',
         "1 lb", "454 g", "450g", "升", "in"]
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
        ('TV 55"', "TV 32 inch", [(['55"'], ["32 inch"])]),
        ("TV 55′′", "TV 32 in", [(["55′′"], ["32 in"])]),
        ('TV 55"', "TV 55 inch", []),
        ("牛奶 500毫升", "牛奶1升", [(["500毫升"], ["1升"])]),
        # What is converted is rounded by shops; metric values are not.
        ("Rice 2 lb", "Rice 907 g", []),
        ("Rice 2.2 lb", "Rice 1 kg", []),
        ("Tea 1 oz", "Tea 28 g", []),
        ("Pan 10 inch", "Pan 25 cm", []),
        ("Pan 10 inch", "Pan 26 cm", [(["10 inch"], ["26 cm"])]),
        ("TV 85 inch", "TV 86 inch", [(["85 inch"], ["86 inch"])]),
        ("Rice 2 lb", "Rice 1 kg", [(["2 lb"], ["1 kg"])]),
        ("Screw 100 mm", "Screw 101 mm", [(["100 mm"], ["101 mm"])]),
    ],
)
def test_conflicts_by_hand(left, right, expected):
    assert conflict_texts(left, right) == expected
    assert conflict_texts(right, left) == [pair[::-1] for pair in expected]


@given(TITLES, TITLES, st.sampled_from(["", " "]))
def test_conflicts_are_those_of_the_pair_model(left, right, between):
    titles = [between.join(left), between.join(right)]
    tokens = tokenize_titles(titles)
    pairs = np.array([0]), np.array([1])
    counted = sum(
        ComparedItems(sets).n_conflicts(pairs)[0]
        for sets in (tokens.numbers, tokens.quantities, tokens.codes)
    )
    items = [read_items(title) for title in titles]
    assert len(conflict_places(*items)) == counted
    for title, row in zip(titles, items, strict=True):
        assert all(0 <= item.start < item.stop <= len(title) for item in row)


def test_units_are_written_as_titles_are():
    """A unit that normalising or folding changes would never be found."""
    for name in UNITS:
        written = re.sub("_", " ", name)
        assert normalise_title(written).casefold() == written
        assert [item.value for item in read_items(f"2 {written}") if item.group == "quantities"]
