"""Queries with listings of the catalogue get the scores of the pipeline, to 1e-5."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app import answers
from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.cli import app
from samesku.app.query_listing import read_query_listing
from samesku.errors import InputError
from samesku.params import Decision, load_params, read_params
from tests.conftest import ROOT

RUN = CliRunner()


@pytest.fixture
def index(shop):
    return CatalogueIndex(load_params())


@pytest.fixture
def listings(shop):
    return {row["posting_id"]: row for row in pq.read_table(artefacts.LISTINGS).to_pylist()}


@pytest.fixture
def scores(shop, index):
    """(query, neighbour) -> the score of the pipeline; k is larger than the catalogue."""
    table = pq.read_table("data/neighbours/full.parquet").to_pylist()
    ids = index.listings.posting_id
    return {(ids[r["query"]], ids[r["neighbour"]]): r["score"] for r in table}


def query(listing, shop, without=()):
    """A listing of the catalogue as a query, made from its source."""
    data = (shop / "shop/images" / listing["image"]).read_bytes() if listing["image"] else None
    title = "" if "title" in without else listing["title"]
    return read_query_listing(title, None if "image" in without else data, load_params().data)


PAIRS = [
    ("p00a", "p00b"),  # both have both
    ("p00a", "p01c"),
    ("p04a", "p04b"),  # a title alone, and both
    ("p03b", "p03a"),  # a picture alone, and both
    ("p03b", "p10a"),  # two pictures
    ("p04a", "p11b"),  # two titles
    ("p03b", "p04a"),  # nothing in common
]


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_two_listings_of_the_catalogue_score_as_in_the_pipeline(left, right, index, listings, scores, shop):
    answer = answers.match_listings(index, *(query(listings[name], shop) for name in (left, right)))
    expected = scores.get((left, right))
    if expected is None:
        assert (left, right) == ("p03b", "p04a")
        assert answer["score"] is None
        assert not answer["same"]
    else:
        assert answer["score"] == pytest.approx(expected, abs=1e-5)
        assert answer["same"] == (expected >= answer["threshold"])
    rows = [index.row_of[name] for name in (left, right)]
    for name, channel in answer["channels"].items():
        left_row, right_row = (index.channels[name][row] for row in rows)
        if left_row.any() and right_row.any():
            assert channel["similarity"] == pytest.approx(float(left_row @ right_row), abs=1e-5)
        else:
            assert channel == {"similarity": None, "weight": None}
    weights = [channel["weight"] for channel in answer["channels"].values() if channel["weight"] is not None]
    assert sum(weights) == pytest.approx(1 if expected is not None else 0, abs=1e-5)
    # the stored rows, which the review shows, give the same score
    assert answers.explain_pair(index, *rows)["score"] == pytest.approx(answer["score"], abs=1e-5)


def test_a_search_finds_what_the_pipeline_finds(index, listings, scores, shop):
    submission = dict(
        line.split(",")
        for line in (shop / "data/predictions/samesku/submission.csv").read_text().splitlines()
    )
    for name in ("p00a", "p03b", "p04a"):
        results = answers.search_catalogue(index, query(listings[name], shop), len(index))["results"]
        by_id = {result["posting_id"]: result for result in results}
        assert by_id.pop(name)["score"] == pytest.approx(1, abs=1e-5)
        assert {posting_id: result["score"] for posting_id, result in by_id.items()} == pytest.approx(
            {match: score for (posting_id, match), score in scores.items() if posting_id == name}, abs=1e-5
        )
        matches = {posting_id for posting_id, result in by_id.items() if result["match"]}
        assert matches | {name} == set(submission[name].split())
        in_order = [result["score"] for result in results]
        assert in_order == sorted(in_order, reverse=True)


def test_one_modality_alone_is_searched_on_that_modality(index, listings, shop):
    answer = answers.search_catalogue(index, query(listings["p00a"], shop, without=("image",)), 5)
    results = answer["results"]
    assert len(results) == 5
    assert results[0]["posting_id"] == "p00a"
    assert results[0]["channels"]["cnn"]["similarity"] is None


def test_contradicting_quantities_are_shown_at_their_places(index):
    left, right = (
        read_query_listing(title, None, index.params.data) for title in ("oil 500 ml", "oil 1 l new")
    )
    (conflict,) = answers.match_listings(index, left, right)["conflicts"]
    assert [left.title[start:stop] for start, stop in conflict["left"]] == ["500 ml"]
    assert [right.title[start:stop] for start, stop in conflict["right"]] == ["1 l"]


def test_a_dynamic_decision_takes_the_lower_threshold_of_the_two(index, listings, shop, scores):
    decision = Decision(kind="dynamic", value=1.0)
    index.params, index.decision_value = index.params.model_copy(update={"decision": decision}), 1.0
    queries = index.embed_listings([query(listings[name], shop) for name in ("p00a", "p00b")])
    k = index.params.index.k
    expected = []
    for name in ("p00a", "p00b"):  # as new listings, each has itself among its neighbours
        of_query = [1.0, *(score for (posting_id, _), score in scores.items() if posting_id == name)]
        top = np.sort(of_query)[::-1][:k]
        expected.append(top.mean() + top.std())
    assert index.pair_threshold(queries.fused) == pytest.approx(min(expected), abs=1e-5)


def test_what_was_made_with_other_params_is_refused(shop_copy):
    def with_params(change):
        params = read_params(shop_copy / "params.yaml")
        change(params)
        (shop_copy / "changed.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        return load_params("changed.yaml")

    with pytest.raises(InputError, match=r"other weights than params.yaml has; run `dvc repro`"):
        CatalogueIndex(with_params(lambda params: params["fusion"].update(alpha=0.5)))
    index = CatalogueIndex(with_params(lambda params: params["channels"]["phash"].update(dim=128)))
    picture = (shop_copy / "shop/images/p00a.png").read_bytes()
    with pytest.raises(InputError, match=r"channel phash has 128 columns by params\.yaml"):
        index.embed_listings([read_query_listing("", picture, index.params.data)])
    artefacts.METRICS.joinpath("samesku.json").unlink()
    with pytest.raises(InputError, match=r"metrics/samesku.json is missing; run `dvc repro`"):
        CatalogueIndex(load_params())


def test_the_command_answers_in_words_and_as_json(shop):
    images = [f"--image=shop/images/{name}.png" for name in ("p00a", "p00b")]
    titles = ["--title", "oil 250 ml", "--title", "oil 500 ml"]
    result = RUN.invoke(app, ["match", *images, *titles])
    assert result.exit_code == 0, result.output
    assert "conflict: 250 ml | 500 ml" in result.output
    answer = json.loads(RUN.invoke(app, ["match", *images, *titles, "--json"]).output)
    assert list(answer) == [
        "system", "instead_of", "same", "score", "threshold", "channels", "reasons", "conflicts", "attributes", "rule",
    ]  # fmt: skip
    assert f"score {answer['score']:.4f}" in result.output
    answer = json.loads(RUN.invoke(app, ["match", images[0], "--image=", *titles, "--json"]).output)
    assert answer["channels"]["cnn"]["similarity"] is None  # the right listing has no picture


def test_the_answer_no_is_no_failure(shop):
    apart = RUN.invoke(app, ["match", "--title", "oil 250 ml", "--title", "xx yy zz"])
    assert apart.exit_code == 0
    assert "not the same product" in apart.output
    nothing = RUN.invoke(
        app, ["match", "--image=shop/images/p00a.png", "--image=", "--title=", "--title", "oil"]
    )
    assert nothing.exit_code == 0
    assert "nothing in common" in nothing.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["match"], "nothing to compare"),
        (["match", "--title", "a"], "--title is given once; allowed: twice"),
        (["match", "--title", "a", "--title", ""], "listing 2 has neither a title nor a picture"),
        (["match", "--image", "none.jpg", "--image", "none.jpg"], "--image none.jpg: there is no such file"),
        (["match", "--image", "params.yaml", "--image", "params.yaml"], "not a picture of a known format"),
        (["search"], "nothing to search for"),
        (["search", "--image", "shop"], "--image shop: a folder, no plain file; allowed: a picture file"),
        (["search", "--image", "params.yaml"], "--image params.yaml: not a picture of a known format"),
        (["add", "none.csv"], "none.csv cannot be read"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(shop, arguments, sentence):
    result = RUN.invoke(app, arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_command_imports_what_it_needs_alone():
    code = (
        "import sys; from typer.testing import CliRunner; from samesku.app.cli import app; "
        "done = CliRunner().invoke(app, ['table']); assert done.exit_code == 0, done.output; "
        "print(sorted({'torch', 'timm', 'sentence_transformers', 'pandas', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
