"""The Python API against the stages and the commands: equal answers, from a table in memory and from another folder."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

import samesku
from samesku import artefacts
from samesku.app.cli import app
from samesku.errors import InputError
from samesku.params import read_params
from samesku.params.profile import apply_profile, read_profile
from stages import embed_zero_shot, evaluate, fuse, index, sample
from tests.conftest import ROOT
from tests.fixtures import small_shop

TITLES = pd.DataFrame(
    {
        "posting_id": ["a", "b", "c"],
        "title": ["Minyak goreng 500 ml", "Minyak goreng 500ml", "Sabun mandi cair"],
    }
)


def match_titles(table, **keys):
    return samesku.match_catalogue(table, threshold=0.6, **keys)


def pairs(result):
    return sorted(zip(result.matches["query"], result.matches["match"], strict=True))


def test_importing_it_imports_no_library():
    code = "import sys, samesku; print({'numpy', 'pandas', 'torch'} & sys.modules.keys())"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
    with pytest.raises(AttributeError, match="nothing"):
        samesku.nothing  # noqa: B018


def test_its_params_are_those_of_the_profile_quick():
    content = (ROOT / "params.yaml").read_text("utf-8")
    quick = yaml.safe_load(apply_profile(content, read_profile(ROOT / "profiles", "quick")))
    given = yaml.safe_load((ROOT / "samesku/params/zero_shot.yaml").read_text("utf-8"))
    for group in set(given) - {"data", "machine"}:
        for key, value in given[group].items():
            if group == "channels":
                assert quick[group][key] == value
            elif isinstance(value, dict):
                assert quick[group][key] | value == quick[group][key]
            else:
                assert quick[group][key] == value


def test_a_catalogue_matches_as_the_stages_match_it(tmp_path, monkeypatch, built):
    """Titles, pictures and hashes, by the weights of the profile quick."""
    rows = small_shop.several_pictures()
    content = apply_profile(
        (ROOT / "params.yaml").read_text("utf-8"), read_profile(ROOT / "profiles", "quick")
    )
    params = yaml.safe_load(content)
    (tmp_path / "shop").mkdir()
    small_shop.write_csv(tmp_path / "shop/listings.csv", [row | {"label_group": ""} for row in rows])
    shutil.copytree(built / "shop/images", tmp_path / "shop/images")
    params["data"] |= {"source": "shop", "n_listings": None, "max_quarantined": 1.0}
    params["machine"]["workers"] = 0
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    monkeypatch.chdir(tmp_path)
    sample.main()
    for channel in params["channels"]:
        embed_zero_shot.main(channel)
    fuse.main()
    index.main()
    evaluate.main()
    folder = artefacts.PREDICTIONS / "samesku"
    expected = pq.read_table(folder / "matches.parquet").to_pandas()
    groups = pq.read_table(folder / "groups.parquet").to_pandas()

    result = samesku.match_catalogue(pd.DataFrame(rows), "shop/images")
    assert len(expected) > 10
    pd.testing.assert_frame_equal(result.matches, expected)
    pd.testing.assert_frame_equal(result.groups, groups)
    quarantine = pd.read_csv(artefacts.QUARANTINE)
    assert result.quarantine["posting_id"].tolist() == quarantine["posting_id"].tolist()
    assert result.quarantine["reason"].tolist() == quarantine["reason"].tolist()
    metrics = json.loads((artefacts.METRICS / "samesku.json").read_text())
    assert result.threshold == metrics["threshold"]["full"]


def test_titles_alone_and_other_names_of_columns():
    result = match_titles(TITLES)
    assert pairs(result) == [("a", "b"), ("b", "a")]
    group = dict(zip(result.groups["posting_id"], result.groups["group"], strict=True))
    assert group["a"] == group["b"] != group["c"]
    assert result.quarantine.empty
    assert 0.6 <= result.matches["score"].iloc[0] < 1
    assert result.matches["cnn"].isna().all()
    renamed = TITLES.rename(columns={"posting_id": "sku", "title": "name"})
    columns = {"posting_id": "sku", "title": "name"}
    pd.testing.assert_frame_equal(match_titles(renamed, columns=columns).matches, result.matches)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([7, 8, 9], ["7", "8"]),
        (["x", 8, "y"], ["8", "x"]),
        (np.array([1.0, 2.0, 3.0]), ["1", "2"]),
    ],
    ids=["numbers", "numbers and text", "floats of whole numbers"],
)
def test_ids_of_any_type_are_text(ids, expected):
    assert sorted(match_titles(TITLES.assign(posting_id=ids)).matches["query"]) == expected


def test_the_index_names_listings_that_have_no_id():
    table = TITLES.drop(columns="posting_id")
    assert pairs(match_titles(table)) == [("0", "1"), ("1", "0")]
    table.index = ["k", "l", "m"]
    assert pairs(match_titles(table)) == [("k", "l"), ("l", "k")]


def test_labels_are_not_used():
    labelled = TITLES.assign(label_group=["g", "h", "g"])
    pd.testing.assert_frame_equal(match_titles(labelled).matches, match_titles(TITLES).matches)


def test_shops_and_gtins():
    shops = TITLES.assign(source=["one", "one", "two"])
    assert match_titles(shops, link="across").matches.empty
    assert pairs(match_titles(shops, link="within")) == [("a", "b"), ("b", "a")]
    gtins = TITLES.assign(gtin=["4006381333931", "036000291452", "4006381333931"])
    by_rule = match_titles(gtins, rules=True)
    assert pairs(by_rule) == [("a", "c"), ("c", "a")]
    assert by_rule.matches["rule"].all()
    assert by_rule.matches["score"].tolist() == [1, 1]


def test_what_is_left_out_is_listed_and_nothing_else_is_lost():
    table = pd.concat([TITLES, pd.DataFrame({"posting_id": ["d", "b"], "title": [None, "another"]})])
    result = match_titles(table.reset_index(drop=True))
    assert set(result.groups["posting_id"]) == {"a", "c"}
    assert result.quarantine["posting_id"].value_counts().to_dict() == {"b": 2, "d": 2}


@pytest.mark.parametrize(
    ("table", "keys", "sentence"),
    [
        (TITLES[:0], {}, "the table has a header and no rows"),
        (TITLES.assign(posting_id=None, title=None), {}, "the table has a header and no rows with a value"),
        (TITLES.drop(columns="title"), {}, "the table has no column title, image or image_phash"),
        (
            TITLES.rename(columns={"title": "name"}),
            {},
            r"has no column title, .*\(columns found: [^;]*\); give columns, as in \{title: name\}",
        ),
        (TITLES.to_dict("list"), {}, "the table is a dict; allowed: a pandas DataFrame"),
        (TITLES.assign(title=None), {}, "the table: no listing is left"),
        (TITLES, {"images": "none/such"}, "images: none/such is no folder"),
        (TITLES, {"images": ["a.jpg"]}, "images is a list; allowed: the folder of the pictures, or None"),
        (TITLES, {"columns": ["title"]}, "columns is a list; allowed: a mapping, ours to the table's"),
        (TITLES, {"alpha": "x"}, "fusion.alpha is 'x'; allowed"),
        (TITLES, {"k": 0}, "index.k is 0; allowed"),
        (TITLES, {"link": "between"}, "match.link"),
        (TITLES, {"link": "across"}, "source"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(table, keys, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        match_titles(table, **keys)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("threshold", [2.0, float("nan"), True, "high"])
def test_a_threshold_is_a_score(threshold):
    with pytest.raises(InputError, match="value is"):
        samesku.match_catalogue(TITLES, threshold=threshold)


def test_equal_listings_beyond_k_are_reported_and_k_finds_them(capsys):
    equal = pd.DataFrame({"posting_id": [f"p{i:03d}" for i in range(130)], "title": ["Sirup Melon"] * 130})
    result = match_titles(equal)
    assert "130 listings match all of their 50 neighbours, and may have" in capsys.readouterr().err
    assert len(set(result.groups["group"])) > 1
    assert len(set(match_titles(equal, k=129).groups["group"])) == 1
    assert "neighbours" not in capsys.readouterr().err


def test_faults_are_reported_too(capsys):
    match_titles(TITLES.assign(posting_id=["a", "b", "a b"]))
    assert "samesku: 1 rows have a fault: 1 × posting_id" in capsys.readouterr().err


def test_a_broken_character_of_a_title_is_replaced():
    titles = pd.Series(["oil \udcff 1", "oil \udcff 1", "soap"], dtype=object)
    assert pairs(match_titles(TITLES.assign(title=titles))) == [("a", "b"), ("b", "a")]


@pytest.fixture
def catalogue(built, tmp_path, monkeypatch):
    """The small shop, loaded from another folder."""
    monkeypatch.chdir(tmp_path)
    return samesku.load(built)


def test_a_search_from_another_folder_answers_as_the_command_does(catalogue, built, monkeypatch):
    image = built / "shop/images/p00a.png"
    results = catalogue.search("oil 250 ml", image, k=4)
    with Image.open(image) as picture:
        pd.testing.assert_frame_equal(catalogue.search("oil 250 ml", picture.copy(), k=4), results)
    pd.testing.assert_frame_equal(catalogue.search("oil 250 ml", image.read_bytes(), k=4), results)
    monkeypatch.chdir(built)
    done = CliRunner().invoke(app, ["search", f"--image={image}", "--title=oil 250 ml", "-k", "4", "--json"])
    expected = json.loads(done.stdout)["results"]
    assert results["posting_id"].tolist() == [result["posting_id"] for result in expected]
    assert results["score"].tolist() == [result["score"] for result in expected]
    assert results["match"].tolist() == [result["match"] for result in expected]
    similarity = [result["channels"]["sbert"]["similarity"] for result in expected]
    assert results["sbert"].tolist() == pytest.approx(
        [np.nan if s is None else s for s in similarity], nan_ok=True
    )


def test_two_listings_by_id_or_as_given(catalogue, built):
    table = pd.DataFrame(small_shop.rows()).set_index("posting_id")
    given = {"title": table.title["p00a"], "image": built / "shop/images/p00a.png"}
    by_id, as_given = catalogue.match("p00a", "p00b"), catalogue.match(given, "p00b")
    assert as_given == by_id
    assert by_id["score"] == pytest.approx(score_of(built, "p00a", "p00b"), abs=1e-5)
    assert by_id["threshold"] == catalogue.threshold
    with pytest.raises(InputError, match="the catalogue has no listing 'nobody'"):
        catalogue.match("p00a", "nobody")
    with pytest.raises(InputError, match="a listing has no colour; allowed: title, image, source, brand"):
        catalogue.match("p00a", {"title": "a", "colour": "red"})
    with pytest.raises(InputError, match="k is 0; allowed: a whole number, 1 or more"):
        catalogue.search("a", k=0)
    with pytest.raises(InputError, match="title is float; allowed: text"):
        catalogue.search(float("nan"))


def score_of(folder, query, match):
    table = pq.read_table(folder / "data/predictions/samesku/matches.parquet").to_pandas()
    return table[(table["query"] == query) & (table["match"] == match)]["score"].item()


def test_new_listings_are_added_as_by_the_command(catalogue, built, tmp_path, monkeypatch):
    rows = [row | {"posting_id": f"n{row['posting_id']}"} for row in small_shop.rows()[:6]]
    added = catalogue.add(pd.DataFrame(rows), built / "shop/images")
    small_shop.write_csv(tmp_path / "new.csv", rows)
    monkeypatch.chdir(built)
    out = tmp_path / "out"
    command = ["add", str(tmp_path / "new.csv"), "--images", "shop/images", "--out", str(out)]
    assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
    expected = pq.read_table(out / "matches.parquet").to_pandas()
    assert len(expected) > 6
    pd.testing.assert_frame_equal(added.matches, expected, check_exact=False, atol=1e-6)
    assert added.groups is None
    columns = {"posting_id": "sku", "image": "photo"}  # the new table has no pictures
    titles_alone = catalogue.add(pd.DataFrame({"sku": ["n1"], "title": ["a"]}), columns=columns)
    assert set(titles_alone.matches["query"]) <= {"n1"}
    assert read_params(built / "params.yaml")["data"]["columns"] == {}
