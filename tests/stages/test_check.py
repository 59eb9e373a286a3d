"""check: a missing catalogue is one sentence, and removed training runs leave no figures."""

import pytest

from samesku import artefacts
from samesku.errors import InputError
from stages import check, compare
from tests.conftest import ROOT
from tests.fixtures.small_pipeline import change


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "data/raw/mine").mkdir(parents=True)
    change(tmp_path / "params.yaml", lambda params: params["data"].update(source="data/raw/mine"))
    return tmp_path


def test_it_writes_the_name_of_the_catalogue(folder):
    assert check.main() == "params.yaml is right, the catalogue is data/raw/mine"
    assert (folder / "data/source.txt").read_text() == "data/raw/mine\n"


@pytest.mark.parametrize(
    "source", ["data/raw/mine", "s3://bucket/shop.zip", "data/raw/tracked", "data/made/shop.zip"]
)
def test_a_source_that_is_here_or_that_dvc_brings_is_right(folder, source):
    (folder / "data/raw/tracked.dvc").touch()
    (folder / "data/made").mkdir()
    (folder / "data/made/dvc.yaml").touch()
    check.check_source(source)


def test_a_missing_source_is_refused(folder):
    with pytest.raises(
        InputError, match=r"^data\.source: data/raw/none does not exist; allowed: a \.zip, a folder"
    ):
        check.check_source("data/raw/none")


def test_a_kind_of_index_that_faiss_cannot_read_is_refused(folder):
    for kind in ("flat", "ivf", "IVF64,SQ8", "PQ7"):  # that 7 must divide the width is for `index` to say
        check.check_index(kind)
    change(folder / "params.yaml", lambda params: params["index"].update(kind="nonsense"))
    with pytest.raises(InputError, match=r"index\.kind: FAISS cannot read 'nonsense'; allowed: flat, ivf"):
        check.main()


def test_in_an_experiment_a_missing_source_is_one_that_is_not_tracked(folder, monkeypatch):
    (folder / ".dvc/tmp/exps/standalone/a").mkdir(parents=True)
    monkeypatch.chdir(folder / ".dvc/tmp/exps/standalone/a")
    with pytest.raises(
        InputError, match=r"only files that git or DVC tracks; track it \(dvc add data/raw/x\)"
    ):
        check.check_source("data/raw/x")


@pytest.mark.parametrize("group", ["machine", "desicion"])
def test_every_group_is_checked_whatever_stage_starts(folder, group):
    change(folder / "params.yaml", lambda params: params.update({group: {"threads": 0}}))
    for main in (check.main, compare.main):
        with pytest.raises(
            InputError, match=r"machine\.threads is 0; allowed: 1 to 1024|did you mean decision\?"
        ):
            main()
    assert not (folder / "data/source.txt").exists()


def test_the_metrics_of_a_removed_training_run_are_removed_and_others_stay(folder):
    for name in ("pxk", "old"):
        artefacts.write_json(artefacts.METRICS / f"train/{name}.json", {"reused": 0.0})
    (artefacts.PREDICTIONS / "old").mkdir(parents=True)  # a copy that a person made
    assert check.main().endswith("removed the metrics of runs that params.yaml lacks: old")
    assert [path.stem for path in (artefacts.METRICS / "train").iterdir()] == ["pxk"]
    assert (artefacts.PREDICTIONS / "old").is_dir()
