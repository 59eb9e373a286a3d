"""What the tests here tried and what came of it, as a table: `make test-long` writes docs/faults.md."""

import os
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from tests.conftest import ROOT

HEAD = """# Faults tried

Written by `make test-long`: each row is what a test did to the pipeline, and what it then held the pipeline
to. A row is only written once its test's assertions have passed.

«Data lost» is what a user would have to do without; work that is done again is none.
"""
SECTIONS = {
    "kill": "Kills (SIGKILL to the whole run at a random moment, then `dvc repro`)",
    "ctrl-c": "Ctrl-C (SIGINT to the whole run, as a terminal sends it)",
    "disk": "Full disk, and folders that cannot be written",
    "input": "Hostile and broken input",
    "leak": "Leaks",
    "at once": "Several at once (two processors)",
    "commands": "Two commands at once (twenty rounds of each; in every third, one is killed)",
    "doubling": "Hostile sizes: every reader of foreign input, with an input and with one twice as large",
    "again": "Repeatability, clones, experiments",
}
ROWS: dict[str, list[tuple[str, str, str]]] = {}


@pytest.fixture(scope="session")
def report():
    """report(section, fault, outcome, lost): a row of the table."""

    def add_row(section, fault, outcome, lost="none"):
        ROWS.setdefault(section, []).append((fault, outcome, lost))

    return add_row


def pytest_sessionfinish():
    """Write the sections that were run; the others stay as they were written last."""
    if not (path := os.environ.get("SAMESKU_FAULTS_TABLE")):
        return
    file = ROOT / Path(path)
    # Of several workers, each has run some of the files.
    with FileLock(Path(tempfile.gettempdir(), "samesku-faults.lock")):
        _write(file)


def _write(file):
    last = file.read_text("utf-8") if file.exists() else ""
    kept = dict(part.split("\n", 1) for part in last.split("\n## ")[1:])
    parts = [HEAD]
    for section, title in SECTIONS.items():
        if section in ROWS:
            lines = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in ROWS[section]]
            lines = ["fault | outcome | data lost", "--- | --- | ---", *lines]
            kept[title] = "\n".join(["", *(f"| {line} |" for line in lines)])
        parts.append(f"\n## {title}\n{kept.get(title, '').rstrip()}\n")
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(parts), "utf-8")
