"""The .zip: the same bytes every time, readable, and what the pipeline expects."""

import csv
import io
import zipfile
from collections import defaultdict
from pathlib import Path

import imagehash
import pytest
from PIL import Image

from data.demo.params import Params
from data.demo.render import COLUMNS, render, write

SMALL = Params(seed=3, products=40)


def rows_of(path: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.DictReader(io.StringIO(archive.read("listings.csv").decode())))


def largest_component(rows: list[dict[str, str]]) -> int:
    """Listings of the largest set linked by label, picture or perceptual hash."""
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for column in ("label_group", "image", "image_phash"):
        first: dict[str, int] = {}
        for i, row in enumerate(rows):
            parent[root(i)] = root(first.setdefault(row[column], i))
    counts: dict[int, int] = defaultdict(int)
    for i in range(len(rows)):
        counts[root(i)] += 1
    return max(counts.values())


def test_same_bytes_with_one_worker_and_with_two(small_zip: Path, tmp_path: Path) -> None:
    write(render(SMALL, workers=1), SMALL.seed, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == small_zip.read_bytes()


def test_another_seed_is_another_catalogue(tmp_path: Path) -> None:
    first, second = (render(Params(seed=seed, products=4), workers=1) for seed in (1, 2))
    assert {row.title for row in first}.isdisjoint(row.title for row in second)
    assert {row.image for row in first}.isdisjoint(row.image for row in second)


def test_zip_is_stored_and_has_one_date(small_zip: Path) -> None:
    with zipfile.ZipFile(small_zip) as archive:
        infos = archive.infolist()
        assert archive.testzip() is None
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
    assert {info.date_time for info in infos} == {(1980, 1, 1, 0, 0, 0)}
    assert infos[0].filename == "listings.csv"
    assert all(info.filename.startswith("images/") for info in infos[1:])


def test_columns_ids_and_pictures(small_zip: Path) -> None:
    rows = rows_of(small_zip)
    assert tuple(rows[0]) == COLUMNS == ("posting_id", "image", "image_phash", "title", "label_group")
    assert len({row["posting_id"] for row in rows}) == len(rows)
    assert len({row["label_group"] for row in rows}) == SMALL.products
    assert all(row["posting_id"].removeprefix("train_").isdigit() for row in rows)
    with zipfile.ZipFile(small_zip) as archive:
        held = {name.removeprefix("images/") for name in archive.namelist()} - {"listings.csv"}
        assert held == {row["image"] for row in rows}
        for row in rows:
            with Image.open(io.BytesIO(archive.read(f"images/{row['image']}"))) as picture:
                assert picture.format == "JPEG"
                assert picture.mode == "RGB"
                assert min(picture.size) >= 80
                assert str(imagehash.phash(picture)) == row["image_phash"]


def test_some_pictures_are_reused_and_some_stand_on_siblings(small_zip: Path) -> None:
    labels = defaultdict(set)
    for row in rows_of(small_zip):
        labels[row["image"]].add(row["label_group"])
    assert any(len(groups) > 1 for groups in labels.values())
    assert sum(len(groups) > 1 for groups in labels.values()) < len(labels) / 10


@pytest.mark.long
def test_default_catalogue_has_no_component_above_two_per_cent(tmp_path: Path) -> None:
    params = Params()
    write(render(params, workers=2), params.seed, tmp_path / "catalogue.zip")
    rows = rows_of(tmp_path / "catalogue.zip")
    assert largest_component(rows) <= 0.02 * len(rows)
    assert (tmp_path / "catalogue.zip").stat().st_size < 80e6
