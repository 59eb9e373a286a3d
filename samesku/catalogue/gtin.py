"""GTINs (EAN, UPC): the number that a cell means, where it is the identity of a product."""

import re
from collections.abc import Sequence

import numpy as np

from samesku.arrays import Int64

#: Prefixes that a shop or company gives as it likes (GS1 General Specifications, restricted circulation numbers), of
#: a GTIN of 14 digits: the last 8 of a GTIN-8, the last 13 of the others.
_RESTRICTED = re.compile(r"0{6}[02]\d{7}|\d(?:02|04|2)\d+|9\d{13}")


def read_gtin(cell: str) -> int | None:
    """The number of a GTIN of 8, 12, 13 or 14 digits, as GTIN-14; None where it is no identity.

    It is none where the check digit is wrong, and where a shop may give the number to any product. A cell that
    ends in `.0` was a number once, and has lost the zeros in front; one of 11 digits has lost one zero.
    """
    digits = re.sub(r"[\s-]", "", cell)
    if digits.endswith(".0"):
        digits = digits.removesuffix(".0")
        digits = digits.zfill(12 if 8 < len(digits) < 12 else 8)
    if len(digits) == 11:  # a UPC whose first zero a spreadsheet has dropped
        digits = f"0{digits}"
    if not (digits.isascii() and digits.isdigit() and len(digits) in (8, 12, 13, 14)):
        return None
    padded = digits.zfill(14)
    valid = check_digit(padded[:-1]) == int(padded[-1]) and not _RESTRICTED.fullmatch(padded) and int(padded)
    return int(padded) if valid else None


def check_digit(digits: str) -> int:
    """The last digit of a GTIN after these: weights 3, 1, 3 … from the right, up to the next multiple of ten."""
    return -sum(int(digit) * (3, 1)[i % 2] for i, digit in enumerate(reversed(digits))) % 10


def read_gtins(cells: Sequence[str]) -> Int64:
    """The GTIN-14 of N cells, −1 where there is none that can be used: int64 (N,)."""
    gtins = {cell: read_gtin(cell) for cell in set(cells)}
    numbers = [-1 if gtins[cell] is None else gtins[cell] for cell in cells]
    return np.array(numbers, dtype=np.int64)
