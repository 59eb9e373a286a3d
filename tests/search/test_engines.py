"""Which search is opened, and that torch is imported for CUDA alone."""

import os
import subprocess
import sys

import pytest
import torch

from samesku.params.schema import Index, Machine
from samesku.search import cuda, engines
from samesku.search.engines import open_search
from samesku.search.exact import search_neighbours
from tests.conftest import ROOT

MANY = 10**6  # listings


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """A machine that has NVIDIA's driver."""
    monkeypatch.setattr(engines, "CUDA_DRIVER", (tmp_path,))


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_cuda_is_used_where_it_is(monkeypatch, driver, device):
    monkeypatch.setattr(cuda, "resolve", lambda name: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where: (1000, 2000))
    monkeypatch.setattr(cuda, "device_search", lambda where, memory: (where.type, memory))
    with open_search(Index(), Machine(device=device), MANY) as search:
        assert search.func is search_neighbours
        assert search.keywords == {"search_blocks": ("cuda", 750)}


def test_an_approximate_index_is_searched_on_the_cpu(driver):
    with open_search(Index(kind="hnsw", effort=16), Machine(device="cuda"), MANY) as search:
        assert search.keywords == {"kind": "hnsw", "effort": 16, "min_recall": 0.99}


def test_few_listings_are_searched_before_torch_is_imported(driver):
    with open_search(Index(), Machine(), 3000) as search:
        assert search is search_neighbours


def test_a_driver_without_cuda_leaves_the_search_on_the_cpu(monkeypatch, driver):
    monkeypatch.setattr(cuda, "resolve", lambda name: torch.device("cpu"))
    with open_search(Index(), Machine(), MANY) as search:
        assert search.keywords == {"search_blocks": None}


WITHOUT_DRIVER = """
import sys
from samesku.params.schema import Index, Machine
from samesku.search import engines, exact
import stages.index
engines.CUDA_DRIVER = ()
for device in ("auto", "cpu", "mps"):
    with engines.open_search(Index(), Machine(device=device), 10**6) as search:
        assert search is exact.search_neighbours
assert not {"torch", "scipy", "pandas", "ray"} & set(sys.modules)
"""


def test_without_a_driver_the_stage_index_imports_no_torch():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DRIVER],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
