"""Stages killed at random moments, with DVC and their workers; then `dvc repro`, held to the same bytes."""

import signal
import time
from pathlib import Path

import pytest
import yaml

from tests.faults import broken
from tests.fixtures import small_pipeline

OUTCOME = "repro ends with every out's hash and every metric of an undisturbed run; nothing beside them"
STARTING = 1.0  # seconds in which the quickest script imports its libraries


def kill(folder, stage, arguments, random):
    """Run dvc until `stage` is under way, and kill it at a random moment."""
    process = broken.start(folder, ["-m", "dvc", *arguments])
    shown = f"Running stage '{'data/demo/dvc.yaml:' if stage == 'render' else ''}{stage}'"
    assert broken.wait_for(process, shown), process.log.read_text("utf-8")
    time.sleep(random)
    broken.end(process, signal.SIGKILL)


def outs_of(folder):
    return [out for stage in broken.stages(folder) for out in stage.outs]


def hold_to(folder, expected):
    """Whatever stands in the place of an out is that out, whole."""
    for name, digest in broken.digests(folder, map(Path, expected)).items():
        assert expected[name] == digest, f"{name} is there and is another"


def locks(folder):
    """The outs of every stage that has ended, with their hashes."""
    found = {}
    for lock in ("data/demo/dvc.lock", "dvc.lock"):
        if not (folder / lock).exists():
            continue
        entries = yaml.safe_load((folder / lock).read_text("utf-8"))["stages"]
        found |= {name: entry["outs"] for name, entry in entries.items()}
    return found


def took(pipeline, stage):
    """The seconds that the stage took when it was left alone."""
    name = "demo" if stage.name == "render" else stage.name.replace("@", ".")
    record = pipeline / "data/provenance" / f"{name}.json"
    return yaml.safe_load(record.read_text("utf-8"))["seconds"]


@pytest.mark.long
def test_a_few_kills(pipeline, tmp_path, report):
    folder = broken.copy(pipeline, tmp_path / "samesku")
    expected = broken.digests(pipeline, outs_of(pipeline))
    tried = ("sample", "embed_zero_shot@cnn", "evaluate")
    by_name = {stage.name: stage for stage in broken.stages(pipeline)}
    for name in tried:
        random = broken.chance(name).uniform(0, STARTING + took(pipeline, by_name[name]))
        kill(folder, name, ["repro", "--single-item", "--force", "--no-run-cache", name], random)
        hold_to(folder, expected)
    small_pipeline.dvc(folder, "repro", "--no-run-cache")
    assert broken.digests(folder, outs_of(pipeline)) == expected
    assert locks(folder) == locks(pipeline)
    assert broken.leftovers(folder) == []
    report("kill", f"{', '.join(tried)}: one kill each of a forced run", OUTCOME)


@pytest.mark.long
def test_every_stage_is_killed_and_nothing_is_lost(pipeline, tmp_path, report):
    """From clean: each stage in turn is killed once it runs, and the next run goes on from what stands."""
    folder = small_pipeline.copy(tmp_path / "samesku")
    expected = broken.digests(pipeline, outs_of(pipeline))
    landed = {}
    for stage in broken.stages(pipeline):
        if stage.name in locks(folder):  # it had ended before an earlier kill: DVC ran it first
            continue
        random = broken.chance("long", stage.name).uniform(0, STARTING + took(pipeline, stage))
        kill(folder, stage.name, ["repro", "--no-run-cache"], random)
        # From clean, dvc.lock has a stage once it has ended.
        landed[stage.name] = stage.name not in locks(folder)
        hold_to(folder, expected)
    small_pipeline.dvc(folder, "repro", "--no-run-cache")
    assert broken.digests(folder, outs_of(pipeline)) == expected
    assert locks(folder) == locks(pipeline)
    assert broken.leftovers(folder) == []
    assert len(landed) > 15
    assert sum(landed.values()) >= len(landed) - 2, landed
    groups = {}
    for name, hit in landed.items():
        groups.setdefault(name.split("@")[0], []).append(hit)
    for group, hits in groups.items():
        report(
            "kill",
            f"{group}: {len(hits)} kill{'s' * (len(hits) > 1)}, {sum(hits)} of them before the stage had ended",
            OUTCOME,
        )
