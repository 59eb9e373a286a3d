"""Which search is opened, torch for CUDA alone; and augmentation, within its gallery, threshold and channels."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from samesku.params.schema import Augmentation, Index, Machine
from samesku.search import cuda, galleries
from samesku.search.exact import search_neighbours
from samesku.search.fusion import concatenate_channels
from samesku.search.galleries import augment_rows, augment_searches, choose_moving, open_search
from tests.conftest import ROOT
from tests.fixtures.five_listings import CHANNELS, HALVES, A, B, C, D, E

MANY = 10**6  # listings
ROOT_HALF = np.sqrt(0.5)


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """A machine that has NVIDIA's driver."""
    monkeypatch.setattr(galleries, "CUDA_DRIVER", (tmp_path,))


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
from samesku.params.schema import Augmentation, Index, Machine
from samesku.search import exact, galleries
import stages.index
galleries.CUDA_DRIVER = ()
for device in ("auto", "cpu", "mps"):
    with galleries.open_search(Index(), Machine(device=device), 10**6) as search:
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


def rows(*numbers):
    return np.array(numbers, dtype=np.int32)


def augment(*gallery, threshold):
    fused = concatenate_channels(CHANNELS, HALVES)
    neighbours = search_neighbours(fused, rows(*gallery), 4)
    return fused, augment_rows(fused, choose_moving(neighbours, Augmentation(threshold=threshold)))


def test_two_listings_by_hand():
    # A and B alone, score 0.7: A's picture becomes (1, 0) + 0.7 (0.6, 0.8) = (1.42, 0.56), length 1.5265
    _, augmented = augment(A, B, threshold=0.7)
    picture = np.array([1.42, 0.56]) / np.hypot(1.42, 0.56)
    title = np.array([1.56, 0.42]) / np.hypot(1.56, 0.42)
    assert augmented.vectors[A] == pytest.approx(ROOT_HALF * np.concatenate([picture, title]), abs=1e-6)


def test_above_every_score_nothing_moves():
    before, after = augment(A, B, D, threshold=0.99)
    assert after.vectors[[A, B, D]] == pytest.approx(before.vectors[[A, B, D]], abs=1e-6)


def test_a_lacking_channel_stays_lacking():
    before, after = augment(A, B, C, D, E, threshold=0.5)
    assert (after.vectors[C, :2] == 0).all()
    assert (after.vectors[D, 2:] == 0).all()
    assert (after.modality_mask == before.modality_mask).all()
    lengths = [np.linalg.norm(fused.vectors.reshape(5, 2, 2), axis=2) for fused in (before, after)]
    assert lengths[1] == pytest.approx(lengths[0], abs=1e-6)


def test_rows_outside_the_gallery_become_zero():
    _, within = augment(A, B, threshold=0.5)
    assert (within.vectors[[C, D, E]] == 0).all()


def test_no_steps_are_the_plain_search_and_each_step_searches_the_augmented_rows():
    fused = concatenate_channels(CHANNELS, HALVES)
    every = rows(A, B, C, D, E)
    plain = search_neighbours(fused, every, 4)
    augmentation = Augmentation(steps=1, threshold=0.5)
    (same, unchanged), (augmented, result) = augment_searches(fused, plain, 4, augmentation)
    assert same is fused
    assert unchanged is plain
    again = search_neighbours(augment_rows(fused, choose_moving(plain, augmentation)), every, 4)
    assert result.score.tolist() == again.score.tolist()
    assert augmented is not fused
    assert result.score[A, 0] > plain.score[A, 1]  # A, B and C have come closer


def test_only_the_nearest_move_a_row_where_their_number_is_limited():
    fused = concatenate_channels(CHANNELS, HALVES)
    every = rows(A, B, C, D, E)
    plain = search_neighbours(fused, every, 4)

    def augmented_by(neighbours):
        augmentation = Augmentation(steps=1, threshold=0.0, neighbours=neighbours)
        return list(augment_searches(fused, plain, 4, augmentation))[-1][0]

    augmented = augmented_by(1)
    # E's nearest is B, score 0.6: its picture becomes (1, 0) + 0.6 (0.6, 0.8) = (1.36, 0.48), its title (0.48, 1.36)
    moved = np.array([1.36, 0.48, 0.48, 1.36]) / np.hypot(1.36, 0.48)
    assert augmented.vectors[E] == pytest.approx(ROOT_HALF * moved, abs=1e-6)
    by_all = augmented_by(None)
    # and A, score 0.5, were it taken too: the picture would be (1.86, 0.48)
    picture = np.array([1.86, 0.48]) / np.hypot(1.86, 0.48)
    assert by_all.vectors[E, :2] == pytest.approx(ROOT_HALF * picture, abs=1e-6)
