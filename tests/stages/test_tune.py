"""tune: weights that beat equal ones on val, a line that adopts them, and rows with each step more."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from samesku import artefacts
from samesku import params as settings
from samesku.errors import InputError
from samesku.params.rerank import Groups, Tune
from stages import tune
from tests.fixtures import product_families

SPEC = Tune(image=["picture"], title=["noise", "title"], k=20)


def run(folder, monkeypatch, columns, channels, spec=SPEC):
    folder.mkdir(exist_ok=True)
    product_families.write(folder, columns, channels)
    monkeypatch.chdir(folder)
    params = SimpleNamespace(
        tune=spec,
        index=SimpleNamespace(k=20),
        groups=Groups(),
        machine=SimpleNamespace(threads=1),
    )
    monkeypatch.setattr(settings, "load", lambda: params)
    return tune.main()


def metrics(row):
    return json.loads((artefacts.METRICS / f"compare/{row}.json").read_text())


@pytest.fixture(scope="module")
def given():
    columns, channels = product_families.draw()
    noise = np.random.default_rng(5).normal(size=channels["title"].shape)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return columns, channels | {"noise": noise.astype(np.float32)}


def test_noise_gets_no_weight_and_each_step_has_its_row(tmp_path, monkeypatch, given, capsys):
    run(tmp_path, monkeypatch, *given)
    found = json.loads((tune.TUNED / "weights.json").read_text())
    assert found["weights"]["noise"] < 0.1
    assert sum(found["weights"].values()) == pytest.approx(1.0)
    rows = {row: metrics(row) for row in tune.ROWS}
    assert all(row["test_full"]["gallery"] == len(given[0]["posting_id"]) for row in rows.values())
    assert rows["tuned_blended_one"]["val"]["f1"] >= rows["tuned_blended"]["val"]["f1"]
    assert found["adopt"] in capsys.readouterr().out
    for row in tune.ROWS:
        assert (artefacts.PREDICTIONS / row / "submission.csv").is_file()


def test_the_line_sets_the_weights_of_the_main_road(tmp_path, monkeypatch, given):
    run(tmp_path, monkeypatch, *given)
    found = json.loads((tune.TUNED / "weights.json").read_text())
    line = dict(re.findall(r"-S (\S+)=(\S+)", found["adopt"]))
    assert set(line) == {"fusion.alpha", "fusion.image.picture", "fusion.title.noise", "fusion.title.title"}
    assert float(line["fusion.alpha"]) == pytest.approx(found["weights"]["picture"], abs=1e-3)


def test_the_surface_has_the_height_that_was_found(tmp_path, monkeypatch, given):
    run(tmp_path, monkeypatch, *given)
    rows = pd.read_csv(tune.TUNED / "surface.csv")
    assert rows["alpha"].tolist() == tune.ALPHAS
    assert list(rows)[1:] == [f"share_{share}" for share in (0, 25, 50, 75, 100)]
    best = json.loads((artefacts.PREDICTIONS / "tuned/metrics.json").read_text())["val_full"]["f1"]
    assert rows.drop(columns="alpha").max().max() == pytest.approx(best, abs=0.03)


def test_labels_of_test_choose_nothing(tmp_path, monkeypatch, given):
    columns, channels = given
    run(tmp_path / "true", monkeypatch, *given)
    ours = [(tune.TUNED / name).read_text() for name in ("weights.json", "surface.csv")]
    before = [metrics(row) for row in tune.ROWS]
    test = np.flatnonzero(np.array(columns["split"]) == "test")
    labels = np.array(columns["label_group"], dtype=object)
    labels[test] = labels[np.random.default_rng(1).permutation(test)]
    run(tmp_path / "dealt", monkeypatch, columns | {"label_group": labels.tolist()}, channels)
    assert [(tune.TUNED / name).read_text() for name in ("weights.json", "surface.csv")] == ours
    after = [metrics(row) for row in tune.ROWS]
    assert [row["threshold"] for row in after] == [row["threshold"] for row in before]
    assert [row["val"] for row in after] == [row["val"] for row in before]
    assert after[0]["test"] != before[0]["test"]


def test_without_labels_it_is_skipped(tmp_path, monkeypatch, given):
    columns, channels = given
    none = columns | {"label_group": [None] * len(columns["posting_id"])}
    assert "skipped" in run(tmp_path, monkeypatch, none, channels)
    assert metrics("tuned") == {"skipped": 1}


def test_channels_that_nobody_has_are_refused_when_none_is_left(tmp_path, monkeypatch, given):
    columns, channels = given
    n = len(columns["posting_id"])
    empty = {name: np.empty((n, 0), np.float32) for name in channels}
    with pytest.raises(InputError, match="picture, noise, title"):
        run(tmp_path, monkeypatch, columns, empty)
