"""A Ray cluster of this machine: a head that does no work, and two nodes of one processor each.

Each node says that it has a GPU, which is all that Ray needs to hand them out.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

from samesku.params.schema import Machine

os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
}  # nice workers starve beside other tests
STORE = {"object_store_memory": 150_000_000}


def processes(name: str) -> list[psutil.Process]:
    """Ray's processes below this one whose command starts so."""
    running = []
    for process in psutil.Process().children(recursive=True):
        try:
            if " ".join(process.cmdline()).startswith(name):
                running.append(process)
        except psutil.Error:  # it has just ended
            continue
    return running


class Killer:
    """Called again and again by what the driver does: the `at`-th time, a worker is killed."""

    def __init__(self, name: str, at: int) -> None:
        self.name, self.at, self.calls, self.killed = name, at, 0, 0

    def before(self, does: Callable) -> Callable:
        def counted(*args: object) -> object:
            self()
            return does(*args)

        return counted

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.at:
            worker = processes(self.name)[0]
            worker.kill()
            self.killed = worker.pid


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    from ray.cluster_utils import Cluster

    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    head = {"num_cpus": 0, "include_dashboard": False, "ray_client_server_port": port, **STORE}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.outside = f"ray://127.0.0.1:{port}"
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, num_gpus=1, **STORE)
        yield cluster
    finally:
        cluster.shutdown()
    deadline = time.monotonic() + 10
    while left := [p for p in psutil.Process().children(recursive=True) if p.pid not in before]:
        assert time.monotonic() < deadline, f"{left} outlive the cluster"
        time.sleep(0.1)


@pytest.fixture
def machine(cluster) -> Machine:
    return Machine(device="cpu", workers=0, threads=1, engine="ray", address=cluster.address)
