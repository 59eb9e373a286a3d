"""samesku threshold: the threshold for a wanted precision, by the labels of val."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app.cli import app
from samesku.app.threshold import describe_adoption, precision_threshold, threshold_key
from samesku.errors import InputError
from samesku.params import Decision, load_params, read_params
from tests.conftest import ROOT

PAIRS = 200  # of each split, each a component of its own; the i-th scores 1 − i / 1000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(correct, system="samesku", labels=True):
    """val and test listings a<i> matched with b<i>; `correct[split][i]` says whether they are one product."""
    listings, matches = [], []
    for split, offset in (("val", 0), ("test", PAIRS)):
        for i in range(PAIRS):
            n = offset + i
            for letter, label in (("a", f"{n}"), ("b", f"{n}" if correct[split][i] else f"different {n}")):
                listings.append((f"{letter}{n:03}", label if labels else None, n, split))
            matches.append((f"a{n:03}", f"b{n:03}", np.float32(1 - i / 1000)))
    artefacts.SAMPLE.mkdir(parents=True)
    table = pd.DataFrame(listings, columns=["posting_id", "label_group", "component", "split"])
    table.astype({"label_group": "string"}).sort_values("posting_id").to_parquet(artefacts.LISTINGS)
    folder = artefacts.PREDICTIONS / system
    folder.mkdir(parents=True)
    pd.DataFrame(matches, columns=["query", "match", "score"]).to_parquet(folder / "matches.parquet")


def best_pairs(n):
    """The best `n` pairs are one product, the rest are not."""
    return np.arange(PAIRS) < n


def test_it_is_the_lowest_that_is_precise_enough_with_confidence():
    write({"val": best_pairs(100), "test": best_pairs(50)})
    value, (val, test) = precision_threshold("samesku", 0.9)
    # Of the first n pairs 100 are right; at n = 111 the share is 0.9, and its interval reaches below.
    assert 1 - 110 / 1000 < value <= 1 - 99 / 1000
    assert val.precision > 0.9
    assert (val.n_correct, val.n_relevant) == (100, 200)  # each of two listings is relevant to the other
    assert (test.n_predicted, test.n_correct) == (val.n_predicted, 50)


def test_labels_of_test_choose_nothing(tmp_path):
    values = []
    for i, n_correct in enumerate((0, PAIRS)):
        write({"val": best_pairs(100), "test": best_pairs(n_correct)}, f"s{i}")
        values.append(precision_threshold(f"s{i}", 0.9)[0])
        artefacts.LISTINGS.rename(tmp_path / f"{i}.parquet")
        artefacts.SAMPLE.rmdir()
    assert values[0] == values[1]


def test_what_cannot_be_reached_is_one_sentence():
    write({"val": best_pairs(0), "test": best_pairs(PAIRS)})
    with pytest.raises(InputError, match="no threshold of samesku reaches"):
        precision_threshold("samesku", 0.9)
    with pytest.raises(InputError, match="is missing; run `dvc repro`"):
        precision_threshold("none", 0.9)


def test_a_val_that_is_too_small_for_the_precision_is_named():
    write(
        {"val": best_pairs(PAIRS), "test": best_pairs(PAIRS)}
    )  # 200 components, all right: 0.05^(1/200) is 0.985
    assert precision_threshold("samesku", 0.98)[0] == pytest.approx(0.801)
    with pytest.raises(
        InputError, match=r"val is too small for precision 0\.99: .* 200 products .* 0\.985 would hold"
    ):
        precision_threshold("samesku", 0.99)


def test_without_labels_it_is_refused():
    write({"val": best_pairs(0), "test": best_pairs(0)}, labels=False)
    with pytest.raises(InputError, match="labelled val listing"):
        precision_threshold("samesku", 0.9)


def test_each_system_has_its_key():
    params = load_params(ROOT / "params.yaml")
    assert threshold_key("samesku", params) == "decision.value"
    assert threshold_key("rerank", params) == "rerank.value"
    assert threshold_key("tfidf", params) == "++compare.tfidf.decision.value"
    given = params.compare["tfidf"].model_copy(update={"decision": Decision(value=0.5)})
    assert threshold_key("tfidf", params.model_copy(update={"compare": {"tfidf": given}})) == (
        "compare.tfidf.decision.value"
    )
    assert threshold_key("tuned", params) is None
    with pytest.raises(InputError, match="decides by dynamic"):
        threshold_key("title_only_dynamic", params)


def test_a_row_that_chose_its_alpha_is_adopted_with_it():
    write({"val": best_pairs(100), "test": best_pairs(100)}, "pxk_sbert_tuned")
    (artefacts.PREDICTIONS / "pxk_sbert_tuned/metrics.json").write_text('{"alpha": 0.7}')
    params = load_params(ROOT / "params.yaml")
    assert describe_adoption("pxk_sbert_tuned", 0.8, params, of_labels=True) == (
        "adopt it: dvc exp run -S compare.pxk_sbert_tuned.alpha=0.7 -S ++compare.pxk_sbert_tuned.decision.value=0.8"
    )


def test_matches_that_clusters_left_choose_no_threshold_to_adopt():
    write({"val": best_pairs(100), "test": best_pairs(100)}, "rerank")
    decided = {"decided_by": {"full": "clusters"}, "threshold": {"full": 0.25}}
    (artefacts.PREDICTIONS / "rerank/metrics.json").write_text(json.dumps(decided))
    params = load_params(ROOT / "params.yaml")
    sentence = describe_adoption("rerank", 0.8, params, of_labels=True)
    assert sentence.startswith("do not adopt it yet")
    assert "run dvc exp run -S rerank.value=0.25, and ask again" in sentence


def test_the_command_says_how_to_adopt_it():
    write({"val": best_pairs(100), "test": best_pairs(100)})
    content = read_params(ROOT / "params.yaml")
    artefacts.Path("params.yaml").write_text(yaml.safe_dump(content))
    done = CliRunner().invoke(app, ["threshold", "--precision", "0.9"])
    assert "adopt it: dvc exp run -S decision.value=0.9" in done.output
    assert CliRunner().invoke(app, ["threshold", "none", "--precision", "0.9"]).exit_code == 2
