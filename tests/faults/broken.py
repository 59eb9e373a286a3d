"""The stages of a finished small pipeline: how each is run, what it has written, what it must not leave."""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

#: DVCLive writes its curves as they come, for people to watch: the one out that is not renamed when whole.
LIVE = Path("data/curves")


@dataclass(frozen=True)
class Stage:
    """A stage as dvc.lock has it: its name, its command's arguments after `python`, its outs."""

    name: str
    arguments: list[str]
    outs: list[Path]


def stages(folder):
    """Every stage of the finished pipeline in `folder`, in the order in which they ran."""
    found = []
    for lock in ("data/demo/dvc.lock", "dvc.lock"):
        for name, entry in yaml.safe_load((folder / lock).read_text("utf-8"))["stages"].items():
            outs = [Path(out["path"]) for out in entry["outs"]]
            found.append(Stage(name, entry["cmd"].split()[1:], outs))
    return found


def copy(pipeline, folder):
    """A copy of a finished pipeline without DVC's cache, from which nothing that is broken can come back."""
    shutil.copytree(pipeline, folder, symlinks=True, ignore=shutil.ignore_patterns("cache", "__pycache__"))
    return folder


def digests(folder, outs):
    """Every file of these outs that is there -> sha256."""
    places = [folder / out for out in outs]
    files = [f for place in places for f in ([place] if place.is_file() else place.rglob("*"))]
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(files)
        if file.is_file() and not file.relative_to(folder).is_relative_to(LIVE)
    }


def leftovers(folder):
    """What is written beside outs and must be gone in the end.

    Half a file in the store goes after a day: no other run can tell whether it is still written.
    """
    hidden = [
        p
        for where in ("data", "metrics")
        for p in (folder / where).rglob(".*")
        if p.name not in (".gitignore", ".gitkeep") and not p.is_relative_to(folder / "data/store")
    ]
    return sorted(str(p.relative_to(folder)) for p in hidden)


def environment():
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"}


def start(folder, arguments, prepare=None, log=None):
    """Start python with these arguments in `folder`, in a session of its own; its output in one file.

    Args:
        prepare: called in the child before python starts. log: the output's file; beside `folder` if None.
    """

    def begin():
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a shell's background jobs have turned off
        if prepare:
            prepare()

    file = (log or folder.parent / f"{folder.name}.log").open("w+b")
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder, env=environment(), stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
        preexec_fn=begin,
    )  # fmt: skip
    process.log = Path(file.name)
    return process


def wait_for(process, text, limit=600):
    """Until the process has printed `text`; False where it ended without."""
    deadline = time.monotonic() + limit
    while text not in process.log.read_text("utf-8", "replace"):
        if process.poll() is not None:
            return text in process.log.read_text("utf-8", "replace")
        assert time.monotonic() < deadline, process.log.read_text("utf-8", "replace")
        time.sleep(0.01)
    return True


def end(process, how):
    """Send a signal to the process and all that it has started; its output, once all of them are gone."""
    mine = [p for p in psutil.process_iter() if session(p.pid) == process.pid]
    os.killpg(process.pid, how)
    process.wait(120)
    _, alive = psutil.wait_procs(mine, timeout=30)
    assert not alive, alive
    return process.log.read_text("utf-8", "replace")


def session(pid):
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def chance(*seed):
    return random.Random("-".join(map(str, seed)))
