"""rerank on products that only numbers tell apart: it learns that from labels of val and train, and explains it."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from samesku import artefacts
from samesku.catalogue.listings import Links, write_links
from samesku.params.schema import Decision, Fusion, Groups, Index, Machine, Match, Rerank, Tune
from stages import rerank, tune
from tests.fixtures import product_families

FUSION = {"alpha": 0.5, "image": {"picture": 1.0}, "title": {"title": 1.0}}
RERANK = {
    "fusion": FUSION,
    "k": 10,
    "model": {"folds": 3, "trees": 30, "leaves": 8},
}
PREDICTIONS, MODELS = artefacts.PREDICTIONS / "rerank", artefacts.MODELS / "rerank"


def run(folder, monkeypatch, columns, channels, links=None, **keys):
    """Run the stage on these listings; its one-line summary and metrics/rerank.json.

    `links` are annotated pairs. `keys` are those of `rerank` in params.yaml.
    """
    folder.mkdir(exist_ok=True)
    product_families.write_families(folder, columns, channels)
    monkeypatch.chdir(folder)
    if links:
        write_links(artefacts.LINKS / "all.parquet", links)
    params = SimpleNamespace(
        rerank=Rerank.model_validate(RERANK | keys),
        index=Index(k=20),
        machine=Machine(threads=1),
        groups=Groups(),
        match=Match(),
        channels={"picture": None, "title": None, "none": None},
    )
    monkeypatch.setattr(rerank, "load_params", lambda: params)
    summary = rerank.main()
    return summary, json.loads((artefacts.METRICS / "rerank.json").read_text())


def read_numbers(gallery):
    return json.loads((MODELS / gallery / "numbers.json").read_text())


def read_chosen():
    """Everything that is learned or chosen, file by file: models, calibration, thresholds."""
    return {str(path.relative_to(MODELS)): path.read_bytes() for path in sorted(MODELS.rglob("*.*"))}


def read_outs():
    return {path: path.read_bytes() for path in sorted(PREDICTIONS.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def families():
    return product_families.draw_families()


def run_tuned_fusion(monkeypatch):
    """metrics/tuned.json: the fused score with the best weights, on the listings of this folder."""
    params = SimpleNamespace(
        fusion=Fusion(**FUSION),
        tune=Tune(k=20),
        index=Index(k=20),
        decision=Decision(),
        machine=Machine(threads=1),
        groups=Groups(),
        match=Match(),
    )
    monkeypatch.setattr(tune, "load_params", lambda: params)
    tune.main()
    return json.loads((artefacts.METRICS / "tuned.json").read_text())


def test_it_beats_the_fused_score_and_writes_what_a_system_writes(tmp_path, monkeypatch, families):
    _, reranked = run(tmp_path, monkeypatch, *families)
    tuned = run_tuned_fusion(monkeypatch)
    assert reranked["fallback"] == 0
    assert reranked["test_full"]["f1"] > tuned["test_full"]["f1"] + 0.05
    assert reranked["test"]["f1"] > tuned["test"]["f1"]
    assert reranked["test_full"]["gallery"] == len(families[0]["posting_id"])
    names = {path.name for path in PREDICTIONS.iterdir()}
    assert {"submission.csv", "matches.parquet", "review.parquet", "queries.parquet", "metrics.json"} <= names


def test_matches_are_symmetric_and_explained(tmp_path, monkeypatch, families):
    run(tmp_path, monkeypatch, *families, clerical_review={"precision": 0.8})
    matches = pd.read_parquet(PREDICTIONS / "matches.parquet")
    forward = matches.set_index(["query", "match"])["score"]
    backward = matches.set_index(["match", "query"])["score"]
    assert forward.sort_index().tolist() == backward.sort_index().tolist()
    numbers = read_numbers("full")
    curve, log_odds = numbers["calibration"], matches.filter(like="why_").sum(axis=1)
    probability = 1 / (1 + np.exp(-(curve["slope"] * log_odds + curve["intercept"])))
    assert probability.to_numpy() == pytest.approx(matches["score"].to_numpy(), abs=1e-4)
    families_of_features = {"why_quantities", "why_words", "why_support", "why_augmented", "why_picture"}
    assert families_of_features <= set(matches)
    accepted = matches["score"] >= numbers["clerical_review"]["accept"]
    assert accepted.any()
    assert set(matches[accepted]["clerical_review"]) == {"accept"}


def test_without_augmentation_there_is_no_augmented_feature(tmp_path, monkeypatch, families):
    run(tmp_path, monkeypatch, *families, augmentation_steps=0)
    assert "why_augmented" not in pd.read_parquet(PREDICTIONS / "matches.parquet")


def draw_pairs(columns, split, n=40):
    """n pairs of listings of two products of a split."""
    rows, label = np.flatnonzero(np.array(columns["split"]) == split), np.array(columns["label_group"])
    pairs = np.random.default_rng(0).choice(rows, (10 * n, 2))
    return pairs[label[pairs[:, 0]] != label[pairs[:, 1]]][:n].astype(np.int32)


def test_annotated_pairs_teach_but_for_those_of_test(tmp_path, monkeypatch, families):
    columns, channels = families
    run(tmp_path / "without", monkeypatch, columns, channels)
    without = read_chosen()
    label, train = np.array(columns["label_group"]), np.array(columns["split"]) == "train"
    # people say of train's labels that they are wrong: the two listings of a product are two products
    order = np.flatnonzero(train)[np.argsort(label[train], kind="stable")]
    pairs = np.stack([order[:-1], order[1:]], axis=1).astype(np.int32)
    wrong = Links(cannot_link=pairs[label[pairs[:, 0]] == label[pairs[:, 1]]])
    run(tmp_path / "train", monkeypatch, columns, channels, wrong)
    assert read_chosen() != without
    run(tmp_path / "test", monkeypatch, columns, channels, Links(must_link=draw_pairs(columns, "test")))
    assert read_chosen() == without
    assert "annotation" in pd.read_parquet(PREDICTIONS / "matches.parquet")


def read_matches():
    """The predictions that hold no figure: who matches whom, and why."""
    names = ("submission.csv", "matches.parquet", "groups.parquet", "review.parquet", "plots/importance.csv")
    return {name: (PREDICTIONS / name).read_bytes() for name in names}


def shuffle_labels(columns, split, seed=1):
    """The columns with the labels of one split dealt anew among its listings."""
    rows = np.flatnonzero(np.array(columns["split"]) == split)
    labels = np.array(columns["label_group"], dtype=object)
    labels[rows] = labels[np.random.default_rng(seed).permutation(rows)]
    return columns | {"label_group": labels.tolist()}


def add_tower(columns, channels):
    """The channels, and `pxk_image`: a tower that has seen the labels of train, and tells its products apart."""
    train = np.array(columns["split"]) == "train"
    label = np.unique(columns["label_group"], return_inverse=True)[1]
    centre = np.random.default_rng(2).normal(size=(label.max() + 1, channels["picture"].shape[1]))[label]
    rows = channels["picture"] + np.where(train[:, None], centre, 0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    tower = np.divide(rows, length, out=rows, where=length > 0).astype(np.float32)
    return channels | {"pxk_image": tower}


TOWER_FUSION = FUSION | {"image": {"pxk_image": 1.0, "picture": 0.0}}


@pytest.mark.parametrize("fusion", [FUSION, TOWER_FUSION])
def test_labels_of_test_choose_nothing(tmp_path, monkeypatch, families, fusion):
    """With test labels shuffled not a byte of models, thresholds and predictions changes, only figures of test."""
    columns, channels = families
    channels = add_tower(columns, channels)
    _, before = run(tmp_path / "before", monkeypatch, columns, channels, fusion=fusion)
    chosen, matches = read_chosen(), read_matches()
    columns = shuffle_labels(columns, "test")
    _, after = run(tmp_path / "shuffled", monkeypatch, columns, channels, fusion=fusion)
    assert read_chosen() == chosen
    assert read_matches() == matches
    assert after["threshold"] == before["threshold"]
    assert after["val"] == before["val"]
    assert after["test"]["f1"] != before["test"]["f1"]


@pytest.mark.parametrize("train_labelled", [True, False])
def test_whether_test_has_labels_chooses_nothing(tmp_path, monkeypatch, families, train_labelled):
    """A real test set has none. Without labels in train, val alone teaches the model of the full gallery."""
    columns, channels = families
    split = np.array(columns["split"])

    def without_labels(columns, part):
        labels = np.where(split == part, None, np.array(columns["label_group"], object)).tolist()
        return columns | {"label_group": labels}

    columns = columns if train_labelled else without_labels(columns, "train")
    _, before = run(tmp_path / "before", monkeypatch, columns, channels)
    chosen, matches = read_chosen(), read_matches()
    _, after = run(tmp_path / "without", monkeypatch, without_labels(columns, "test"), channels)
    assert read_chosen() == chosen
    assert read_matches() == matches
    assert after["threshold"] == before["threshold"]
    assert after["val"] == before["val"]
    assert "test" not in after


def test_labels_of_train_teach_in_the_full_gallery_alone(tmp_path, monkeypatch, families):
    columns, channels = families
    summary, before = run(tmp_path / "before", monkeypatch, *families)
    assert "full: pair model taught by train and val" in summary
    chosen, split = read_chosen(), read_chosen_in_split()
    _, after = run(tmp_path / "shuffled", monkeypatch, shuffle_labels(columns, "train"), channels)
    assert read_chosen_in_split() == split
    assert read_chosen() != chosen
    assert after["test_full"]["f1"] < before["test_full"]["f1"]


@pytest.mark.parametrize("keys", [{"value": 0.5}, {"at_least_one": True}])
def test_clusters_decide_nothing_that_params_decide(tmp_path, monkeypatch, families, keys):
    summary, _ = run(tmp_path, monkeypatch, *families, **keys)
    assert "clusters" not in summary
    decided_by = json.loads((PREDICTIONS / "metrics.json").read_text())["decided_by"]
    assert decided_by == {"full": "threshold", "split": "threshold"}


@pytest.mark.parametrize(("n_labelled", "teachers"), [(0, "val"), (1, "train and val")])
def test_hardly_a_label_in_train(tmp_path, monkeypatch, families, n_labelled, teachers):
    columns, channels = families
    labels = np.array(columns["label_group"], dtype=object)
    labels[np.flatnonzero(np.array(columns["split"]) == "train")[n_labelled:]] = None
    columns = columns | {"label_group": labels.tolist()}
    summary, metrics = run(tmp_path, monkeypatch, columns, channels)
    assert metrics["fallback"] == 0
    assert f"full: pair model taught by {teachers}, " in summary
    assert "split: pair model taught by val, " in summary


def test_the_same_bytes_each_time(tmp_path, monkeypatch, families):
    outs = []
    for folder in ("first", "second"):
        run(tmp_path / folder, monkeypatch, *families)
        outs.append((read_outs(), read_chosen()))
    assert outs[0] == outs[1]


def read_chosen_in_split():
    return {name: text for name, text in read_chosen().items() if name.startswith("split")}


def test_split_never_looks_outside_itself(tmp_path, monkeypatch, families):
    """Changed vectors and titles in train change the full gallery, and nothing in the split one."""
    columns, channels = families
    _, before = run(tmp_path / "before", monkeypatch, *families)
    chosen = read_chosen_in_split()
    train = np.array(columns["split"]) == "train"
    changed = {name: np.where(train[:, None], rows[:, ::-1], rows) for name, rows in channels.items()}
    titles = [f"{t} lain" if tr else t for t, tr in zip(columns["title"], train, strict=True)]
    _, after = run(tmp_path / "after", monkeypatch, columns | {"title": titles}, changed)
    assert read_chosen_in_split() == chosen
    assert after["test"] == before["test"]
    assert after["test_full"] != before["test_full"]


@pytest.mark.parametrize(
    ("label_of_val", "reason"),
    [("one", "no candidate pair of two products"), ("each", "no candidate pair of one product")],
)
def test_labels_that_teach_nothing_leave_the_fused_score(
    tmp_path, monkeypatch, families, label_of_val, reason
):
    """All of val is one product, in a catalogue of val alone; or each listing of val is a product."""
    columns, channels = families
    val = np.array(columns["split"]) == "val"
    labels = np.array(columns["label_group"], dtype=object)
    labels[val] = "one" if label_of_val == "one" else [f"each{i}" for i in range(val.sum())]
    columns = columns | {"label_group": labels.tolist()}
    if label_of_val == "one":
        columns, channels = select_listings(columns, channels, val)
    summary, metrics = run(tmp_path, monkeypatch, columns, channels)
    assert metrics["fallback"] == 2
    assert reason in summary
    assert reason in json.loads((PREDICTIONS / "metrics.json").read_text())["model"]["full"]
    assert np.isfinite(metrics["val"]["f1"])


def select_listings(columns, channels, mask):
    """The columns and channels of the listings in `mask` alone."""
    rows = np.flatnonzero(mask)
    columns = {name: [values[row] for row in rows] for name, values in columns.items()}
    columns |= {name: np.array(columns[name], dtype=np.int32) for name in ("row", "component")}
    return columns, {name: vectors[rows] for name, vectors in channels.items()}


def test_a_channel_that_half_the_listings_lack_and_one_that_all_lack(tmp_path, monkeypatch, families):
    columns, channels = families
    n = len(columns["posting_id"])
    channels = {
        "title": channels["title"],
        "picture": np.where(np.arange(n)[:, None] % 2 == 0, channels["picture"], np.float32(0)),
        "none": np.empty((n, 0), np.float32),
    }
    fusion = FUSION | {"image": {"picture": 1.0, "none": 1.0}}
    _, metrics = run(tmp_path, monkeypatch, columns, channels, fusion=fusion)
    assert metrics["fallback"] == 0
    assert metrics["test"]["f1"] > 0.7


def test_unlabelled_listings_are_in_the_gallery_and_are_no_queries(tmp_path, monkeypatch, families):
    columns, channels = families
    labels = [label if i % 3 else None for i, label in enumerate(columns["label_group"])]
    _, metrics = run(tmp_path, monkeypatch, columns | {"label_group": labels}, channels)
    test = np.array(columns["split"]) == "test"
    n_labelled = sum(label is not None for label, is_test in zip(labels, test, strict=True) if is_test)
    assert metrics["test"]["queries"] == n_labelled
    assert metrics["test_full"]["gallery"] == len(labels)
    assert metrics["fallback"] == 0


@pytest.mark.parametrize(("split", "n_left"), [("test", 0), ("test", 1), ("train", 0)])
def test_a_split_with_hardly_a_listing(tmp_path, monkeypatch, families, split, n_left):
    columns, channels = families
    mask = np.array(columns["split"]) != split
    mask[np.flatnonzero(~mask)[:n_left]] = True
    _, metrics = run(tmp_path, monkeypatch, *select_listings(columns, channels, mask))
    assert metrics["fallback"] == 0
    assert ("test" in metrics) == (split == "train" or n_left > 0)


def test_without_labels_it_is_skipped_and_its_outs_say_why(tmp_path, monkeypatch, families):
    columns, channels = families
    unlabelled = columns | {"label_group": [None] * len(columns["posting_id"])}
    summary, metrics = run(tmp_path, monkeypatch, unlabelled, channels)
    assert "skipped" in summary
    assert metrics == {"skipped": 1}
    for out in (PREDICTIONS, MODELS):
        (file,) = out.iterdir()
        assert json.loads(file.read_text())["skipped"].startswith("val has no two labelled listings")
