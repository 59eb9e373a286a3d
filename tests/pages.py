"""The commands of README.md and docs/: fenced blocks marked sh are run; prose names only what one runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

#: A fence says what it holds; sh is run.
KINDS = {"sh", "yaml", "python", "json", "csv", "text", "diff", "mermaid"}
#: What a command starts with.
PROGRAMS = ("dvc", "samesku", "make", "python", "git", "pip", "pre-commit", "kaggle", "cp", "unzip")
#: Commands that a test cannot run in a small copy, as patterns of the whole line, and why.
CANNOT = {
    r"make (repro|install|test|test-long|lint types)": "installs the environment anew; they are CI's",
    r"kaggle .*": "needs an account that has accepted the competition's rules",
    r"python -m benchmarks\.\w+( [-\w]+)*": "measures speed for minutes; speed is not tested",
    r"samesku serve.*": "runs until it is stopped; tests/app starts and stops it",
    r"ray (start|stop).*": "starts a cluster on several machines; tests/scale starts one on this machine",
}
#: What a val of 37 queries cannot promise, and what stands in for it there.
LESS = {"samesku threshold rerank --precision 0.7": "samesku threshold rerank --precision 0.3"}
#: Run after a command that leaves work behind it.
AFTER = {"dvc queue start": "while dvc queue status | grep -qE 'Queued|Running'; do sleep 1; done"}

Block = tuple[str, str]  # what it holds, its lines


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page; those in a list lose their indent."""
    found = re.findall(r"^([ ]*)```(\w*)\n(.*?)^\1```$", page.read_text("utf-8"), re.M | re.S)
    return [(kind, re.sub(f"^{indent}", "", body, flags=re.M)) for indent, kind, body in found]


def commands(page: Path) -> list[str]:
    """Each line of a page's sh blocks that starts with a program, without its comment."""
    lines = [line for kind, body in blocks(page) if kind == "sh" for line in body.splitlines()]
    return [bare(line) for line in lines if line.split(" ")[0] in PROGRAMS]


def named(page: Path) -> list[str]:
    """Each command that the prose or a table names; with a <placeholder> or an … it is none, but a form."""
    prose = re.sub(r"^([ ]*)```.*?^\1```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
    return [s for s in spans if " " in s and s.split(" ")[0] in PROGRAMS and not re.search(r"[<…\[]", s)]


def bare(line: str) -> str:
    return re.sub(r"\s+#.*$", "", line).strip()


def cannot(command: str) -> bool:
    return any(re.fullmatch(pattern, command) for pattern in CANNOT)


def script(page: Path) -> str:
    """A page's sh blocks as one script, without what cannot run."""
    lines = ["set -exuo pipefail"]
    for kind, body in blocks(page):
        for line in body.splitlines() if kind == "sh" else ():
            lines.append("" if cannot(bare(line)) else LESS.get(bare(line), line))
            lines += [wait for start, wait in AFTER.items() if line.startswith(start)]
    return "\n".join(lines) + "\n"


def run(page: Path, folder: Path, bin: Path) -> str:
    """Run a page's commands in a copy of the repository; all that they printed.

    Args:
        bin: an empty folder, for the command `samesku` of that copy.
    """
    bin.mkdir()
    samesku = bin / "samesku"
    samesku.write_text(
        "#!/bin/sh\n"
        f"exec '{sys.executable}' -c 'from stages.app.cli import app; app(prog_name=\"samesku\")' \"$@\"\n"
    )
    samesku.chmod(0o755)
    who = {f"GIT_{role}_{what}": "samesku" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    path = os.pathsep.join([str(bin), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", script(page)],
        cwd=folder,
        env=os.environ | who | {"PATH": path, "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout
