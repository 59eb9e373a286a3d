"""Cells as sellers wrote them -> titles and hashes on which the later stages can rely."""

import re
import unicodedata

from samesku.catalogue import quarantine as q
from samesku.catalogue.picture import is_flat, is_hash
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import Row

# Titles that were printed as Python bytes: b"Mom\'s \xe2\x98\x85". ASCII letters are never escaped there, so
# \x41 is left alone: it is the seller's own.
_WRAPPED = re.compile(r"""b(["'])(.*)\1""", re.DOTALL)
_BYTES = re.compile(r"(?:\\x(?:[89a-fA-F][0-9a-fA-F]|[01][0-9a-fA-F]|7[fF]))+")
_ESCAPES = re.compile(r"""\\([\\nrt"'])""")
# A doubled backslash stands between alternatives («PRIA\\WANITA») as a slash does.
_ESCAPED = {"\\": "/", "n": " ", "r": " ", "t": " ", '"': '"', "'": "'"}
#: ★ and ★ with a variation selector are one sign; the selectors are no control characters to Unicode.
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_DROPPED = {"Cc", "Cf", "Cs", "Co"}  # control, zero-width and bidirectional marks, surrogates, private use


def clean_row(row: Row, has_title: bool, quarantine: Quarantine) -> Row:
    """The row with its title normalised, and its hash as 16 lower-case hex digits; "" where there is none.

    Args:
        has_title: whether the table has that column; where it has not, its absence is no fault of the row.
    """

    def add(reason: str) -> None:
        quarantine.add(row.row, row.posting_id, row.image, reason)

    title = normalise(row.title)
    if any("\udc80" <= c <= "\udcff" for c in row.title):
        add(q.TITLE_BYTES)
    if not title and has_title:
        add(q.TITLE_EMPTY)
    phash = row.image_phash.strip().lower()
    if phash and not is_hash(phash):
        add(q.HASH_BAD)
    elif is_flat(phash):
        add(q.HASH_FLAT)
    return row._replace(title=title, image_phash=phash if is_hash(phash) and not is_flat(phash) else "")


def normalise(title: str) -> str:
    """Decode literal byte escapes, apply NFKC, drop what has no width, fold white space.

    Escaped bytes that are no UTF-8 are dropped. Never raises, also where surrogates are astray;
    normalise(normalise(t)) == normalise(t).
    """
    while (clean := _once(title)) != title:  # an escape may stand for what NFKC turns into another character
        title = clean
    return title


def _once(title: str) -> str:
    if "\\" in title or title.startswith("b"):
        if wrapped := _WRAPPED.fullmatch(title.strip()):
            title = wrapped[2]
        title = _BYTES.sub(
            lambda run: bytes.fromhex(run[0].replace("\\x", "")).decode("utf-8", "ignore"), title
        )
        title = _ESCAPES.sub(lambda escape: _ESCAPED[escape[1]], title)
    title = " ".join(title.split())
    if not title.isprintable():
        title = "".join(c for c in title if unicodedata.category(c) not in _DROPPED)
    if not title.isascii():
        title = _SELECTORS.sub("", title)
    return " ".join(unicodedata.normalize("NFKC", title).split())
