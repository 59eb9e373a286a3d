"""compare: baselines and variants on listings that can be checked on paper."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest
import yaml

from samesku import artefacts
from samesku.errors import DamagedFile
from samesku.params import read_params
from stages import compare
from tests.conftest import ROOT
from tests.fixtures import val_and_test_copies

# At α 0.5 and its best threshold, see test_evaluate.py.
F1 = (1 + 6 / 7 + 1 + 1 / 2 + 2 / 3) / 5


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder, capsys, name, **changes):
    """Run the stage for this system alone, as shipped but for `changes`; the line that it prints of it."""
    content = read_params(folder / "params.yaml")
    spec = read_params(ROOT / "params.yaml")["compare"][name]
    (folder / "params.yaml").write_text(yaml.safe_dump(content | {"compare": {name: spec | changes}}))
    assert compare.main().endswith("of 1 systems measured")
    return capsys.readouterr().out.strip().removeprefix(f"{name}: ")


def read_metrics(name):
    return json.loads((compare.METRICS / f"{name}.json").read_text())


def read_submission(name):
    table = pd.read_csv(compare.PREDICTIONS / name / "submission.csv")
    return dict(table.itertuples(index=False))


def test_two_channels_half_and_half_by_hand(folder, capsys):
    val_and_test_copies.write(folder)
    run(folder, capsys, "sbert_cnn_05")
    metrics = read_metrics("sbert_cnn_05")
    assert metrics["test"] == {
        "f1": round(F1, 6), "precision": 0.75, "recall": 0.75, "micro_f1": 0.75, "queries": 5, "gallery": 5,
    }  # fmt: skip
    assert metrics["threshold"]["split"] == pytest.approx((0.7 + 0.6) / 2)
    assert read_submission("sbert_cnn_05")["b1"] == "b1 c1 d1 a1"


def test_a_channel_that_no_listing_has_takes_no_weight(folder, capsys):
    val_and_test_copies.write(folder)
    weights = {"image": {"cnn": 1.0, "phash": 3.0}, "title": {"sbert": 1.0, "tfidf": 3.0}}
    run(folder, capsys, "samesku_zero_shot", alpha=0.5, **weights)
    assert read_metrics("samesku_zero_shot")["val"]["f1"] == round(F1, 6)


def test_by_picture_alone_a_listing_without_one_has_no_match(folder, capsys):
    val_and_test_copies.write(folder)
    run(folder, capsys, "image_only")
    assert read_submission("image_only")["c1"] == "c1"


def test_of_several_alphas_the_best_on_val_is_taken(folder, capsys):
    val_and_test_copies.write(folder)
    line = run(folder, capsys, "sbert_cnn_05", alpha=[1.0, 0.0, 0.5])
    assert line.startswith("α 0 of 3 on val, val f1 0.8667")
    # Titles alone: AB 0.8, AC 1, BC 0.8 are the matches; D and E have none, of one that is relevant.
    title = (1 + 1 + 1 + 2 / 3 + 2 / 3) / 5
    # Pictures alone: best is every pair with a picture; 1 of 3 matches right (A, B, D, E), of 2 or 1 relevant.
    image = (4 / 7 + 4 / 7 + 1 / 2 + 4 / 6 + 4 / 6) / 5
    metrics = json.loads((compare.PREDICTIONS / "sbert_cnn_05/metrics.json").read_text())
    assert metrics["alpha"] == 0
    assert metrics["by_alpha"] == pytest.approx({"1": image, "0": title, "0.5": F1}, abs=1e-6)
    assert read_metrics("sbert_cnn_05")["val"]["f1"] == round(title, 6)


def test_without_labels_what_val_would_choose_is_skipped(folder, capsys):
    val_and_test_copies.write(folder, labels=False)
    reason = "skipped: val has no two labelled listings of one product to tune on"
    assert run(folder, capsys, "image_only") == reason
    assert read_metrics("image_only") == {"skipped": 1}
    (file,) = (compare.PREDICTIONS / "image_only").iterdir()
    assert f"skipped: {json.loads(file.read_text())['skipped']}" == reason
    given = {"kind": "static", "value": 0.7}
    assert run(folder, capsys, "sbert_cnn_05", alpha=[0.1, 0.5], decision=given) == reason
    run(folder, capsys, "sbert_cnn_05", alpha=0.5, decision=given)
    assert read_submission("sbert_cnn_05")["a2"] == "a2 c2 b2"


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("phash", {}, "no listing has a row of phash"),
        (
            "clip_finetuned",
            {"image": {"cnn": 1.0}, "title": {"wide": 1.0}},
            "fusion method average needs channels of one shared space",
        ),
    ],
)
def test_a_baseline_that_cannot_run_is_skipped_in_one_line(folder, capsys, name, changes, reason):
    val_and_test_copies.write(folder)
    content = read_params(folder / "params.yaml")
    content["channels"]["wide"] = content["channels"]["tfidf"]
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    np.save(artefacts.EMBEDDINGS / "wide.npy", np.eye(10, 64, dtype=np.float32))
    assert run(folder, capsys, name, **changes).startswith(f"skipped: {reason}")
    assert read_metrics(name) == {"skipped": 1}


def test_a_skipped_baseline_stops_no_other_and_a_removed_one_leaves_nothing(folder, capsys):
    val_and_test_copies.write(folder, compare=["phash", "image_only"])
    assert compare.main() == "1 of 2 systems measured"
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["image_only", "phash"]
    assert read_metrics("phash") == {"skipped": 1}
    assert read_metrics("image_only")["test"]["queries"] == 5
    run(folder, capsys, "image_only")
    for place in (compare.METRICS, compare.PREDICTIONS):
        assert [path.stem for path in place.iterdir()] == ["image_only"]


def test_without_any_baseline_no_out_is_empty(folder):
    val_and_test_copies.write(folder, compare=[])
    assert compare.main() == "params.yaml names no system"
    for place in (compare.METRICS, compare.PREDICTIONS):
        assert [json.loads(path.read_text()) for path in place.iterdir()] == [{"systems": 0}]


def test_a_damaged_array_stops_the_stage_and_the_last_outs_stay(folder, capsys):
    val_and_test_copies.write(folder, compare=["image_only", "tfidf"])
    compare.main()
    before = read_metrics("image_only")
    (artefacts.EMBEDDINGS / "tfidf.npy").write_bytes(b"no array")
    with pytest.raises(DamagedFile, match=r"tfidf\.npy"):
        compare.main()
    assert read_metrics("image_only") == before
    assert sorted(path.stem for path in compare.PREDICTIONS.iterdir()) == ["image_only", "tfidf"]


def test_new_metrics_files_are_named_until_git_tracks_them(folder):
    val_and_test_copies.write(folder, compare=["phash"])
    assert compare.main() == "0 of 1 systems measured"  # no repository
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    assert compare.main() == "0 of 1 systems measured; new: git add metrics/compare"
    subprocess.run(["git", "add", "metrics"], cwd=folder, check=True)
    assert compare.main() == "0 of 1 systems measured"


def test_outs_are_the_same_bytes_twice(folder, capsys):
    val_and_test_copies.write(folder)

    def read_outs():
        run(folder, capsys, "sbert_cnn_dynamic")
        return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    assert read_outs() == read_outs()
