"""A run that is killed while it embeds: the next one goes on from the store, and gives the same bits."""

import os
import signal
import subprocess
import sys
import time

import pytest

from samesku.store import Store
from tests.conftest import ROOT

SLOW = """
import sys, time
from pathlib import Path
import numpy as np
from PIL import Image
from samesku import store
from samesku.catalogue.images import Jpegs
from samesku.catalogue.picture import to_jpeg
from samesku.embedding.encoder import Spec
from samesku.encoders.registry import load_encoder

class Pictures(Jpegs):
    def __getitem__(self, i):
        time.sleep(0.01)
        return super().__getitem__(i)

def picture(i):
    return to_jpeg(Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 40, 3), np.uint8)))

encoder = load_encoder("cnn", Spec("image", "timm", "test_resnet", sys.argv[1]), batch_size=4)
store.SHARD_BYTES = 20 * 96 * 4  # of twenty rows
np.save(sys.argv[3], encoder.embed(Pictures(list(map(picture, range(200)))), store=Path(sys.argv[2])))
"""


@pytest.mark.long
def test_a_kill_loses_at_most_a_shard_and_the_batches_of_the_moment(timm_file, tmp_path):
    def start(shards, out):
        command = [sys.executable, "-c", SLOW, str(timm_file), str(tmp_path / shards), str(tmp_path / out)]
        return subprocess.Popen(command, cwd=ROOT)

    def rows_on_disk():
        return sum(len(Store(folder)) for folder in (tmp_path / "shards").glob("*"))

    before = -1
    for _ in range(3):
        process = start("shards", "killed.npy")
        deadline = time.monotonic() + 120
        while rows_on_disk() <= max(before, 0):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
        assert rows_on_disk() > before  # it went on from what was there
        assert rows_on_disk() % 20 == 0  # whole shards
        before = rows_on_disk()
    assert not (tmp_path / "killed.npy").exists()
    assert before < 200
    assert start("shards", "killed.npy").wait(120) == 0
    assert start("undisturbed", "whole.npy").wait(120) == 0
    assert (tmp_path / "killed.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()
