"""Several at once: two servers of one file of annotations, one stage started four times, 64 clients of one page."""

import csv
import itertools
import json
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from samesku import artefacts
from tests.faults import broken

pytestmark = pytest.mark.long
ANSWERS = ("same", "different")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    from tests.fixtures import small_shop

    folder = small_shop.build(tmp_path_factory.mktemp("shop"))
    ids = pq.read_table(folder / artefacts.LISTINGS)["posting_id"].to_pylist()
    left, right = zip(*itertools.combinations(ids, 2), strict=True)
    pairs = {"left": left, "right": right, "probability": np.full(len(left), 0.5, np.float32)}
    artefacts.write_table(folder / artefacts.PREDICTIONS / "rerank/review.parquet", pairs)
    return folder


@pytest.fixture
def shop(built, tmp_path):
    return shutil.copytree(built, tmp_path / "shop")


class Server:
    """`samesku serve` on a free port, and requests to it with its token."""

    def __init__(self, folder, name):
        arguments = ["-m", "samesku.app", "serve", "--port", "0"]
        self.process = broken.start(folder, arguments, log=folder.parent / f"{name}.log")
        assert broken.wait_for(self.process, "(Ctrl-C stops it)"), self.process.log.read_text()
        self.place = urlsplit(re.search(r"http://\S+", self.process.log.read_text())[0]).netloc
        page = self.ask("GET", "/")[1].decode()
        self.token = re.search(r'samesku-token" content="([^"]+)"', page)[1]

    def ask(self, method, path, body=None, headers=None):
        """Status, body and headers of an answer."""
        connection = HTTPConnection(self.place, timeout=300)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def annotate(self, position, answer):
        body = json.dumps({"position": position, "annotation": answer})
        return self.ask("POST", "/api/review", body, {"x-samesku-token": self.token})[0]

    def ask_form(self, path, **fields):
        parts = [
            f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        headers = {"x-samesku-token": self.token, "content-type": "multipart/form-data; boundary=XX"}
        return self.ask("POST", path, "".join([*parts, "--XX--\r\n"]).encode(), headers)

    def stop(self):
        self.process.kill()
        self.process.wait()


def test_two_servers_lose_no_annotation(shop, report):
    servers = [Server(shop, name) for name in ("one", "two")]
    n = 780  # pairs of 40 listings
    try:
        expected = {}
        for turn, count in enumerate((n, n, 440)):  # 2 × 1,000
            positions = range(count)
            with ThreadPoolExecutor(8) as pool:
                answers = [ANSWERS[(position + turn) % 2] for position in positions]
                asked = [servers[position % 2].annotate for position in positions]
                status = list(pool.map(lambda ask, *arguments: ask(*arguments), asked, positions, answers))
            assert Counter(status) == {200: count}
            expected |= dict(zip(positions, answers, strict=True))
    finally:
        for server in servers:
            server.stop()
    with (shop / artefacts.ANNOTATIONS).open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    pairs = pq.read_table(shop / artefacts.PREDICTIONS / "rerank/review.parquet").to_pydict()
    given = {tuple(sorted((pairs["left"][i], pairs["right"][i]))): answer for i, answer in expected.items()}
    assert {tuple(row[:2]): row[2] for row in rows} == given
    report(
        "at once",
        "two servers, one file, 1,000 annotations each, eight people",
        "each that was acknowledged is there",
    )


def test_one_stage_started_four_times(shop, report):
    outs = [
        Path("data/fused"),
        Path("data/neighbours"),
        Path("data/predictions/samesku"),
        Path("metrics/samesku.json"),
    ]
    chance, rounds, killed = random.Random(0), 50, 0
    for stage in ("fuse", "index", "evaluate"):
        subprocess.run(
            [sys.executable, "-m", f"stages.{stage}"], cwd=shop, check=True, stdout=subprocess.DEVNULL
        )
    whole = broken.digests(shop, outs)
    for turn in range(rounds):
        arguments = ["-m", f"stages.{('fuse', 'index', 'evaluate')[turn % 3]}"]
        runs = [broken.start(shop, arguments, log=shop.parent / f"{i}.log") for i in range(4)]
        if turn % 2:
            time.sleep(chance.uniform(0.3, 3))
            run = runs[chance.randrange(4)]
            killed += run.poll() is None
            run.kill()
        for run in runs:
            assert run.wait(300) in (0, 1, -9), run.log.read_text()
        assert broken.digests(shop, outs) == whole, f"round {turn}"
    report(
        "at once",
        f"one stage four times, {rounds} rounds, {killed} of the runs killed",
        "the outs are the same bytes",
    )


def test_64_clients_for_a_minute(shop, report):
    server, chance = Server(shop, "loaded"), random.Random(0)
    titles = [title for title in pq.read_table(shop / artefacts.LISTINGS)["title"].to_pylist() if title]
    server.ask_form("/api/search", title1="warm")
    seconds, seen, end = {}, Counter(), time.monotonic() + 60
    lock, process = threading.Lock(), psutil.Process(server.process.pid)
    before, most = process.memory_info().rss, 0

    def client(number):
        nonlocal most
        mine = random.Random(number)
        while time.monotonic() < end:
            kind = mine.choice(("search", "match", "annotate", "page"))
            start = time.monotonic()
            if kind == "search":
                status, _, headers = server.ask_form("/api/search", title1=mine.choice(titles))
            elif kind == "match":
                both = {"title1": mine.choice(titles), "title2": mine.choice(titles)}
                status, _, headers = server.ask_form("/api/match", **both)
            elif kind == "annotate":
                status, headers = (
                    server.annotate(mine.randrange(780), mine.choice(ANSWERS)),
                    {"retry-after": "1"},
                )
            else:
                status, _, headers = server.ask("GET", "/")
            with lock:
                seconds.setdefault(kind, []).append(time.monotonic() - start)
                seen[status] += 1
                most = max(most, process.memory_info().rss)
            assert status == 200 or (status == 503 and headers["retry-after"])

    try:
        with ThreadPoolExecutor(64) as pool:
            list(pool.map(client, chance.sample(range(1000), 64)))
    finally:
        server.stop()
    assert most - before < 500_000_000
    assert "Traceback" not in server.process.log.read_text()
    p95 = ", ".join(f"{kind} {np.percentile(times, 95):.1f} s" for kind, times in sorted(seconds.items()))
    report(
        "at once",
        f"64 clients for 60 s at a page of 40 listings: {seen[200]:,} answers, {seen[503]:,} asked to come again",
        f"no other status; memory +{(most - before) // 1_000_000} MB; 95% within: {p95}",
    )
