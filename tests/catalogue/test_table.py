"""Tables of each kind, by hand; random ones, as people's programs write them, are read to the same rows or refused."""

import bz2
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from samesku.catalogue import quarantine as q
from samesku.catalogue.raw_table import cell_text
from samesku.catalogue.reader import read_table, says_nothing
from samesku.catalogue.table import open_table
from samesku.errors import InputError

NAMES = ("posting_id", "title", "image", "label_group", "brand")
#: Words of the languages that are written in an encoding.
WORDS = {
    "cp1252": "Crème brûlée Müsli Größe café señal não ação Škoda – œuf 25€ à naïve smørrebrød",
    "iso8859_15": "Crème brûlée Müsli Größe café señal não ação œuf naïve",
    "cp850": "Crème brûlée Müsli Größe café señal naïve über",
    "mac_roman": "Crème brûlée Müsli Größe café señal naïve über",
    "cp1250": "biała żółty łóżko święty źródło světlý příliš žluťoučký kůň erős gyűrű tükör",
    "cp1251": "молоко сыр кефир сметана творог хлеб масло рыба",
    "koi8_r": "молоко сыр кефир сметана творог хлеб масло рыба",
    "cp866": "молоко сыр кефир сметана творог хлеб масло рыба",
    "cp1253": "γάλα τυρί ψωμί ελιές μέλι",
    "cp1254": "gömlek kırmızı çanta İstanbul şeker ığdır",
    "cp1255": "חלב גבינה לחם שמן זית",
    "cp1256": "حليب جبن خبز زيت زيتون",
    "cp874": "กระเป๋า สะพาย หนังแท้ น้ำมัน",
    "gb18030": "不锈钢 保温杯 牛奶 手机壳 红色",
    "big5": "不鏽鋼 保溫杯 牛奶 手機殼 紅色",
    "cp932": "ステンレス 牛乳 手帳型ケース ｶﾞﾗｽ",
    "cp949": "우유 치즈 휴대폰 케이스 빨강",
}
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")

IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.#/]{0,6}", fullmatch=True)
PIECES = st.sampled_from(
    [*"abcXYZ019", " ", ",", ";", "\t", "|", '"', "'", "\n", "\r\n", '5"', "24 inch", "=", "★", "é", "\\n"]
)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x1a\0"), max_size=8)


class Dialect(NamedTuple):
    """How a program writes a CSV."""

    delimiter: str = ","
    end: str = "\n"
    quote_all: bool = False
    bare_quotes: bool = False  # a quote mark inside a cell is no reason to quote it
    trailing: int = 0  # delimiters after the last column
    short: bool = False  # delimiters after the last cell that is not empty are left out
    sep_line: bool = False
    blank_lines: bool = False
    end_mark: bool = False


def rows_of(titles: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, str]]]:
    row = st.fixed_dictionaries({
        "title": titles.filter(lambda title: not says_nothing(title) and not title.startswith("=")),
        "image": st.sampled_from(["", "1.jpg", "a b.png", "0012"]),
        "label_group": st.sampled_from(["", "7", "007", "7.0", "x y"]),
        "brand": st.sampled_from(["", "Acme", 'O"Neill', "A, B"]),
    })  # fmt: skip
    table = st.dictionaries(IDS.filter(lambda name: not says_nothing(name)), row, min_size=1, max_size=6)
    return table.map(lambda rows: [{"posting_id": name, **row} for name, row in rows.items()])


def titles_in(encoding: str) -> st.SearchStrategy[str]:
    """Titles of words in the language of an encoding; any text in Unicode."""
    if encoding in UNICODE:
        return st.one_of(ANY_TEXT, st.lists(PIECES, max_size=8).map("".join))
    words = st.sampled_from(WORDS[encoding].split())
    return st.lists(
        st.one_of(words, st.sampled_from(["250 g", 'x, "y"', "Set"])), min_size=1, max_size=4
    ).map(" ".join)


DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quote_all=st.booleans(),
    bare_quotes=st.booleans(),
    trailing=st.sampled_from([0, 0, 1, 3]),
    short=st.booleans(),
    sep_line=st.booleans(),
    blank_lines=st.booleans(),
    end_mark=st.booleans(),
)
HEADERS = st.tuples(
    st.permutations([*NAMES, "colour of it"]),
    st.sampled_from([str, str.upper, str.title, lambda name: f" {name} ", lambda name: name.replace("_", " ")]),
)  # fmt: skip


def write_csv(
    rows: list[dict[str, str]], names: list[str], shown: Callable[[str], str], dialect: Dialect
) -> str:
    def cell(text: str) -> str:
        marks = dialect.delimiter + "\r\n" + ("" if dialect.bare_quotes else '"')
        needs = any(c in marks for c in text) or text.lstrip(" ").startswith('"') or text != text.strip(" ")
        return '"' + text.replace('"', '""') + '"' if needs or dialect.quote_all else text

    lines = [f"sep={dialect.delimiter}"] * dialect.sep_line
    lines.append(dialect.delimiter.join(map(cell, map(shown, names))) + dialect.delimiter * dialect.trailing)
    for i, row in enumerate(rows):
        cells = [row.get(name, f"no. {i}") for name in names]
        while dialect.short and len(cells) > 1 and not cells[-1] and names[len(cells) - 1] not in NAMES[:3]:
            cells.pop()
        lines.append(
            dialect.delimiter.join(map(cell, cells))
            + dialect.delimiter * (dialect.trailing * (not dialect.short))
        )
        lines += [""] * dialect.blank_lines
    return dialect.end.join(lines) + dialect.end + "\x1a" * dialect.end_mark


def is_ambiguous(rows: list[dict[str, str]], delimiter: str) -> bool:
    """Whether a quoted cell holds lines that may be rows themselves: whoever wrote them, no reader can tell."""
    return any("\n" in text or "\r" in text for row in rows for text in row.values() if delimiter in text)


def read_back(data: bytes, encoding: str | None = None) -> list[dict[str, str]]:
    quarantine = q.Quarantine()
    table = read_table(data, quarantine, {}, encoding)
    assert not quarantine.entries
    assert table.total == len(table.rows)
    return [{name: getattr(row, name) for name in NAMES} for row in table.rows]


def by_id(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(rows, key=lambda row: row["posting_id"])


def check_refusal(error: InputError) -> None:
    text = str(error)
    assert text.startswith("data.csv")
    assert text.isprintable()
    assert len(text) < 600


@settings(max_examples=200)
@given(st.data(), st.sampled_from(UNICODE), DIALECTS, HEADERS)
def test_a_csv_in_unicode_is_read_to_the_same_rows(
    data: st.DataObject, encoding: str, dialect: Dialect, header: Any
) -> None:
    rows = data.draw(
        rows_of(titles_in(encoding)).filter(lambda rows: not is_ambiguous(rows, dialect.delimiter))
    )
    compress = data.draw(st.sampled_from([bytes, bytes, gzip.compress, bz2.compress]))
    content = write_csv(rows, *header, dialect).encode(encoding)
    assert read_back(compress(content)) == by_id(rows)


@settings(max_examples=100)
@given(st.data(), st.sampled_from(sorted(WORDS)), DIALECTS, HEADERS)
def test_a_csv_in_another_encoding_is_read_where_it_is_named(
    data: st.DataObject, encoding: str, dialect: Dialect, header: Any
) -> None:
    """And where it is not, it is read to the same rows too, or refused."""
    rows = data.draw(
        rows_of(titles_in(encoding)).filter(lambda rows: not is_ambiguous(rows, dialect.delimiter))
    )
    words = {word for row in rows for word in row["title"].split() if not word.isascii()}
    assume(len(words) > 2)  # one word alone may be a word in two encodings
    content = write_csv(rows, *header, dialect).encode(encoding)
    assert read_back(content, encoding) == by_id(rows)
    try:
        assert read_back(content) == by_id(rows)
    except InputError as error:
        check_refusal(error)


def to_parquet(rows: list[dict[str, str]]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def to_json_lines(rows: list[dict[str, str]]) -> bytes:
    """The first line names every column; the others leave out what is empty."""
    first, *others = rows
    lines = [first, *({k: v for k, v in row.items() if v} for row in others)]
    return "\n".join(json.dumps(line, ensure_ascii=len(rows) > 2) for line in lines).encode()


def to_json(rows: list[dict[str, str]]) -> bytes:
    return json.dumps(rows, indent=1, ensure_ascii=False).encode("utf-16")


def to_excel(rows: list[dict[str, str]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Liste")
    for cells in ([*NAMES], *([row[name] for name in NAMES] for row in rows)):
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@settings(max_examples=60)
@given(rows_of(ANY_TEXT), st.sampled_from([to_parquet, to_json_lines, to_json]))
def test_other_kinds_are_read_to_the_same_rows(
    rows: list[dict[str, str]], write: Callable[[Any], bytes]
) -> None:
    assert read_back(write(rows)) == by_id(rows)


@settings(max_examples=30)
@given(rows_of(st.lists(PIECES, max_size=8).map("".join).filter(lambda title: "\r" not in title)))
def test_a_workbook_is_read_to_the_same_rows(rows: list[dict[str, str]]) -> None:
    assert read_back(to_excel(rows)) == by_id(rows)


def opened(data: bytes) -> tuple[list[str], list[list[str] | str], str, list[str]]:
    names, records, kind, notes = open_table(data, lambda names: len({*names} & {*NAMES}))
    return names, list(records), kind, notes


def parquet(columns: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("NA", "NA"),
        (7, "7"),
        (7.0, "7"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (4.006381333931e12, "4006381333931"),
        (1e300, "1e+300"),
        (float("nan"), ""),
        (float("inf"), ""),
        (Decimal("12.50"), "12.50"),
        (Decimal("12.00"), "12"),
        (True, "true"),
        (b"caf\xc3\xa9", "café"),
        (["a.jpg", None, "b.jpg"], "a.jpg|b.jpg"),
        ({"a": 1}, '{"a": 1}'),
        (date(2024, 5, 1), "2024-05-01"),
        (datetime(2024, 5, 1), "2024-05-01"),
        (datetime(2024, 5, 1, 12, 30), "2024-05-01T12:30:00"),
    ],
)
def test_a_cell_as_text(value: object, text: str) -> None:
    assert cell_text(value) == text


def test_parquet_of_numbers_lists_and_missing_cells() -> None:
    data = parquet(
        {
            "posting_id": pa.array([7, 8], pa.int64()),
            "title": pa.array(["Bag", None]).dictionary_encode(),
            "image": pa.array([["1.jpg", "2.jpg"], []]),
            "label_group": [7.0, None],
            "price": pa.array([0.1, float("nan")], pa.float32()),
        }
    )
    names, records, kind, notes = opened(data)
    assert names == ["posting_id", "title", "image", "label_group", "price"]
    assert records == [["7", "Bag", "1.jpg|2.jpg", "7", "0.1"], ["8", "", "", "", ""]]
    assert (kind, notes) == ("Parquet", [])


def test_json_lines_keep_the_digits_and_name_the_broken_lines() -> None:
    data = b'{"id": 00}\n{"id": 123456789012345678901, "p": 1.50}\n\n{"id": "b", "t": ["x", "y"]}\n[1]\n'
    assert opened(data)[:3] == (
        ["id", "p", "t"],
        [q.ROW_JSON, ["123456789012345678901", "1.50", ""], ["b", "", "x|y"], q.ROW_JSON],
        "JSON Lines",
    )
    assert opened('[{"id": 1}, {"id": null}]'.encode("utf-16"))[1] == [["1"], [""]]


def workbook(*sheets: tuple[str, Sequence[Sequence[Any]]]) -> tuple[Workbook, Callable[[], bytes]]:
    book = Workbook()
    del book["Sheet"]
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)

    def save() -> bytes:
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()

    return book, save


def test_a_workbook_is_read_as_it_shows() -> None:
    book, save = workbook(
        ("hidden", [["x"]]),
        ("Liste", [[], ["posting_id", "title", None, ""], [123, "Bag"], [4.0, "#N/A"], [None], [5, date(2024, 5, 1)]]),
        ("Notes", [["y"]]),
    )  # fmt: skip
    book["hidden"].sheet_state = "hidden"
    book["Liste"]["A3"].number_format = "00000"
    book["Liste"]["B4"].data_type = "e"
    names, records, kind, notes = opened(save())
    assert names == ["posting_id", "title"]
    assert records == [["00123", "Bag"], ["4", ""], ["", ""], ["5", "2024-05-01"]]
    assert kind == "Excel, sheet Liste"
    assert notes == ["data.csv has several sheets: Liste is read, not Notes"]


def test_cells_that_look_full_in_a_workbook_and_are_empty_here_are_named() -> None:
    book, save = workbook(
        ("S", [["posting_id", "title"], ["a", "=A2&1"], ["b", "Mug"], ["c", None]]),
    )
    book["S"].merge_cells("B3:B4")
    _, records, _, notes = opened(save())
    assert records == [["a", ""], ["b", "Mug"], ["c", ""]]
    assert [note.split(";")[0] for note in notes] == [
        "data.csv has formulas without a result (1 in all), taken as empty: B2",
        "data.csv has merged cells: B3:B4",
    ]


def test_a_name_that_an_object_has_twice_is_named() -> None:
    lines = b'{"posting_id": "a", "title": "x", "title": "y"}\n{"posting_id": "b", "title": "z"}\n'
    _, records, _, notes = opened(lines)
    assert records == [["a", "y"], ["b", "z"]]
    assert notes == ["data.csv has objects that give a value twice: title; the last one is read"]


@pytest.mark.parametrize(
    "content", [{"id": ["a", "b"], "title": ["x", "y"]}, {"id": {"0": "a"}, "title": {"0": "x"}}]
)
def test_json_by_columns_is_refused_with_the_way_out(content: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"is JSON by columns; allowed: .*orient='records'"):
        opened(json.dumps(content).encode())


def test_objects_with_names_of_their_own_each_are_refused() -> None:
    lines = "".join(f'{{"id": "{i}", "title": "x", "k{i}": 1}}\n' for i in range(3000))
    with pytest.raises(InputError, match="has 3,002 names in its objects, most of them in few"):
        opened(lines.encode())


def test_a_parquet_text_that_is_no_utf_8_is_damage() -> None:
    broken = pa.array([b"a", b"\xff"], pa.binary()).view(pa.utf8())
    with pytest.raises(InputError, match=r"data\.csv is a damaged Parquet file"):
        opened(parquet({"posting_id": broken, "title": ["x", "y"]}))


def test_a_value_of_lists_in_lists_is_a_fault_of_its_row_alone() -> None:
    deep = "[" * 900 + "]" * 900
    records = opened(f'{{"id": "a", "title": {deep}}}\n{{"id": "b", "title": "x"}}\n'.encode())[1]
    assert records == [q.ROW_JSON, ["b", "x"]]


def zipped(members: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return out.getvalue()


def renumbered(data: bytes, row: int, number: int) -> bytes:
    """A workbook in whose first sheet a row has another number."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name).decode() for name in archive.namelist()}
    sheet = members["xl/worksheets/sheet1.xml"]
    members["xl/worksheets/sheet1.xml"] = re.sub(f'<row r="{row}"', f'<row r="{number}"', sheet)
    return zipped(members)


def test_row_numbers_of_a_workbook_lose_no_row_and_cost_no_time() -> None:
    data = workbook(("S", [["posting_id", "title"], ["a", "Bag"], ["b", "Mug"]]))[1]()
    assert opened(renumbered(data, 3, 1_048_576))[1] == [["a", "Bag"], ["b", "Mug"]]
    for number in (-3, 0, 2, 1_048_577):
        with pytest.raises(
            InputError, match=rf"row {number} follows row 2; allowed: rows in order, up to 1,048,576"
        ) as error:
            opened(renumbered(data, 3, number))
        check_refusal(error.value)


def test_a_duration_that_python_cannot_hold_is_refused() -> None:
    lasts = pa.array([2**62, 5], pa.duration("s"))
    with pytest.raises(InputError, match="a damaged Parquet file"):
        opened(parquet({"posting_id": ["a", "b"], "title": ["x", "y"], "price": lasts}))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xd0\xcf\x11\xe0\xa1", "an old Excel workbook"),
        (b"ARROW1\0\0", "an Arrow file"),
        (b"%PDF-1.7", "a PDF"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG picture"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"Rar!\x1a", "a .rar archive"),
        (b"\xef\xbb\xbf <!DOCTYPE html>", "an HTML page or XML"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"PAR1 damaged PAR1", "a damaged Parquet file"),
        (b"PK\x03\x04 damaged", "a damaged .zip or Excel workbook"),
        (zipped({"listings.csv": "id"}), r"a .zip \(listings.csv\), not a table"),
        (zipped({"xl/worksheets/sheet1.xml": "<worksheet/>"}), "an Excel workbook that cannot be read"),
        (b"\x1f\x8b damaged", "its gzip cannot be unpacked"),
        (b'{"id": 1', "no line of it is an object"),
        (b"[" * 100_000, "no line of it is an object"),
        (b"posting_id" + b",x" * 20_000, "20,001 columns; allowed: up to 16,384"),
        (b"\n".join(b'{"k%d": 1}' % i for i in range(20_000)), "20,000 names in its objects"),
    ],
)
def test_what_is_no_table_is_refused_by_what_it_is(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        opened(data)
    check_refusal(error.value)


def test_what_a_small_file_unpacks_to_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("table", "workbook"):
        monkeypatch.setattr(f"samesku.catalogue.{module}.MAX_TABLE", 100_000)
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["x" * 100])
    _, save = workbook(("S", [["posting_id", "title"], *[["a", "x" * 30_000]] * 10]))
    for data, says in (
        (gzip.compress(b"x" * 100_001), "more than 100,000 bytes when it is unpacked"),
        (parquet({"title": many}), "more than 100,000 characters in its cells"),
        (save(), r"an Excel workbook of [\d,]+ bytes unpacked"),
    ):
        assert len(data) < 20_000
        with pytest.raises(InputError, match=says):
            opened(data)
