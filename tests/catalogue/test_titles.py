"""Titles as sellers and exports write them, normalised; worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue import titles
from samesku.catalogue.titles import normalise_title

CASES = {
    "plain": ("Paper Bag Victoria Secret", "Paper Bag Victoria Secret"),
    "escaped star": (r"\xe2\x98\x85 COD", "★ COD"),
    "escape within a word": (r"Nescafe \xc3\x89clair", "Nescafe Éclair"),
    "escapes in a row": (r"\xe3\x80\x90COD\xe3\x80\x91Alat", "【COD】Alat"),
    "upper-case hex": (r"\xC2\xAE", "®"),
    "half a sequence is dropped": (r"a \xe2\x98 b", "a b"),
    "no UTF-8 is dropped": (r"a\xffb", "ab"),
    "an ASCII letter stays": (r"model \x41", r"model \x41"),
    "printed bytes": (r'''b"Mom\'s \xe2\x98\x85 Bag"''', "Mom's ★ Bag"),
    "printed bytes, single quotes": ("b'Tas Wanita'", "Tas Wanita"),
    "a word in b quotes stays": ('b "x"', 'b "x"'),
    "line break": (r"EAGLE\nEucalyptus", "EAGLE Eucalyptus"),
    "doubled backslash": (r"PRIA\\WANITA", "PRIA/WANITA"),
    "NFKC": ("５００ｍｌ ﬁne ①", "500ml fine 1"),
    "composed": ("e\u0301", "é"),
    "composed once the joiner is gone": ("e\u200d\u0301", "é"),
    "white space": (" a\t b\r\n\u00a0c\u3000 ", "a b c"),
    "zero width": ("a\u200bb\ufeffc\u00add", "abcd"),
    "right-to-left marks": ("\u202eabc\u202c", "abc"),
    "right-to-left text": ("حقيبة", "حقيبة"),
    "control": ("a\x00b\x07c", "abc"),
    "variation selector": ("★\ufe0f", "★"),
    "stray bytes": ("caf\udce9", "caf"),
    "JSON escapes": (r"Caf\u00e9 \u2605 \ud83c\udf4e", "Café ★ 🍎"),
    "HTML entities": (
        "Black &amp; Decker 18&quot; &#232; caf&eacute; 250&nbsp;g",
        'Black & Decker 18" è café 250 g',
    ),
    "HTML entities twice": ("Black &amp;amp; Decker", "Black & Decker"),
    "ampersands that are none": ("Mix&Match R&D; &copy", "Mix&Match R&D; &copy"),
    "trademarks": ("Nike™ Air, Duplo℠, Lego®", "Nike Air, Duplo, Lego®"),
    "fractions": ("1½ kg, ½ l", "1 1⁄2 kg, 1⁄2 l"),
    "nothing": ("", ""),
    "nothing visible": (" \u200b\x00 ", ""),
}


@pytest.mark.parametrize(("title", "expected"), CASES.values(), ids=CASES.keys())
def test_a_title_by_hand(title: str, expected: str) -> None:
    assert normalise_title(title) == expected


# Text that is likely to hold escapes, characters that NFKC turns into them, and stray surrogates.
_PIECES = st.sampled_from([
    "\\", "＼", "\\x", "e2", r"\xe2", r"\x98", r"\x85", r"\xef\xbc\xbc", r"\x5c", "x5c", "\\n", "b'", "'",
    '"', " ", "\u200d", "\u0301", "e", "\ud800", "\udc80", "ﷺ",
])  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=12).map("".join)))
def test_never_raises_and_is_idempotent(title: str) -> None:
    once = normalise_title(title)
    assert normalise_title(once) == once
    assert once.encode("utf-8") is not None
    assert once == " ".join(once.split())


def test_a_title_of_ten_thousand_characters_is_kept_whole() -> None:
    assert normalise_title("ab " * 4000) == ("ab " * 4000).strip()
    assert len(normalise_title(r"\xe2\x98\x85" * 1000)) == 1000


def test_escapes_of_escapes_take_no_more_than_a_hundred_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    once = titles._normalise_once
    monkeypatch.setattr(titles, "_normalise_once", lambda title: passes.append(1) or once(title))
    for layer, core in (("amp;", "&"), ('b"', "")):
        passes.clear()
        normalise_title(core + layer * 5000 + '"' * 5000)
        assert len(passes) == 100
