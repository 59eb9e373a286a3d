from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from samesku.catalogue import delimited
from samesku.catalogue import quarantine as q
from samesku.catalogue.reader import Row, Table, id_fault, read_table
from samesku.errors import InputError

HEADER = b"posting_id,title,image\n"


def reading(data: bytes) -> tuple[Table, list[tuple[int, str, str]]]:
    faults = q.Quarantine()
    table = read_table(data, faults)
    return table, [(entry.row, entry.posting_id, entry.reason) for entry in sorted(faults.entries)]


def test_rows_come_by_id_with_their_number_in_the_source() -> None:
    table, faults = reading(b"title,posting_id,other\nBag,b,1\nMug,a,2\n")
    assert table.rows == [Row(1, "a", title="Mug"), Row(0, "b", title="Bag")]
    assert table.columns == {"title", "posting_id"}
    assert table.names == ["title", "posting_id", "other"]
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
    many = "é" * 16
    data = b"posting_id,title,label_group\na,Caf\xe9,\xe9\nb,%s,\xe9\nc\xe9,x,\n" % many.encode()
    table, faults = reading(data)
    assert [row.title for row in table.rows] == ["Caf\udce9", many]
    assert [row.label_group for row in table.rows] == [r"\udce9", r"\udce9"]
    assert faults == [(2, "c\udce9", q.ID_UNSAFE)]


def test_a_stray_quote_is_the_sellers_where_its_line_is_a_row() -> None:
    table, faults = reading(HEADER + b'a,"5 inch,x.jpg\nb,Mug,y.jpg\nc,"7" inch,z.jpg\nd,7" inch,z.jpg\n')
    titles = {"a": '"5 inch', "b": "Mug", "c": '"7" inch', "d": '7" inch'}
    assert {row.posting_id: row.title for row in table.rows} == titles
    assert faults == []


def test_a_stray_quote_costs_its_own_line_alone() -> None:
    data = HEADER + b'a,"5 inch, red,x.jpg\nb,Mug,y.jpg\nc,"Lamp "Sun", warm\nd,Cap,z.jpg\n'
    table, faults = reading(data)
    assert [row.posting_id for row in table.rows] == ["b", "d"]
    assert faults == [(0, "", q.ROW_QUOTES), (2, "", q.ROW_QUOTES)]


def test_two_stray_quotes_swallow_no_rows_between_them() -> None:
    data = HEADER + b'a,"24 inch monitor,1.jpg\nb,Mug,2.jpg\nc,Cap,3.jpg\nd,monitor 32",4.jpg\n'
    table, faults = reading(data)
    assert [row.title for row in table.rows] == ['"24 inch monitor', "Mug", "Cap", 'monitor 32"']
    assert faults == []


def test_a_text_of_many_lines_stays_one_cell() -> None:
    text = "Red, green\nand blue, or\n, as you like it,"
    table, faults = reading(HEADER + f'a,"{text}",x.jpg\nb,Mug,y.jpg\n'.encode())
    assert [row.title for row in table.rows] == [text, "Mug"]
    assert faults == []


def test_broken_quotes_in_every_line_are_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter that lost the first quote of each line; characters that are scanned grow as the table does."""
    scanned = []
    scan = delimited._scan

    def counting(*arguments: Any) -> Any:
        cells, stop = scan(*arguments)
        scanned[-1] += stop - arguments[-1]
        return cells, stop

    monkeypatch.setattr(delimited, "_scan", counting)
    for n in (100, 1000):
        scanned.append(0)
        header = b"posting_id,title,image," + b",".join(b"x%d" % i for i in range(n)) + b"\n"
        data = header + b"".join(b'p%d,Screen 12","%d.jpg\n' % (i, i) for i in range(n))
        table, faults = reading(data)
        assert len(table.rows) + len(faults) == n
        assert scanned[-1] < 30 * len(data)


def test_a_stray_quote_in_the_header_is_no_part_of_a_name() -> None:
    table, faults = reading(b'"posting_id,title\na,b\n')
    assert [(row.posting_id, row.title) for row in table.rows] == [("a", "b")]
    assert "posting_id for posting_id" in table.notes[0]
    assert faults == []


def test_a_row_may_lack_delimiters_after_its_last_cell() -> None:
    """Excel leaves them out where the last cells are empty."""
    header = b"posting_id,title,image,label_group,brand\n"
    table, faults = reading(header + b"a,Bag,x.jpg\nb,Mug,y.jpg,7\nc,Cap,z.jpg,7,Acme\n")
    assert [(row.label_group, row.brand) for row in table.rows] == [("", ""), ("7", ""), ("7", "Acme")]
    assert faults == []
    # A row that is torn by a line break gives no listing of its second half.
    table, faults = reading(header + b"a,Red\nmug,x.jpg,7,Acme\nb,Cap,y.jpg,8,Acme\n")
    assert [row.posting_id for row in table.rows] == ["b"]
    assert faults == [(0, "", q.ROW_CELLS), (1, "", q.ROW_CELLS)]


def test_cells_that_are_too_many_or_too_few() -> None:
    table, faults = reading(HEADER + b"a,Bag, red,x.jpg\nb,Mug\nc,Cap,z.jpg,,\n")
    assert table.rows == [Row(2, "c", title="Cap", image="z.jpg")]
    assert faults == [(0, "", q.ROW_CELLS), (1, "", q.ROW_CELLS)]


@pytest.mark.parametrize("quote", [b"", b'"'])
def test_a_long_cell_is_read_whole(quote: bytes) -> None:
    table, faults = reading(HEADER + b"a,%s%s%s,\nb,Mug,\n" % (quote, b"x" * 200_000, quote))
    assert [len(row.title) for row in table.rows] == [200_000, 3]
    assert faults == []


def test_empty_rows_and_the_end_mark_of_dos_are_no_rows() -> None:
    table, faults = reading(HEADER + b"a,Bag,\r\n,,\r\n , ,\r\n\x1a\x1a")
    assert (table.total, faults) == (1, [])


@pytest.mark.parametrize(
    ("written", "posting_id"),
    [
        ("a  ", "a"),
        (" a", "a"),
        ('="00123"', "00123"),
        ('"=""00123"""', "00123"),
        ("00123", "00123"),
        ("1e5", "1e5"),
        ("123.0", "123.0"),
        ("0x1F", "0x1F"),
        ("TRUE", "TRUE"),
        ("NA", "NA"),
        ("nan", "nan"),
    ],
)
def test_an_id_is_kept_to_the_letter(written: str, posting_id: str) -> None:
    table, _ = reading(f"posting_id,title\n{written},Bag\n".encode())
    assert [row.posting_id for row in table.rows] == [posting_id]


def test_ids_that_a_spreadsheet_rounded_are_called_so() -> None:
    table, faults = reading(HEADER + b"8.99E+12,Bag,\n8.99E+12,Mug,\n")
    assert table.rows == []
    assert faults == [(0, "8.99E+12", q.ID_ROUNDED), (1, "8.99E+12", q.ID_ROUNDED)]


def test_words_for_nothing_are_empty_cells() -> None:
    data = b"posting_id,title,label_group,brand\na,nan,nan,NULL\nb,Bag,NaN,N/A\nc,None of it,7,-\n"
    table, _ = reading(data)
    assert [row[1:8] for row in table.rows] == [
        ("a", "", "", "", "", "", ""),
        ("b", "Bag", "", "", "", "", ""),
        ("c", "None of it", "", "", "7", "", ""),
    ]
    assert [row.brand for row in table.rows] == ["", "", ""]
    assert "1 × 'nan' of title" in table.notes[0]


@pytest.mark.parametrize("cell", ["#N/A", r"\N", "(null)", "#REF!", " -- ", "undefined", "<NA>"])
def test_what_programs_write_for_an_empty_cell(cell: str) -> None:
    table, _ = reading(f"posting_id,title,brand\na,{cell},Acme {cell}\n".encode())
    assert [(row.title, row.brand) for row in table.rows] == [("", f"Acme {cell.rstrip()}")]


def test_a_row_for_each_picture_makes_one_listing() -> None:
    """As Shopify and WooCommerce export: further rows have the id and a picture, and the rest or nothing."""
    header = b"posting_id,title,image,label_group\n"
    table, faults = reading(
        header + b"a,Bag,1.jpg,7\nb,Mug,9.jpg,\na,Bag,2.jpg,7\na,,3.jpg,\na,Bag,1.jpg,7\n"
    )
    assert [(row.row, row.posting_id, row.image, row.pictures) for row in table.rows] == [
        (0, "a", "1.jpg", ("1.jpg", "2.jpg", "3.jpg")),
        (1, "b", "9.jpg", ()),
    ]
    assert (faults, table.total) == ([], 2)
    assert "3 rows" in table.notes[0]


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
        ("a\t", q.ID_UNSAFE),
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
        (
            b"id,title\na,b\n",
            r"no column posting_id.*found: id, title;.*UTF-8 with commas.*\{posting_id: id\}",
        ),
        (b"posting_id,name\na,b\n", r"no column title, image or image_phash.*data\.columns: \{title: name\}"),
        (b"Produkt: Nr;x\na;b\n", r"posting_id.*found: Produkt: Nr, x; .*\{posting_id: sku\}"),
        (b"posting_id,title,title\na,b,c\n", "'title' twice"),
        (b"posting_id,Title,TITLE\na,b,c\n", "'title' twice .Title, TITLE."),
        (HEADER, "no rows"),
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
        assert len(set(seen)) == table.total  # no row is lost without a word
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
    assert len(seen) == table.total
    assert all(id_fault(row.posting_id) is None for row in table.rows)
