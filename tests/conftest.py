"""Shared by all tests: no model hub, two threads, the repository's root."""

import os
from pathlib import Path

from hypothesis import settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("samesku", deadline=None)
settings.load_profile("samesku")

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).parents[1]
