"""annotations: answers become links between listings of the sample; training sees those of train alone."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from samesku import artefacts
from samesku.annotations.products import join_products
from samesku.catalogue.listings import read_links, read_listings
from samesku.errors import InputError
from samesku.params import read_params
from stages import annotations
from tests.conftest import ROOT

IDS = ["a", "b", "c", "d", "e", "f"]
SPLIT = ["train", "train", "train", "val", "test", "test"]
LABEL = ["p", "p", None, "q", "r", "r"]
FILE = "data/annotations.csv"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    artefacts.SAMPLE.mkdir(parents=True)
    table = {
        "posting_id": IDS,
        "label_group": pa.array(LABEL, pa.string()),
        "component": np.arange(6, dtype=np.int32),
        "split": SPLIT,
    }
    pq.write_table(pa.table(table), artefacts.LISTINGS)


def annotate(name, *lines):
    params = read_params(ROOT / "params.yaml")
    params["data"]["annotations"] = name
    artefacts.ANNOTATIONS.write_text("".join(f"{line}\n" for line in ("left,right,annotation,time", *lines)))
    with open("params.yaml", "w") as file:
        yaml.safe_dump(params, file)


def read(name="all"):
    links = read_links(artefacts.LINKS / f"{name}.parquet", len(read_listings(artefacts.LISTINGS)))
    return links.must_link.tolist(), links.cannot_link.tolist()


def test_answers_about_the_sample_become_links():
    annotate(FILE, "b,c,same,t", "a,e,same,t", "f,e,different,t", "a,d,skip,t", "a,zz,same,t")
    assert annotations.main() == (
        "annotations: 5; among the sample's 6 listings: must-links 2, cannot-links 1; within train: must-links 1, "
        "cannot-links 0"
    )
    assert read() == ([[0, 4], [1, 2]], [[4, 5]])
    assert read("train") == ([[1, 2]], [])


def test_answers_about_a_listing_that_left_join_those_that_stay():
    annotate(FILE, "a,gone,same,t", "c,gone,same,t", "d,gone,different,t", "gone,zz,same,t")
    assert annotations.main() == (
        "annotations: 4; among the sample's 6 listings: must-links 1, cannot-links 2; within train: must-links 1, "
        "cannot-links 0"
    )
    assert read() == ([[0, 2]], [[3, 0], [3, 2]])


def test_without_data_annotations_there_are_no_links():
    annotate(None, "b,c,same,t")
    assert annotations.main() == "no links, since data.annotations is empty"
    assert read() == read("train") == ([], [])


def test_a_missing_file_is_refused():
    annotate(FILE)
    artefacts.ANNOTATIONS.unlink()
    with pytest.raises(InputError, match=r"data/annotations\.csv does not exist; `samesku serve` writes it"):
        annotations.main()


def test_a_contradiction_is_refused():
    annotate(FILE, "a,b,same,t", "b,c,same,t", "a,c,different,t")
    with pytest.raises(
        InputError, match="itself: a and c are different, but a is b, b is c; change one annotation of each"
    ):
        annotations.main()


def test_training_joins_and_parts_products_of_train_alone():
    def products(*lines):
        annotate(FILE, *lines)
        annotations.main()
        links = read_links(artefacts.LINKS / "train.parquet", len(read_listings(artefacts.LISTINGS)))
        product = read_listings(artefacts.LISTINGS).product
        return join_products(product, links.must_link, links.cannot_link).tolist()

    assert products() == [0, 0, -1, 1, 2, 2]
    assert products("b,c,same,t") == [0, 0, 0, 1, 2, 2]
    assert products("a,b,different,t") == [-1, -1, -1, 1, 2, 2]
    # Whatever is annotated in val and test, the products that training sees do not change.
    assert products("a,d,same,t", "c,e,same,t", "e,f,different,t", "d,e,same,t") == [0, 0, -1, 1, 2, 2]
