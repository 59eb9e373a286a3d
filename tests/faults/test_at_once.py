"""Several at once: two servers of one file of annotations, one stage or command several times, 64 clients of a page."""

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
from tests.conftest import ROOT
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


def race(shop, commands, whole, rounds=20):
    """Start these commands at once, again and again, and kill one of them in every third round.

    Args:
        whole: raises AssertionError where what they write is torn.

    Returns:
        how many were killed, and the sentences of those that refused.
    """
    chance, killed, sentences = random.Random(0), 0, set()
    for turn in range(rounds):
        runs = [
            broken.start(shop, arguments, log=shop.parent / f"{i}.log")
            for i, arguments in enumerate(commands)
        ]
        if turn % 3 == 2:
            time.sleep(chance.uniform(0.5, 4))
            run = runs[chance.randrange(len(runs))]
            killed += run.poll() is None
            run.kill()
        for run in runs:
            status, text = run.wait(300), run.log.read_text("utf-8")
            assert status in (0, 1, 2, -9), text
            assert "Traceback" not in text, text
            if status in (1, 2):
                sentences.add(text.strip().splitlines()[-1])
        whole()
    for path in shop.glob(".*.partial"):  # of the last kill
        shutil.rmtree(path, ignore_errors=True)
    return killed, sentences


def samesku(*arguments):
    return ["-m", "samesku.app", *map(str, arguments)]


def run_alone(shop, arguments):
    """What a command writes to standard output."""
    done = subprocess.run([sys.executable, *arguments], cwd=shop, capture_output=True, text=True, check=True)
    return done.stdout


def test_two_commands_that_write_one_out(shop, report):
    titles = pq.read_table(shop / artefacts.LISTINGS)["title"].to_pylist()
    expected = {}
    for name, some in (("a", titles[:9]), ("b", titles[9:30])):
        rows = "".join(f"{name}{i},{title}\n" for i, title in enumerate(some))
        (shop / f"{name}.csv").write_text(f"posting_id,title\n{rows}", "utf-8")
    adds = [samesku("add", f"{name}.csv", "--out", "out") for name in "ab"]
    for arguments in adds:
        run_alone(shop, arguments)
        expected[arguments[3]] = broken.digests(shop, [Path("out")])
    page = samesku("report", "samesku", "--out", "page.html")
    run_alone(shop, page)
    whole = broken.digests(shop, [Path("page.html")])
    for name, commands, allowed in (
        ("add, to one folder", adds, list(expected.values())),
        ("report, to one file", [page, page], [whole]),
    ):
        out = [Path("out") if "add" in name else Path("page.html")]

        def is_whole(out=out, allowed=allowed):
            assert broken.digests(shop, out) in allowed

        killed, sentences = race(shop, commands, is_whole)
        assert not sentences
        report(
            "at once",
            f"two `samesku {name}, 20 rounds, {killed} killed",
            "the whole of the one or of the other",
        )


def test_two_that_change_params(shop, report):
    shutil.copytree(ROOT / "profiles", shop / "profiles")
    shutil.copy(shop / "shop/listings.csv", shop / "shop/others.csv")
    params, texts = shop / "params.yaml", []
    inits = [samesku("init", f"shop/{name}.csv") for name in ("listings", "others")]
    for arguments in inits:
        run_alone(shop, arguments)
        texts.append(params.read_text("utf-8"))

    def is_whole():
        assert params.read_text("utf-8") in texts

    killed, sentences = race(shop, inits, is_whole)
    assert not sentences
    report(
        "at once", f"two `samesku init`, 20 rounds, {killed} killed", "the params of the one or of the other"
    )


def test_the_store_is_pruned_while_it_is_filled(shop, report):
    outs = [artefacts.EMBEDDINGS / "cnn.npy"]
    embed, prune = ["-m", "stages.embed_zero_shot", "cnn"], samesku("store", "--prune", "--gb", "0")
    run_alone(shop, embed)
    expected = broken.digests(shop, outs)

    def is_whole():
        assert broken.digests(shop, outs) == expected

    killed, sentences = race(shop, [embed, prune, prune], is_whole)
    assert not sentences
    report(
        "at once",
        f"two `samesku store --prune` beside an embedding, 20 rounds, {killed} killed",
        "equal rows",
    )


def test_commands_that_read_what_is_replaced(shop, report):
    groups = shop / "groups"
    shutil.copytree(shop / artefacts.PREDICTIONS / "samesku", groups)
    evaluate, diff = ["-m", "stages.evaluate"], samesku("diff", "groups", "--out", "changes.csv")
    threshold = samesku("threshold", "samesku", "--precision", "0.5")
    header = "change"

    def is_whole():
        assert (shop / "changes.csv").read_text("utf-8").startswith(header)

    run_alone(shop, diff)
    header = (shop / "changes.csv").read_text("utf-8")
    killed, sentences = race(shop, [evaluate, diff, threshold], is_whole)
    report(
        "at once",
        f"`samesku diff` and `threshold` while evaluate replaces what they read, 20 rounds, {killed} killed",
        f"the same answer, or a sentence ({len(sentences)} different ones)",
    )
