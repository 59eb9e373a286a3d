import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
from PIL import Image

from samesku.catalogue import packing
from samesku.catalogue import quarantine as q
from samesku.catalogue.images import PackedImages, open_writer, read_thumbnails
from samesku.catalogue.open_source import open_source
from samesku.catalogue.packing import Packer, PackRequest, PackResult, pack_pictures
from samesku.catalogue.picture import perceptual_hash
from samesku.workers.local import _block_interrupts, map_in_order
from tests.conftest import ROOT


def packer(path: Path) -> Packer:
    return Packer(open_source(path, "listings.csv", "images"), image_size=24, max_pixels=10_000)


@pytest.fixture
def catalogue(write: Callable[..., Path], picture: Callable[..., bytes]) -> Path:
    pictures = {f"{i}.jpg": picture(i) for i in range(40)}
    return write("", pictures | {"text.jpg": b"text", "large.jpg": picture(0, (200, 100))})


def test_each_listing_has_its_picture(catalogue: Path, tmp_path: Path) -> None:
    requests = [
        PackRequest("1.jpg", hash=False, keep=True),
        PackRequest("", hash=True, keep=True),
        PackRequest("text.jpg", hash=True, keep=True),
        PackRequest("text.jpg", hash=True, keep=False),  # no row
        PackRequest("1.jpg", hash=True, keep=False),
        PackRequest("large.jpg", hash=False, keep=True),
        PackRequest("missing.jpg", hash=False, keep=False),  # no row
        PackRequest("2.jpg", hash=False, keep=True),
    ]
    outcomes = pack_pictures(
        tmp_path / "images.arrow", tmp_path / "small.arrow", requests, packer(catalogue), workers=0
    )
    packed = PackedImages(tmp_path / "images.arrow")
    hash_of_1 = perceptual_hash(packed[0])
    assert [outcome.fault for outcome in outcomes] == [
        "", q.IMAGE_UNNAMED, q.IMAGE_NONE, q.IMAGE_NONE, "", q.IMAGE_PIXELS, q.IMAGE_MISSING, "",
    ]  # fmt: skip
    assert outcomes[4].phash == outcomes[0].phash != ""
    assert bin(int(outcomes[4].phash, 16) ^ int(hash_of_1, 16)).count("1") <= 4  # JPEG moves a bit or two
    assert outcomes[7][:3] == ("", "", ())
    assert [image and image.size for image in packed] == [(32, 24), None, None, (32, 24), None, (32, 24)]
    assert packed.jpeg(0) == packed.jpeg(3) != packed.jpeg(5)
    small = read_thumbnails(tmp_path / "small.arrow")
    assert [webp is None for webp in small] == [image is None for image in packed]
    assert small[0] == small[3] != small[5]


def test_the_file_is_the_same_whatever_the_workers(catalogue: Path, tmp_path: Path) -> None:
    names = [f"{i % 40}.jpg" for i in range(90)] + ["text.jpg", "", "missing.jpg", "large.jpg"]
    requests = [PackRequest(name, hash=True, keep=True) for name in names]
    packed = []
    for workers in (0, 2):
        files = tmp_path / f"{workers}.arrow", tmp_path / f"{workers}.small.arrow"
        outcomes = pack_pictures(*files, requests, packer(catalogue), workers)
        packed.append((outcomes, *(file.read_bytes() for file in files)))
    assert packed[0] == packed[1]
    assert sorted(path.suffix for path in tmp_path.glob("*.arrow*")) == [".arrow"] * 4


def test_a_shared_file_is_decoded_once(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, read = packer(catalogue), []
    monkeypatch.setattr(work.source, "picture", lambda name: read.append(name) or b"")
    five = [PackRequest("1.jpg", True, True)] * 5
    pack_pictures(tmp_path / "images.arrow", tmp_path / "small.arrow", five, work, workers=0)
    assert read == ["1.jpg"]


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 200])
def test_random_access(n: int, tmp_path: Path, picture: Callable[..., bytes]) -> None:
    jpegs = [None if i % 7 == 3 else picture(i % 5, (8, 8)) + bytes([i]) for i in range(n)]
    with open_writer(tmp_path / "images.arrow") as writer:
        for jpeg in jpegs:
            writer.append(jpeg)
    packed = PackedImages(str(tmp_path / "images.arrow"))
    assert len(packed) == n
    assert [packed.jpeg(i) for i in np.random.default_rng(0).permutation(n)] == [
        jpegs[i] for i in np.random.default_rng(0).permutation(n)
    ]
    assert [image is None for image in packed] == [jpeg is None for jpeg in jpegs]
    with pytest.raises(IndexError):
        packed[n]
    if n:
        assert packed.jpeg(-1) == jpegs[-1]
        assert packed.jpeg(np.int64(n - 1)) == jpegs[-1]
        assert len(packed[: n // 2]) == n // 2
    again = pickle.loads(pickle.dumps(packed))  # noqa: S301
    assert len(again) == n
    assert pa.ipc.open_file(str(tmp_path / "images.arrow")).schema == pa.schema({"image": pa.binary()})


def crash_at_7(i: int) -> int:
    if i == 7:
        os.kill(os.getpid(), signal.SIGSEGV)
    return i * i


def fail_at_7(i: int) -> int:
    if i == 7:
        raise ValueError("seven")
    return i


def test_results_come_in_order() -> None:
    assert list(map_in_order(int, range(100), 2, crashed=-1)) == list(range(100))


def test_an_item_that_kills_its_worker_is_lost_alone() -> None:
    squares = [i * i if i != 7 else -1 for i in range(60)]
    assert list(map_in_order(crash_at_7, range(60), 2, crashed=-1)) == squares


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_in_the_work_is_raised_here(workers: int) -> None:
    with pytest.raises(ValueError, match="seven"):
        list(map_in_order(fail_at_7, range(60), workers, crashed=-1))


def test_ctrl_c_while_workers_start_is_heard_once_they_have() -> None:
    reached = []

    def start() -> None:
        with _block_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            reached.append("the end")

    idle = threading.Event()
    other = threading.Thread(target=idle.wait)  # it may be the one that the system gives the signal to
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        idle.set()
        other.join()
    assert reached == ["the end"]


PARENT = """
import sys, time
from samesku.workers.local import _block_interrupts, map_in_order
if __name__ == "__main__":
    results = map_in_order(time.sleep, [0.01] * 20 + [60] * 100, 2, crashed=None)
    next(results)
    print("started", flush=True)
    list(results)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_do_not_outlive_a_parent_that_is_killed(how: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"started\n"
        workers = psutil.Process(parent.pid).children(recursive=True)
        assert len(workers) >= 2
        parent.send_signal(how)
        parent.wait(10)
    deadline = time.monotonic() + 10
    while any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers):
        assert time.monotonic() < deadline, "a worker still runs"
        time.sleep(0.05)


def test_further_pictures_come_after_the_first_of_all_listings(catalogue: Path, tmp_path: Path) -> None:
    requests = [
        PackRequest("1.jpg", hash=False, keep=True, further=("2.jpg", "text.jpg", "3.jpg")),
        PackRequest("text.jpg", hash=True, keep=False, further=("4.jpg", "1.jpg")),
        PackRequest("missing.jpg", hash=True, keep=True, further=("text.jpg",)),
        PackRequest("missing.jpg", hash=False, keep=True, further=("5.jpg",)),  # the table gives its hash
        PackRequest("missing.jpg", hash=True, keep=False, further=("text.jpg",)),  # no row
        PackRequest("2.jpg", hash=True, keep=True),
    ]
    files = []
    for workers in (0, 2):
        arrow = tmp_path / f"{workers}.arrow", tmp_path / f"{workers}.small.arrow"
        outcomes = pack_pictures(*arrow, requests, packer(catalogue), workers)
        files.append([path.read_bytes() for path in arrow])
    assert files[0] == files[1]
    packed = PackedImages(tmp_path / "0.arrow")
    alone = [PackRequest(f"{i}.jpg", True, True) for i in (1, 4, 2, 5, 3)]
    pack_pictures(tmp_path / "alone.arrow", tmp_path / "small.arrow", alone, packer(catalogue), workers=0)
    one, four, two, five, three = PackedImages(tmp_path / "alone.arrow").some([0, 1, 2, 3, 4]).jpegs
    # A row for each of five listings, then further ones: 2 and 3; 1; 5 once more, for its hash beside the given one.
    rows = [packed.jpeg(i) for i in range(len(packed))]
    assert rows == [one, four, None, five, two, two, three, one, five]
    assert [webp is None for webp in read_thumbnails(tmp_path / "0.small.arrow")] == [
        row is None for row in rows
    ]
    assert [[picture.fault for picture in outcome.pictures] for outcome in outcomes] == [
        ["", "", q.IMAGE_NONE, ""],
        [q.IMAGE_NONE, "", ""],
        [q.IMAGE_MISSING, q.IMAGE_NONE],
        [q.IMAGE_MISSING, ""],
        [q.IMAGE_MISSING, q.IMAGE_NONE],
        [""],
    ]
    assert all(picture.phash for outcome in outcomes for picture in outcome.further if not picture.fault)


def test_every_file_of_several_listings_is_decoded_once(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, read = packer(catalogue), []
    picture = work.source.picture
    monkeypatch.setattr(work.source, "picture", lambda name: read.append(name) or picture(name))
    requests = [PackRequest(f"{i}.jpg", True, True, (f"{i + 1}.jpg", f"{i + 2}.jpg")) for i in range(4)]
    pack_pictures(tmp_path / "images.arrow", tmp_path / "small.arrow", requests, work, workers=0)
    assert read == [f"{i}.jpg" for i in range(6)]
    assert len(PackedImages(tmp_path / "images.arrow")) == 12


def test_a_stored_picture_is_not_decoded_again_and_every_byte_is_the_same(
    catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [PackRequest(f"{i}.jpg", hash=i % 2 == 0, keep=True) for i in range(6)]
    requests += [PackRequest("text.jpg", hash=True, keep=True), PackRequest("3.jpg", hash=False, keep=True)]
    decoded: list[int] = []
    shrink = packing.shrink_picture

    def spy(data: bytes, **sizes: int) -> Image.Image:
        decoded.append(len(data))
        return shrink(data, **sizes)

    def pack(requests: list[PackRequest], store: str | None) -> tuple[list[PackResult], bytes, bytes]:
        decoded.clear()
        folder = tmp_path / store if store else None
        results = pack_pictures(
            tmp_path / "images.arrow",
            tmp_path / "small.arrow",
            requests,
            replace(packer(catalogue), store=folder),
            0,
        )
        return results, (tmp_path / "images.arrow").read_bytes(), (tmp_path / "small.arrow").read_bytes()

    monkeypatch.setattr(packing, "shrink_picture", spy)
    expected = pack(requests, None)
    assert len(decoded) == 7
    pack(requests[:3], "store")
    assert len(decoded) == 3
    assert pack(requests, "store") == expected
    assert len(decoded) == 4  # three pictures, and the file that is none
    assert pack(requests, "store") == expected
    assert len(decoded) == 1
    # Where a hash is wanted now, it is computed.
    hashed = [request._replace(hash=True) for request in requests]
    assert pack(hashed, "store") == pack(hashed, None)


def test_workers_read_the_store(catalogue: Path, tmp_path: Path) -> None:
    stored = replace(packer(catalogue), store=tmp_path / "store")
    requests = [PackRequest(f"{i}.jpg", hash=True, keep=True) for i in range(20)]
    first, second = (
        pack_pictures(tmp_path / f"{n}.arrow", tmp_path / "small.arrow", requests, stored, workers=2)
        for n in range(2)
    )
    assert first == second
    assert (tmp_path / "0.arrow").read_bytes() == (tmp_path / "1.arrow").read_bytes()
    assert len(list((tmp_path / "store").glob("*.shard"))) == 1  # the second run added nothing
    assert stored.stored
    assert "stored" not in vars(pickle.loads(pickle.dumps(stored)))  # noqa: S301  (each worker opens it)
