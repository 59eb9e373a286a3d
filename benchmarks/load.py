"""Measure `samesku serve` under load: many clients that search, match and annotate at once.

    python -m benchmarks.load [--clients 64] [--seconds 60] [--run .]

The run is a folder with a finished pipeline. It is not changed: the server works in a temporary folder that links to
its data, and keeps its annotations there. Prints for each kind of request how many were answered, how many were sent
away with 503 and Retry-After, the median and the 95th percentile of the seconds until the answer, and the server's
peak memory. Exit status 1 where anything else was answered, or an acknowledged annotation is not in the file.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import numpy as np
import psutil
import pyarrow.parquet as pq

from samesku import artefacts
from samesku.annotations.file import read_annotations

START = 300  # seconds for the server to open the catalogue
PATHS = {"search": "/api/search", "match": "/api/match", "annotate": "/api/review"}


@dataclass
class Results:
    """What the clients saw: seconds of the answers, statuses, pairs whose annotation was acknowledged."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    faults: list[str] = field(default_factory=list)
    positions: set[int] = field(default_factory=set)


class Client:
    """One connection to the server, which is opened anew after a fault."""

    def __init__(self, address: str, token: str) -> None:
        self.address, self.token = address, token
        self.connection = http.client.HTTPConnection(address, timeout=120)

    def ask(self, method: str, path: str, body: str | None, kind: str) -> tuple[int, bytes, str | None]:
        """Status, body and Retry-After of an answer."""
        headers = {"x-samesku-token": self.token, "content-type": kind}
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            return response.status, response.read(), response.getheader("retry-after")
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise


def work(client: Client, until: float, titles: list[str], n_pairs: int, seed: int, results: Results) -> None:
    """Ask until the time has come: six searches and three matches to an annotation."""
    draw = random.Random(seed)  # noqa: S311
    while time.perf_counter() < until:
        what = draw.choices(list(PATHS), [6, 3, 1 if n_pairs else 0])[0]
        position = draw.randrange(n_pairs) if n_pairs else 0
        if what == "annotate":
            body = json.dumps({"position": position, "annotation": draw.choice(["same", "different"])})
            kind = "application/json"
        else:
            fields = {"title1": draw.choice(titles), "title2": draw.choice(titles)}
            body = urlencode(fields if what == "match" else {"title1": fields["title1"]})
            kind = "application/x-www-form-urlencoded"
        start = time.perf_counter()
        try:
            status, answer, retry_after = client.ask("POST", PATHS[what], body, kind)
        except (OSError, http.client.HTTPException) as error:
            results.faults.append(f"{what}: {error!r}")
            continue
        results.statuses[what][status] += 1
        if status == 200:
            results.seconds[what].append(time.perf_counter() - start)
            if what == "annotate":
                results.positions.add(position)
        elif status == 503 and retry_after:
            client.connection.close()  # the server closes one that is idle
            time.sleep(float(retry_after))
        else:
            results.faults.append(f"{what}: status {status}, {answer[:200]!r}")


@contextmanager
def serve(run: Path) -> Iterator[tuple[str, psutil.Process, Path]]:
    """The server on a copy of the run that links to its data: address, process, file of annotations."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        for path in run.iterdir():
            if path.name != "data":
                (folder / path.name).symlink_to(path)
        for path in (run / "data").iterdir():
            if path.name != artefacts.ANNOTATIONS.name:
                (folder / "data" / path.name).symlink_to(path)
        command = [sys.executable, "-m", "samesku.app", "serve", "--port", "0"]
        server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            line = server.stdout.readline() if server.stdout else ""
            if not (url := re.search(r"http://\S+", line)):
                raise SystemExit(f"the server did not start: {line}")
            yield urlsplit(url[0]).netloc, psutil.Process(server.pid), folder / artefacts.ANNOTATIONS
        finally:
            server.terminate()
            server.wait(30)


def watch(process: psutil.Process, until: float, peak: list[int]) -> None:
    while time.perf_counter() < until and process.is_running():
        peak[0] = max(peak[0], process.memory_info().rss)
        time.sleep(0.2)


def measure(run: Path, n_clients: int, seconds: float) -> list[str]:
    """Print the figures; a sentence for each fault."""
    titles = [t for t in pq.read_table(run / artefacts.LISTINGS)["title"].to_pylist() if t]
    results = Results()
    with serve(run) as (address, process, annotations):
        page = Client(address, "").ask("GET", "/", None, "text/plain")[1].decode()
        token = re.search(r'samesku-token" content="([^"]+)"', page)
        clients = [Client(address, token[1] if token else "") for _ in range(n_clients)]
        form = "application/x-www-form-urlencoded"
        clients[0].ask("POST", PATHS["search"], urlencode({"title1": titles[0]}), form)  # all is loaded
        queue = json.loads(clients[0].ask("GET", "/api/review", None, "text/plain")[1])
        n_pairs = queue["total"]
        started = process.memory_info().rss
        peak, until = [started], time.perf_counter() + seconds
        threads = [threading.Thread(target=watch, args=(process, until, peak))] + [
            threading.Thread(target=work, args=(client, until, titles, n_pairs, seed, results))
            for seed, client in enumerate(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        n_written = len(read_annotations(annotations))
    if n_written != len(results.positions):
        results.faults.append(
            f"{len(results.positions):,} pairs were acknowledged, {n_written:,} are in the file"
        )
    print(f"{n_clients} clients, {seconds:g} s, {len(titles):,} listings, {n_pairs:,} pairs to annotate")
    for what, statuses in results.statuses.items():
        times = np.array(results.seconds[what] or [np.nan])
        median, late = np.quantile(times, [0.5, 0.95])
        print(
            f"{what:<9} {statuses[200]:7,} answered {statuses[503]:6,} sent away"
            f"   median {median:6.2f} s   95th percentile {late:6.2f} s"
        )
    print(f"memory: {started / 1e6:,.0f} MB before, {peak[0] / 1e6:,.0f} MB at most")
    return results.faults


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--run", type=Path, default=Path())
    options = parser.parse_args()
    faults = measure(options.run.absolute(), options.clients, options.seconds)
    for sentence, times in Counter(faults).most_common(20):
        print(f"{times} × {sentence}")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
