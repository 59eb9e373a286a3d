"""samesku add: the same matches as the pipeline, in any order of the rows, and no other file is changed."""

import csv
import hashlib
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from samesku import artefacts, replacing
from samesku.app.cli import app
from tests.fixtures import small_shop

RUN = CliRunner()


def add(*arguments):
    done = RUN.invoke(app, ["add", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done.output


def matches(folder):
    with (folder / "matches.csv").open(newline="") as file:
        return {row["posting_id"]: row["matches"].split() for row in csv.DictReader(file)}


def digest(folder):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_listings_of_the_catalogue_match_as_in_its_submission(shop, tmp_path):
    """A new listing replaces the listing of its id, so adding all of them is the pipeline once more."""
    before = digest(shop / "data")
    add("shop/listings.csv", "--images", "shop/images", "--out", tmp_path / "all")
    with open("data/predictions/samesku/submission.csv", newline="") as file:
        submission = {row["posting_id"]: row["matches"].split() for row in csv.DictReader(file)}
    assert matches(tmp_path / "all") == submission
    some = [row for row in small_shop.rows() if row["posting_id"] in ("p00a", "p04a", "p03b")]
    small_shop.write_csv(tmp_path / "some.csv", some)
    add(tmp_path / "some.csv", "--images", "shop/images", "--out", tmp_path / "some")
    assert matches(tmp_path / "some") == {row["posting_id"]: submission[row["posting_id"]] for row in some}
    assert digest(shop / "data") == before


def test_the_order_of_the_rows_moves_no_byte(shop, tmp_path):
    rows = [row | {"posting_id": f"new{row['posting_id']}"} for row in small_shop.rows()]
    outs = []
    for seed in range(2):
        random.Random(seed).shuffle(rows)
        small_shop.write_csv(tmp_path / "new.csv", rows)
        add(tmp_path / "new.csv", "--images", "shop/images", "--out", tmp_path / "out")  # replaced
        outs.append([(tmp_path / "out" / name).read_bytes() for name in ("matches.csv", "matches.parquet")])
    assert outs[0] == outs[1]
    table = pq.read_table(tmp_path / "out/matches.parquet")
    assert table.column_names == [
        "query",
        "match",
        "new",
        "score",
        "pxk_image",
        "cnn",
        "phash",
        "sbert",
        "tfidf",
    ]
    for row in table.to_pylist():
        assert row["new"] == row["match"].startswith("new")
    matched = matches(tmp_path / "out")
    assert all(row[0] == posting_id for posting_id, row in matched.items())
    assert "p00a" in matched["newp00a"]  # its copy in the catalogue


def test_faults_are_quarantined_and_new_listings_match_each_other(shop, tmp_path):
    (tmp_path / "pictures").mkdir()
    small_shop.picture(77, 0).save(tmp_path / "pictures/x.png")
    (tmp_path / "pictures/bad.png").write_bytes(b"<html>")
    small_shop.write_csv(
        tmp_path / "new.csv",
        [
            {"posting_id": "z2", "title": "quite new thing 77", "image": "x.png"},
            {"posting_id": "z1", "title": "quite new thing 77", "image": "x.png"},
            {"posting_id": "z3", "title": "quite new thing 77", "image": "bad.png"},
            {"posting_id": "z4", "title": "", "image": "../../shop/images/p00a.png"},
            {"posting_id": "bad id", "title": "a", "image": ""},
        ],
    )
    output = add(tmp_path / "new.csv", "--images", tmp_path / "pictures", "--out", tmp_path / "out")
    assert "3 new listings" in output
    matched = matches(tmp_path / "out")
    assert matched["z2"][:2] == ["z2", "z1"]
    assert set(matched["z3"]) >= {"z1", "z2"}
    reasons = {
        (r["posting_id"], r["reason"]) for r in csv.DictReader((tmp_path / "out/quarantine.csv").open())
    }
    assert ("z3", "image: not a picture of a known format") in reasons
    assert ("z4", "image: leaves the picture folder") in reasons
    assert any(name == "bad id" for name, _ in reasons)


def test_pictures_that_are_left_out_are_named(shop, tmp_path):
    small_shop.write_csv(tmp_path / "new.csv", [{"posting_id": "z1", "title": "a thing", "image": "x.png"}])
    output = add(tmp_path / "new.csv", "--out", tmp_path / "out")
    assert "new.csv names pictures, and they are left out, for no folder of pictures is given" in output
    (tmp_path / "titles.csv").write_text("posting_id,title\nz1,a thing\n")
    output = add(tmp_path / "titles.csv", "--images", "shop/images", "--out", tmp_path / "out")
    assert "has no column image, so none of shop/images is read (columns found: posting_id, title" in output
    assert "are left out" not in add(tmp_path / "titles.csv", "--out", tmp_path / "out")


def test_a_table_that_is_not_there_is_named_alone(shop, tmp_path):
    done = RUN.invoke(app, ["add", str(tmp_path / "none.csv"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert f"samesku add: {tmp_path / 'none.csv'} cannot be read" in done.output


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no folder that takes no files")
def test_a_folder_that_takes_no_files_is_refused_at_once(shop, monkeypatch):
    monkeypatch.setattr(replacing, "LOCK_SECONDS", 0.1)  # a wait would end in another sentence
    done = RUN.invoke(app, ["add", "shop/listings.csv", "--out", "/proc/samesku"])
    assert done.exit_code == 2
    assert done.output.splitlines()[-1] == "samesku add: /proc/.samesku.lock: No such file or directory"


def test_a_folder_with_other_files_is_not_replaced(shop, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = RUN.invoke(app, ["add", "shop/listings.csv", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "mine.txt, which samesku add did not write" in done.output
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert artefacts.LISTINGS.is_file()
