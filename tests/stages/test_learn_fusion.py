"""learn_fusion on products of noisy titles: what it learns, leaves and skips."""

import contextlib
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest

from samesku import artefacts
from samesku.params import LearnedFusion
from samesku.params.schema import Groups, Match
from stages import learn_fusion
from tests.fixtures import product_families

SPEC = {
    "alpha": 0.5, "image": {"picture": 1.0}, "title": {"title": 1.0, "noise": 1.0}, "width": 16, "P": 16, "epochs": 4,
    "lr": 0.05, "temperature": 0.1,
}  # fmt: skip
MODEL, PREDICTIONS = learn_fusion.MODELS / "row", learn_fusion.PREDICTIONS / "row"


def run(folder, monkeypatch, columns, channels, **keys):
    """Run the stage for a row called `row` on these listings; the line that it prints of it."""
    folder.mkdir(exist_ok=True)
    product_families.write_families(folder, columns, channels)
    monkeypatch.chdir(folder)
    params = SimpleNamespace(
        learned_fusion={"row": LearnedFusion.model_validate({"kind": "gated"} | SPEC | keys)},
        index=SimpleNamespace(k=20),
        machine=SimpleNamespace(threads=1),
        groups=Groups(),
        match=Match(),
    )
    monkeypatch.setattr(learn_fusion, "load_params", lambda: params)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert learn_fusion.main().endswith("of 1 systems measured")
    return printed.getvalue().strip().removeprefix("row: ")


def metrics():
    return json.loads((learn_fusion.METRICS / "row.json").read_text())


def read_outs(*folders):
    return {
        path: path.read_bytes() for place in folders for path in sorted(place.rglob("*")) if path.is_file()
    }


@pytest.fixture(scope="module")
def families():
    """Listings and their channels, with one title channel of noise beside the true one."""
    columns, channels = product_families.draw_families()
    noise = np.random.default_rng(5).normal(size=channels["title"].shape)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return columns, channels | {"noise": noise.astype(np.float32)}


def test_a_gate_learns_from_train_that_noise_has_no_weight(tmp_path, monkeypatch, families):
    summary = run(tmp_path, monkeypatch, *families)
    epochs = json.loads((MODEL / "epochs.json").read_text())
    kept = next(epoch for epoch in epochs if epoch["kept"])
    assert kept["val_f1"] > epochs[0]["val_f1"] + 0.05
    assert f"best epoch {kept['epoch']} of 4" in summary
    weights = json.loads((PREDICTIONS / "metrics.json").read_text())["weights"]
    assert weights["noise"] < 0.18 < 0.4 < weights["title"]  # 0.25 each before
    assert sum(weights.values()) == pytest.approx(1, abs=1e-5)
    shares = json.loads((MODEL / "shares.json").read_text())
    assert shares["picture"]["p5"] == 0  # of listings without a picture
    assert shares["picture"]["p5"] < shares["picture"]["mean"] < shares["picture"]["p95"]
    assert metrics()["val"]["f1"] == pytest.approx(kept["val_f1"], abs=0.005)
    assert (MODEL / "network.safetensors").is_file()


def test_attention_learns_too_and_equal_params_give_equal_bytes(tmp_path, monkeypatch, families):
    keys = {"kind": "attention", "lr": 0.001, "temperature": 0.03}
    run(tmp_path, monkeypatch, *families, **keys)
    epochs = json.loads((MODEL / "epochs.json").read_text())
    assert not epochs[0]["kept"]
    assert epochs[-1]["loss"] < epochs[1]["loss"]
    outs = read_outs(MODEL, PREDICTIONS)
    run(tmp_path, monkeypatch, *families, **keys)
    assert read_outs(MODEL, PREDICTIONS) == outs


def test_labels_of_test_move_no_byte_of_what_is_learned(tmp_path, monkeypatch, families):
    columns, channels = families
    run(tmp_path / "true", monkeypatch, columns, channels)
    learned, before = read_outs(MODEL), metrics()
    labels = np.array(columns["label_group"], dtype=object)
    test = np.flatnonzero(np.array(columns["split"]) == "test")
    labels[test] = labels[np.random.default_rng(0).permutation(test)]
    run(tmp_path / "shuffled", monkeypatch, columns | {"label_group": labels.tolist()}, channels)
    assert read_outs(MODEL) == learned
    assert metrics()["threshold"] == before["threshold"]
    assert metrics()["test"]["f1"] < before["test"]["f1"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda columns: {"label_group": [None] * len(columns["row"])}, "val has no two labelled listings"),
        (
            lambda columns: {
                "label_group": [
                    None if split == "train" else label
                    for split, label in zip(columns["split"], columns["label_group"], strict=True)
                ]
            },
            "no product has two or more listings in the train split",
        ),
    ],
)
def test_without_labels_to_learn_from_it_is_skipped_in_one_line(
    tmp_path, monkeypatch, families, change, reason
):
    columns, channels = families
    assert run(tmp_path, monkeypatch, columns | change(columns), channels).startswith(f"skipped: {reason}")
    assert metrics() == {"skipped": 1}
    assert [path.name for path in learn_fusion.MODELS.iterdir()] == ["none.json"]
    assert json.loads((PREDICTIONS / artefacts.SKIPPED).read_text())["skipped"].startswith(reason)


def test_channels_that_no_listing_has_are_left_out(tmp_path, monkeypatch, families):
    columns, channels = families
    empty = np.zeros((len(columns["row"]), 0), np.float32)
    run(tmp_path / "without", monkeypatch, columns, channels | {"picture": empty}, epochs=1)
    assert json.loads((PREDICTIONS / "metrics.json").read_text())["weights"].keys() == {"title", "noise"}
    summary = run(tmp_path / "none", monkeypatch, columns, dict.fromkeys(channels, empty))
    assert summary == "skipped: no listing has a row of picture, title, noise"


def test_a_loss_that_diverges_stops_nothing(tmp_path, monkeypatch, families):
    summary = run(tmp_path, monkeypatch, *families, lr=1e30)
    assert summary.startswith("skipped: learned_fusion.row: the loss or its gradient is nan at step")
    assert summary.endswith("; try a lower lr")
    assert "is kept in" not in summary
    assert metrics() == {"skipped": 1}
