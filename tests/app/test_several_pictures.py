"""A shop whose listings have several pictures, from the table to the matches of new listings and the pages."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app import answers
from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.cli import app
from samesku.app.query_listing import read_query_listing
from samesku.app.report.catalogue import ShownListings, read_catalogue
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import read_listings
from samesku.params import load_params
from stages import rerank, tune
from tests.fixtures import small_shop


@pytest.fixture
def index(several):
    return CatalogueIndex(load_params())


def matches(folder):
    with (folder / "matches.csv").open(newline="") as file:
        return {row["posting_id"]: row["matches"].split() for row in csv.DictReader(file)}


def test_pictures_and_channels_have_rows_for_the_further_ones(several):
    listings = read_listings(artefacts.LISTINGS)
    n, m = len(listings), len(listings.further)
    usable = [
        [
            name
            for name in dict.fromkeys(map(str.strip, row["image"].split("|")))
            if name not in ("", "none.png")
        ]
        for row in small_shop.several_pictures()
    ]
    # Where a hash is given and its picture is missing, the picture in its place counts with its hash too.
    given_hash = sum(
        bool(row["image_phash"]) and row["image"].startswith("none.png")
        for row in small_shop.several_pictures()
    )
    assert m == sum(len(names) - 1 for names in usable if names) + given_hash > 5
    assert [listings.image[row] for row in range(n)] == [names[0] if names else "" for names in usable]
    assert len(PackedImages(artefacts.IMAGES)) == n + m
    for name, rows in {"cnn": n + m, "phash": n + m, "pxk_image": n + m, "sbert": n, "tfidf": n}.items():
        assert len(np.load(artefacts.embedding_path(name))) == rows
    reasons = [
        row["reason"] for row in csv.DictReader(artefacts.QUARANTINE.open()) if row["file"] == "none.png"
    ]
    assert reasons.count("image: missing") == sum(
        "none.png" in row["image"] for row in small_shop.several_pictures()
    )
    # A listing that shows the picture of another one has its very looks and hash.
    shows = listings.further.listing[0]
    copy = listings.image.index(listings.further.image[0])
    table = pq.read_table(artefacts.PREDICTIONS / "samesku/matches.parquet").to_pylist()
    [pair] = [
        row for row in table
        if (row["query"], row["match"]) == (listings.posting_id[shows], listings.posting_id[copy])
    ]  # fmt: skip
    assert pair["cnn"] == pair["pxk_image"] == pytest.approx(1, abs=1e-5)


def test_added_listings_match_as_those_of_the_catalogue(several, tmp_path):
    """The catalogue's listings replaced by themselves have the pipeline's matches, some of them as well."""
    with open("data/predictions/samesku/submission.csv", newline="") as file:
        submission = {row["posting_id"]: row["matches"].split() for row in csv.DictReader(file)}
    for name, some in {
        "all": small_shop.several_pictures(),
        "three": small_shop.several_pictures()[:3],
    }.items():
        small_shop.write_csv(tmp_path / "t.csv", some)
        done = CliRunner().invoke(
            app, ["add", str(tmp_path / "t.csv"), "--images", "shop/images", "--out", str(tmp_path / name)]
        )
        assert done.exit_code == 0, done.output
        assert matches(tmp_path / name) == {row["posting_id"]: submission[row["posting_id"]] for row in some}


def test_a_further_picture_is_found_by_a_search_and_shown(index):
    listings = index.listings
    shows, name = int(listings.further.listing[0]), listings.further.image[0]
    query = read_query_listing("", Path(f"shop/images/{name}").read_bytes(), index.params.data)
    results = answers.search_catalogue(index, query, 5)["results"]
    assert results[0]["score"] == pytest.approx(1, abs=1e-5)
    [result] = [result for result in results if result["posting_id"] == listings.posting_id[shows]]
    assert result["further_images"] == [name]
    assert result["score"] == pytest.approx(1, abs=1e-5)
    pair = answers.explain_pair(index, shows, listings.image.index(name))
    assert pair["channels"]["cnn"]["similarity"] == pytest.approx(1, abs=1e-5)
    shown = ShownListings(read_catalogue())
    shown.number(shows)
    shown.number(listings.image.index(""))
    assert [len(listing) for listing in shown.listings()] == [6, 4]
    assert shown.listings()[0][4:] == ["", 1]  # no shop, one further picture
    [pictures, none] = shown.pictures()
    assert len(pictures) == 2
    assert none is None


def test_what_stands_beside_the_main_system_runs_too(several, tmp_path, monkeypatch):
    shutil.copytree(several, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    assert "val f1" in tune.main()
    assert rerank.main()
    f1 = json.loads((artefacts.METRICS / "tuned.json").read_text())["test"]["f1"]
    assert 0 < f1 <= 1
