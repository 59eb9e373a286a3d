"""The whole pipeline by DVC, on a small catalogue in a repository of its own."""

import json
import math
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest

from samesku.params import list_systems, load_params, read_params
from tests.fixtures.small_pipeline import change, duplicate, dvc

pytestmark = pytest.mark.slow
RAN = re.compile(r"Running stage '([^']+)'")


@pytest.fixture(scope="module")
def copy(pipeline, tmp_path_factory):
    """For commands that change the workspace, if only for a moment: another worker may copy it just then."""
    return duplicate(pipeline, tmp_path_factory.mktemp("dvc") / "samesku")


def metrics(folder):
    return {
        str(path.relative_to(folder / "metrics")): json.loads(path.read_text())
        for path in sorted((folder / "metrics").rglob("*.json"))
    }


def flat(content):
    for value in content.values():
        yield from flat(value) if isinstance(value, dict) else [value]


def test_every_system_has_its_row_of_at_most_a_dozen_finite_numbers(pipeline):
    params = read_params(pipeline / "params.yaml")
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


def git(folder, *arguments):
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def changed_lines(folder):
    """How many lines of params.yaml the workspace has that the last commit lacks."""
    return int(git(folder, "diff", "HEAD", "--numstat", "--", "params.yaml").split("\t")[0])


def samesku(folder, *arguments):
    code = "import sys; from samesku.app.cli import app; app(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def table(folder):
    return samesku(folder, "table")


@pytest.fixture
def refusing(copy):
    """The copy, for a test that changes no out but that of `check`; taken back to its last commit after the test."""
    yield copy
    (
        copy / "params.yaml"
    ).touch()  # DVC writes it and git's index in one moment, after which git sees no change
    git(copy, "reset", "-q", "--hard")
    shutil.rmtree(copy / "data/raw/mine", ignore_errors=True)
    (copy / "data/source.txt").write_text("data/demo/catalogue.zip\n")  # not in the cache


@pytest.fixture
def restored(refusing):
    """The copy, for a test that changes outs; taken back to its last commit after the test."""
    yield refusing
    (refusing / "params.yaml").touch()
    git(refusing, "reset", "-q", "--hard")
    dvc(refusing, "checkout")


def test_nothing_to_do_runs_nothing(copy):
    assert not RAN.search(dvc(copy, "repro"))


def test_the_same_value_changes_no_byte(refusing):
    before = (refusing / "params.yaml").read_bytes()
    alpha = read_params(refusing / "params.yaml")["fusion"]["alpha"]
    assert not RAN.search(dvc(refusing, "exp", "run", "-S", f"fusion.alpha={alpha}"))
    assert (refusing / "params.yaml").read_bytes() == before


def test_a_wrong_param_stops_before_any_work_and_does_not_stay_behind_unnoticed(refusing):
    before = (refusing / "params.yaml").read_bytes()
    (refusing / "data/source.txt").unlink()  # as in a fresh clone: `check` comes first
    output = dvc(refusing, "exp", "run", "-S", "+desicion.kind=static", fails=True)
    assert "params.yaml: desicion: unknown key; did you mean decision? " in output
    assert RAN.findall(output) == ["check"]
    assert "[Errno" not in output
    assert git(refusing, "diff", "--stat", "--", "params.yaml")  # git sees it
    way_back = shlex.split(re.search("takes it back: dvc (.*)", output)[1])
    dvc(refusing, *way_back)
    assert (refusing / "params.yaml").read_bytes() == before


def test_a_refused_value_removes_no_out_of_a_ranking_stage(refusing):
    outs = [refusing / "data/fused", refusing / "metrics/compare", refusing / "data/predictions/compare"]
    before = [sorted(path.name for path in out.iterdir()) for out in outs]
    change(refusing / "params.yaml", lambda params: params["fusion"].update(alpha=1.5))
    change(refusing / "params.yaml", lambda params: params["compare"]["phash"].update(alpha=2))
    output = dvc(refusing, "repro", "--keep-going", "fuse", "compare", fails=True)
    assert RAN.findall(output) == ["fuse", "compare"]
    for sentence in ("fusion.alpha is 1.5; allowed: ", "compare.phash.alpha is 2; allowed: "):
        assert sentence in output
    assert [sorted(path.name for path in out.iterdir()) for out in outs] == before


def test_an_experiment_on_data_that_only_this_folder_has_says_so(refusing):
    (refusing / "data/raw/mine").mkdir(parents=True)
    with (refusing / ".git/info/exclude").open("a") as file:
        file.write("/data/raw/\n")
    output = dvc(refusing, "exp", "run", "--temp", "-S", "data.source=data/raw/mine", fails=True)
    assert (
        "data.source: data/raw/mine is not in the checkout of this experiment, which has only files" in output
    )
    assert "[Errno" not in output


def test_a_removed_system_leaves_metrics_predictions_and_tables(restored):
    def leave_one(params):
        params["compare"] = {"title_only": params["compare"]["title_only"]}

    change(restored / "params.yaml", leave_one)
    output = dvc(restored, "repro")
    assert RAN.findall(output) == ["compare"]
    assert not (restored / "metrics/compare/phash.json").exists()
    assert not (restored / "data/predictions/compare/phash").exists()
    assert "| phash |" not in table(restored)
    git(restored, "reset", "-q", "--hard")
    dvc(restored, "checkout", "--force")
    assert "| phash |" in table(restored)
    assert not git(restored, "status", "--porcelain")


def test_the_table_has_every_system_and_its_gain_over_the_floor(pipeline):
    params = load_params(pipeline / "params.yaml")
    rows = [line.split(" | ") for line in table(pipeline).splitlines()[2:]]
    assert {row[0].removeprefix("| ") for row in rows} == set(list_systems(params))
    floor = next(row for row in rows if row[0] == "| self_only")
    main = next(row for row in rows if row[0] == "| samesku")
    assert float(main[3]) == pytest.approx(float(main[2]) - float(floor[2]), abs=2e-4)


def test_the_report_has_the_queries_of_test(pipeline, tmp_path):
    import pandas as pd

    samesku(pipeline, "report", "--out", str(tmp_path / "report.html"))
    page = (tmp_path / "report.html").read_text("utf-8")
    rows = pd.read_parquet(pipeline / "data/sample/listings.parquet")
    queries = rows.posting_id[rows.split == "test"]
    assert len(queries) > 20
    assert all(query in page for query in queries)


@pytest.mark.long
def test_the_title_tower_is_trained_and_used_by_one_line(restored):
    output = dvc(
        restored,
        "exp",
        "run",
        "-S",
        "train.pxk.towers=[image,title]",
        "-S",
        "fusion.title.pxk_title=0.7",
        "evaluate",
    )
    assert RAN.findall(output) == ["train_pxk@pxk", "fuse", "index", "evaluate"]
    assert changed_lines(restored) == 2
    assert np.load(restored / "data/embeddings/pxk_title.npy").shape[1] > 0


@pytest.mark.long
def test_a_title_tower_alone_serves_fusion_tuning_and_the_pair_model(restored):
    """By params.yaml alone; null takes the defaults of a title tower."""
    params = read_params(restored / "params.yaml")
    keys = [f"train.pxk.{key}=null" for key in ("P", "K", "temperature", "unfreeze_blocks", "lr")]
    keys += ["train.pxk.towers=[title]", "fusion.title.pxk_title=1.0", "fusion.image.cnn=1.0"]
    keys += ["+rerank.fusion.title.pxk_title=1.0", "rerank.fusion.image.cnn=1.0"]
    assert "pxk_title" not in params["rerank"]["fusion"]["title"]
    overrides = [part for key in keys for part in ("-S", key)]
    output = dvc(restored, "exp", "run", *overrides, "evaluate", "tune", "rerank")
    assert {"train_pxk@pxk", "fuse", "evaluate", "tune", "rerank"} <= set(RAN.findall(output))
    run = load_params(restored / "params.yaml").train["pxk"]
    assert (run.P, run.K, run.temperature, run.lr) == (48, 2, 0.05, 1e-4)
    assert run.unfreeze_blocks == "all"
    arrays = {side: np.load(restored / f"data/embeddings/pxk_{side}.npy") for side in ("image", "title")}
    assert arrays["image"].shape[1] == 0
    np.testing.assert_allclose(np.linalg.norm(arrays["title"], axis=1), 1, atol=1e-5)
    assert "pxk_title" in (restored / "data/tuned/weights.json").read_text()
    trees = (restored / "data/models/rerank/full/pair_0.txt").read_text()
    assert " pxk_title " in next(line for line in trees.splitlines() if line.startswith("feature_names="))


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
