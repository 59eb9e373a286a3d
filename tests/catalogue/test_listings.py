"""listings.parquet as arrays: its columns, its galleries, and which labels learning may see."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesku.catalogue.listings import HIDDEN, Listings, read_listings, val_labelled, visible_products


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
    assert visible_products(six_listings).tolist() == [0, 0, -1, HIDDEN, 1, -1]
    assert val_labelled(six_listings).tolist() == [True, True, False, False, False, False]


def test_listings_in_memory_have_no_further_columns(six_listings):
    arrays = six_listings.posting_id, six_listings.product, six_listings.component, six_listings.split
    with pytest.raises(AttributeError, match="no column title"):
        Listings(*arrays).title  # noqa: B018
