"""Shared by all tests: no model hub, two threads, the repository's root."""

import os
from pathlib import Path

from tests.browser import chromium, faults, page

__all__ = ["ROOT", "chromium", "faults", "page"]

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).parents[1]
