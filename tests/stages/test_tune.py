"""tune: weights that beat equal ones on val, the command that adopts them, and a row for each further step."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from samesku import artefacts
from samesku.evaluation.plots import ALPHAS
from samesku.params.schema import Decision, Fusion, Groups, Index, Machine, Match, Tune
from samesku.search import tuning
from stages import evaluate, fuse, index, tune
from tests.fixtures import product_families, val_and_test_copies

FUSION = Fusion(alpha=0.5, image={"picture": 1.0}, title={"noise": 1.0, "title": 1.0})


def run(folder, monkeypatch, columns, channels):
    folder.mkdir(exist_ok=True)
    product_families.write_families(folder, columns, channels)
    monkeypatch.chdir(folder)
    params = SimpleNamespace(
        fusion=FUSION,
        tune=Tune(k=20),
        index=Index(k=20),
        decision=Decision(),
        groups=Groups(),
        match=Match(),
        machine=Machine(threads=1),
    )
    monkeypatch.setattr(tune, "load_params", lambda: params)
    return tune.main()


def metrics(row):
    return json.loads((artefacts.METRICS / f"{row}.json").read_text())


def read_tuned():
    return json.loads((artefacts.TUNED / "weights.json").read_text())


@pytest.fixture(scope="module")
def families():
    """Listings and their channels, with one title channel of noise beside the true one."""
    columns, channels = product_families.draw_families()
    noise = np.random.default_rng(5).normal(size=channels["title"].shape)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return columns, channels | {"noise": noise.astype(np.float32)}


def test_noise_gets_no_weight_and_each_step_has_its_row(tmp_path, monkeypatch, families, capsys):
    summary = run(tmp_path, monkeypatch, *families)
    best, current = map(float, re.findall(r"0\.\d{4}", summary))
    assert best > current + 0.01  # what the weights of fusion leave, with noise among them
    tuned = read_tuned()
    assert tuned["weights"]["noise"] < 0.1
    assert sum(tuned["weights"].values()) == pytest.approx(1.0)
    rows = {row: metrics(row) for row in tune.ROWS}
    assert all(row["test_full"]["gallery"] == len(families[0]["posting_id"]) for row in rows.values())
    assert rows["tuned_augmented_one"]["val"]["f1"] >= rows["tuned_augmented"]["val"]["f1"]
    assert tuned["adopt"] in capsys.readouterr().out
    for row in tune.ROWS:
        assert (artefacts.PREDICTIONS / row / "submission.csv").is_file()


def test_the_augmentation_that_val_chooses_serves_both_galleries_and_is_named(
    tmp_path, monkeypatch, families
):
    def augmented():
        content = json.loads((artefacts.PREDICTIONS / "tuned_augmented/metrics.json").read_text())
        chosen = {key: value for key, value in content["weights"].items() if key.startswith("augmentation.")}
        return chosen, content["val"]["f1"], content["val_full"]["f1"]

    tried = {}

    def choose(n_nearest):
        def chooser(objective, k):
            tried[n_nearest] = objective(n_nearest)
            return n_nearest

        return chooser

    for n_nearest in (None, 1):
        monkeypatch.setattr(tuning, "choose_n_nearest", choose(n_nearest))
        run(tmp_path / str(n_nearest), monkeypatch, *families)
        chosen, val, val_full = augmented()
        # Chosen by what the row then shows; the row's threshold is for a gallery of test's size.
        assert val == pytest.approx(tried[n_nearest], abs=0.003)
        if n_nearest is None:
            assert chosen.keys() == {"augmentation.full", "augmentation.split"}
            by_threshold = val, val_full
        else:
            assert chosen == {"augmentation.neighbours": 1}
            assert val != by_threshold[0]
            assert val_full != by_threshold[1]


def test_the_command_sets_the_weights_of_the_main_system(tmp_path, monkeypatch, families):
    run(tmp_path, monkeypatch, *families)
    tuned = read_tuned()
    values = dict(re.findall(r"-S (\S+)=(\S+)", tuned["adopt"]))
    assert set(values) == {"fusion.alpha", "fusion.image.picture", "fusion.title.noise", "fusion.title.title"}
    assert float(values["fusion.alpha"]) == pytest.approx(tuned["weights"]["picture"], abs=1e-3)


def test_a_channel_without_rows_takes_no_weight(tmp_path, monkeypatch, families):
    columns, channels = families
    empty = np.zeros((len(channels["title"]), 0), np.float32)
    run(tmp_path / "with", monkeypatch, columns, channels | {"noise": empty})
    weights = read_tuned()["weights"]
    assert set(weights) == {"picture", "title"}
    assert "noise" not in read_tuned()["adopt"]


def test_the_surface_is_as_high_as_the_tuned_row(tmp_path, monkeypatch, families):
    run(tmp_path, monkeypatch, *families)
    rows = pd.read_csv(artefacts.TUNED / "surface.csv")
    assert rows["alpha"].tolist() == [step / 10 for step in range(11)]
    assert list(rows)[1:] == [f"share_{share}" for share in (0, 25, 50, 75, 100)]
    best = json.loads((artefacts.PREDICTIONS / "tuned/metrics.json").read_text())["val_full"]["f1"]
    assert rows.drop(columns="alpha").max().max() == pytest.approx(best, abs=0.03)


def test_labels_of_test_choose_nothing(tmp_path, monkeypatch, families):
    columns, channels = families

    def tuned_files():
        alphas = pd.read_csv(artefacts.TUNED / "alpha.csv")
        surface = (artefacts.TUNED / "surface.csv").read_text()
        return read_tuned(), surface, alphas["val_f1"].tolist()

    run(tmp_path / "true", monkeypatch, *families)
    before, rows_before = tuned_files(), [metrics(row) for row in tune.ROWS]
    test = np.flatnonzero(np.array(columns["split"]) == "test")
    labels = np.array(columns["label_group"], dtype=object)
    labels[test] = labels[np.random.default_rng(1).permutation(test)]
    run(tmp_path / "shuffled", monkeypatch, columns | {"label_group": labels.tolist()}, channels)
    assert tuned_files() == before
    rows_after = [metrics(row) for row in tune.ROWS]
    assert [row["threshold"] for row in rows_after] == [row["threshold"] for row in rows_before]
    assert [row["val"] for row in rows_after] == [row["val"] for row in rows_before]
    assert rows_after[0]["test"] != rows_before[0]["test"]


def test_without_labels_it_is_skipped(tmp_path, monkeypatch, families):
    columns, channels = families
    unlabelled = columns | {"label_group": [None] * len(columns["posting_id"])}
    assert "skipped" in run(tmp_path, monkeypatch, unlabelled, channels)
    assert metrics("tuned") == {"skipped": 1}
    assert [path.name for path in artefacts.TUNED.iterdir()] == [artefacts.SKIPPED]


def test_channels_that_are_all_empty_are_skipped(tmp_path, monkeypatch, families):
    columns, channels = families
    n = len(columns["posting_id"])
    empty = {name: np.empty((n, 0), np.float32) for name in channels}
    assert (
        run(tmp_path, monkeypatch, columns, empty) == "skipped: no listing has a row of picture, noise, title"
    )


def test_the_curve_of_alpha_is_the_main_system_at_its_alpha(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    val_and_test_copies.write(tmp_path, params={"fusion.alpha": 0.5})
    for stage in (fuse, index, evaluate, tune):
        stage.main()
    rows = pd.read_csv(artefacts.TUNED / "alpha.csv").set_index("alpha")
    assert list(rows.index) == ALPHAS
    main_system = json.loads((artefacts.METRICS / "samesku.json").read_text())
    assert rows.loc[0.5].to_list() == [main_system["val"]["f1"], main_system["test"]["f1"]]


def test_average_has_no_curve_of_alpha(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    val_and_test_copies.write(tmp_path, params={"fusion.method": "average"})
    tune.main()
    assert pd.read_csv(artefacts.TUNED / "alpha.csv").empty
