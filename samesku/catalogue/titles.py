"""One normal form of a seller's title, made once for every channel."""

from __future__ import annotations

import re
import unicodedata

# Titles that were printed as Python bytes: b"Mom\'s \xe2\x98\x85". ASCII letters are never escaped there, so
# \x41 is left alone: it is the seller's own.
_WRAPPED = re.compile(r"""b(["'])(.*)\1""", re.DOTALL)
_BYTES = re.compile(r"(?:\\x(?:[89a-fA-F][0-9a-fA-F]|[01][0-9a-fA-F]|7[fF]))+")
_ESCAPES = re.compile(r"""\\([\\nrt"'])""")
# A doubled backslash stands between alternatives («PRIA\\WANITA») as a slash does.
_ESCAPED = {"\\": "/", "n": " ", "r": " ", "t": " ", '"': '"', "'": "'"}
_DROPPED = {"Cc", "Cf", "Cs", "Co"}  # control, zero-width and bidirectional marks, surrogates, private use


def normalise(title: str) -> str:
    """Decode literal byte escapes, apply NFKC, drop what has no width, fold white space.

    Escaped bytes that are no UTF-8 are dropped. Never raises; normalise(normalise(t)) == normalise(t).

    Args:
        title: any string, stray surrogates included.
    """
    while (
        clean := _once(title)
    ) != title:  # an escape may stand for a character that NFKC turns into another
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
        title = "".join(c for c in title if not _is_variation_selector(c))
    return " ".join(unicodedata.normalize("NFKC", title).split())


def _is_variation_selector(c: str) -> bool:
    """★ and ★ with a variation selector are one sign; the selectors are no control characters to Unicode."""
    return "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef"
