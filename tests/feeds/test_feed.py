"""Feeds and tables with URLs under our names of columns."""

import pytest

from samesku.errors import InputError
from samesku.feeds.feed import open_feed, split_urls

TSV = (
    "id\ttitle\timage link\tadditional image link\tproduct type\tgoogle product category\tgtin\titem group id\tlink\n"
    "1\tOil 500 ml\thttps://x/1.jpg\thttps://x/2.jpg,https://x/3.jpg\tFood > Oil\t422\t04006381333931\tg1\thttps://x\n"
    "2\tSoap\t\t\t\t\t\t\t\n"
    "3\n"
    "4\ttoo many\t\t\t\t\t\t\t\t\tx\n"
    "a b\tTea\thttps://x/4.jpg\t\t\t\t\t\t\n"
)


def write(tmp_path, text, name="feed.tsv"):
    (tmp_path / name).write_text(text, "utf-8")
    return tmp_path / name


def test_a_tsv_of_google_merchant_in_either_spelling(tmp_path):
    spaces = open_feed(write(tmp_path, TSV), {})
    header, rest = TSV.split("\n", 1)
    underscores = open_feed(write(tmp_path, header.replace(" ", "_") + "\n" + rest, "other.tsv"), {})
    assert list(spaces.rows()) == list(underscores.rows())
    first, second, few, many, unsafe = spaces.rows()
    assert first.cells == {
        "posting_id": "1", "title": "Oil 500 ml", "image": "https://x/1.jpg", "gtin": "04006381333931",
        "category": "Food > Oil", "item_group_id": "g1",
    }  # fmt: skip
    assert first.pictures == ("https://x/1.jpg", "https://x/2.jpg", "https://x/3.jpg")
    assert (second.row, second.pictures, second.fault) == (1, (), "")
    assert few.fault == many.fault == "row: more or fewer cells than the header"
    assert unsafe.fault.startswith("posting_id: holds a space")


def test_what_was_taken_for_what_is_shown(tmp_path):
    assert open_feed(write(tmp_path, TSV), {}).note.splitlines() == [
        "columns: posting_id = id, title, image = image link, gtin, category = product type, "
        "item_group_id = item group id",
        "not there: image_phash, label_group, split, source, brand, price, mpn; "
        "not used: google product category, link",
    ]


def test_labels_and_columns_that_a_person_names(tmp_path):
    feed = open_feed(write(tmp_path, TSV), {"title": "product type", "gtin": ""}, "item group id")
    row = next(feed.rows())
    assert row.cells["label_group"] == row.cells["item_group_id"] == "g1"
    assert row.cells["title"] == "Food > Oil"
    assert "gtin" not in row.cells


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title,image\na,b\n",
         r"feed\.csv has no column that looks like an id; name yours: --column posting_id=NAME "
         r"\(columns: title, image\)"),
        ("brand,price\na,1\n",
         r"feed\.csv has no column that looks like an id, and none like a title or a picture; name yours: "
         r"--column posting_id=NAME --column title=NAME \(columns: brand, price\)"),
        ("sku,price\na,1\n", r"feed\.csv has no column that looks like a title or a picture"),
        ("id,sku,title\n1,2,a\n", "^posting_id may be id or sku; say which: --column posting_id=id$"),
        ("", r"feed\.csv"),
    ],
)  # fmt: skip
def test_what_is_missing_or_ambiguous_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        open_feed(write(tmp_path, text, "feed.csv"), {})


def test_a_column_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match="the table has no column group; it has: id, title"):
        open_feed(write(tmp_path, TSV), {}, "group")
    with pytest.raises(InputError, match=r"none\.tsv cannot be read"):
        open_feed(tmp_path / "none.tsv", {})


@pytest.mark.parametrize(
    ("cell", "urls"),
    [
        ("", []),
        (" https://x/1.jpg ", ["https://x/1.jpg"]),
        ("https://x/1,2.jpg?a=b;c", ["https://x/1,2.jpg?a=b;c"]),
        ("https://x/1.jpg, https://x/2.jpg|HTTP://x/3.jpg;https://x/4.jpg https://x/5.jpg",
         ["https://x/1.jpg", "https://x/2.jpg", "HTTP://x/3.jpg", "https://x/4.jpg", "https://x/5.jpg"]),
        ('["https://x/1.jpg", "https://x/2.jpg"]', ["https://x/1.jpg", "https://x/2.jpg"]),
        ('["https://x/1.jpg"', ['["https://x/1.jpg"']),
        ("photo 1.jpg", ["photo 1.jpg"]),
    ],
)  # fmt: skip
def test_the_urls_of_a_cell(cell, urls):
    assert split_urls(cell) == urls


def test_further_pictures_of_a_table(tmp_path):
    table = "sku,name,image_url,image_url_2,image3\n1,a,http://x/1,http://x/2,http://x/1\n"
    assert next(open_feed(write(tmp_path, table), {}).rows()).pictures == ("http://x/1", "http://x/2")


def test_words_for_nothing_and_kinds_of_tables(tmp_path):
    lines = tmp_path / "feed.jsonl"
    lines.write_text('{"id": 1, "title": "T", "image_link": ["http://x/1", "http://x/2"], "brand": "NULL"}\n')
    (row,) = open_feed(lines, {}).rows()
    assert (row.cells["posting_id"], row.cells["brand"], row.pictures) == (
        "1",
        "",
        ("http://x/1", "http://x/2"),
    )
    russian = tmp_path / "russian.csv"
    russian.write_bytes("id;title;image_link\n1;Масло;nan\n".encode("cp1251"))
    (row,) = open_feed(russian, {}, encoding="cp1251").rows()
    assert (row.cells["title"], row.pictures) == ("Масло", ())


def test_an_xml_feed(tmp_path):
    xml = (
        "<rss><channel><item><g:id>1</g:id><title>T</title><g:google_product_category>9</g:google_product_category>"
        "<g:additional_image_link>http://x/2</g:additional_image_link><g:image_link>http://x/1</g:image_link>"
        "<g:additional_image_link>http://x/3</g:additional_image_link></item>"
        "<item><g:id>2</g:id><g:item_group_id>g</g:item_group_id></item></channel></rss>"
    )
    first, second = open_feed(write(tmp_path, xml), {}, "item_group_id").rows()
    assert first.pictures == ("http://x/1", "http://x/2", "http://x/3")
    assert first.cells["category"] == "9"
    assert (second.cells["posting_id"], second.cells["label_group"]) == ("2", "g")


def test_a_cell_that_is_a_deep_list_is_one_url():
    assert split_urls("[" * 100_000) == ["[" * 100_000]
