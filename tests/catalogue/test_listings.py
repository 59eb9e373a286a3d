"""listings.parquet as arrays: its columns, its galleries, and which labels learning may see."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesku.catalogue.listings import (
    Listings,
    allow_pairs,
    read_listings,
    val_labelled,
    visible_products,
)
from samesku.errors import InputError
from samesku.params.schema import Match


@pytest.fixture
def six_listings(tmp_path):
    columns = {
        "posting_id": ["a", "b", "c", "d", "e", "f"],
        "title": ["Bag", "Bag red", "", "Mug", "Cap", "Cup"],
        "image": ["1.jpg", "", "2.jpg", "2.jpg", "", ""],
        "image_phash": ["00ff00ff00ff00ff", "", "", "", "", ""],
        "has_image": [True, False, True, True, False, False],
        "label_group": ["bag", "bag", None, "bag", "cap", None],
        "component": pa.array([0, 0, 1, 1, 2, 3], pa.int32()),
        "split": ["val", "val", "val", "test", "train", "test"],
    }
    pq.write_table(pa.table(columns), tmp_path / "listings.parquet", row_group_size=4)
    return read_listings(tmp_path / "listings.parquet")


def test_columns_by_hand(six_listings):
    assert len(six_listings) == 6
    assert six_listings.posting_id.tolist() == ["a", "b", "c", "d", "e", "f"]
    assert six_listings.product.tolist() == [0, 0, -1, 0, 1, -1]
    assert six_listings.component.tolist() == [0, 0, 1, 1, 2, 3]
    assert six_listings.title == ["Bag", "Bag red", "", "Mug", "Cap", "Cup"]
    assert six_listings.image == ["1.jpg", "", "2.jpg", "2.jpg", "", ""]
    assert six_listings.image_phash == ["00ff00ff00ff00ff", "", "", "", "", ""]
    assert six_listings.has_image.tolist() == [True, False, True, True, False, False]
    assert {six_listings.product.dtype, six_listings.component.dtype} == {np.dtype(np.int32)}


def test_galleries_by_hand(six_listings):
    assert six_listings.gallery("full").tolist() == [0, 1, 2, 3, 4, 5]
    assert six_listings.gallery("val").tolist() == [0, 1, 2]
    assert six_listings.gallery("test").tolist() == [3, 5]


def test_labels_of_test_are_hidden(six_listings):
    assert visible_products(six_listings).tolist() == [0, 0, -1, -1, 1, -1]
    assert val_labelled(six_listings).tolist() == [True, True, False, False, False, False]


def test_listings_in_memory_have_no_further_columns(six_listings):
    arrays = six_listings.posting_id, six_listings.product, six_listings.component, six_listings.split
    with pytest.raises(AttributeError, match="no column title"):
        Listings(*arrays).title  # noqa: B018


#: Product 0 has two listings in a shop and one in each of two others, one of which has no name; the last has no label.
SOURCE, KEY = ["a", "a", "", "b", "a"], np.array([0, 0, 0, 0, -1])


@pytest.mark.parametrize(
    ("link", "counts"), [("all", [3, 3, 3, 3, 0]), ("across", [2, 2, 3, 3, 0]), ("within", [1, 1, 0, 0, 0])]
)
def test_listings_of_a_key_that_may_match(link, counts):
    allowed, every = allow_pairs(Match(link=link), SOURCE), np.arange(5)
    assert allowed.count(KEY, every, every).tolist() == counts
    pairs = allowed.of_rows(every[:, None], every) & (every[:, None] != every)
    assert [(pairs[i] & (KEY[i] == KEY) & (KEY[i] >= 0)).sum() for i in every] == counts


def test_a_query_outside_the_gallery_counts_all_of_the_gallery():
    query, rows = np.array([0, 3]), np.array([1, 2])
    counts = {
        link: allow_pairs(Match(link=link), SOURCE).count(KEY, query, rows)
        for link in ("all", "across", "within")
    }
    assert {link: of.tolist() for link, of in counts.items()} == {
        "all": [2, 2], "across": [1, 2], "within": [1, 0]
    }  # fmt: skip


def test_a_new_shop_has_a_number_of_its_own():
    allowed = allow_pairs(Match(link="across"), ["b", "", "a"])
    assert list(allowed.names) == ["", "a", "b"]
    assert allowed.shop.tolist() == [2, 0, 1]
    assert allowed.number_shops(["a", "new", "", "new", "newer"]).tolist() == [1, 3, 0, 3, 4]


@pytest.mark.parametrize(
    ("match", "source", "sentence"),
    [
        (
            Match(link="across"),
            ["", ""],
            "match.link is across, but no listing has a shop; allowed: .* column source",
        ),
        (Match(link="within"), ["", ""], "match.link is within, but no listing has a shop"),
        (Match(one_to_one=True), ["", ""], "match.one_to_one is true, but no listing has a shop"),
        (
            Match(link="across"),
            ["a", "a"],
            "all 2 listings are of the shop a; allowed: listings of two shops",
        ),
    ],
)
def test_a_table_without_the_shops_that_are_asked_for_is_refused(match, source, sentence):
    with pytest.raises(InputError, match=sentence):
        allow_pairs(match, source)


def test_shops_play_no_part_unless_they_are_asked_for(six_listings):
    assert read_listings(six_listings.path, Match()).allowed.count(
        six_listings.product, np.arange(6), np.arange(6)
    ).tolist() == [2, 2, 0, 2, 0, 0]
    with pytest.raises(InputError, match="no listing has a shop"):
        read_listings(six_listings.path, Match(link="across"))
