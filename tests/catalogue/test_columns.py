"""Names of columns: which are equal, which of ours a header has, and the message where one is missing."""

import pytest

from samesku.catalogue.column_guess import fold_name
from samesku.catalogue.columns import check_columns, count_known, match_columns, propose_columns, show_names
from samesku.errors import InputError

OURS = ("posting_id", "title", "image", "label_group")


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("posting_id", "posting_id"),
        ("Posting ID", "posting_id"),
        ("postingId", "posting_id"),
        (" POSTING-ID ", "posting_id"),
        ("\ufeffposting_id\0", "posting_id"),
        ("posting\u00a0id", "posting_id"),
        ("g:image_link", "image_link"),
        ("Image (Link)", "image_link"),
        ("image__2", "image_2"),
        ("Gro\u0308\u00dfe", "größe".casefold()),  # composed, as macOS does not
        ("ชื่อ สินค้า", "ชื่อ_สินค้า"),
        ("商品名", "商品名"),
        ("€", ""),
        ("", ""),
    ],
)
def test_names_that_are_equal(name: str, folded: str) -> None:
    assert fold_name(name) == folded
    assert fold_name(folded) == folded


def test_a_column_is_taken_as_it_is_written_before_one_that_is_spelled_otherwise() -> None:
    assert match_columns(["Title", "title", "posting_id"], OURS, {}) == ({"posting_id": 2, "title": 1}, [])
    places, notes = match_columns(["Posting ID", "Titel", "Image"], OURS, {"title": "Titel"})
    assert places == {"posting_id": 0, "title": 1, "image": 2}
    assert notes == [
        "data.csv has other names for its columns: taken Posting ID for posting_id, Image for image"
    ]


def test_a_table_under_our_names_is_read_whatever_the_mapping_says() -> None:
    """The demo and a catalogue under the same params.yaml."""
    assert match_columns(["posting_id", "title"], OURS, {"title": "name"})[0] == {"posting_id": 0, "title": 1}


@pytest.mark.parametrize(
    ("names", "mapping", "says"),
    [
        (["id", "Title", "TITLE"], {}, "the column 'title' twice .Title, TITLE."),
        (
            ["id", "titre"],
            {"title": "name"},
            "no column name, which data.columns names for title .*: id, titre",
        ),
        (["id", "", "titre"], {"title": "€"}, "no column €"),
    ],
)
def test_a_mapping_that_does_not_fit(names: list[str], mapping: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        match_columns(names, OURS, mapping)


def test_known_columns_are_counted_once() -> None:
    assert count_known(["Posting ID", "posting_id", "Titel", "x"], OURS, {"title": "titel"}) == 2
    assert count_known([], OURS, {}) == 0


def test_columns_are_proposed_by_usual_names() -> None:
    assert propose_columns(["SKU", "Product Name", "Picture"]) == {
        "posting_id": "SKU",
        "title": "Product Name",
        "image": "Picture",
    }
    assert propose_columns(["posting_id", "title", "x"]) == {}


def test_a_message_shows_what_is_there_and_how_to_name_it() -> None:
    check_columns(["posting_id", "image_phash"], {"posting_id": 0, "image_phash": 1}, "a CSV")  # enough
    with pytest.raises(
        InputError, match=r"no column posting_id.*: SKU, Titel; read as a CSV.*\{posting_id: SKU\}"
    ):
        check_columns(["SKU", "Titel"], {}, "a CSV")
    with pytest.raises(InputError, match=r'\{title: "Product: Name"\}|\{title: name\}'):
        check_columns(["posting_id", "x"], {"posting_id": 0}, "a CSV")
    assert show_names(["a", " ", "\x1b[31mb"]) == "a, \\x1b[31mb"
    assert show_names([]) == "none"
