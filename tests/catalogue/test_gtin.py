"""GTINs: cells as shops write them, each with its number worked out by hand."""

import pytest

from samesku.catalogue.gtin import check_digit, read_gtin


@pytest.mark.parametrize(
    ("digits", "by_hand"),
    [
        ("400638133393", 1),  # 3·(3+3+3+8+6+0) + 9+3+1+3+0+4 = 69 + 20 = 89
        ("03600029145", 2),  # 3·(5+1+2+0+6+0) + 4+9+0+0+3 = 42 + 16 = 58
        ("9638507", 4),  # 3·(7+5+3+9) + 0+8+6 = 72 + 14 = 86
    ],
)
def test_check_digits_by_hand(digits, by_hand):
    assert check_digit(digits) == by_hand


@pytest.mark.parametrize(
    ("cell", "gtin"),
    [
        ("4006381333931", 4006381333931),
        ("036000291452", 36000291452),
        ("96385074", 96385074),
        ("04006381333931", 4006381333931),  # 14 digits: equal to the 13
        ("14006381333938", 14006381333938),  # a case of them is another product
        ("4 006381-333931", 4006381333931),
        ("4006381333931.0", 4006381333931),
        ("36000291452.0", 36000291452),  # a number once: its zero in front is lost
        ("36000291452", 36000291452),  # 11 digits: a UPC that has lost its first zero
        ("36000291453", None),
        ("3600029145", None),  # 10 digits
        ("4006381333932", None),  # a wrong check digit
        ("0000000000000", None),
        ("2012345678903", None),  # a shop gives these numbers as it likes
        ("212345678909", None),
        ("0412345678903", None),
        ("20123451", None),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", None),
        ("4006381333931 4006381333931", None),
        ("none", None),
        ("", None),
    ],
)
def test_gtins(cell, gtin):
    assert read_gtin(cell) == gtin


def test_numbers_of_shops_are_refused_for_their_prefix_and_not_for_their_check_digit():
    for cell in ("2012345678903", "212345678909", "0412345678903", "20123451"):
        assert check_digit(cell[:-1]) == int(cell[-1])
