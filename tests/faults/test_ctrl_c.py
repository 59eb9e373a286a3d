"""Ctrl-C: a message, a status that is not 0, no worker left, the last good outs as they were."""

import signal
import time

import pytest

from tests.faults import broken

#: Says when a script's own work begins, which is when its libraries are imported.
LAUNCH = """
import runpy, sys
from samesku import artefacts
run = artefacts.run_stage
def announced(stage, main):
    def begun():
        print("begun", flush=True)
        return main()
    run(stage, begun)
artefacts.run_stage = announced
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
LONG = ("render", "sample", "embed_zero_shot@cnn", "embed_zero_shot@sbert", "train_pxk")


def stop(folder, stage, after):
    before = broken.digests(folder, stage.outs)
    process = broken.start(folder, ["-c", LAUNCH, *stage.arguments[1:]])
    assert broken.wait_for(process, "begun"), process.log.read_text("utf-8")
    time.sleep(after)
    since = time.monotonic()
    said = broken.end(process, signal.SIGINT)
    seconds = time.monotonic() - since
    assert process.returncode == 130, f"{stage.name} after {after:.2f} s: {said}"
    assert "stopped by Ctrl-C; nothing half-written is left" in said
    assert "Traceback" not in said, said
    assert broken.digests(folder, stage.outs) == before
    assert broken.leftovers(folder) == []
    return seconds


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sample", "embed_zero_shot@cnn"])
def test_a_stage_with_workers_stops(pipeline, tmp_path, name):
    folder = broken.copy(pipeline, tmp_path / "samesku")
    stage = next(s for s in broken.stages(pipeline) if s.name == name)
    stop(folder, stage, after=broken.chance(name).uniform(0.1, 0.4))


@pytest.mark.long
def test_every_stage_stops(pipeline, tmp_path, report):
    folder = broken.copy(pipeline, tmp_path / "samesku")
    tried = broken.stages(pipeline)
    seconds = {}
    for stage in tried:
        upmost = 0.5 if stage.name.startswith(LONG) else 0.02
        seconds[stage.name] = stop(folder, stage, broken.chance(stage.name).uniform(0, upmost))
    slowest = max(seconds, key=seconds.get)
    report(
        "ctrl-c",
        f"{len(tried)} stages, once each",
        "one line, status 130, every process gone, outs as they were; "
        f"the slowest to end was {slowest} with {seconds[slowest]:.1f} s",
    )


@pytest.mark.slow
def test_dvc_repro_stops(pipeline, tmp_path, report):
    folder = broken.copy(pipeline, tmp_path / "samesku")
    process = broken.start(folder, ["-m", "dvc", "repro", "--single-item", "--force", "sample"])
    assert broken.wait_for(process, "> python -m stages.sample")
    time.sleep(2)
    said = broken.end(process, signal.SIGINT)
    assert process.returncode not in (0, -signal.SIGKILL), said
    report(
        "ctrl-c",
        "`dvc repro` while a stage runs",
        "DVC ends with the stage, status not 0, every process gone",
    )
