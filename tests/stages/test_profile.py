"""profiles/shopee.yaml: its own channels, runs and rows run on tiny checkpoints; the rest is resolved by DVC."""

import csv
import io
import json
import re
import subprocess
import sys
import zipfile

import pytest
import yaml

from samesku.params import list_alphas, parse_params, read_params
from samesku.params.profile import apply_profile, read_profile
from tests.conftest import ROOT
from tests.fixtures import random_checkpoints, small_pipeline
from tests.fixtures.small_pipeline import dvc

#: What is the profile's own and loads in another way than the shipped params: run for real.
OWN = ("clip_05_static", "bert_resnet_dynamic", "clip_finetuned")
#: The stages that they need, in one process: the libraries are imported once.
STAGES = """
import sys
from samesku.params import load_params
from stages import annotations, compare, embed_zero_shot, sample, train_pxk
sample.main()
annotations.main()
for channel in ("cnn", "sbert", "clip_image", "clip_title", "bert"):
    embed_zero_shot.main(channel)
train_pxk.main("clip_finetuned")
params = load_params()
rows = {name: params.compare[name] for name in sys.argv[1:]}
compare.load_params = lambda: params.model_copy(update={"compare": rows})
compare.main()
"""


@pytest.fixture(scope="module")
def params():
    text = apply_profile((ROOT / "params.yaml").read_text("utf-8"), read_profile(ROOT / "profiles", "shopee"))
    return yaml.safe_load(text)


def test_the_profile_pins_what_comes_from_the_hub(params):
    for name, channel in parse_params(params).channels.items():
        if channel.weights:
            assert channel.weights.startswith("hub:"), name
            assert re.fullmatch(r"[0-9a-f]{40}", channel.revision), f"{name} is not pinned"


def test_the_rows_of_the_averaged_clip_baseline_have_its_published_thresholds(params):
    systems = parse_params(params).compare
    decisions = {
        (*list_alphas(s), s.decision.kind): s.decision.value
        for s in systems.values()
        if (s.method, *s.image) == ("average", "clip_image")
    }
    assert decisions == {
        (0.5, "static"): 0.9,
        (0.3, "static"): 0.9,
        (0.7, "static"): 0.9,
        (0.5, "dynamic"): 1.44,
        (0.3, "dynamic"): 1.50,
        (0.7, "dynamic"): 1.45,
    }


@pytest.fixture(scope="module")
def shopee(pipeline, tmp_path_factory, params):
    """A small repository set to the profile: Kaggle's names and layout, tiny checkpoints for the hub's."""
    folder = small_pipeline.copy(tmp_path_factory.mktemp("shopee") / "samesku")
    (folder / "data/raw").mkdir(parents=True, exist_ok=True)
    with (
        zipfile.ZipFile(pipeline / "data/demo/catalogue.zip") as demo,
        zipfile.ZipFile(folder / "data/raw/shopee-product-matching.zip", "w") as kaggle,
    ):
        rows = list(csv.DictReader(io.TextIOWrapper(demo.open("listings.csv"), "utf-8", newline="")))
        table = io.StringIO()
        columns = ["posting_id", "image", "image_phash", "title", "label_group"]
        writer = csv.DictWriter(table, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        kaggle.writestr("train.csv", table.getvalue())
        for picture in {row["image"] for row in rows}:
            kaggle.writestr(f"train_images/{picture}", demo.read(f"images/{picture}"))

    weights = folder / "data/raw/weights"
    clip_config, clip_weights = random_checkpoints.save_clip(weights / "clip")
    resnet, resnet_weights = random_checkpoints.save_timm(weights / "resnet")
    bert = random_checkpoints.save_bert(weights / "bert")
    models = {
        "open_clip": (str(clip_config), str(clip_weights)),
        "timm": (resnet, str(resnet_weights)),
        "sentence_transformers": ("bert", str(bert)),
    }
    for channel in params["channels"].values():
        if channel["backend"] in models:
            channel["model"], channel["weights"] = models[channel["backend"]]
            channel.pop("revision", None)
            channel.pop("sha256", None)
    small_pipeline.lessen(params)
    (folder / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    dvc(folder, "add", "data/raw/shopee-product-matching.zip")
    return folder


@pytest.mark.slow
def test_channels_runs_and_rows_of_the_profile_run(shopee):
    resolved = dvc(shopee, "stage", "list", "--name-only").split()
    assert {"train_pxk@pxk", "train_pxk@clip_finetuned", "compare", "tune", "rerank"} <= set(resolved)
    done = subprocess.run([sys.executable, "-c", STAGES, *OWN], cwd=shopee, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for system, threshold in zip(OWN, (0.9, 1.4, None), strict=True):
        metrics = json.loads((shopee / f"metrics/compare/{system}.json").read_text())
        assert 0 < metrics["test"]["f1"] <= 1, system
        assert metrics["test_full"]["gallery"] > 150
        if threshold is not None:
            assert metrics["threshold"] == {"split": threshold, "full": threshold}


@pytest.mark.long
def test_the_whole_dag_of_the_profile_runs(shopee):
    dvc(shopee, "repro")
    for system in parse_params(read_params(shopee / "params.yaml")).compare:
        metrics = json.loads((shopee / f"metrics/compare/{system}.json").read_text())
        assert 0 < metrics["test"]["f1"] <= 1, system
