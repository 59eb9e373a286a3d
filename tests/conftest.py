"""Shared by all tests: no model hub, the repository's root, and one small pipeline that has been run."""

# ruff: noqa: E402
from samesku.processor import cap_instruction_sets

cap_instruction_sets()  # before NumPy is imported; also for the processes that tests start

import os

# Before OpenMP is loaded: threads that wait for each other sleep. Two workers share two cores, and a thread that
# spins takes the core of the thread that it waits for.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.fixtures.browser import chromium, faults, page

__all__ = ["ROOT", "chromium", "faults", "page", "pipeline"]

# How long an example takes says more of the machine than of the code.
settings.register_profile("samesku", deadline=None)
settings.load_profile("samesku")

# A shell that starts the tests in the background has Ctrl-C ignored, in all that they start too.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).parents[1]


#: The files that take longest. A worker takes whole files: a long one at the end would run alone. The first makes the
#: small pipeline in five minutes, for which those from test_pipeline.py on wait.
SLOWEST = (
    "test_docs.py", "test_train_pxk.py", "test_products_browser.py", "test_web_page.py", "test_ray.py",
    "test_running_server.py", "test_report_browser.py", "test_loop.py", "test_processes.py", "test_api.py",
    "test_rerank.py", "test_packing.py", "test_gallery_browser.py", "test_render.py", "test_sample.py",
    "test_pipeline.py", "test_profile.py", "test_ci.py", "test_clone.py", "test_s3.py", "test_plots.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """The slowest files first; all others in their order."""
    items.sort(key=lambda item: (*SLOWEST, item.path.name).index(item.path.name))


def folder_of_all_workers(tmp_path_factory):
    """A folder of this run of the tests that all its workers see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """The small pipeline, run once from clean and committed; a test that does more than read takes a copy.

    SMALL_PIPELINE names the folder of one that has been run, which spares three minutes.
    """
    from tests.fixtures import small_pipeline

    given = os.environ.get("SMALL_PIPELINE")
    shared = folder_of_all_workers(tmp_path_factory)
    folder = Path(given) if given else shared / "small" / "samesku"
    with FileLock(shared / "small.lock"):
        if not folder.exists():
            try:
                small_pipeline.copy(folder)
                small_pipeline.dvc(folder, "repro")
            except BaseException:  # or the next worker would read half of it
                shutil.rmtree(folder, ignore_errors=True)
                raise
        if subprocess.run(
            # Without a lock of the index: another worker may be copying the folder.
            ["git", "--no-optional-locks", "status", "--porcelain"],
            cwd=folder,
            check=True,
            capture_output=True,
        ).stdout:
            for command in (
                ["add", "-A"],
                ["-c", "user.name=s", "-c", "user.email=s@s", "commit", "-qm", "Results"],
            ):
                subprocess.run(["git", *command], cwd=folder, check=True)
    return folder
