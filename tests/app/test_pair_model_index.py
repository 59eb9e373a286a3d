"""The system that answers, and the answers of the pair model: those of the run for listings of the catalogue."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

import samesku
from samesku import artefacts
from samesku.app import answers
from samesku.app.add import match_table
from samesku.app.cli import app
from samesku.app.open_index import open_index, rank_systems
from samesku.app.query_listing import QueryListing
from samesku.app.text import match_text, search_text
from samesku.catalogue.quarantine import Quarantine
from samesku.errors import InputError
from samesku.pairs.outputs import NO_MODEL
from samesku.params import load_params, read_params
from tests.fixtures import small_shop

RUN = CliRunner()
MODELS = artefacts.MODELS / "rerank/full"
RESULT = {"match": False, "score": 1.0, "posting_id": "a", "title": "a", "source": "", "attributes": []}


@pytest.fixture
def index(reranked):
    return open_index(load_params(), system="rerank")


def set_f1(system, f1):
    """Give a system another val f1 in the full gallery."""
    path = artefacts.PREDICTIONS / system / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["val_full"]["f1"] = f1
    path.write_text(json.dumps(metrics))


def set_system(name):
    params = read_params(Path("params.yaml"))
    params["app"] = {"system": name}
    with open("params.yaml", "w") as file:
        yaml.safe_dump(params, file, sort_keys=False)


def test_pairs_of_the_catalogue_score_as_in_the_run(index):
    table = pq.read_table("data/predictions/rerank/matches.parquet").to_pylist()
    assert len(table) > 10
    for row in table:
        answer = answers.match_listings(
            index, *(index.query_listing(row[side]) for side in ("query", "match"))
        )
        assert answer["score"] == pytest.approx(row["score"], abs=1e-5)
        comparison = index.compare_rows(*(index.row_of[row[side]] for side in ("query", "match")))
        moves = {name: move for name, move in row.items() if name.startswith("why_")}
        assert comparison.reasons == pytest.approx(
            {name.removeprefix("why_"): move for name, move in moves.items()}, abs=1e-3
        )
        base, *others = answer["reasons"]
        assert base[0] == "base"
        assert others == sorted(others, key=lambda reason: -abs(reason[1]))
        assert sum(move for _, move in answer["reasons"]) == pytest.approx(
            sum(comparison.reasons.values()), abs=0.01 * len(answer["reasons"])
        )
        assert answer["system"] == "rerank"
        cosines = {name: row[name] for name in answer["channels"]}
        shown = {name: channel["similarity"] for name, channel in answer["channels"].items()}
        for name, cosine in cosines.items():
            assert shown[name] == (None if np.isnan(cosine) else pytest.approx(cosine, abs=1e-5))


def test_a_pair_that_was_no_candidate_is_scored_all_the_same(index):
    run, ids = index.catalogue.run, index.listings.posting_id
    n = len(index)
    absent = [(a, b) for a in range(n) for b in range(a + 1, n) if run.find(a, b) is None]
    assert absent
    answer = answers.match_listings(index, *(index.query_listing(ids[row]) for row in absent[0]))
    assert answer["score"] is None or 0 <= answer["score"] <= 1
    index.compare_rows(*absent[0][::-1])


def test_a_copy_of_a_listing_finds_it_and_its_product(index):
    query = index.query_listing("p00a")
    answer = answers.search_catalogue(index, query, 10)
    assert answer["system"] == "rerank"
    scores = [result["score"] for result in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert "p00a" in {result["posting_id"] for result in answer["results"]}
    for result in answer["results"]:
        assert result["match"] == (result["score"] >= answer["threshold"])
    assert any(result["reasons"] for result in answer["results"])
    fewer = answers.search_catalogue(index, query, 2)["results"]
    assert fewer == answer["results"][:2]


def test_the_reasons_of_a_new_pair_sum_to_its_log_odds(index):
    left = index.query_listing("p00a")
    new = answers.QueryListing(left.title, left.image, left.image_phash, left.jpeg)
    comparison, threshold = index.compare(new, index.query_listing("p00b"))
    calibration = index.catalogue.model.calibration
    log_odds = np.log(comparison.score / (1 - comparison.score))
    total = calibration.slope * sum(comparison.reasons.values()) + calibration.intercept
    assert log_odds == pytest.approx(total, abs=1e-3)
    both_new, _ = index.compare(new, new)
    assert both_new.score is not None
    assert threshold == index.static_threshold


def test_new_listings_of_a_table(reranked, tmp_path):
    rows = [row | {"posting_id": f"new{row['posting_id']}"} for row in small_shop.rows()[:6]]
    outs = []
    for order in (1, -1):
        small_shop.write_csv(tmp_path / "new.csv", rows[::order])
        arguments = ["add", str(tmp_path / "new.csv"), "--images=shop/images", "--system=rerank", "--out"]
        done = RUN.invoke(app, [*arguments, str(tmp_path / "out")])
        assert done.exit_code == 0, done.output
        outs.append([(tmp_path / "out" / name).read_bytes() for name in ("matches.csv", "matches.parquet")])
    assert outs[0] == outs[1]
    table = pq.read_table(tmp_path / "out/matches.parquet")
    assert {"why_base", "why_fused", "why_support", "score", "new"} <= set(table.column_names)
    threshold = json.loads((MODELS / "asking.json").read_text())["threshold"]
    assert min(table["score"].to_pylist(), default=1) >= threshold - 1e-6


def test_the_best_on_val_answers_and_says_so(reranked_copy, capsys):
    set_f1("samesku", 0.5)
    set_f1("rerank", 0.6)
    assert open_index(load_params()).name == "rerank"
    assert capsys.readouterr().err == (
        "samesku: rerank answers; val f1 0.6000 in the full gallery, the highest of 2\n"
    )
    assert list(rank_systems()) == ["rerank", "samesku"]
    set_f1("rerank", 0.4)
    assert open_index(load_params()).name == "samesku"
    set_system("rerank")
    assert open_index(load_params()).name == "rerank"
    assert capsys.readouterr().err.endswith("samesku: rerank answers; by app.system\n")
    assert samesku.load(".", system="samesku").system == "samesku"
    assert samesku.load(".").system == "rerank"


def test_a_system_that_cannot_be_asked_gives_way_or_is_refused(reranked_copy, capsys):
    set_system("rerank")
    (MODELS / "asking.json").unlink()
    assert open_index(load_params()).name == "samesku"
    assert "not rerank: data/models/rerank/full/asking.json is missing" in capsys.readouterr().err
    for system, sentence in (
        ("rerank", "asking.json is missing; run `dvc repro rerank`"),
        ("tuned", "tuned was not run on this sample; run `dvc repro tune`"),
        ("phash", "system is 'phash'; allowed: samesku, tuned, rerank"),
    ):
        with pytest.raises(InputError, match=sentence):
            open_index(load_params(), system=system)


def test_a_run_without_a_pair_model_says_why(reranked_copy):
    path = artefacts.PREDICTIONS / "rerank/metrics.json"
    metrics = json.loads(path.read_text())
    path.write_text(json.dumps(metrics | {"model": {"full": f"{NO_MODEL}too few labels"}}))
    (MODELS / "asking.json").unlink()
    with pytest.raises(InputError, match=r"^rerank has no pair model: too few labels$"):
        open_index(load_params(), system="rerank")


def test_a_sample_of_another_catalogue_is_not_asked_by_the_embeddings_of_the_last(shop_copy):
    table = pq.read_table(artefacts.LISTINGS)
    pq.write_table(table.take(list(range(len(table)))[::-1]), artefacts.LISTINGS)
    with pytest.raises(InputError, match=r"samesku was not run on this sample; run `dvc repro`$"):
        open_index(load_params(), system="samesku")


def test_where_no_score_is_a_match_the_text_says_so():
    answer = {
        "score": 1.0,
        "threshold": 1.000001,
        "same": False,
        "rule": None,
        "system": "samesku",
        "instead_of": None,
    }
    answer |= {"channels": {}, "reasons": [], "conflicts": [], "attributes": []}
    assert match_text(answer, "a", "a").startswith(
        "not the same product: score 1.0000, and no score is a match"
    )
    assert "no score is a match" in search_text({**answer, "results": [RESULT]})


def test_a_system_that_was_skipped_says_why(reranked_copy):
    shutil.rmtree(artefacts.PREDICTIONS / "rerank")
    artefacts.write_skipped(artefacts.PREDICTIONS / "rerank", "val has no labels")
    with pytest.raises(InputError, match=r"^rerank was skipped: val has no labels$"):
        open_index(load_params(), system="rerank")


def test_what_was_made_with_other_weights_is_refused(reranked_copy):
    params = read_params(Path("params.yaml"))
    params["rerank"]["fusion"]["alpha"] = 0.25
    (reranked_copy / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(InputError, match=r"other weights than rerank\.fusion"):
        open_index(load_params(), system="rerank")


def test_the_text_says_which_system_answers(reranked):
    titles = ["--title=oil best 250 ml seri 0", "--title=oil super 250 ml seri 0"]
    for system in ("samesku", "rerank"):
        matched = RUN.invoke(app, ["match", *titles, f"--system={system}"])
        assert f", by {system}" in matched.stdout
        searched = RUN.invoke(app, ["search", titles[0], f"--system={system}"])
        assert f"* match by {system}: score ≥" in searched.stdout
    answer = json.loads(RUN.invoke(app, ["match", *titles, "--system=rerank", "--json"]).stdout)
    families = [family for family, _ in answer["reasons"]]
    assert "missing" in families
    assert not {"picture", "pxk_image", "cnn", "phash"} & set(families)  # neither has a picture
    words = [
        f"{'what one of the two lacks' if f == 'missing' else f} {move:+.2f}"
        for f, move in answer["reasons"][1:5]
    ]
    assert f"what moved the log-odds: {', '.join(words)}" in matched.stdout
    refused = RUN.invoke(app, ["search", titles[0], "--system=phash"])
    assert refused.exit_code == 2
    assert "allowed: samesku, tuned, rerank" in refused.output


def test_a_copy_of_a_listing_matches_it_where_the_model_has_seen_no_copies(index, monkeypatch):
    monkeypatch.setattr(
        "samesku.pairs.new_pairs.mean_log_odds", lambda *_: -9.0
    )  # the model finds them unlike
    given = index.query_listing("p00a")
    copy = QueryListing(given.title, given.image, given.image_phash, given.jpeg)
    assert not index._has_labelled_copies
    best = answers.search_catalogue(index, copy, 3)["results"][0]
    assert (best["posting_id"], best["score"], best["match"]) == ("p00a", 1.0, True)
    assert best["reasons"] == [["copy", 1.0]]
    answer = answers.match_listings(index, copy, copy)
    assert (answer["same"], answer["score"]) == (True, 1.0)
    other = QueryListing(given.title + " refill", given.image, given.image_phash, given.jpeg)
    assert not answers.match_listings(index, copy, other)["same"]
    index.__dict__["_has_labelled_copies"] = True  # then the model knows what they are
    assert not answers.match_listings(index, copy, copy)["same"]


def test_a_question_without_a_title_goes_to_the_main_system_where_every_listing_has_one(index):
    """The model has learned from no pair that lacks a title, and takes that for a difference."""
    given = index.query_listing("p00a")
    picture = QueryListing("", given.image, given.image_phash, given.jpeg)
    assert answers.search_catalogue(index, picture, 3)["system"] == "rerank"  # some have none in this shop
    index._has_nearly_all.update(title=True)
    found = answers.search_catalogue(index, picture, 3)
    assert (found["system"], found["instead_of"]) == ("samesku", "rerank")
    assert "* match by samesku (rerank judges listings with a title and a picture" in search_text(found)
    assert found["results"][0]["posting_id"] == "p00a"
    main = open_index(load_params(), system="samesku")
    assert found | {"instead_of": None} == answers.search_catalogue(main, picture, 3)
    assert answers.match_listings(index, picture, given)["system"] == "samesku"
    assert answers.match_listings(index, given, given)["system"] == "rerank"
    assert index.fallback.encoders.encoder("cnn") is index.encoders.encoder("cnn")


def test_listings_of_a_table_are_each_matched_by_the_system_that_can_judge_them(index, tmp_path, capsys):
    given = index.query_listing("p00a")
    Path(tmp_path / "p.jpg").write_bytes(given.jpeg)
    table = f"posting_id,title,image\nz1,{given.title},p.jpg\nz0,,p.jpg\n"
    (tmp_path / "new.csv").write_text(table)
    index._has_nearly_all.update(title=True)

    def matches(system):
        _, rows = match_table(system, table.encode(), "new.csv", tmp_path, Quarantine(), system.params)
        return rows.to_pylist()

    rows = matches(index)
    alone = {name: matches(system) for name, system in {"rerank": index, "samesku": index.fallback}.items()}
    assert "without a title or a picture: 1, matched by samesku" in capsys.readouterr().err
    by_main = [row for row in alone["samesku"] if row["query"] == "z0"]
    assert by_main
    mine = [row for row in rows if row["query"] == "z0"]
    assert [(row["match"], row["score"]) for row in mine] == [(row["match"], row["score"]) for row in by_main]
    order = [row["query"] for row in rows]
    assert order == sorted(order, key=["z0", "z1"].index)
    assert all(row["why_base"] is not None for row in rows if row["query"] == "z1")
