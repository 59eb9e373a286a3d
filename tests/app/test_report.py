"""The contents of a report, against seven listings that can be followed by hand."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import vl_convert
import yaml
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app import report_page as page
from samesku.app.cli import app
from samesku.app.report import catalogue as report_catalogue
from samesku.app.report.charts import make_charts, read_rows
from samesku.app.report.gallery import GROUPS
from samesku.app.report.pairs import describe_channels
from samesku.catalogue.images import read_thumbnails
from samesku.errors import DamagedFile, InputError
from samesku.params import load_params, read_params
from stages import evaluate, fuse, index
from tests.fixtures import two_system_predictions, val_and_test_copies


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gallery(system="halves", max_queries=100):
    """The content of the page; and id of the query -> its block, with the ids of its cards."""
    content = page.report_content(system, load_params(), max_queries)
    ids = [listing[0] for listing in content["gallery"]["listings"]]
    blocks = {ids[block["query"]]: block for block in content["gallery"]["queries"]}
    for block in blocks.values():
        block["cards"] = [card | {"listing": ids[card["listing"]]} for card in block["cards"]]
    return content, blocks


def kinds(block):
    return [(card["listing"], card["kind"]) for card in block["cards"]]


def test_the_overview_begins_with_listings_pairs_and_products(folder):
    two_system_predictions.write_shop(folder)
    content, blocks = gallery()
    pairs = {frozenset((query, card["listing"])) for query, block in blocks.items() for card in block["cards"]
             if card["kind"] in ("same", "different", "match")}  # fmt: skip
    assert [tile[:2] for tile in content["tiles"][:3]] == [
        ("listings", "7"), ("pairs that match", str(len(pairs))), ("products found", "2")
    ]  # fmt: skip


def test_each_query_has_its_matches_and_what_it_missed(folder):
    two_system_predictions.write_shop(folder)
    _, blocks = gallery()
    assert list(blocks) == ["a1", "a2", "a3", "b1", "b2", "c1", "d1"]  # test, val, train
    assert {name: kinds(block) for name, block in blocks.items()} == {
        "a1": [("a2", "same"), ("b1", "different"), ("a3", "missed")],
        "a2": [("a1", "same"), ("a3", "missed")],
        "a3": [("a2", "missed"), ("a1", "missed")],  # the more similar first
        "b1": [("d1", "match"), ("b2", "missed")],  # d1 has no label: neither correct nor wrong
        "b2": [("b1", "missed")],
        "c1": [],
        "d1": [],
    }
    assert {name: block.get("f1") for name, block in blocks.items()} == {
        "a1": round(2 * 2 / (3 + 3), 4), "a2": round(2 * 2 / (2 + 3), 4), "a3": 2 / (1 + 3),
        "b1": 2 / (2 + 2), "b2": round(2 / (1 + 2), 4), "c1": 1, "d1": None,
    }  # fmt: skip
    assert {name: block["views"] for name, block in blocks.items()} == {
        "a1": ["all", "wrong", "missed"], "a2": ["all", "missed"], "a3": ["all", "missed", "none"],
        "b1": ["all", "missed"], "b2": ["all", "missed", "none"], "c1": ["all", "correct", "none"],
        "d1": ["all", "none"],
    }  # fmt: skip
    assert [GROUPS[blocks[name]["group"]] for name in ("a1", "b1", "c1", "d1")] == ["3–5", "2", "1", "1"]


def test_a_score_is_the_sum_of_what_its_channels_add_also_where_it_was_missed(folder):
    two_system_predictions.write_shop(folder)
    content, blocks = gallery()
    weights = [channel["weight"] for channel in content["gallery"]["channels"]]
    assert weights == [0.5, 0.5]
    cos = np.cos(np.radians([10, 20, 40])).round(3)
    match, _, missed = blocks["a1"]["cards"]
    assert match["cosines"] == [cos[0], cos[1]]
    assert match["score"] == pytest.approx((cos[0] + cos[1]) / 2, abs=1e-3)
    assert missed["cosines"] == [cos[1], cos[2]]
    assert missed["score"] == pytest.approx((cos[1] + cos[2]) / 2, abs=1e-3)
    alone = blocks["b1"]["cards"][0]  # d1 has no title
    assert alone["cosines"] == [pytest.approx(np.cos(np.radians(30)), abs=1e-3), None]
    assert alone["score"] == pytest.approx(np.cos(np.radians(30)), abs=1e-3)


def test_weights_are_shares_of_the_channels_that_are_there(folder):
    two_system_predictions.write_shop(folder)
    described = describe_channels(["sbert", "tfidf", "cnn"], load_params(), {"sbert": 0.03, "tfidf": 0.27})
    assert [channel["weight"] for channel in described] == pytest.approx([0.1, 0.9, 0.0])
    assert describe_channels(["sbert"], load_params(), {"sbert": 0.0})[0]["weight"] is None


def test_weights_that_do_not_give_the_scores_explain_nothing(folder):
    two_system_predictions.write_shop(folder)
    params = read_params(folder / "params.yaml")
    params["compare"]["halves"]["alpha"] = 0.4  # changed since the system ran
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    content, blocks = gallery()
    assert [channel["weight"] for channel in content["gallery"]["channels"]] == [None, None]
    missed = blocks["a1"]["cards"][2]
    assert "score" not in missed
    assert len(missed["cosines"]) == 2


def test_conflicting_numbers_are_marked_at_their_places_in_both_titles(folder):
    two_system_predictions.write_shop(folder)
    _, blocks = gallery()
    card = blocks["a1"]["cards"][0]
    (conflict,) = card["conflicts"]
    assert [two_system_predictions.HOSTILE[start:stop] for start, stop in conflict["left"]] == ["500 ml"]
    right = two_system_predictions.LISTINGS["a2"][2]
    assert [right[start:stop] for start, stop in conflict["right"]] == ["250 ml"]
    assert blocks["b2"]["cards"][0]["conflicts"] == [{"left": [[4, 7]], "right": [[4, 8]]}]  # A13, A-12
    assert "conflicts" not in blocks["a1"]["cards"][2]


def test_clerical_review_is_shown_with_its_probabilities_and_reasons(folder):
    two_system_predictions.write_shop(folder)
    two_system_predictions.write_pair_model(folder)
    content, blocks = gallery("pair_model")
    assert kinds(blocks["a1"]) == [("a2", "same"), ("a3", "same"), ("c1", "review")]
    assert [card.get("review") for card in blocks["a1"]["cards"][:2]] == [None, 1]
    assert content["gallery"]["families"] == ["base", "words", "cnn"]
    assert blocks["a1"]["cards"][0]["reasons"] == [-1.0, 0.25, 1.5]
    assert blocks["a1"]["cards"][1]["reasons"] == [-1.0, -2.0, 0.5]
    assert blocks["a1"]["cards"][2]["score"] == 0.3
    # a missed pair of one product that is in review is shown once, as missed; from either side
    assert kinds(blocks["a2"]) == [("a3", "missed"), ("a1", "missed")]
    assert (blocks["a2"]["cards"][0]["score"], blocks["a2"]["cards"][0]["review"]) == (0.4, 1)
    assert "score" not in blocks["a2"]["cards"][1]
    assert kinds(blocks["c1"]) == [("a1", "review")]
    assert kinds(blocks["d1"]) == [("b1", "review")]
    assert "review" in blocks["d1"]["views"]
    assert "review" not in blocks["b2"]["views"]
    assert content["gallery"]["score"] == "probability"


def test_without_labels_and_pictures(folder):
    two_system_predictions.write_shop(folder, labels=False, pictures=False)
    content, blocks = gallery()
    assert kinds(blocks["a1"]) == [("a2", "match"), ("b1", "match")]
    assert all("f1" not in block for block in blocks.values())
    assert {flag for block in blocks.values() for flag in block["views"]} == {"all", "none"}
    assert content["systems"] == content["charts"] == []
    assert content["pictures"] == [None] * 7
    assert not content["gallery"]["labelled"]
    page.write_report("halves", folder / "report.html", 3000)


def test_f1_and_shares_are_those_of_the_pipeline(folder):
    val_and_test_copies.write(folder, params={"decision.value": 0.7, "fusion.alpha": 0.5})
    for stage in (fuse, index, evaluate):
        stage.main()
    content, blocks = gallery("samesku")
    queries = pd.read_parquet(artefacts.PREDICTIONS / "samesku/queries.parquet").query("gallery == 'full'")
    assert {name: block["f1"] for name, block in blocks.items()} == pytest.approx(
        dict(zip(queries["query"], queries["f1"], strict=True)), abs=1e-4
    )
    weight = {channel["name"]: channel["weight"] for channel in content["gallery"]["channels"]}
    assert weight == {"cnn": 0.5, "sbert": 0.5}  # no listing has a hash or a TF-IDF row
    assert [chart["id"] for chart in content["charts"]] == [
        "threshold",
        "precision-recall",
        "scores",
        "strata",
    ]


def test_the_limit_of_queries_leaves_out_train_first(folder, monkeypatch):
    two_system_predictions.write_shop(folder)
    content, blocks = gallery(max_queries=4)
    assert list(blocks) == ["a1", "a2", "a3", "b1"]
    shown = [listing[0] for listing in content["gallery"]["listings"]]
    # the listings of their cards come after them, then those of the products
    assert shown == ["a1", "a2", "a3", "b1", "d1", "b2", "c1"]
    assert content["gallery"]["total"] == 7
    webps = read_thumbnails(artefacts.THUMBNAILS)
    assert base64.b64decode(content["pictures"][4]) == webps[6]
    monkeypatch.setattr(
        report_catalogue, "MAX_PICTURE_CHARACTERS", sum(len(text) for text in content["pictures"][:3])
    )
    few, _ = gallery(max_queries=4)
    assert few["pictures"] == [*content["pictures"][:3], None, None, None, None]


class Scripts(HTMLParser):
    """The scripts of a page, and every address in its tags."""

    def __init__(self):
        super().__init__()
        self.scripts, self.addresses, self.inside = [], [], None

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        if tag == "script":
            self.scripts.append([dict(attrs).get("id"), ""])
        self.addresses += [value for key, value in attrs if key in ("src", "href")]

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1][1] += data


def test_a_hostile_title_stays_text_and_the_page_needs_no_other_file(folder):
    two_system_predictions.write_shop(folder)
    assert "7 queries of halves" in page.write_report("halves", folder / "report.html", 3000)
    text = (folder / "report.html").read_text("utf-8")
    assert "window.hacked" in text
    assert "<script>window.hacked" not in text
    assert "<img src=x" not in text
    parser = Scripts()
    parser.feed(text)
    data = dict(parser.scripts)
    assert json.loads(data["gallery-data"])["listings"][0][1] == two_system_predictions.HOSTILE
    assert len(json.loads(data["picture-data-0"])) == 7
    assert len(parser.scripts) == 13
    assert all(address.startswith(("#", "data:")) for address in parser.addresses)


def test_the_table_holds_every_system_with_its_interval_best_first(folder):
    two_system_predictions.write_shop(folder)
    two_system_predictions.write_pair_model(folder)
    better = json.loads((folder / "data/predictions/pair_model/metrics.json").read_text())
    better["test"]["f1"] = 0.75
    (folder / "data/predictions/pair_model/metrics.json").write_text(json.dumps(better))
    artefacts.write_skipped(folder / "data/predictions/skipped", "no labels")
    page.write_report("pair_model", folder / "report.html", 3000)
    text = (folder / "report.html").read_text("utf-8")
    rows = re.findall(r'<th scope="row">([^<]+)</th>(.*?)</tr>', text, re.S)
    assert [name for name, _ in rows] == [
        "pair_model",
        "picture and meaning of the title (halves)",
        "nothing matched",
    ]
    for figure in (
        "0.7000",
        "+0.2000",
        "0.5500",
        "+0.0500",
        "0.7100",
        "0.600–0.800",
        "0.4000",
        "0.7500",
        "0.6500",
    ):
        assert figure in rows[1][1]
    assert "0.5000" in rows[2][1]
    assert "score ≥ 0.6100" in text


def test_the_table_has_no_system_that_params_lack_and_none_of_another_sample(folder):
    two_system_predictions.write_shop(folder)
    two_system_predictions.write_pair_model(folder)  # no system of params.yaml
    assert [row["name"] for row in page.report_content("halves", load_params(), 10)["systems"]] == ["halves"]
    metrics = folder / "data/predictions/halves/metrics.json"
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"sample": "another"}))
    systems = page.report_content("pair_model", load_params(), 10)["systems"]
    assert [row["name"] for row in systems] == ["pair_model"]


@pytest.mark.parametrize("system", ["halves", "pair_model"])
def test_vega_draws_every_chart(folder, system):
    two_system_predictions.write_shop(folder)
    two_system_predictions.write_pair_model(folder)
    (folder / "data/tuned").mkdir()
    (folder / "data/tuned/alpha.csv").write_text("alpha,val_f1,test_f1\n0.0,0.5,0.4\n1.0,0.6,\n")
    content = page.report_content(system, load_params(), 10)
    plots = artefacts.PREDICTIONS / system / "plots"
    charts = make_charts(plots, content["metrics"], False, artefacts.TUNED / "alpha.csv", 0.6)
    names = ["threshold", "alpha", "precision-recall", "scores", "strata", "importance"]
    assert [chart["id"] for chart in charts] == names
    for chart in charts:
        drawn = json.dumps(chart["spec"]).replace('"$', '"#')
        svg = vl_convert.vegalite_to_svg(re.sub(r'"#[a-z]+"', '"#123456"', drawn))
        assert svg.count("<path") > 3, chart["id"]


def test_what_cannot_be_shown_is_one_sentence(folder):
    two_system_predictions.write_shop(folder)
    result = CliRunner().invoke(app, ["report", "nobody"])
    assert result.exit_code == 2
    assert "samesku report: data/predictions/nobody/matches.parquet is missing" in result.output
    assert not (folder / "report.html").exists()
    two_system_predictions.write_system(
        folder, "unknown_match", [*two_system_predictions.LISTINGS], [("a1", "a2")]
    )
    table = pd.read_parquet(artefacts.PREDICTIONS / "unknown_match/matches.parquet")
    table.assign(match="z9").to_parquet(artefacts.PREDICTIONS / "unknown_match/matches.parquet")
    with pytest.raises(InputError, match="'z9' of the predictions is not in the sample"):
        page.write_report("unknown_match", folder / "report.html", 3000)
    (folder / artefacts.LISTINGS).unlink()
    with pytest.raises(InputError, match=r"listings\.parquet is missing"):
        page.write_report("halves", folder / "report.html", 3000)


def test_the_command_writes_to_out_and_prints_its_address(folder):
    two_system_predictions.write_shop(folder)
    result = CliRunner().invoke(app, ["report", "halves", "--out", "here.html", "--queries", "2"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("2 queries of halves")
    assert (folder / "here.html").resolve().as_uri() in result.output.replace("\n", "")


def test_a_damaged_csv_of_plots_is_named(tmp_path):
    file = tmp_path / "strata.csv"
    file.write_bytes(b"listings,f1\n2,\xff\n")
    with pytest.raises(DamagedFile, match=r"strata\.csv is damaged \(.*; run `dvc repro`"):
        read_rows(file)
