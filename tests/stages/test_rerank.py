"""rerank, on a market where numbers tell products apart: it learns that, from val alone, and can say so."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from samesku import artefacts
from samesku import params as settings
from samesku.params.rerank import ChannelWeights, Groups, PairModel, Rerank, Tune
from stages import rerank, tune
from tests.fixtures import product_families

SPEC = Rerank(
    fusion=ChannelWeights(alpha=0.5, image={"picture": 1.0}, title={"title": 1.0}),
    k=10,
    model=PairModel(folds=3, trees=30, leaves=8, negatives=1.0),
)


def run(folder, monkeypatch, columns, channels, spec=SPEC):
    """The stage on a market; its one-line summary and metrics/compare/rerank.json."""
    folder.mkdir(exist_ok=True)
    product_families.write(folder, columns, channels)
    monkeypatch.chdir(folder)
    params = SimpleNamespace(
        rerank=spec, index=SimpleNamespace(k=20), machine=SimpleNamespace(threads=1), groups=Groups()
    )
    monkeypatch.setattr(settings, "load", lambda: params)
    summary = rerank.main()
    return summary, json.loads((artefacts.METRICS / "compare/rerank.json").read_text())


def read(name):
    path = artefacts.PREDICTIONS / "rerank" / name
    return json.loads(path.read_text()) if path.suffix == ".json" else pd.read_parquet(path)


@pytest.fixture(scope="module")
def given():
    return product_families.draw()


def fingerprint():
    """Everything that val alone may decide: models, curves, thresholds, floors, bands."""
    folder = artefacts.MODELS / "rerank"
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.*"))}


def test_it_beats_the_fused_score_and_writes_what_a_system_writes(tmp_path, monkeypatch, given):
    _, learned = run(tmp_path, monkeypatch, *given)
    plain = tune_row(monkeypatch)
    assert learned["fallback"] == 0
    assert learned["test_full"]["f1"] > plain["test_full"]["f1"] + 0.05
    assert learned["test"]["f1"] > plain["test"]["f1"]
    assert learned["test_full"]["gallery"] == len(given[0]["posting_id"])
    names = {path.name for path in (artefacts.PREDICTIONS / "rerank").iterdir()}
    assert {"submission.csv", "matches.parquet", "review.parquet", "queries.parquet", "metrics.json"} <= names


def tune_row(monkeypatch):
    """The plain fusion with the best weights, on the market that lies in this folder."""
    params = SimpleNamespace(
        tune=Tune(image=["picture"], title=["title"], k=20),
        index=SimpleNamespace(k=20),
        machine=SimpleNamespace(threads=1),
        groups=Groups(),
    )
    monkeypatch.setattr(settings, "load", lambda: params)
    tune.main()
    return json.loads((artefacts.METRICS / "compare/tuned.json").read_text())


def test_matches_are_symmetric_and_say_why(tmp_path, monkeypatch, given):
    run(tmp_path, monkeypatch, *given)
    matches = read("matches.parquet")
    there = matches.set_index(["query", "match"])["score"]
    back = matches.set_index(["match", "query"])["score"]
    assert there.sort_index().tolist() == back.sort_index().tolist()
    numbers = json.loads((artefacts.MODELS / "rerank/full/numbers.json").read_text())
    margin = matches.filter(like="why_").sum(axis=1)
    said = 1 / (1 + np.exp(-(numbers["curve"]["slope"] * margin + numbers["curve"]["intercept"])))
    assert said.to_numpy() == pytest.approx(matches["score"].to_numpy(), abs=1e-4)
    assert {"why_quantities", "why_words", "why_support", "why_blended", "why_picture"} <= set(matches)
    accepted = matches[matches["score"] >= numbers["bands"]["accept"]]
    assert set(accepted["band"]) <= {"accept"}


def test_labels_of_test_choose_nothing(tmp_path, monkeypatch, given):
    """Test labels dealt out anew: not one byte of what is learned or tuned changes, only figures of test."""
    columns, channels = given
    _, before = run(tmp_path / "true", monkeypatch, *given)
    ours = fingerprint()
    test = np.flatnonzero(np.array(columns["split"]) == "test")
    labels = np.array(columns["label_group"], dtype=object)
    labels[test] = labels[np.random.default_rng(1).permutation(test)]
    _, after = run(tmp_path / "dealt", monkeypatch, columns | {"label_group": labels.tolist()}, channels)
    assert fingerprint() == ours
    assert after["threshold"] == before["threshold"]
    assert after["val"] == before["val"]
    assert after["test"]["f1"] != before["test"]["f1"]


def test_the_same_bytes_each_time(tmp_path, monkeypatch, given):
    outs = []
    for name in ("one", "two"):
        run(tmp_path / name, monkeypatch, *given)
        outs.append(
            {
                path.name: path.read_bytes()
                for path in sorted((artefacts.PREDICTIONS / "rerank").rglob("*"))
                if path.is_file()
            }
            | fingerprint()
        )
    assert outs[0] == outs[1]


def test_split_never_looks_outside_itself(tmp_path, monkeypatch, given):
    """Other vectors and titles in train change the full gallery, and nothing in the split one."""
    columns, channels = given
    _, before = run(tmp_path / "one", monkeypatch, *given)
    ours = {name: text for name, text in fingerprint().items() if name.startswith("split")}
    train = np.array(columns["split"]) == "train"
    other = {name: np.where(train[:, None], rows[:, ::-1], rows) for name, rows in channels.items()}
    titles = [f"{t} lain" if tr else t for t, tr in zip(columns["title"], train, strict=True)]
    _, after = run(tmp_path / "two", monkeypatch, columns | {"title": titles}, other)
    assert {name: text for name, text in fingerprint().items() if name.startswith("split")} == ours
    assert after["test"] == before["test"]
    assert after["test_full"] != before["test_full"]


@pytest.mark.parametrize(
    ("labels", "why"),
    [("one", "no candidate pair of two products"), ("each", "no candidate pair of one product")],
)
def test_with_nothing_to_learn_it_falls_back_to_the_fused_score(tmp_path, monkeypatch, given, labels, why):
    columns, channels = given
    val = np.array(columns["split"]) == "val"
    other = np.array(columns["label_group"], dtype=object)
    other[val] = "one" if labels == "one" else [f"each{i}" for i in range(val.sum())]
    columns = columns | {"label_group": other.tolist()}
    if labels == "one":  # a gallery of one product: val and nothing else
        columns = {name: [v for v, keep in zip(of, val, strict=True) if keep] for name, of in columns.items()}
        columns["row"] = np.arange(val.sum(), dtype=np.int32)
        columns["component"] = np.zeros(val.sum(), np.int32)
        channels = {name: rows[val] for name, rows in channels.items()}
    summary, metrics = run(tmp_path, monkeypatch, columns, channels)
    assert metrics["fallback"] == 2
    assert why in summary
    assert why in read("metrics.json")["model"]["full"]
    assert np.isfinite(metrics["val"]["f1"])


def test_a_channel_that_half_the_listings_lack_and_one_that_nobody_has(tmp_path, monkeypatch, given):
    columns, channels = given
    n = len(columns["posting_id"])
    channels = {
        "title": channels["title"],
        "picture": np.where(np.arange(n)[:, None] % 2 == 0, channels["picture"], np.float32(0)),
        "none": np.empty((n, 0), np.float32),
    }
    mix = ChannelWeights(alpha=0.5, image={"picture": 1.0, "none": 1.0}, title={"title": 1.0})
    _, metrics = run(tmp_path, monkeypatch, columns, channels, SPEC.model_copy(update={"fusion": mix}))
    assert metrics["fallback"] == 0
    assert metrics["test"]["f1"] > 0.7


def test_listings_without_a_label_are_gallery_alone(tmp_path, monkeypatch, given):
    columns, channels = given
    labels = [label if i % 3 else None for i, label in enumerate(columns["label_group"])]
    _, metrics = run(tmp_path, monkeypatch, columns | {"label_group": labels}, channels)
    asked = [
        label for label, split in zip(labels, columns["split"], strict=True) if split == "test" and label
    ]
    assert metrics["test"]["queries"] == len(asked)
    assert metrics["test_full"]["gallery"] == len(labels)
    assert metrics["fallback"] == 0


@pytest.mark.parametrize(("split", "left"), [("test", 0), ("test", 1), ("train", 0)])
def test_a_split_with_hardly_a_listing(tmp_path, monkeypatch, given, split, left):
    columns, channels = given
    keep = np.array(columns["split"]) != split
    keep[np.flatnonzero(~keep)[:left]] = True
    columns = {name: [v for v, kept in zip(of, keep, strict=True) if kept] for name, of in columns.items()}
    for name in ("row", "component"):
        columns[name] = np.array(columns[name], dtype=np.int32)
    _, metrics = run(tmp_path, monkeypatch, columns, {name: rows[keep] for name, rows in channels.items()})
    assert metrics["fallback"] == 0
    assert ("test" in metrics) == (split == "train" or left > 0)


def test_without_labels_it_is_skipped_with_empty_outs(tmp_path, monkeypatch, given):
    columns, channels = given
    unlabelled = columns | {"label_group": [None] * len(columns["posting_id"])}
    summary, metrics = run(tmp_path, monkeypatch, unlabelled, channels)
    assert "skipped" in summary
    assert metrics == {"skipped": 1}
    assert list((artefacts.PREDICTIONS / "rerank").iterdir()) == []
    assert list((artefacts.MODELS / "rerank").iterdir()) == []
