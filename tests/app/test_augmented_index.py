"""Questions to a main system with augmentation: new listings are moved as the catalogue's were."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from samesku import artefacts
from samesku.app import answers
from samesku.app.add import match_table
from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.query_listing import read_query_listing
from samesku.catalogue.quarantine import Quarantine
from samesku.errors import DamagedFile, InputError
from samesku.params import load_params, read_params
from samesku.search.fusion import read_fused
from stages import evaluate, fuse, index

THRESHOLD = 0.5


def set_augmentation(**changes):
    params = read_params(Path("params.yaml"))
    params["index"]["augmentation"].update(changes)
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


def augment(**changes):
    """Run index and evaluate in the current folder, with one step of augmentation."""
    set_augmentation(**{"steps": 1, "threshold": THRESHOLD, "neighbours": None} | changes)
    index.main()
    evaluate.main()


def full_neighbours():
    """row -> its neighbours and their scores, as the stage index has written them."""
    lists = {}
    for row in pq.read_table(artefacts.NEIGHBOURS / "full.parquet").to_pylist():
        lists.setdefault(row["query"], []).append((row["neighbour"], row["score"]))
    return lists


def moved(fused, row, nearest):
    """A row by the definition: each channel moved by the neighbours of THRESHOLD or more, as long as it was."""
    total = row.astype(np.float64)
    for neighbour, score in nearest:
        if score >= THRESHOLD:
            total = total + score * fused.vectors[neighbour]
    for columns in fused.channel_columns():
        length = np.linalg.norm(total[columns])
        total[columns] *= np.linalg.norm(row[columns]) / length if length else 0
    return total


def new_listing(params):
    return read_query_listing("oil best 250 ml", Path("shop/images/p00a.png").read_bytes(), params.data)


def test_a_new_listing_is_moved_by_its_neighbours_and_searched_among_moved_rows(shop_copy):
    plain, lists = CatalogueIndex(load_params()), full_neighbours()
    new = new_listing(plain.params)
    asked = plain.ask([new])
    of_new = plain.search(asked, len(plain)).neighbours
    nearest = list(zip(of_new.neighbour[0].tolist(), of_new.score[0].tolist(), strict=True))
    fused = plain.fused
    row = moved(fused, asked.rows.fused.vectors[0], nearest)
    assert not np.allclose(row, asked.rows.fused.vectors[0])
    augment()
    augmented = CatalogueIndex(load_params())
    result = augmented.search(augmented.ask([new]), len(plain)).neighbours
    mask = int(asked.rows.fused.modality_mask[0])
    expected = {
        other: row @ moved(fused, fused.vectors[other], lists.get(other, []))
        / fused.shared_weight(mask, int(fused.modality_mask[other]))
        for other, _ in nearest if other >= 0
    }  # fmt: skip
    scores = dict(zip(result.neighbour[0].tolist(), result.score[0].tolist(), strict=True))
    assert {other: scores[other] for other in expected} == pytest.approx(expected, abs=1e-5)
    assert len(expected) > 5


def test_two_listings_of_the_catalogue_score_as_in_the_pipeline(shop_copy):
    augment()
    system, lists = CatalogueIndex(load_params()), full_neighbours()
    ids = system.listings.posting_id
    for left, right in (("p00a", "p00b"), ("p00a", "p01c"), ("p04a", "p04b")):
        a, b = (list(ids).index(name) for name in (left, right))
        score = dict(lists[a])[b]
        assert system.compare_rows(a, b).score == pytest.approx(score, abs=1e-5)
        of_two, threshold = system.compare(system.query_listing(left), system.query_listing(right))
        assert of_two.score == pytest.approx(score, abs=1e-5)
        assert threshold == system.static_threshold


def test_a_new_listing_and_one_of_the_catalogue_score_as_its_search_says(shop_copy):
    augment(neighbours=2)
    system = CatalogueIndex(load_params())
    new = new_listing(system.params)
    nearest = system.search(system.ask([new]), 3).neighbours
    for row, score in zip(nearest.neighbour[0].tolist(), nearest.score[0].tolist(), strict=True):
        of_catalogue = system.query_listing(system.listings.posting_id[row])
        assert system.compare(new, of_catalogue)[0].score == pytest.approx(score, abs=1e-5)
        assert system.compare(of_catalogue, new)[0].score == pytest.approx(score, abs=1e-5)
    assert len(answers.search_catalogue(system, new, 3)["results"]) == 3


def test_without_steps_nothing_of_an_earlier_augmentation_stays(shop_copy):
    before = sorted(path.name for path in artefacts.NEIGHBOURS.iterdir())
    augment(steps=2)
    assert len(list(artefacts.NEIGHBOURS.glob("moved_by_*"))) == 2
    augment(steps=0)
    assert sorted(path.name for path in artefacts.NEIGHBOURS.iterdir()) == before


def test_another_augmentation_than_that_of_the_run_is_refused(shop_copy):
    sentence = r"made with another index\.augmentation than params\.yaml has; run `dvc repro`"
    set_augmentation(steps=1)
    with pytest.raises(InputError, match=sentence):
        CatalogueIndex(load_params())
    augment()
    set_augmentation(threshold=0.6)
    with pytest.raises(InputError, match=sentence):
        CatalogueIndex(load_params())
    augment()
    (artefacts.NEIGHBOURS / "moved_by_0.parquet").unlink()
    with pytest.raises(DamagedFile, match=r"0 of 1 files moved_by_\*\.parquet"):
        CatalogueIndex(load_params())


def test_a_listing_without_any_weighted_channel_stays_where_it_is_and_harms_no_other(shop_copy):
    """Titles alone are weighed; the first new listing has a picture alone."""
    params = read_params(Path("params.yaml"))
    params["fusion"]["alpha"] = 0.0
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    fuse.main()
    augment()
    system = CatalogueIndex(load_params())
    title = system.listings.title[system.row_of["p00a"]]
    table = f"posting_id,title,image\nz0,,p00a.png\nz1,{title},p00a.png\n".encode()

    def matches(content):
        _, rows = match_table(system, content, "new.csv", Path("shop/images"), Quarantine(), system.params)
        return [(row["query"], row["match"], row["score"]) for row in rows.to_pylist()]

    both = matches(table)
    assert both
    assert both == matches(b"\n".join([table.split(b"\n")[0], table.split(b"\n")[2]]))
    picture = read_query_listing("", Path("shop/images/p00a.png").read_bytes(), system.params.data)
    assert answers.search_catalogue(system, picture, 3)["results"] == []
    assert answers.match_listings(system, picture, picture)["score"] is None


def test_a_catalogue_without_a_weighted_channel_cannot_be_asked(shop_copy, monkeypatch):
    fused = read_fused(artefacts.FUSED)
    nothing = replace(fused, vectors=fused.vectors[:, :0])
    monkeypatch.setattr("samesku.app.catalogue_index.read_fused", lambda folder: nothing)
    with pytest.raises(InputError, match="no listing of the catalogue has a row of the channels"):
        CatalogueIndex(load_params())
