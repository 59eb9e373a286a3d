"""Shared by all tests: no model hub, two threads, the repository's root."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

from tests.browser import chromium, faults, page

__all__ = ["ROOT", "chromium", "faults", "page", "pipeline"]

# How long an example takes says more of the machine than of the code.
settings.register_profile("samesku", deadline=None)
settings.load_profile("samesku")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """The small pipeline, run once from clean and committed; tests that change it take a copy."""
    from tests import small

    folder = small.copy(tmp_path_factory.mktemp("small") / "samesku")
    small.dvc(folder, "repro")
    for command in (["add", "-A"], ["-c", "user.name=s", "-c", "user.email=s@s", "commit", "-qm", "Results"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder
