"""profiles/shopee.yaml: its whole DAG, run on tiny checkpoints through the code that loads the hub's."""

import csv
import io
import json
import subprocess
import sys
import zipfile

import pytest
import yaml

from samesku.params import load
from tests.conftest import ROOT
from tests.fixtures import random_checkpoints, small_pipeline
from tests.fixtures.small_pipeline import dvc

PROFILE = ROOT / "profiles/shopee.yaml"


def test_the_profile_is_right_and_pins_what_comes_from_the_hub():
    channels = load(PROFILE).channels
    for name, channel in channels.items():
        if channel.weights:
            assert channel.weights.startswith("hub:"), name
            assert channel.revision, f"{name} is not pinned"
            assert len(channel.revision) == 40


def test_the_rows_of_the_seed_are_there():
    systems = load(PROFILE).compare
    decisions = {
        (s.alpha, s.decision.kind): s.decision.value
        for s in systems.values()
        if (s.method, s.image) == ("average", "clip_image")
    }
    assert decisions == {
        (0.5, "static"): 0.9,
        (0.3, "static"): 0.9,
        (0.7, "static"): 0.9,
        (0.5, "dynamic"): 1.44,
        (0.3, "dynamic"): 1.50,
        (0.7, "dynamic"): 1.45,
    }
    assert (systems["bert_resnet_dynamic"].image, systems["bert_resnet_dynamic"].title) == ("cnn", "bert")
    assert systems["bert_resnet_dynamic"].decision.value == 1.4


def test_fusion_lists_what_the_stages_depend_on():
    fusion, shipped = (load(path).fusion for path in (PROFILE, ROOT / "params.yaml"))
    assert fusion.image.keys() | fusion.title.keys() == shipped.image.keys() | shipped.title.keys()


@pytest.fixture(scope="module")
def shopee(tmp_path_factory):
    """A small repository set to the profile: Kaggle's names and layout, tiny checkpoints for the hub's."""
    folder = small_pipeline.copy(tmp_path_factory.mktemp("shopee") / "samesku")
    subprocess.run([sys.executable, "-m", "data.demo.render"], cwd=folder, check=True, capture_output=True)
    (folder / "data/raw").mkdir(parents=True, exist_ok=True)
    with (
        zipfile.ZipFile(folder / "data/demo/catalogue.zip") as demo,
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
    params = yaml.safe_load(PROFILE.read_text("utf-8"))
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
def test_the_whole_dag_of_the_profile_runs(shopee):
    dvc(shopee, "repro")
    systems = load(PROFILE).compare
    for system in systems:
        metrics = json.loads((shopee / f"metrics/compare/{system}.json").read_text())
        assert 0 < metrics["test"]["f1"] <= 1, system
        given = systems[system].decision.value
        if given != "tune":
            assert metrics["threshold"] == {"split": given, "full": given}
    assert json.loads((shopee / "metrics/samesku.json").read_text())["test_full"]["gallery"] > 150
