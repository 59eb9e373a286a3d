"""A copy of the repository as it stands, set to a small catalogue: python -m tests.small FOLDER."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from tests.conftest import ROOT

PRODUCTS = 90


def copy(folder: Path) -> Path:
    """Copy every tracked or new file (none that git ignores) to `folder`, a repository of its own.

    The demo is made small, all of it is taken, and what earlier runs left (dvc.lock, metrics) is dropped.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("metrics/") and Path(name).name != "dvc.lock":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    change(folder / "data/demo/params.yaml", lambda params: params.update(products=PRODUCTS))
    change(folder / "params.yaml", lessen)
    git = ["git", "-c", "user.name=samesku", "-c", "user.email=samesku@localhost"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "A small catalogue"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


def lessen(params):
    """Take the whole small catalogue, and train for a few steps."""
    params["data"].update(n_listings=None)
    for run in params.get("train", {}).values():
        run.update(epochs=1, max_steps=3)
        if "batch_size" in run:
            run["batch_size"] = 32


def change(path, how):
    """Change a file of params in place; its comments and its layout stay, for the commands of docs/."""
    text = YAML()
    text.width, text.preserve_quotes = 1000, True
    text.indent(mapping=2, sequence=4, offset=2)
    text.representer.add_representer(
        type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    params = text.load(path.read_text("utf-8"))
    how(params)
    with path.open("w", encoding="utf-8") as file:
        text.dump(params, file)


def dvc(folder, *arguments, fails=False):
    """Run dvc as the README says, with this environment's python first; all that it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    who = {f"GIT_{role}_{what}": "samesku" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=folder,
        env=os.environ | who | {"PATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


if __name__ == "__main__":
    copy(Path(sys.argv[1]))
