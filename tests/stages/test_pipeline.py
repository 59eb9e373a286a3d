"""The whole pipeline by DVC, on a small catalogue in a repository of its own."""

import json
import math
import re
import shutil

import numpy as np
import pytest
import yaml

from tests.fixtures.small_pipeline import dvc

pytestmark = pytest.mark.slow
RAN = re.compile(r"Running stage '([^']+)'")


@pytest.fixture(scope="module")
def copy(pipeline, tmp_path_factory):
    """For commands that change the workspace, if only for a moment: another worker may copy it just then."""
    return shutil.copytree(pipeline, tmp_path_factory.mktemp("dvc") / "samesku", symlinks=True)


def metrics(folder):
    return {
        str(path.relative_to(folder / "metrics")): json.loads(path.read_text())
        for path in sorted((folder / "metrics").rglob("*.json"))
    }


def flat(content):
    for value in content.values():
        yield from flat(value) if isinstance(value, dict) else [value]


def test_every_system_has_its_row_of_at_most_a_dozen_finite_numbers(pipeline):
    params = yaml.safe_load((pipeline / "params.yaml").read_text("utf-8"))
    rows = metrics(pipeline)
    assert {f"compare/{name}.json" for name in params["compare"]} | {"samesku.json"} <= set(rows)
    for name, content in rows.items():
        values = list(flat(content))
        assert len(values) <= 12, name
        assert all(isinstance(v, int | float) and math.isfinite(v) for v in values), name
    assert 0.3 < rows["samesku.json"]["test"]["f1"] < 1


def test_the_table_of_dvc_is_a_row_for_each_system(pipeline):
    table = dvc(pipeline, "metrics", "show", "--md")
    for name in metrics(pipeline):
        assert f"metrics/{name}" in table
    assert "test_full.f1" in table


def test_the_submission_scores_as_the_metrics_say(pipeline):
    """Scored anew from submission.csv and the catalogue's labels, without the project's code."""
    import pandas as pd

    rows = pd.read_parquet(pipeline / "data/sample/listings.parquet").set_index("posting_id")
    submission = pd.read_csv(pipeline / "data/predictions/samesku/submission.csv", index_col=0)["matches"]
    members = rows.groupby("label_group").groups
    scores = []
    for query in rows.index[rows.split == "test"]:
        kept, true = set(submission[query].split()), set(members[rows.label_group[query]])
        scores.append(2 * len(kept & true) / (len(kept) + len(true)))
    assert metrics(pipeline)["samesku.json"]["test_full"]["f1"] == pytest.approx(
        sum(scores) / len(scores), abs=1e-6
    )


def test_nothing_to_do_runs_nothing(copy):
    assert not RAN.search(dvc(copy, "repro"))


def test_another_alpha_runs_fuse_index_and_evaluate_alone(copy):
    alpha = yaml.safe_load((copy / "params.yaml").read_text())["fusion"]["alpha"]
    output = dvc(copy, "exp", "run", "--temp", "-S", f"fusion.alpha={alpha - 0.1:.2f}")
    assert RAN.findall(output) == ["fuse", "index", "evaluate"]


def test_a_wrong_param_stops_before_any_work(copy):
    output = dvc(copy, "exp", "run", "--temp", "-S", "fusion.alpha=1.5", fails=True)
    assert "params.yaml: fusion.alpha is 1.5; allowed: less than or equal to 1" in output


@pytest.mark.long
def test_two_processes_train_what_one_has_trained(copy, pipeline):
    file = copy / "params.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("  processes: 1\n", "  processes: 2\n"), "utf-8")
    try:
        output = dvc(copy, "repro", "--single-item", "--force", "train_pxk@pxk")
    finally:
        file.write_text(text, "utf-8")
    assert "2 × cpu" in output
    one, two = (np.load(folder / "data/embeddings/pxk_image.npy") for folder in (pipeline, copy))
    np.testing.assert_allclose(two, one, atol=1e-4)


@pytest.mark.long
def test_more_processes_than_listings_of_a_batch_are_refused(copy):
    file = copy / "params.yaml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("  processes: 1\n", "  processes: 4\n"), "utf-8")
    try:
        output = dvc(copy, "repro", "--single-item", "--force", "train_pxk@siamese", fails=True)
    finally:
        file.write_text(text, "utf-8")
    assert output.count("a batch has 3 listings for 4 processes") == 1


def test_plots_can_be_drawn(copy):
    dvc(copy, "plots", "show", "-o", "plots_here")
    page = (copy / "plots_here/index.html").read_text("utf-8")
    for title in ("F1 against threshold", "Precision–recall", "F1 against α", "F1 of test queries"):
        assert title in page or title.encode("ascii", "backslashreplace").decode() in page, title
