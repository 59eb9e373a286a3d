"""A network on the workers of a Ray cluster, each of which holds a copy of it.

A worker is sent whole batches of the rows that this machine would embed, and embeds them by the same code: no
vector depends on where it was computed, or on how many workers there were.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from samesku.arrays import Bools, Float32
from samesku.embedding import runner
from samesku.embedding.encoder import Encoder, RunInfo, Spec, take
from samesku.params.schema import Machine
from samesku.workers.ray_cluster import encoder_workers

MAX_BATCHES = 16  # sent together, at most: some MB of pictures
SHARES = 4  # each worker is sent batches at least this many times, so that all end at about the same moment

#: Maps the workers over what they are sent, in order.
MapWorkers = Callable[[Iterable[Any]], Iterable[Any]]


class Worker:
    """An encoder in one worker: called with titles or pictures -> their rows; with None -> what it is."""

    def __init__(self, load: Callable[[], Encoder]) -> None:
        self.encoder = load()

    def __call__(self, column: Sequence[Any] | None) -> Float32 | tuple[Spec, int, RunInfo, str]:
        if column is None:
            return self.encoder.spec, self.encoder.dim, self.encoder.run_info(), self.encoder.identity()
        return self.encoder.embed(column)


@dataclass(kw_only=True)
class RayEncoder(Encoder):
    """An encoder whose rows are computed by `n_workers` workers, with `info` and `key` (identity) of the first."""

    map_workers: MapWorkers
    n_workers: int
    info: RunInfo
    key: str
    batch_size: int

    def embed(
        self,
        column: Sequence[Any],
        *,
        present: Bools | None = None,
        store: Path | None = None,
        label: str | None = None,
    ) -> Float32:
        out = np.zeros((len(column), self.dim), np.float32)
        rows = runner.embedding_order(self.spec.modality, column, present)
        with runner.fill_rows(out, rows, column, self.open_store(store), label) as (missing, done):
            self.n_embedded = len(missing)
            batches = runner.chunks(missing, self.batch_size)
            together = max(1, min(MAX_BATCHES, len(batches) // (SHARES * self.n_workers)))
            jobs = runner.chunks(batches, together)
            sent = (take(column, list(chain.from_iterable(job))) for job in jobs)
            for job, vectors in zip(jobs, self.map_workers(sent), strict=True):
                out[list(chain.from_iterable(job))] = vectors
                for batch in job:
                    done(batch)
        return out

    def identity(self) -> str:
        return self.key

    def run_info(self) -> RunInfo:
        return replace(self.info, summary=f"{self.n_workers} workers of Ray, each {self.info.summary}")


@contextmanager
def open_on_cluster(load: Callable[[], Encoder], machine: Machine, batch_size: int) -> Iterator[RayEncoder]:
    """The encoder that `load` gives, on as many workers as the cluster of `machine` has room for.

    Args:
        load: picklable; called once in each worker.

    Raises:
        InputError: as `load`; Ray is not installed or does not answer; or some listings kill every worker
            that they are sent to.
    """
    with encoder_workers(partial(Worker, load), machine) as (n_workers, map_workers):
        [(spec, dim, info, key)] = map_workers([None])
        yield RayEncoder(
            spec=spec,
            dim=dim,
            map_workers=map_workers,
            n_workers=n_workers,
            info=info,
            key=key,
            batch_size=batch_size,
        )
