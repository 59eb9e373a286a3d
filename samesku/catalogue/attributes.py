"""Attributes of listings in one spelling: GTIN, MPN, brand, price and category, and how two listings compare in them.

Each distinct cell is read once. Pairs are compared as arrays.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from samesku.arrays import Float32, Float64, Int64, Ints
from samesku.catalogue.gtin import read_gtin, read_gtins
from samesku.catalogue.title_tokens import THOUSANDS, WORD, parse_number
from samesku.catalogue.titles import normalise_unicode

#: Cells that say that there is nothing, letters and digits alone.
_NOTHING = (
    "na none null nan nil tba tbd unknown unspecified doesnotapply notapplicable generic unbranded nobrand noname "
    "other others misc various"
)
_MISSING = frozenset(_NOTHING.split())
#: Words at the end of a company's name that are no part of its brand.
_FORMS = (
    "ab ag bhd bv co company corp corporation gmbh inc incorporated kg kk limited llc llp ltd nv oy oyj plc pte pty sa "
    "sarl sas sdn se spa srl tbk"
)
_LEGAL_FORMS = frozenset(_FORMS.split())
_CODES = (
    "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR JPY KES KRW KWD LKR MAD "
    "MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD RUB SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR"
)
#: Signs and names of currencies -> ISO 4217.
_CURRENCIES = {
    "$": "USD", "us$": "USD", "c$": "CAD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD", "s$": "SGD",
    "hk$": "HKD", "nt$": "TWD", "r$": "BRL", "mx$": "MXN", "€": "EUR", "euro": "EUR", "euros": "EUR", "£": "GBP",
    "¥": "JPY", "円": "JPY", "元": "CNY", "rmb": "CNY", "₹": "INR", "rs": "INR", "rp": "IDR", "rm": "MYR", "₩": "KRW",
    "₽": "RUB", "₫": "VND", "₺": "TRY", "฿": "THB", "₱": "PHP", "₴": "UAH", "₪": "ILS", "zł": "PLN", "kč": "CZK",
    "ft": "HUF", "lei": "RON", "лв": "BGN", "fr": "CHF", "sfr": "CHF",
} | {code.lower(): code for code in _CODES.split()}  # fmt: skip
_CURRENCY = re.compile(r"[a-z]*\$|[€£¥円元₹₩₽₫₺฿₱₴₪]|[^\W\d_]+")
_AMOUNT = re.compile(r"\d+(?:[.,]\d+)*|(?<!\d)[.,]\d+")
_SPACED_THOUSANDS = re.compile(r"(?<=\d)[\s'’](?=\d{3}(?!\d))")
_DEPTH = 8  # levels of a category that are compared
_MPN_LENGTH = 4  # shorter part numbers stand in titles by chance
PRICE_CONFLICT = 1.5  # people are shown two prices that differ by this factor or more
#: Attributes that people are shown, as they are called.
SHOWN = {"gtin": "GTIN", "mpn": "MPN", "brand": "brand", "price": "price"}


class Price(NamedTuple):
    """An amount above 0, and its currency by ISO 4217, "" where the cell names none."""

    amount: float
    currency: str


def read_mpn(cell: str) -> str:
    """The letters and digits of a manufacturer's part number, in lower case; "" for none."""
    text = re.sub(r"^(\d+)\.0$", r"\1", cell.strip())
    return _unless_missing("".join(WORD.findall(_fold(text))))


def read_brand(cell: str) -> tuple[str, ...]:
    """The words of a brand without accents and legal form: `Müller GmbH & Co. KG` is (`muller`,)."""
    text = re.sub(r"(?<![^\W_])([^\W_])\.(?=[^\W_](?![^\W_]))", r"\1", _without_accents(cell))  # S.A. is sa
    words = WORD.findall(re.sub(r"(?<=[^\W_])['’](?=[^\W_])", "", text))
    stop = len(words)
    while stop > 1 and words[stop - 1] in _LEGAL_FORMS:
        stop -= 1
    if stop > 1 and words[0] == "pt":  # Indonesian names have it in front
        words = words[1:]
        stop -= 1
    return tuple(words[:stop]) if _unless_missing("".join(words)) else ()


def read_price(cell: str) -> Price | None:
    """The one price of a cell; None where there is none, two, or one below 0.

    `1.234,50` and `1,234.50` are equal: of two signs the last is the decimal sign. One alone is read by
    `parse_number`, and one that stands twice is no decimal sign.
    """
    text = _SPACED_THOUSANDS.sub("", _fold(cell))
    amounts = _AMOUNT.findall(text)
    if len(amounts) != 1 or f"-{amounts[0]}" in text:
        return None
    names = {_CURRENCIES[name] for name in _CURRENCY.findall(text) if name in _CURRENCIES and name != "$"}
    if not names and "$" in text:
        names = {"USD"}
    amount = _parse_amount(amounts[0])
    return Price(amount, names.pop() if len(names) == 1 else "") if amount > 0 else None


def _parse_amount(text: str) -> float:
    signs = re.findall("[.,]", text)
    if len(set(signs)) == 2:
        thousands = "." if signs[-1] == "," else ","
        return float(text.replace(thousands, "").replace(",", "."))
    if len(signs) > 1 and not THOUSANDS.fullmatch(text):
        return float(re.sub("[.,]", "", text))
    return parse_number(text if text[0].isdigit() else f"0{text}")


def read_category(cell: str) -> tuple[str, ...]:
    """The levels of a category, `A > B > C` or `A/B`, the widest first."""
    text = _fold(cell)
    levels = re.split("[>»›]", text) if re.search("[>»›]", text) else re.split("[/|]", text)
    return tuple(level for level in (" ".join(level.split()) for level in levels) if _unless_missing(level))


def _contains_mpn(left: str, right: str) -> bool:
    """Whether one part number is a long part of the other, as `HP CH566A` has `CH566A`."""
    short, long = sorted((read_mpn(left), read_mpn(right)), key=len)
    return len(short) >= _MPN_LENGTH and short in long


def compare_brands(left: Sequence[str], right: Sequence[str]) -> float:
    """1 for equal brands, 0.5 where one contains the other or is its initials, else 0: `hp`, `hewlett packard`.

    Args:
        left, right: words, as of `read_brand`.
    """
    joined = "".join(left), "".join(right)
    if joined[0] == joined[1]:
        return 1.0
    initials = "".join(word[0] for word in left), "".join(word[0] for word in right)
    alias = (len(left) > 1 and initials[0] == joined[1]) or (len(right) > 1 and initials[1] == joined[0])
    return 0.5 if alias or set(left) <= set(right) or set(right) <= set(left) else 0.0


@dataclass(frozen=True)
class Attributes:
    """The attributes of N listings, as pairs are compared by them.

    Attributes:
        cells: name -> N cells, as they stand in the table. gtin, mpn, brand, currency: int64 (N,), a number for
        each distinct value; −1 for none. brand_words: the words of each distinct brand. amount: float64 (N,),
        of the price, NaN for none. category: int64 (N, depth), a number
        for each distinct path down to a level; −1 where the category is less deep. title_mpn: int64 (T,),
        ascending: listing · M + mpn for each of the M part numbers that stands in the title of a listing.
    """

    cells: Mapping[str, Sequence[str]]
    gtin: Int64
    mpn: Int64
    brand: Int64
    brand_words: Sequence[tuple[str, ...]]
    amount: Float64
    currency: Int64
    category: Int64
    title_mpn: Int64

    @property
    def present(self) -> list[str]:
        """The attributes that any listing has: some of gtin, mpn, brand, price, category."""
        has = {
            "gtin": self.gtin >= 0,
            "mpn": self.mpn >= 0,
            "brand": self.brand >= 0,
            "price": ~np.isnan(self.amount),
            "category": self.category >= 0,
        }
        return [name for name, listings in has.items() if listings.any()]

    def compare(self, name: str, left: Ints, right: Ints) -> Float32:
        """How P pairs of listings compare in one attribute: float32 (P,), NaN where one of the two lacks it.

        gtin, mpn: 1 equal, 0 different. brand: as `compare_brands`. price: |log ratio|, NaN also where the
        currencies differ. category: the number of levels that both share.

        Args:
            left, right: int (P,), listings.
        """
        if name in ("gtin", "mpn", "brand"):
            number = getattr(self, name)
            a, b = number[left], number[right]
            both = (a >= 0) & (b >= 0)
            level = (a == b).astype(np.float32)
            if name == "brand":
                level[both] = self._compare_brands(a[both], b[both])
        elif name == "price":
            a, b = self.currency[left], self.currency[right]
            both = (a == b) | (a < 0) | (b < 0)
            level = np.abs(np.log(self.amount[left] / self.amount[right]))
        else:
            a, b = self.category[left], self.category[right]
            both = ((a >= 0) & (b >= 0)).any(axis=1)
            level = ((a == b) & (a >= 0)).sum(axis=1)
        return np.where(both, level, np.nan).astype(np.float32)

    def depth(self, listing: Ints) -> Int64:
        """The levels of the category of some listings: int64 (P,)."""
        return (self.category[listing] >= 0).sum(axis=1)

    def mpn_in_title(self, left: Ints, right: Ints) -> Float32:
        """1 where the MPN of one stands in the title of the other, 0 where it does not: float32 (P,).

        NaN where neither has an MPN.
        """
        n = int(self.mpn.max(initial=-1)) + 1
        stands = np.zeros(len(left), bool)
        for of, title in ((left, right), (right, left)):
            mpn = self.mpn[of]
            stands |= (mpn >= 0) & np.isin(title.astype(np.int64) * n + mpn, self.title_mpn)
        return np.where((self.mpn[left] >= 0) | (self.mpn[right] >= 0), stands, np.nan).astype(np.float32)

    def notes(self, left: Ints, right: Ints) -> list[list[dict[str, Any]]]:
        """What people are shown of P pairs: the attributes that agree or contradict each other.

        Returns:
            For each pair [{attribute, equal, left, right, text}], with the cells of both; `ratio`, the higher
            price by the lower. `text` says it: `brand Acme ↔ Bosch`. JSON can hold it. Left out are a brand
            or MPN that contains the other, prices that differ a little, and categories, since each shop has its own.
        """
        notes: list[list[dict[str, Any]]] = [[] for _ in range(len(left))]
        for name in (name for name in SHOWN if name in self.present):
            level = self.compare(name, left, right)
            same, least = (0, math.log(PRICE_CONFLICT)) if name == "price" else (1, 0)
            equal = level == same
            different = level >= least if name == "price" else level == least
            for i in np.flatnonzero(equal | different).tolist():
                a, b = self.cells[name][left[i]], self.cells[name][right[i]]
                if name == "mpn" and different[i] and _contains_mpn(a, b):
                    continue
                note = {"attribute": name, "equal": bool(equal[i]), "left": a, "right": b}
                text = f"equal {SHOWN[name]} {a}" if equal[i] else f"{SHOWN[name]} {a} ↔ {b}"
                if name == "price" and different[i]:
                    note["ratio"] = round(math.exp(level[i]), 1)
                    text += f" (× {note['ratio']})"
                notes[i].append(note | {"text": text})
        return notes

    def _compare_brands(self, left: Ints, right: Ints) -> Float64:
        """`compare_brands` of pairs of brands, each distinct pair once: float64 (P,)."""
        words, n = self.brand_words, len(self.brand_words)
        key, place = np.unique(np.minimum(left, right) * n + np.maximum(left, right), return_inverse=True)
        levels = [compare_brands(words[k // n], words[k % n]) for k in key.tolist()]
        return np.array(levels, dtype=np.float64)[place]


def read_attributes(cells: Mapping[str, Sequence[str]], titles: Sequence[str]) -> Attributes:
    """Read the attributes of N listings.

    Args:
        cells: name -> N cells, for every name of reader.ATTRIBUTES; "" for none. titles: N normalised titles.
    """
    mpn, mpns = _number(_read_cells(cells["mpn"], read_mpn))
    brand, brand_words = _number(_read_cells(cells["brand"], read_brand))
    prices: list[Price | None] = _read_cells(cells["price"], read_price)
    gtin, _ = _number(_read_cells(cells["gtin"], read_gtin))
    currency, _ = _number([price.currency if price else "" for price in prices])
    paths = _read_cells(cells["category"], read_category)
    levels = [
        _number([path[:depth] if len(path) >= depth else () for path in paths])[0]
        for depth in range(1, _DEPTH + 1)
    ]
    return Attributes(
        cells,
        gtin,
        mpn,
        brand,
        brand_words,
        np.array([price.amount if price else np.nan for price in prices], dtype=np.float64),
        currency,
        np.stack(levels, axis=1),
        _find_mpns(titles, mpns),
    )


def count_gtins(cells: Sequence[str]) -> tuple[int, int]:
    """The cells that hold something meant as a GTIN, and those of them that cannot be used."""
    filled = np.array(
        [bool(_unless_missing("".join(WORD.findall(_fold(cell))))) for cell in cells], dtype=bool
    )
    return int(filled.sum()), int((filled & (read_gtins(cells) < 0)).sum())


def _find_mpns(titles: Sequence[str], mpns: Sequence[str]) -> Int64:
    """listing · M + mpn, ascending, for each of M part numbers that is a word of a title: int64 (T,)."""
    number = {mpn: i for i, mpn in enumerate(mpns) if len(mpn) >= _MPN_LENGTH}
    keys = {
        row * len(mpns) + number[word]
        for row, title in enumerate(titles if number else ())
        for word in map(read_mpn, title.split())
        if word in number
    }
    return np.array(sorted(keys), dtype=np.int64)


def _read_cells(cells: Sequence[str], read: Callable[[str], Any]) -> list[Any]:
    """`read` of each cell, each distinct one once."""
    values = {cell: read(cell) for cell in set(cells)}
    return [values[cell] for cell in cells]


def _number(values: Sequence[Hashable]) -> tuple[Int64, list[Any]]:
    """A number for each distinct value by first appearance, −1 for an empty one: int64 (N,); the distinct values."""
    numbers: dict[Hashable, int] = {}
    column = [numbers.setdefault(value, len(numbers)) if value else -1 for value in values]
    return np.array(column, dtype=np.int64), list(numbers)


def _fold(text: str) -> str:
    return normalise_unicode("NFKC", text).casefold().strip()


def _without_accents(text: str) -> str:
    letters = normalise_unicode("NFKD", text).casefold()
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _unless_missing(text: str) -> str:
    return "" if text in _MISSING else text
