"""A catalogue of two shops with attributes, as the commands see it: allowed pairs, rules, notes on attributes."""

import csv
import json

import pytest
import yaml
from typer.testing import CliRunner

from samesku.app.cli import app
from samesku.params import read_params
from stages import embed_zero_shot, evaluate, fuse, index, sample
from tests.conftest import ROOT

OIL, OTHER = "4006381333931", "036000291452"  # valid GTINs
ROWS = [
    # the shop `one` has oil twice; `two` has the oil, by GTIN alone, and soap under nearly the same title
    {
        "posting_id": "a1",
        "title": "sunflower oil bottle",
        "source": "one",
        "gtin": OIL,
        "brand": "Acme",
        "price": "2.50",
    },
    {
        "posting_id": "a2",
        "title": "sunflower oil bottle",
        "source": "one",
        "gtin": "",
        "brand": "Acme",
        "price": "",
    },
    {
        "posting_id": "b1",
        "title": "kitchen essentials",
        "source": "two",
        "gtin": OIL,
        "brand": "ACME",
        "price": "9.99",
    },
    {
        "posting_id": "b2",
        "title": "sunflower oil bottle",
        "source": "two",
        "gtin": OTHER,
        "brand": "Bosch",
        "price": "",
    },
    {"posting_id": "b3", "title": "blue cotton towel", "source": "two", "gtin": "", "brand": "", "price": ""},
]


RUN = CliRunner()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the main system by titles alone, with keys of `match`; the matches of each listing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    with (tmp_path / "shop/listings.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)

    def run_stages(**match):
        params = read_params(ROOT / "params.yaml")
        params["data"] |= {"source": "shop", "images": None, "n_listings": None}
        params["channels"] = {"tfidf": params["channels"]["tfidf"]}
        params |= {"train": {}, "compare": {}, "learned_fusion": {}}
        params["fusion"] |= {"alpha": 0.0, "image": {}, "title": {"tfidf": 1.0}}
        params["rerank"]["fusion"] = {"alpha": 0.0, "image": {}, "title": {"tfidf": 1.0}}
        params["decision"]["value"] = 0.6
        params["reader"]["title"] = "tfidf"
        params["match"] |= match
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
        sample.main()
        embed_zero_shot.main("tfidf")
        fuse.main()
        index.main()
        evaluate.main()
        with (tmp_path / "data/predictions/samesku/submission.csv").open(newline="") as file:
            return {row["posting_id"]: row["matches"].split()[1:] for row in csv.DictReader(file)}

    return run_stages


def answer(*arguments):
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_links_of_shops_reach_matches_and_searches(run):
    assert run() == {"a1": ["a2", "b2"], "a2": ["a1", "b2"], "b1": [], "b2": ["a1", "a2"], "b3": []}
    assert run(link="across") == {"a1": ["b2"], "a2": ["b2"], "b1": [], "b2": ["a1", "a2"], "b3": []}
    results = answer("search", "--title=sunflower oil bottle", "--source=one", "-k", "5")["results"]
    assert {result["source"] for result in results} == {"two"}
    assert run(link="within") == {"a1": ["a2"], "a2": ["a1"], "b1": [], "b2": [], "b3": []}
    assert run(link="across", one_to_one=True) == {"a1": ["b2"], "a2": [], "b1": [], "b2": ["a1"], "b3": []}


def test_equal_gtins_match_and_two_gtins_do_not(run):
    assert run(rules=True) == {"a1": ["b1", "a2"], "a2": ["a1", "b2"], "b1": ["a1"], "b2": ["a2"], "b3": []}
    found = answer("search", "--title=something else", f"--attribute=gtin={OIL}", "-k", "1")["results"]
    assert {result["posting_id"] for result in found if result["match"]} == {"a1", "b1"}


def test_people_see_where_attributes_agree_and_where_not(run):
    run()
    arguments = [
        "search",
        "--title=sunflower oil bottle",
        f"--attribute=gtin={OTHER}",
        "--attribute=brand=Acme GmbH",
    ]
    results = {result["posting_id"]: result for result in answer(*arguments, "-k", "5")["results"]}
    notes = {note["text"] for note in results["a1"]["attributes"]}
    assert any("GTIN" in note for note in notes)
    assert any("brand" in note for note in notes)
    refused = CliRunner().invoke(app, ["search", "--title=a", "--attribute=colour=red"])
    assert refused.exit_code == 2
    assert (
        "--attribute colour: allowed: NAME=VALUE, with NAME of brand, price, gtin, mpn, category"
        in refused.output
    )


def test_added_listings_match_by_rules_and_one_to_one_as_in_the_pipeline(run, tmp_path):
    """n1 has the GTIN of a1, so a1's best of the shop `three` is n1, and n2, of a1's title, is left without it."""
    settings = {"link": "across", "one_to_one": True, "rules": True}
    nothing = dict.fromkeys(ROWS[0], "")
    new = [
        nothing | {"posting_id": "n1", "title": "becher eiche", "source": "three", "gtin": OIL},
        nothing | {"posting_id": "n2", "title": "sunflower oil bottle", "source": "three"},
    ]

    def write(file, rows):
        csv.DictWriter(file, list(ROWS[0])).writerows(rows)

    run(**settings)
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.DictWriter(file, list(ROWS[0])).writeheader()
        write(file, new)
    done = RUN.invoke(app, ["add", "new.csv", "--out", "added", "--system", "samesku"])
    assert done.exit_code == 0, done.output
    with (tmp_path / "added/matches.csv").open(newline="") as file:
        added = {row["posting_id"]: row["matches"].split() for row in csv.DictReader(file)}
    with (tmp_path / "shop/listings.csv").open("a", newline="") as file:
        write(file, new)
    of_pipeline = run(**settings)
    assert {name: set(matches) for name, matches in added.items()} == {
        name: {name, *of_pipeline[name]} for name in ("n1", "n2")
    }
    assert "a1" in added["n1"]
