"""evaluate: the main system on listings that can be checked on paper."""

import json

import numpy as np
import pandas as pd
import pytest

from samesku import artefacts
from samesku.evaluation.decisions import DEFAULT_LINES
from stages import evaluate, fuse, index
from tests.fixtures import val_and_test_copies

# At α 0.5 and threshold 0.7: A matches C B, B matches C D A, C matches A B, D matches B, E nothing.
F1 = (1 + 6 / 7 + 1 + 1 / 2 + 2 / 3) / 5
GIVEN = {"decision.value": 0.7, "fusion.alpha": 0.5}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_main_system():
    return [stage.main() for stage in (fuse, index, evaluate)][-1]


def read_metrics():
    return json.loads((artefacts.METRICS / "samesku.json").read_text())


def read_prediction(name):
    path = artefacts.PREDICTIONS / "samesku" / name
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


def read_submission():
    return dict(read_prediction("submission.csv").itertuples(index=False))


def test_the_main_system_by_hand(folder):
    val_and_test_copies.write(folder, params=GIVEN)
    run_main_system()
    metrics = read_metrics()
    assert metrics["val"]["f1"] == metrics["test"]["f1"] == round(F1, 6)
    # Of 8 matches 6 are right; of 8 relevant pairs 6 are matches.
    assert metrics["test"] == {
        "f1": round(F1, 6), "precision": 0.75, "recall": 0.75, "micro_f1": 0.75, "queries": 5, "gallery": 5,
    }  # fmt: skip
    assert metrics["test_full"] == {"f1": round(F1, 6), "gallery": 10}
    assert metrics["threshold"] == {"split": 0.7, "full": 0.7}


def test_self_only_is_every_listing_matched_with_itself_alone(folder):
    val_and_test_copies.write(folder, params=GIVEN)
    run_main_system()
    # A, B, C are three listings of a product, D and E two: 2 · 1 / (1 + 3) and 2 · 1 / (1 + 2).
    floor = round((3 * 2 / 4 + 2 * 2 / 3) / 5, 6)
    assert json.loads((artefacts.METRICS / "self_only.json").read_text()) == {
        "val": {"f1": floor},
        "test": {"f1": floor, "queries": 5, "gallery": 5},
        "test_full": {"f1": floor, "queries": 5, "gallery": 10},
        "quarantined": 3,
        "leaks": 4,
    }
    figures = json.loads((artefacts.PREDICTIONS / "samesku/metrics.json").read_text())
    assert figures["test"]["self_only"] == floor
    assert figures["test"]["pairwise"] == {"precision": 0.75, "recall": 0.75, "f1": 0.75}


def test_the_submission_has_every_readable_id_itself_first_best_first(folder):
    val_and_test_copies.write(folder, params=GIVEN)
    run_main_system()
    rows = read_submission()
    assert rows["a2"] == "a2 c2 b2"
    assert rows["b1"] == "b1 c1 d1 a1"
    assert rows["e1"] == "e1"
    assert rows["b9"] == "b9"  # its row is quarantined
    assert set(rows) == {*val_and_test_copies.IDS, "b9"}  # an id that would break the format has no row


def test_matches_with_enough_links_are_groups(folder):
    val_and_test_copies.write(folder, params=GIVEN)
    run_main_system()
    groups = read_prediction("groups.parquet")
    assert groups["posting_id"].tolist() == sorted(val_and_test_copies.IDS)
    group_of = dict(zip(groups["posting_id"], groups["group"], strict=True))
    # Of a copy's matches a–b, a–c, b–c, b–d the first three are one group; d has a match with b alone (1 of 3).
    assert group_of["a1"] == group_of["b1"] == group_of["c1"]
    assert group_of["a2"] == group_of["b2"] == group_of["c2"]
    assert len({group_of[i] for i in ("a1", "d1", "e1", "a2", "d2", "e2")}) == 6
    figures = json.loads((artefacts.PREDICTIONS / "samesku/metrics.json").read_text())["groups"]
    assert set(figures) == {"val", "test", "val_full", "test_full"}
    assert figures["test"]["largest"] == 3
    # Pairs of {a, b, c} count from both sides; d–e is the pair that is missing.
    assert figures["test_full"]["pairwise"] == {"precision": 1.0, "recall": 0.75, "f1": round(6 / 7, 6)}


def test_matches_show_each_cosine(folder):
    val_and_test_copies.write(folder, params=GIVEN)
    run_main_system()
    matches = read_prediction("matches.parquet").set_index(["query", "match"])
    assert matches.loc[("a1", "b1"), ["score", "cnn", "sbert"]].to_list() == pytest.approx([0.7, 0.6, 0.8])
    assert np.isnan(matches.loc[("a1", "c1"), "cnn"])
    assert np.isnan(matches.loc[("a1", "b1"), "phash"])
    assert ("d1", "e1") not in matches.index


def test_queries_hold_what_a_paired_comparison_needs(folder):
    val_and_test_copies.write(folder, params=GIVEN)
    run_main_system()
    queries = read_prediction("queries.parquet")
    assert len(queries) == 20
    test = queries[(queries.split == "test") & (queries.gallery == "split")].set_index("query").sort_index()
    assert test.f1.tolist() == pytest.approx([1, 6 / 7, 1, 1 / 2, 2 / 3])
    assert test.n_predicted.tolist() == [2, 3, 2, 1, 0]
    assert test.n_relevant.tolist() == [2, 2, 2, 1, 1]


def test_thresholds_are_tuned_on_val_for_each_gallery(folder):
    val_and_test_copies.write(folder, params={"fusion.alpha": 0.5})
    run_main_system()
    metrics = read_metrics()
    # f1 of val by threshold: ∞ → 0.4667; 1 → 0.6; 0.8 → 0.7400; 0.7 → 0.8048; below, false matches come in.
    assert metrics["val"]["f1"] == round(F1, 6)
    assert metrics["threshold"]["split"] == pytest.approx((0.7 + 0.6) / 2)


def test_labels_of_test_choose_nothing(folder):
    val_and_test_copies.write(folder, params={"fusion.alpha": 0.5})
    run_main_system()
    before = read_metrics()
    table = pd.read_parquet(artefacts.LISTINGS)
    test = table.split == "test"
    table.loc[test, "label_group"] = table.loc[test, "label_group"].to_numpy()[::-1]
    table.to_parquet(artefacts.LISTINGS)
    run_main_system()
    after = read_metrics()
    assert after["test"]["f1"] != before["test"]["f1"]
    assert after["val"] == before["val"]
    assert after["threshold"] == before["threshold"]


def test_without_labels_a_given_threshold_still_matches(folder):
    val_and_test_copies.write(folder, labels=False, params=GIVEN)
    run_main_system()
    assert read_metrics() == {"threshold": {"split": 0.7, "full": 0.7}}
    floor = json.loads((artefacts.METRICS / "self_only.json").read_text())
    assert floor == {"quarantined": 3, "leaks": 4}
    assert read_submission()["a2"] == "a2 c2 b2"


def test_without_labels_the_default_threshold_decides(folder, monkeypatch):
    monkeypatch.setitem(DEFAULT_LINES, "pictures and titles", (0.7, 0.0, 1.0))
    val_and_test_copies.write(folder, labels=False, params={"fusion.alpha": 0.5})
    line = run_main_system()
    assert "val's labels cannot choose a threshold, so the default decides (static threshold 0.7)" in line
    assert read_metrics() == {"threshold": {"split": 0.7, "full": 0.7}}
    assert read_submission()["a2"] == "a2 c2 b2"


def test_at_least_one_keeps_the_best_above_min_score(folder):
    decision = {"decision.at_least_one": True, "decision.min_score": 0.6}
    val_and_test_copies.write(folder, params=GIVEN | decision)
    run_main_system()
    # E's best neighbour is B at 0.6, which is of another product: its f1 falls from 2/3 to 2/4.
    assert read_submission()["e1"] == "e1 b1"
    assert read_metrics()["test"]["f1"] == pytest.approx(F1 - (2 / 3 - 1 / 2) / 5, abs=1e-6)


def test_outs_are_the_same_bytes_twice(folder):
    val_and_test_copies.write(folder)

    def run():
        run_main_system()
        return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    assert run() == run()
