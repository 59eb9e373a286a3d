"""A full disk and a folder that cannot be written: one sentence, and the last good outs as they were."""

import ctypes
import errno
import os
import resource
import shutil
import subprocess

import pytest

from tests.faults import broken

IN_PART = " written: is the disk full?"  # of an array
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def held_to_be_refused(pipeline, folder, stage, sentence, **options):
    """Run a stage that cannot write; nothing of what it had written may change."""
    before = broken.digests(folder, stage.outs)
    assert before
    process = broken.start(folder, stage.arguments, **options)
    status = process.wait(600)
    said = process.log.read_text("utf-8", "replace")
    assert status == 1, f"{stage.name}: {said}"
    assert "Traceback" not in said, f"{stage.name}: {said}"
    last = said.replace("\r", "\n").strip().splitlines()[-1]
    assert last.startswith("demo: " if stage.name == "render" else f"{stage.name}: "), said
    assert sentence in last or IN_PART in last, said
    assert broken.digests(folder, stage.outs) == before
    assert broken.leftovers(folder) == []


def limit(bytes_):
    """What a process may write to one file; beyond it, writing fails as on a full disk, of another number."""

    def apply():
        resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_))

    return apply


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sample", "embed_zero_shot@tfidf", "evaluate"])
def test_a_file_that_cannot_grow(pipeline, tmp_path, monkeypatch, name):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # Python would leave a torn .pyc, and read it again
    folder = broken.copy(pipeline, tmp_path / "samesku")
    stage = next(s for s in broken.stages(pipeline) if s.name == name)
    sentence = os.strerror(errno.EFBIG)
    held_to_be_refused(pipeline, folder, stage, sentence, prepare=limit(2000))


@pytest.fixture
def full(pipeline, tmp_path):
    """The finished pipeline on a disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    size = sum(f.lstat().st_size + 4096 for f in pipeline.rglob("*") if ".dvc" not in f.parts)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size + 50_000_000}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield broken.copy(pipeline, place / "samesku")
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(folder):
    """Leave not a byte."""
    filler = folder.parent / "filler"
    filler.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free // 4096 * 4096)


@pytest.mark.long
def test_a_full_disk(pipeline, full, tmp_path, report):
    tried = broken.stages(pipeline)
    for stage in tried:
        fill(full)
        held_to_be_refused(pipeline, full, stage, os.strerror(errno.ENOSPC), log=tmp_path / "log")
    report(
        "disk",
        f"a disk without a byte left, {len(tried)} stages",
        "each ends with one sentence and status 1; the last good outs are the same bytes",
    )


def as_anybody():
    """In a child: no right to write what permissions forbid, which root has until it gives it up."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


@pytest.fixture
def unwritable(pipeline, tmp_path):
    folder = broken.copy(pipeline, tmp_path / "samesku")
    probe = tmp_path / "probe"
    probe.mkdir(mode=0o555)
    command = ["touch", str(probe / "x")]
    if subprocess.run(command, preexec_fn=as_anybody, capture_output=True).returncode == 0:
        pytest.skip("this user may write everywhere, and cannot give that up")
    yield folder
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)


def forbid(folder, stage):
    for place in places(folder, stage):
        place.chmod(0o555)


def allow(folder, stage):
    for place in places(folder, stage):
        place.chmod(0o755)


def places(folder, stage):
    """The folders that the stage writes in: those of its outs, and its outs that are folders."""
    return [p for out in stage.outs for p in ((folder / out).parent, folder / out) if p.is_dir()]


@pytest.mark.slow
def test_a_folder_that_cannot_be_written(pipeline, unwritable):
    stage = next(s for s in broken.stages(pipeline) if s.name == "sample")
    forbid(unwritable, stage)
    held_to_be_refused(pipeline, unwritable, stage, f": {os.strerror(errno.EACCES)}", prepare=as_anybody)


@pytest.mark.long
def test_folders_that_cannot_be_written(pipeline, unwritable, report):
    tried = broken.stages(pipeline)
    for stage in tried:
        forbid(unwritable, stage)
        held_to_be_refused(pipeline, unwritable, stage, f": {os.strerror(errno.EACCES)}", prepare=as_anybody)
        allow(unwritable, stage)
    report(
        "disk",
        f"the folder of the outs is read-only, {len(tried)} stages",
        "each ends with one sentence that names the path; the last good outs are the same bytes",
    )
