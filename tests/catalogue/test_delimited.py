"""The text of a CSV -> its cells, by hand; and no row is swallowed by the quote marks of sellers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samesku.catalogue import quarantine as q
from samesku.catalogue.delimited import read_delimited


def has_id(names: list[str]) -> int:
    return sum(name.strip() == "id" for name in names)


def split(text: str) -> tuple[list[str], list[list[str] | str], str]:
    """The header, the records and the delimiter; the header with an id is the right one."""
    names, records, delimiter = read_delimited(text, has_id, [])
    return names, list(records), delimiter


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("id,t\na,b\n", "commas"),
        ("id;t\na;b\n", "semicolons"),
        ("id\tt\na\tb\n", "tabs"),
        ("id|t\na|b\n", "|"),
        ("id;t, or name\na;b\n", "semicolons"),  # the one that makes known columns
        ("sep=;\nid;t\na;b\n", "';'"),
        ('"sep=;"\r\nid;t\r\na;b\r\n', "';'"),
        ("SEP=^\nid^t\na^b\n", "'^'"),
        ("sep=;,,\nid;t\na;b\n", "';'"),  # saved once more, with commas
    ],
)
def test_the_delimiter_is_the_one_that_makes_known_columns(text: str, delimiter: str) -> None:
    names, records, named = split(text)
    assert (names[0], records, named) == ("id", [["a", "b"]], delimiter)


def test_a_column_that_is_called_sep_is_no_line_that_names_a_delimiter() -> None:
    assert split("sep=a,id\n1,2\n")[0] == ["sep=a", "id"]


def test_lines_before_the_header_are_left_out_where_they_are_blank() -> None:
    assert split("\n , \nid,t\na,b") == (["id", "t"], [["a", "b"]], "commas")


def test_delimiters_after_the_last_column_make_no_column() -> None:
    names, records, _ = split("id,t,,\na,b,,\n")
    assert names == ["id", "t"]
    assert records == [["a", "b", "", ""]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_quoted_cells_hold_marks_delimiters_and_line_ends(end: str) -> None:
    text = end.join(["id,t", f'a,"x, ""y""{end}z"', ' "b" , "c" ', "d,e"])
    assert split(text)[1] == [["a", f'x, "y"{end}z'], ["b", "c"], ["d", "e"]]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('a,24" monitor', ["a", '24" monitor']),
        ('a,"24 inch', ["a", '"24 inch']),
        ('a,"Sun" lamp', ["a", '"Sun" lamp']),
        ('a,""', ["a", ""]),
        ('a,"', ["a", '"']),
        ('a,"x, y', q.ROW_QUOTES),  # a comma too many, and no mark that ends the cell
    ],
)
def test_a_quote_mark_of_the_seller(line: str, cells: list[str] | str) -> None:
    assert split(f"id,t\n{line}\nb,c\n")[1] == [cells, ["b", "c"]]


def test_marks_that_can_be_read_in_two_ways_are_noted_once_the_table_is_read() -> None:
    notes: list[str] = []
    lines = ["id,t,i", 'a,"24 inch,1.jpg', "b,mug,2.jpg", 'c,32",3.jpg', 'd,"x, y",4.jpg']
    _, records, _ = read_delimited("\n".join(lines), has_id, notes)
    assert notes == []
    assert len(list(records)) == 4
    assert len(notes) == 1
    assert notes[0].startswith(
        "data.csv has 1 pairs of quote marks with whole rows between them, the first in 'a,\"24"
    )


def test_nothing() -> None:
    assert split("")[:2] == ([], [])
    assert split("\n\n")[:2] == ([], [])
    assert split("id,t")[:2] == (["id", "t"], [])


TITLES = st.sampled_from(
    ['"24 inch monitor', 'monitor 32"', '"Sun" lamp', "mug", '7"', '"', '""', '"x"', "", '"a" "b"']
)


@given(st.lists(TITLES, min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_no_row_is_swallowed_by_quote_marks(titles: list[str], end: str) -> None:
    """Each line is a row, or that line alone is refused, whatever stands in the lines around it."""
    lines = [f"{i},{title},{i}.jpg,p" for i, title in enumerate(titles)]
    _, records, _ = split(end.join(["id,t,image,label", *lines]))
    assert len(records) == len(titles)
    for i, (title, record) in enumerate(zip(titles, records, strict=True)):
        readings = {title, title[1:-1] if len(title) > 1 and title[0] == title[-1] == '"' else title}
        assert record == q.ROW_QUOTES or record in [
            [str(i), reading, f"{i}.jpg", "p"] for reading in readings
        ]
