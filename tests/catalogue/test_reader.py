import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from samesku.catalogue import quarantine as q
from samesku.catalogue.reader import Row, Table, id_fault, normalise, read_table
from samesku.errors import InputError

HEADER = b"posting_id,title,image\n"


def reading(data: bytes) -> tuple[Table, list[tuple[int, str, str]]]:
    faults = q.Quarantine()
    table = read_table(data, faults)
    return table, [(entry.row, entry.posting_id, entry.reason) for entry in sorted(faults.entries)]


def test_rows_come_by_id_with_their_number_in_the_source() -> None:
    table, faults = reading(b"title,posting_id,other\nBag,b,1\nMug,a,2\n")
    assert table.rows == [Row(1, "a", title="Mug"), Row(0, "b", title="Bag")]
    assert table.columns == {"title", "posting_id", "other"}
    assert table.total == 2
    assert faults == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_dialects(delimiter: str, end: str, encoding: str) -> None:
    lines = [["posting_id", "title"], ["a", '"two\nlines, and ""quotes"""'], ["b", "★"]]
    text = end.join(delimiter.join(line) for line in lines)
    table, faults = reading(text.encode(encoding))
    assert [row.title for row in table.rows] == ['two\nlines, and "quotes"', "★"]
    assert faults == []


def test_blank_lines_are_no_rows() -> None:
    table, _ = reading(b"\n" + HEADER + b"\na,Bag,\n\n\nb,Mug,\n")
    assert [row.row for row in table.rows] == [0, 1]
    assert table.total == 2


def test_nul_bytes_stay_in_their_cell() -> None:
    table, faults = reading(HEADER + b"a,Ba\0g,\nb\0,Mug,\n")
    assert table.rows == [Row(0, "a", title="Ba\0g")]
    assert faults == [(1, "b\0", q.ID_UNSAFE)]


def test_bytes_of_another_encoding_touch_their_own_cells_alone() -> None:
    table, faults = reading(b"posting_id,title,label_group\na,Caf\xe9,\xe9\nb,\xc3\xa9,\xe9\nc\xe9,x,\n")
    assert [row.title for row in table.rows] == ["Caf\udce9", "é"]
    assert [row.label_group for row in table.rows] == [r"\udce9", r"\udce9"]
    assert faults == [(2, "c\udce9", q.ID_UNSAFE)]


def test_a_stray_quote_costs_its_own_line_alone() -> None:
    table, faults = reading(HEADER + b'a,"5 inch,x.jpg\nb,Mug,y.jpg\nc,"7" inch,z.jpg\nd,7" inch,z.jpg\n')
    assert [(row.posting_id, row.title) for row in table.rows] == [("b", "Mug"), ("d", '7" inch')]
    assert faults == [(0, "", q.ROW_QUOTES), (2, "", q.ROW_QUOTES)]


def test_cells_that_are_too_many_or_too_few() -> None:
    table, faults = reading(HEADER + b"a,Bag, red,x.jpg\nb,Mug\nc,Cap,z.jpg,,\n")
    assert table.rows == [Row(2, "c", title="Cap", image="z.jpg")]
    assert faults == [(0, "", q.ROW_CELLS), (1, "", q.ROW_CELLS)]


def test_a_cell_beyond_the_limit_is_a_broken_row() -> None:
    table, faults = reading(HEADER + b"a," + b"x" * 200_000 + b",\nb,Mug,\n")
    assert [row.posting_id for row in table.rows] == ["b"]
    assert faults == [(0, "", q.ROW_QUOTES)]


def test_equal_rows_count_once_and_rows_that_differ_not_at_all() -> None:
    table, faults = reading(HEADER + b"a,Bag,x.jpg\nb,Mug,y.jpg\na,Bag,x.jpg\nb,Cap,y.jpg\nc,Cap,\n")
    assert [(row.row, row.posting_id) for row in table.rows] == [(0, "a"), (4, "c")]
    assert faults == [(1, "b", q.ID_CONFLICT), (2, "a", q.ID_REPEATED), (3, "b", q.ID_CONFLICT)]


@pytest.mark.parametrize(
    ("posting_id", "reason"),
    [
        ("train_129", None),
        ("商品-1", None),
        ("3.5/x#7", None),
        ("", q.ID_EMPTY),
        (" ", q.ID_UNSAFE),
        ("a b", q.ID_UNSAFE),
        ("a ", q.ID_UNSAFE),
        ("a\u00a0b", q.ID_UNSAFE),
        ("a,b", q.ID_UNSAFE),
        ("a;=1+1", q.ID_UNSAFE),
        ('a"b', q.ID_UNSAFE),
        ("a'b", q.ID_UNSAFE),
        ("a\nb", q.ID_UNSAFE),
        ("a\u200b", q.ID_UNSAFE),
        ("\u202ea", q.ID_UNSAFE),
        ("a\udce9", q.ID_UNSAFE),
        ("=1+1", q.ID_FORMULA),
        ("+1", q.ID_FORMULA),
        ("-1", q.ID_FORMULA),
        ("@SUM", q.ID_FORMULA),
        ("＝1+1", q.ID_FORMULA),
    ],
)
def test_ids(posting_id: str, reason: str | None) -> None:
    assert id_fault(posting_id) == reason


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no column posting_id"),
        (b"\n\n", "no column posting_id"),
        (b"id,title\na,b\n", "no column posting_id.*columns found: id, title"),
        (b"posting_id,name\na,b\n", "neither title nor image"),
        (b"posting_id,title,title\na,b,c\n", "'title' twice"),
        (b"posting_id,title,x,x\na,b,c,d\n", "'x' twice"),
        (HEADER, "no rows"),
        (b"PK\x03\x04\0\0\0\xff", "no column posting_id"),
        ("posting_id,title\na,b\n".encode("utf-16-le"), "no column posting_id"),
        (b'"posting_id,title\na,b\n', "no column posting_id"),
        (HEADER + b"\n\r\n", "no rows"),
    ],
)
def test_what_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        reading(data)


@given(st.binary(max_size=400))
@example(b'posting_id,title\n"')
@example(b"\xff\xfeposting_id")
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    for content in (data, HEADER + data):
        try:
            table, faults = reading(content)
        except InputError:
            continue
        seen = [row.row for row in table.rows] + [row for row, _, _ in faults]
        assert sorted(set(seen)) == list(range(table.total))  # no row is lost without a word
        ids = [row.posting_id for row in table.rows]
        assert ids == sorted(set(ids))


_CELL = st.text(st.sampled_from('ab,;"\n\r é\0'), max_size=6)


@given(st.lists(st.tuples(_CELL, _CELL, _CELL), max_size=8), st.sampled_from(",;\t"))
def test_every_row_is_read_or_quarantined(rows: list[tuple[str, str, str]], delimiter: str) -> None:
    text = delimiter.join(["posting_id", "title", "image"]) + "\n"
    text += "\n".join(delimiter.join(row) for row in rows)
    try:
        table, faults = reading(text.encode())
    except InputError:
        return
    seen = {row.row for row in table.rows} | {row for row, _, _ in faults}
    assert seen == set(range(table.total))
    assert all(id_fault(row.posting_id) is None for row in table.rows)


CASES = {
    "plain": ("Paper Bag Victoria Secret", "Paper Bag Victoria Secret"),
    "escaped star": (r"\xe2\x98\x85 COD", "★ COD"),
    "escape within a word": (r"Nescafe \xc3\x89clair", "Nescafe Éclair"),
    "escapes in a row": (r"\xe3\x80\x90COD\xe3\x80\x91Alat", "【COD】Alat"),
    "upper-case hex": (r"\xC2\xAE", "®"),
    "half a sequence is dropped": (r"a \xe2\x98 b", "a b"),
    "no UTF-8 is dropped": (r"a\xffb", "ab"),
    "an ASCII letter is the seller's own": (r"model \x41", r"model \x41"),
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
    "nothing": ("", ""),
    "nothing visible": (" \u200b\x00 ", ""),
}


@pytest.mark.parametrize(("title", "expected"), CASES.values(), ids=CASES.keys())
def test_a_title_by_hand(title: str, expected: str) -> None:
    assert normalise(title) == expected


# Text that is likely to hold escapes, characters that NFKC turns into them, and stray surrogates.
_PIECES = st.sampled_from([
    "\\", "＼", "\\x", "e2", r"\xe2", r"\x98", r"\x85", r"\xef\xbc\xbc", r"\x5c", "x5c", "\\n", "b'", "'",
    '"', " ", "\u200d", "\u0301", "e", "\ud800", "\udc80", "ﷺ",
])  # fmt: skip


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=12).map("".join)))
def test_never_raises_and_is_idempotent(title: str) -> None:
    once = normalise(title)
    assert normalise(once) == once
    assert once.encode("utf-8") is not None
    assert once == " ".join(once.split())


def test_a_title_of_ten_thousand_characters_is_kept_whole() -> None:
    assert normalise("ab " * 4000) == ("ab " * 4000).strip()
    assert len(normalise(r"\xe2\x98\x85" * 1000)) == 1000
