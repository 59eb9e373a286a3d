"""What is asked about listings of the catalogue is answered as the pipeline has it, to 1e-5."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from samesku import artefacts
from samesku import params as settings
from samesku.app import answers
from samesku.app.cli import app
from samesku.app.given import read_listing
from samesku.app.indexed import Indexed
from samesku.errors import InputError
from samesku.params import Decision
from tests.conftest import ROOT

RUN = CliRunner()


@pytest.fixture
def indexed(shop):
    return Indexed(settings.load())


@pytest.fixture
def listings(shop):
    return {row["posting_id"]: row for row in pq.read_table(artefacts.LISTINGS).to_pylist()}


@pytest.fixture
def scores(shop, indexed):
    """(query, neighbour) -> the pipeline's score; k is larger than the catalogue."""
    table = pq.read_table("data/neighbours/full.parquet").to_pylist()
    return {(indexed.ids[r["query"]], indexed.ids[r["neighbour"]]): r["score"] for r in table}


def given(listing, shop, without=()):
    """A listing of the catalogue from its source, as a person would give it."""
    data = (shop / "shop/images" / listing["image"]).read_bytes() if listing["image"] else None
    title = "" if "title" in without else listing["title"]
    return read_listing(title, None if "image" in without else data, settings.load().data)


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
def test_two_listings_of_the_catalogue_score_as_in_the_pipeline(left, right, indexed, listings, scores, shop):
    found = answers.match(indexed, *(given(listings[name], shop) for name in (left, right)))
    expected = scores.get((left, right))
    if expected is None:
        assert (left, right) == ("p03b", "p04a")
        assert found["score"] is None
        assert not found["same"]
    else:
        assert found["score"] == pytest.approx(expected, abs=1e-5)
        assert found["same"] == (expected >= found["threshold"])
    rows = [indexed.row[name] for name in (left, right)]
    for name, said in found["channels"].items():
        one, two = (indexed.stored[name][row] for row in rows)
        if one.any() and two.any():
            assert said["similarity"] == pytest.approx(float(one @ two), abs=1e-5)
        else:
            assert said == {"similarity": None, "weight": None}
    weights = [said["weight"] for said in found["channels"].values() if said["weight"] is not None]
    assert sum(weights) == pytest.approx(1 if expected is not None else 0, abs=1e-5)
    # of the stored rows likewise, which is what the review shows
    assert answers.pair(indexed, *rows)["score"] == pytest.approx(found["score"], abs=1e-5)


def test_a_search_finds_what_the_pipeline_finds(indexed, listings, scores, shop):
    submission = dict(
        line.split(",")
        for line in (shop / "data/predictions/samesku/submission.csv").read_text().splitlines()
    )
    for name in ("p00a", "p03b", "p04a"):
        found = answers.search(indexed, given(listings[name], shop), len(indexed.ids))["results"]
        by_id = {one["posting_id"]: one for one in found}
        assert by_id.pop(name)["score"] == pytest.approx(1, abs=1e-5)
        assert {other: one["score"] for other, one in by_id.items()} == pytest.approx(
            {other: score for (query, other), score in scores.items() if query == name}, abs=1e-5
        )
        assert {other for other, one in by_id.items() if one["match"]} | {name} == set(
            submission[name].split()
        )
        assert [one["score"] for one in found] == sorted((one["score"] for one in found), reverse=True)


def test_one_modality_alone_is_searched_on_what_is_there(indexed, listings, shop):
    found = answers.search(indexed, given(listings["p00a"], shop, without=("image",)), 5)["results"]
    assert len(found) == 5
    assert found[0]["posting_id"] == "p00a"
    assert found[0]["channels"]["cnn"]["similarity"] is None


def test_contradicting_quantities_are_shown_where_they_stand(indexed):
    left, right = (
        read_listing(title, None, indexed.settings.data) for title in ("oil 500 ml", "oil 1 l new")
    )
    (one,) = answers.match(indexed, left, right)["conflicts"]
    assert [left.title[start:stop] for start, stop in one["left"]] == ["500 ml"]
    assert [right.title[start:stop] for start, stop in one["right"]] == ["1 l"]


def test_a_dynamic_decision_asks_for_the_threshold_of_either_side(indexed, listings, shop, scores):
    changed = indexed.settings.model_copy(update={"decision": Decision(kind="dynamic", value=1.0)})
    indexed.settings, indexed.threshold = changed, 1.0
    new = indexed.embed_given([given(listings[name], shop) for name in ("p00a", "p00b")])
    k = changed.index.k
    expected = []
    for name in ("p00a", "p00b"):  # as new listings, each has its old self among its neighbours
        own = [1.0, *(score for (query, _), score in scores.items() if query == name)]
        top = np.sort(own)[::-1][:k]
        expected.append(top.mean() + top.std())
    assert indexed.threshold(new) == pytest.approx(min(expected), abs=1e-5)


def test_what_was_made_with_other_params_is_refused(own_shop):
    def with_params(change):
        params = yaml.safe_load((own_shop / "params.yaml").read_text())
        change(params)
        (own_shop / "changed.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
        return settings.load("changed.yaml")

    with pytest.raises(InputError, match=r"other weights than params.yaml has; run `dvc repro`"):
        Indexed(with_params(lambda params: params["fusion"].update(alpha=0.5)))
    other = Indexed(with_params(lambda params: params["channels"]["phash"].update(dim=128)))
    with pytest.raises(InputError, match=r"channel phash has 128 columns by params\.yaml"):
        other.embed_given([read_listing("", picture_bytes(own_shop), other.settings.data)])
    with pytest.raises(InputError, match=r"index\.blend\.steps is 1"):
        Indexed(with_params(lambda params: params["index"]["blend"].update(steps=1)))
    artefacts.METRICS.joinpath("samesku.json").unlink()
    with pytest.raises(InputError, match=r"metrics/samesku.json is missing; run `dvc repro evaluate`"):
        Indexed(settings.load())


def picture_bytes(folder):
    return (folder / "shop/images/p00a.png").read_bytes()


def test_the_command_answers_in_words_and_as_json(shop):
    images = [f"--image=shop/images/{name}.png" for name in ("p00a", "p00b")]
    titles = ["--title", "oil 250 ml", "--title", "oil 500 ml"]
    told = RUN.invoke(app, ["match", *images, *titles])
    assert told.exit_code == 0, told.output
    assert "conflict: 250 ml | 500 ml" in told.output
    found = json.loads(RUN.invoke(app, ["match", *images, *titles, "--json"]).output)
    assert list(found) == ["same", "score", "threshold", "channels", "conflicts"]
    assert f"score {found['score']:.4f}" in told.output
    one = json.loads(RUN.invoke(app, ["match", images[0], "--image=", *titles, "--json"]).output)
    assert one["channels"]["cnn"]["similarity"] is None  # the second has no picture


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
        (["search", "--image", "params.yaml"], "--image params.yaml: not a picture of a known format"),
        (["add", "none.csv"], "none.csv cannot be read"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(shop, arguments, sentence):
    found = RUN.invoke(app, arguments)
    assert found.exit_code == 2
    assert sentence in found.output
    assert len(found.output.strip().splitlines()) == 1


def test_a_command_imports_what_it_needs_alone():
    code = (
        "import sys; from typer.testing import CliRunner; from samesku.app.cli import app; "
        "done = CliRunner().invoke(app, ['table']); assert done.exit_code == 0, done.output; "
        "print(sorted({'torch', 'timm', 'sentence_transformers', 'pandas', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
