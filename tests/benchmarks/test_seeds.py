"""benchmarks.seeds: which systems a seed changes, what runs for them, and their mean and sd."""

import json
from pathlib import Path

import pytest

from benchmarks import seeds
from samesku import artefacts
from samesku.app.systems import split_systems
from samesku.app.text import systems_table
from samesku.errors import InputError
from samesku.params import list_systems, load_params, parse_params, read_params
from stages import check
from tests.conftest import ROOT
from tests.fixtures import val_and_test_copies


def shipped(change=lambda content: None):
    content = read_params(ROOT / "params.yaml")
    change(content)
    return parse_params(content)


def test_a_system_is_trained_if_a_trained_channel_counts():
    trained = seeds.list_trained_systems(shipped())
    assert {"samesku", "pxk_image", "siamese", "clip_finetuned", "tuned_augmented", "rerank"} <= set(trained)
    assert not {"image_only", "samesku_zero_shot", "tfidf", "self_only"} & set(trained)

    def without_weight(content):  # of weight 0, it counts for tune and rerank alone
        content["fusion"]["image"] |= {"pxk_image": 0.0, "cnn": 1.0}
        content["compare"]["pxk_image"]["image"] = {"pxk_image": 0.0, "cnn": 1.0}
        content["compare"]["pxk_sbert"] |= {"alpha": 0.0}

    trained = seeds.list_trained_systems(shipped(without_weight))
    assert not {"samesku", "pxk_image", "pxk_sbert"} & set(trained)
    assert {"tuned", "rerank", "siamese"} <= set(trained)

    def a_tower_that_is_not_trained(content):
        content["fusion"]["image"] |= {"pxk_image": 0.0, "cnn": 1.0}
        content["fusion"]["title"]["pxk_title"] = 1.0

    assert "samesku" not in seeds.list_trained_systems(shipped(a_tower_that_is_not_trained))


def test_the_stages_of_a_seed_are_those_after_training():
    params = shipped()
    assert seeds.list_stages(params, ["samesku", "siamese"]) == [
        "train_pxk pxk", "train_pxk siamese", "fuse", "index", "evaluate", "compare",
    ]  # fmt: skip
    assert seeds.list_stages(params, ["attention"]) == ["train_pxk pxk", "learn_fusion"]
    assert seeds.list_stages(params, ["rerank"]) == ["train_pxk pxk", "rerank"]
    assert seeds.list_stages(params, list(seeds.TUNED)) == ["train_pxk pxk", "tune"]


def test_mean_and_sd_are_those_of_a_sample():
    runs = [{"a": {"val": f1, "test": 0.5}, "b": {}} for f1 in (0.1, 0.2, 0.6)]
    del runs[2]["a"]["test"]  # skipped for one seed
    summary = seeds.summarise(runs)
    assert summary == {"a": {"val": {"mean": pytest.approx(0.3), "sd": pytest.approx(0.07**0.5)}}}
    assert seeds.noise_table(summary).splitlines()[-1] == "| a | 0.3000 ± 0.2646 |  |  |"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder in which the pipeline has been run, and stages that write F1 of 0.5 + seed / 10."""
    monkeypatch.chdir(tmp_path)
    val_and_test_copies.write(tmp_path, params={"fusion.alpha": 0.5})
    (tmp_path / "data/annotations").mkdir()
    (tmp_path / "data/predictions/samesku").mkdir(parents=True)
    content = read_params(tmp_path / "params.yaml")
    content["compare"] = {name: content["compare"][name] for name in ("image_only", "pxk_image")}
    content["learned_fusion"] = {}
    content["fusion"]["title"]["pxk_title"] = content["rerank"]["fusion"]["image"]["pxk_image"] = 0.0
    content["fusion"]["title"].pop("pxk_title")
    content["rerank"]["fusion"]["image"] = {"cnn": 1.0}
    (tmp_path / "params.yaml").write_text(json.dumps(content))
    return tmp_path


@pytest.fixture
def ran(monkeypatch):
    """The (seed, stage) that ran."""
    ran = []

    def run_stage(stage, place):
        params = read_params(place / "params.yaml")
        (seed,) = {run["seed"] for run in params["train"].values()}
        ran.append((seed, stage))
        if seed == 2 and len(ran) == 5:
            raise KeyboardInterrupt
        assert (place / "data/sample").resolve() == Path("data/sample").resolve()
        assert (place / "data/embeddings/cnn.npy").resolve() == Path("data/embeddings/cnn.npy").resolve()
        assert not (place / "data/embeddings").is_symlink()
        assert not (place / "data/predictions").exists()
        if stage == "compare":
            assert list(params["compare"]) == ["pxk_image"]
            row = {split: {"f1": 0.5 + seed / 10} for split in ("val", "test", "test_full")}
            artefacts.write_json(place / "metrics/compare/pxk_image.json", row)

    monkeypatch.setattr(seeds, "run_stage", run_stage)
    return ran


def test_a_stopped_run_goes_on_from_the_seeds_that_are_done(folder, ran):
    with pytest.raises(KeyboardInterrupt):
        seeds.measure(3)
    assert not seeds.SEEDS.exists()
    done = len(ran)
    table = seeds.measure(3)
    assert ran[done:] == [(2, "train_pxk pxk"), (2, "compare")]
    assert table.splitlines()[2:] == ["| pxk_image | 0.6000 ± 0.1000 | 0.6000 ± 0.1000 | 0.6000 ± 0.1000 |"]
    content = artefacts.read_json(seeds.SEEDS)
    assert content["sample"] == artefacts.fingerprint(None, [artefacts.LISTINGS])
    assert content["seeds"] == [0, 1, 2]
    assert content["systems"]["pxk_image"]["test"] == {"mean": 0.6, "sd": 0.1}
    done = len(ran)
    assert seeds.measure(3) == table
    assert len(ran) == done, "nothing is left to do"


def test_the_file_is_no_system(folder, ran):
    seeds.measure(2)
    params = load_params()
    assert check.remove_leftovers(params.train) == []
    assert seeds.SEEDS.is_file()
    artefacts.write_json(artefacts.METRICS / "samesku.json", {"test": {"f1": 0.5}})
    rows = systems_table(artefacts.METRICS, list_systems(params)).splitlines()[2:]
    assert len(rows) == 1
    assert rows[0].startswith("| samesku |")
    assert "seeds" not in split_systems(params)[0]
    assert "seeds.json" not in (ROOT / "dvc.yaml").read_text(
        "utf-8"
    )  # dvc metrics show takes its files from there


def test_without_a_trained_system_or_without_arrays_it_is_one_sentence(folder, ran):
    (folder / "data/embeddings/cnn.npy").unlink()
    with pytest.raises(InputError, match=r"cnn\.npy is missing; run `dvc repro` first"):
        seeds.measure(2)
    content = read_params(folder / "params.yaml")
    del content["compare"]["pxk_image"]
    (folder / "params.yaml").write_text(json.dumps(content))
    with pytest.raises(InputError, match="no system uses a channel of `train`"):
        seeds.measure(2)


def test_a_stage_runs_from_this_checkout_and_its_failure_stops_the_run(tmp_path):
    with pytest.raises(InputError, match=r"the stage fuse ended with status 1"):
        seeds.run_stage("fuse", tmp_path)  # no params.yaml there
