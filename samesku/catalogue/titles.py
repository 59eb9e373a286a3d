"""A seller's title -> the text that is compared and shown: escapes decoded, one spelling, what has no width dropped."""

import re
import unicodedata
from collections.abc import Iterator
from html import unescape
from typing import Literal

# Titles that were printed as Python bytes: b"Mom\'s \xe2\x98\x85". ASCII letters are never escaped there, so
# \x41 is left alone: it is what the seller wrote.
_WRAPPED = re.compile(r"""b(["'])(.*)\1""", re.DOTALL)
_BYTES = re.compile(r"(?:\\x(?:[89a-fA-F][0-9a-fA-F]|[01][0-9a-fA-F]|7[fF]))+")
_UTF16 = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")  # JSON's \u00e9
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPES = re.compile(r"""\\([\\nrt"'])""")
# A doubled backslash stands between alternatives («PRIA\\WANITA») as a slash does.
_ESCAPED = {"\\": "/", "n": " ", "r": " ", "t": " ", '"': '"', "'": "'"}
#: Signs that are no part of a brand's name; NFKC would make letters of them: NikeTM.
_TRADEMARKS = re.compile("[™℠]")
_FRACTIONS = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞])")  # NFKC would make eleven halves of 1½: 11⁄2
#: ★ and ★ with a variation selector are one sign; the selectors are no control characters to Unicode.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
#: Marks on one letter, as in Unicode's Stream-Safe Text Format. No script has more than five; n of them are ordered in
#: n² steps.
_MOST_MARKS = 30
_MANY_MARKS = re.compile(
    rf"[^\w\s\0-\x7f]{{{_MOST_MARKS + 1},}}"
)  # no mark is a letter, a digit or a space to Python
#: More would let a hostile title of a megabyte take hours.
_MOST_PASSES = 100
_DROPPED = {"Cc", "Cf", "Cs", "Co"}  # control, zero-width and bidirectional marks, surrogates, private use


def normalise_title(title: str) -> str:
    """Decode literal escapes of bytes, JSON and HTML, apply NFKC, drop what has no width, fold white space.

    Escaped bytes that are no UTF-8 are dropped. Never raises, also where surrogates are astray. A normalised title
    stays as it is, unless its escapes were escaped a hundred times.
    """
    for _ in range(_MOST_PASSES):  # an escape may stand for what NFKC turns into another character
        clean = _normalise_once(title)
        if clean == title:
            break
        title = clean
    return title


def normalise_unicode(form: Literal["NFC", "NFKC", "NFKD"], text: str) -> str:
    """The text in a normal form, in time that grows with its length: a letter has at most 30 marks."""
    return unicodedata.normalize(form, _MANY_MARKS.sub(lambda run: "".join(_few_marks(run[0])), text))


def _few_marks(text: str) -> Iterator[str]:
    n_marks = 0
    for c in text:
        is_mark = unicodedata.combining(unicodedata.normalize("NFKD", c)[0]) != 0
        n_marks = n_marks + 1 if is_mark else 0
        if n_marks <= _MOST_MARKS:
            yield c


def _normalise_once(title: str) -> str:
    if "\\" in title or title.startswith("b"):
        if wrapped := _WRAPPED.fullmatch(title.strip()):
            title = wrapped[2]
        title = _BYTES.sub(
            lambda run: bytes.fromhex(run[0].replace("\\x", "")).decode("utf-8", "ignore"), title
        )
        title = _UTF16.sub(
            lambda run: bytes.fromhex(run[0].replace("\\u", "")).decode("utf-16-be", "ignore"), title
        )
        title = _ESCAPES.sub(lambda escape: _ESCAPED[escape[1]], title)
    if "&" in title:
        title = _ENTITY.sub(lambda entity: unescape(entity[0]), title)
    title = " ".join(title.split())
    if not title.isprintable():
        title = "".join(c for c in title if unicodedata.category(c) not in _DROPPED)
    if not title.isascii():
        title = _FRACTIONS.sub(" ", _TRADEMARKS.sub("", _SELECTORS.sub("", title)))
    return " ".join(normalise_unicode("NFKC", title).split())
