"""Several pictures in a table, and pictures.parquet."""

from pathlib import Path

import pytest

from samesku.catalogue.further import (
    FurtherPicture,
    find_picture_columns,
    read_further,
    split_names,
    write_further,
)
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import read_table


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("a.jpg", ("a.jpg",)),
        (" a.jpg ", (" a.jpg ",)),  # one name as it stands
        ("", ("",)),
        ("a.jpg|b.jpg", ("a.jpg", "b.jpg")),
        (" b.jpg | a b.jpg |b.jpg| ", ("b.jpg", "a b.jpg")),
        ("a.jpg|", ("a.jpg",)),
        ("||", ("",)),
    ],
)
def test_names_in_a_cell(cell: str, names: tuple[str, ...]) -> None:
    assert split_names(cell) == names


def test_columns_come_by_number_then_additional_ones() -> None:
    names = [
        "additional_images",
        "image_10",
        "image",
        "image_2",
        "image_phash",
        "image_0",
        "image_1",
        "image_02",
    ]
    assert find_picture_columns(names) == [6, 3, 1, 0]


def test_a_table_with_further_columns() -> None:
    data = (
        b"posting_id;IMAGE 3;image;image_2\n"
        b"a;3.jpg;1.jpg|1b.jpg;2.jpg\n"
        b"b;nan;1.jpg;\n"
        b"c;3.jpg;;\n"
        b"d;3.jpg;3.jpg;\n"
        b"e;;;\n"
    )
    table = read_table(data, Quarantine())
    assert [row.image for row in table.rows] == ["1.jpg", "1.jpg", "3.jpg", "3.jpg", ""]
    assert [row.pictures for row in table.rows] == [("1.jpg", "1b.jpg", "2.jpg", "3.jpg"), (), (), (), ()]
    assert table.rows[0].names == ("1.jpg", "1b.jpg", "2.jpg", "3.jpg")
    assert table.rows[1].names == ("1.jpg",)


def test_numbered_columns_alone_are_pictures() -> None:
    table = read_table(b"posting_id,image_1,image_2\na,1.jpg,2.jpg\n", Quarantine())
    assert "image" in table.columns
    assert table.rows[0].names == ("1.jpg", "2.jpg")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pictures.parquet"
    first, second = FurtherPicture("1.jpg", "00ff00ff00ff00ff"), FurtherPicture("2.jpg", "")
    write_further(path, [(), (first, second), (), (second,)])
    read = read_further(path)
    assert read.listing.tolist() == [1, 1, 3]
    assert read.image == ["1.jpg", "2.jpg", "2.jpg"]
    assert read.image_phash == ["00ff00ff00ff00ff", "", ""]
    write_further(path, [(), ()])
    assert not path.exists()
    assert len(read_further(path)) == 0
