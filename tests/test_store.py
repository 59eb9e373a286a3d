"""The store: what comes back after kills, flipped bytes, a full disk and two writers; how it is made smaller."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from samesku import store
from samesku.store import Store, content_key, folder_size, prune
from tests.conftest import ROOT


def key(number):
    return content_key(str(number).encode())


def fill(folder, numbers, size=100):
    opened = Store(folder)
    for number in numbers:
        opened.add(key(number), value(number, size))
    opened.flush()


def value(number, size=100):
    return bytes([number % 256]) * size


def shards(folder):
    return sorted(folder.glob("*.shard"))


def test_values_come_back_from_several_shards(tmp_path):
    fill(tmp_path / "a", range(5))
    fill(tmp_path / "a", range(5, 9), size=3)
    opened = Store(tmp_path / "a")
    assert len(opened) == 9
    assert [opened.get(key(number)) for number in range(5)] == [value(number) for number in range(5)]
    assert [opened.get(key(number)) for number in range(5, 9)] == [value(number, 3) for number in range(5, 9)]
    assert opened.get(key(9)) is None
    assert not list((tmp_path / "a").glob(".*"))


def test_an_empty_store_writes_nothing(tmp_path):
    Store(tmp_path / "a").flush()
    assert not (tmp_path / "a").exists()


def test_a_full_shard_is_written_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "SHARD_BYTES", 250)
    opened = Store(tmp_path)
    for number in range(5):
        opened.add(key(number), value(number))
    assert len(Store(tmp_path)) == 3  # two wait
    opened.flush()
    assert len(Store(tmp_path)) == 5


def test_parts_of_a_content_are_told_apart():
    assert content_key(b"ab", b"c") != content_key(b"a", b"bc") != content_key(b"abc")


def test_any_flipped_byte_is_noticed(tmp_path):
    """Whatever byte of a shard is another: a value is that which was added, or none; and the shard goes."""
    fill(tmp_path / "a", range(4), size=40)
    (file,) = shards(tmp_path / "a")
    whole = file.read_bytes()
    lost = 0
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 0x55
        file.write_bytes(broken)
        opened = Store(tmp_path / "a")
        values = [opened.get(key(number)) for number in range(4)]
        assert all(v in (None, value(number, 40)) for number, v in enumerate(values)), place
        lost += None in values
        file.write_bytes(whole)
    assert lost == len(whole)
    broken = whole.replace(value(2, 40), value(3, 40), 1)
    file.write_bytes(broken)
    opened = Store(tmp_path / "a")
    assert opened.get(key(2)) is None
    assert not file.exists()
    assert opened.get(key(1)) is None  # all of the shard is computed again


@pytest.mark.parametrize("size", [0, 1, 100, -1, -100])
def test_a_shard_that_was_cut_off_is_removed(tmp_path, size):
    fill(tmp_path, range(4))
    (file,) = shards(tmp_path)
    file.write_bytes(file.read_bytes()[:size])
    assert len(Store(tmp_path)) == 0
    assert not file.exists()


def test_a_disk_that_is_full_costs_the_store_alone(tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    opened = Store(tmp_path)
    monkeypatch.setattr(store.os, "replace", full)
    opened.add(key(1), value(1))
    opened.flush()
    opened.add(key(2), value(2))
    opened.flush()
    assert capsys.readouterr().err.count("No space left on device): what is computed is not kept") == 1
    assert not list(tmp_path.iterdir())


def test_the_shards_that_were_not_used_for_longest_go_first(tmp_path):
    for number, name in enumerate("abc"):
        fill(tmp_path / name, [number], size=1000)
        (file,) = shards(tmp_path / name)
        os.utime(file, (number, number))
    size = file.stat().st_size
    Store(tmp_path / "a").flush()  # used now
    assert prune(tmp_path, 3 * size) == (0, 3 * size)
    assert prune(tmp_path, 2 * size) == (1, 2 * size)
    assert [len(Store(tmp_path / name)) for name in "abc"] == [1, 0, 1]
    assert prune(tmp_path, 0) == (2, 0)
    assert prune(tmp_path / "none", 0) == prune(None, 0) == (0, 0)


def test_half_a_shard_that_a_kill_left_goes_after_a_day(tmp_path):
    fill(tmp_path / "a", [1])
    for name, age in ((".old.shard-partial", 100_000), (".new.shard-partial", 10)):
        (tmp_path / "a" / name).write_bytes(b"half")
        os.utime(tmp_path / "a" / name, (time.time() - age,) * 2)
    prune(tmp_path, 10**9)
    assert [file.name for file in (tmp_path / "a").glob(".*")] == [".new.shard-partial"]


def test_a_shard_that_another_run_removes_is_no_fault(tmp_path):
    fill(tmp_path / "a", [1])
    opened = Store(tmp_path / "a")
    prune(tmp_path, 0)
    assert opened.get(key(1)) == value(1)  # it is open
    opened.flush()
    assert Store(tmp_path / "a").get(key(1)) is None


WRITER = """
import sys
from pathlib import Path
from samesku import store
store.SHARD_BYTES = 2000
opened = store.Store(Path(sys.argv[1]))
print("started", flush=True)
for number in range(int(sys.argv[2])):
    key = store.content_key(str(number).encode())
    if opened.get(key) is None:
        opened.add(key, bytes([number % 256]) * 100)
opened.flush()
"""


def start(folder, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(count)], cwd=ROOT, stdout=subprocess.PIPE
    )


@pytest.mark.slow
@pytest.mark.parametrize("kills", [10, pytest.param(30, marks=pytest.mark.long)])
def test_kills_at_any_moment_lose_no_shard(tmp_path, kills):
    random, whole = np.random.default_rng(0), 0
    for _ in range(kills):
        process = start(tmp_path / "a", 100_000)
        process.stdout.readline()
        time.sleep(random.uniform(0, 0.1))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        opened = Store(tmp_path / "a")
        assert len(opened) >= whole  # what was there is there
        whole = len(opened)
        assert all(opened.get(key(number)) in (None, value(number)) for number in range(whole))
    assert 0 < whole < 100_000
    assert start(tmp_path / "a", 5000).wait(60) == 0
    opened = Store(tmp_path / "a")
    assert [opened.get(key(number)) for number in range(5000)] == [value(number) for number in range(5000)]


def test_two_writers_and_one_that_prunes_are_safe(tmp_path):
    writers = [start(tmp_path / "a", 20_000) for _ in range(2)]
    while any(writer.poll() is None for writer in writers):
        prune(tmp_path, 1_000_000)
        opened = Store(tmp_path / "a")
        assert all(opened.get(key(n)) in (None, value(n)) for n in range(0, 20_000, 1000))
    assert [writer.wait() for writer in writers] == [0, 0]
    fill(tmp_path / "a", range(20_000))
    opened = Store(tmp_path / "a")
    assert all(opened.get(key(n)) == value(n) for n in range(20_000))


def test_two_prunes_beside_a_writer(tmp_path):
    """What is pruned is missing; what is there is whole; nobody fails."""
    folder, stop = tmp_path / "encoder", threading.Event()
    folder.mkdir()

    def keep_pruning(limit):
        while not stop.is_set():
            prune(tmp_path, limit)
            folder_size(folder)

    with ThreadPoolExecutor(2) as pool:
        pruning = [pool.submit(keep_pruning, limit) for limit in (0, 500)]
        try:
            for number in range(200):
                fill(folder, [number])
                opened = Store(folder)
                for earlier in range(number + 1):
                    assert opened.get(key(earlier)) in (None, value(earlier))
        finally:
            stop.set()
        for future in pruning:
            future.result()
    prune(tmp_path, 0)
    assert folder_size(folder) == 0


def test_what_cannot_be_removed_is_not_counted_as_removed(tmp_path, monkeypatch):
    fill(tmp_path / "a", range(5))
    monkeypatch.setattr(store, "_remove", lambda _: None)  # as in a folder that is read-only
    assert prune(tmp_path, 0) == (0, folder_size(tmp_path / "a"))
