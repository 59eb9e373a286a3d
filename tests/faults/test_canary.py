"""Labels of test choose nothing: they are shuffled or removed after `sample`, and only figures of test may change."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from samesku.params import read_params
from tests.faults import broken

pytestmark = pytest.mark.slow
# Every stage behind the zero-shot channels, in one process: the libraries are imported once.
STAGES = """
import sys
from stages import annotations, compare, evaluate, fuse, index, learn_fusion
from stages import rerank, train_pxk, train_reader, tune
annotations.main()
for run in sys.argv[1:]:
    train_pxk.main(run)
for stage in (fuse, index, evaluate, compare, learn_fusion, tune, train_reader, rerank):
    stage.main()
"""


def run_with_labels(pipeline, folder, change):
    """A copy of the finished pipeline, its labels of test changed, and all that follows from them made anew.

    change: takes the labels of test, and gives those that they become.
    """
    runs = list(read_params(pipeline / "params.yaml")["train"])
    broken.copy(pipeline, folder)
    path = folder / "data/sample/listings.parquet"
    table = pq.read_table(path)
    label = np.array(table["label_group"].to_pylist(), dtype=object)
    test = np.flatnonzero(np.array(table["split"].to_pylist()) == "test")
    label[test] = change(label[test])
    at = table.column_names.index("label_group")
    pq.write_table(table.set_column(at, "label_group", pa.array(label.tolist(), pa.string())), path)
    for stage in broken.stages(folder):
        if stage.name.partition("@")[0] not in ("render", "check", "sample", "embed_zero_shot"):
            for name in broken.digests(folder, stage.outs):
                (folder / name).unlink()  # so that what is compared was written by this run
    done = subprocess.run(
        [sys.executable, "-c", STAGES, *runs],
        cwd=folder,
        env=broken.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


def without_test(content):
    """metrics.json, a metrics file or numbers.json without what is said of test, and without the sample's hash."""
    if not isinstance(content, dict):
        return content
    return {
        key: without_test(value)
        for key, value in content.items()
        if not key.startswith("test") and key != "sample"
    }


def compared(name, before, after, grids=True):
    """A file's content before and after, without the figures of test: what must be equal.

    grids: whether the thresholds are compared at which a plot has the F1 of val and test.
    """
    if name.endswith(".json"):
        return [without_test(json.loads(file.read_text())) for file in (before, after)]
    if name.endswith("queries.parquet"):
        tables = [pd.read_parquet(file) for file in (before, after)]
        return [table[table["split"] != "test"].to_dict("list") for table in tables]
    if "/plots/" in name or name == "data/tuned/alpha.csv":
        if "strata" in name or "_test" in name or name.endswith("scores.csv"):
            return [None, None]
        if "/threshold_" in name and not grids:
            return [None, None]
        tables = [pd.read_csv(file) for file in (before, after)]
        return [table[[c for c in table if not c.startswith("test")]].to_dict("list") for table in tables]
    return [file.read_bytes() for file in (before, after)]


def compare_outs(pipeline, changed, grids=True):
    """Compare all outs but for the figures of test; the names of their files. `grids` as of `compared`."""
    outs = [out for stage in broken.stages(pipeline) for out in stage.outs]
    names = set(broken.digests(pipeline, outs)) - {"data/sample/listings.parquet"}
    assert names == set(broken.digests(changed, outs)) - {"data/sample/listings.parquet"}
    for name in sorted(names):
        before, after = compared(name, pipeline / name, changed / name, grids)
        assert before == after, f"labels of test have moved {name}"
    models = [n for n in names if n.startswith(("data/models/", "data/embeddings/", "data/tuned/"))]
    assert {n.split("/")[2] for n in models} >= {"pxk.safetensors", "rerank", "weights.json", "pxk_image.npy"}
    return names


@pytest.mark.long  # of each stage that learns, its own tests have a short one
def test_shuffled_labels_of_test_change_figures_of_test_alone(pipeline, tmp_path, report):
    order = np.random.default_rng(0)
    shuffled = run_with_labels(pipeline, tmp_path / "samesku", order.permutation)
    names = compare_outs(pipeline, shuffled)
    for name in sorted(n for n in names if n.startswith("metrics/")):
        before, after = (json.loads((folder / name).read_text()) for folder in (pipeline, shuffled))
        if name.endswith("self_only.json"):  # the floor depends on the sizes of products alone
            assert before["test"] == after["test"]
        elif "test" in before:
            assert before["test"]["f1"] > after["test"]["f1"], name
            assert before["test_full"]["f1"] > after["test_full"]["f1"], name
    report(
        "leak",
        "label_group shuffled among the test rows of listings.parquet, then every later stage",
        f"test f1 falls in every system; of {len(names)} files nothing else differs: models, weights, "
        "thresholds, val metrics, matches",
    )


@pytest.mark.long
def test_absent_labels_of_test_change_nothing(pipeline, tmp_path, report):
    """A real test set has no labels: its listings may not even serve as sure negatives."""
    bare = run_with_labels(pipeline, tmp_path / "samesku", lambda label: [None] * len(label))
    names = compare_outs(pipeline, bare, grids=False)  # without labels, no threshold of test is in a plot
    for name in (n for n in names if n.startswith("metrics/")):
        assert "test" not in json.loads((bare / name).read_text()), name
    report(
        "leak",
        "label_group taken away from the test rows of listings.parquet, then every later stage",
        f"no f1 of test; of {len(names)} files nothing else differs: models, weights, thresholds, val metrics, "
        "matches",
    )


def test_no_component_is_on_two_sides(pipeline, report):
    """Components are found anew here, by merging sets, from the columns that a listing must not share."""
    table = pd.read_parquet(pipeline / "data/sample/listings.parquet")
    leader = list(range(len(table)))

    def find(i):
        while leader[i] != i:
            i = leader[i]
        return i

    for column in ("label_group", "image", "image_phash"):
        for rows in table[table[column].fillna("") != ""].groupby(column).indices.values():
            for row in rows[1:]:
                leader[find(row)] = find(rows[0])
    found = pd.Series([find(i) for i in range(len(table))])
    assert table["split"].groupby(found).nunique().max() == 1
    assert table["component"].groupby(found).nunique().max() == 1
    assert found.nunique() == table["component"].nunique() > 50
    assert set(table["split"]) == {"train", "val", "test"}
    report(
        "leak",
        "connected components found anew by merging sets",
        f"none of {found.nunique()} is on two sides",
    )
