"""benchmarks.million: a run in a folder goes on from the stages that have figures."""

import pytest

from benchmarks import memory, million

FIGURES = memory.Figures(took=2.0, busy=1.0, private=3, in_all=4, scratch=5)


@pytest.fixture
def ran(monkeypatch):
    """The stages that were run, in place of running them."""
    stages = []

    def measure(stage, folder, every):
        assert (folder / "catalogue/listings.csv").is_file()
        if stage == "fails":
            raise memory.StageFailed(stage)
        stages.append(stage)
        return FIGURES

    monkeypatch.setattr(memory, "measure", measure)
    return stages


def run(folder, *arguments):
    million.main(["--listings", "30", "--folder", str(folder), *arguments])


def test_a_stage_that_has_figures_is_not_run_again_unless_asked_for(ran, tmp_path, capsys):
    run(tmp_path, "--stages", "fuse", "index")
    assert ran == [*million.BEFORE, "fuse", "index"]
    assert (tmp_path / "30/data/embeddings/cnn.npy").is_file()
    capsys.readouterr()
    run(tmp_path, "--stages", "fuse", "index", "evaluate", "--again", "index")
    assert ran[len(million.BEFORE) + 2 :] == ["index", "evaluate"]
    assert f"{'fuse':24} {FIGURES}" in capsys.readouterr().out


def test_figures_stay_where_a_later_stage_fails(ran, tmp_path):
    with pytest.raises(memory.StageFailed):
        run(tmp_path, "--stages", "fuse", "fails")
    assert million.read_figures(tmp_path / "30") == dict.fromkeys([*million.BEFORE, "fuse"], FIGURES)


def test_a_folder_of_other_settings_is_refused(ran, tmp_path):
    run(tmp_path, "--stages", "fuse")
    with pytest.raises(SystemExit, match="holds a run with other settings"):
        run(tmp_path, "--stages", "fuse", "--effort", "17")
