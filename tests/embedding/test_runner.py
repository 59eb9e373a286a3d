"""Rows on disk as they come: what comes back, what does not, and a run that was killed."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from samesku.embedding import runner
from samesku.embedding.runner import Shards
from tests.conftest import ROOT


def test_rows_come_back_and_a_broken_shard_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "SHARD_ROWS", 3)
    shards = Shards(tmp_path / "shards")
    vectors = np.arange(14, dtype=np.float32).reshape(7, 2)
    for batch in ([4, 5], [0, 1], [6, 2]):
        shards.add(batch, vectors[batch])
    assert [file.name for file in shards.folder.iterdir()] == ["00000000.npz"]  # of four rows
    shards.flush()
    out = np.full((7, 2), -1, np.float32)
    assert Shards(shards.folder).load(out).tolist() == [True, True, True, False, True, True, True]
    assert np.array_equal(out, np.where(np.arange(7)[:, None] == 3, 0, vectors))

    second = shards.folder / "00000002.npz"
    for content in (b"", second.read_bytes()[:-40], bytes(len(second.read_bytes()))):
        second.write_bytes(content)
        assert Shards(shards.folder).load(out).tolist() == [True, True, False, False, True, True, False]
        assert not out[[2, 3, 6]].any()
        assert not second.exists()


def test_shards_of_another_width_are_not_taken(tmp_path):
    shards = Shards(tmp_path)
    shards.add([0], np.ones((1, 3), np.float32))
    shards.flush()
    assert not Shards(tmp_path).load(np.zeros((2, 4), np.float32)).any()


def test_nothing_is_kept_of_nothing(tmp_path):
    shards = Shards(tmp_path / "none")
    shards.flush()
    assert not shards.load(np.zeros((2, 4), np.float32)).any()
    assert not shards.folder.exists()


TITLES = [" ".join(["red", "shoe", "blue"][: i % 4]) + str(i) * (i % 5 > 0) for i in range(23)]


@pytest.mark.parametrize("name", ["timm", "bert"])
def test_a_run_that_stopped_goes_on_and_gives_the_same_bits(encoders, images, tmp_path, name, monkeypatch):
    monkeypatch.setattr(runner.torch, "get_num_threads", lambda: 1)  # so that batches come in order
    monkeypatch.setattr(runner.torch, "set_num_threads", lambda threads: None)
    monkeypatch.setattr(runner, "SHARD_ROWS", 4)

    class Counting(type(encoders[name])):
        """Counts the listings it is given, and is stopped at one of its batches."""

        def forward(self, batch):
            if self.batches == self.stop_at:
                raise KeyboardInterrupt
            self.batches += 1
            self.listings += len(next(iter(batch.values())) if isinstance(batch, dict) else batch)
            return super().forward(batch)

    def counting(stop_at=None):
        encoder = Counting(**vars(encoders[name]) | {"batch_size": 2})
        encoder.stop_at, encoder.batches, encoder.listings = stop_at, 0, 0
        return encoder

    column = TITLES if name == "bert" else images * 4
    whole = counting()
    expected = whole.embed(column)
    stopped = counting(stop_at=5)
    with pytest.raises(KeyboardInterrupt):
        stopped.embed(column, folder=tmp_path)
    again = counting()
    assert np.array_equal(again.embed(column, folder=tmp_path), expected)
    assert stopped.listings + again.listings == whole.listings  # on Ctrl-C nothing is lost
    last = counting()
    assert np.array_equal(last.embed(column, folder=tmp_path), expected)
    assert last.listings == 0


SLOW = """
import sys, time
from pathlib import Path
import numpy as np
from PIL import Image
from samesku.embedding import runner
from samesku.embedding.encoder import Spec
from samesku.encoders.registry import load_encoder

class Pictures(list):
    def __getitem__(self, i):
        time.sleep(0.01)
        return Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 40, 3), np.uint8))
    def __copy__(self):
        return self

encoder = load_encoder("cnn", Spec("image", "timm", "test_resnet", sys.argv[1]), batch_size=4)
runner.SHARD_ROWS = 20
np.save(sys.argv[3], encoder.embed(Pictures(range(200)), folder=Path(sys.argv[2])))
"""


@pytest.mark.long
def test_a_kill_loses_at_most_a_shard_and_the_batches_of_the_moment(timm_file, tmp_path):
    def start(shards, out):
        command = [sys.executable, "-c", SLOW, str(timm_file), str(tmp_path / shards), str(tmp_path / out)]
        return subprocess.Popen(command, cwd=ROOT)

    def rows_on_disk():
        return sum(len(np.load(file)["rows"]) for file in (tmp_path / "shards").glob("*.npz"))

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
    assert not list((tmp_path / "shards").glob(".*"))
