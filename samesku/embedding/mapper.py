"""A channel's encoder on the device of this process, and how it embeds: here, or sent to other machines.

Elsewhere a mapper is given whole batches of the very rows that it would have been given here, and embeds them
by the same runner: no vector hangs on where it was made, or on how many mappers there were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.embedding import device, runner
from samesku.embedding import openvino as engines
from samesku.embedding.registry import load_encoder
from samesku.embedding.runner import Floats, Rows
from samesku.embedding.shards import Shards
from samesku.params import Channel
from samesku.params.schema import Embed, Machine

MOST = 16  # batches that are sent at once, at most: some MB of pictures
EACH = 4  # times, at least, that each mapper is sent some, so that all end at about the same moment


@dataclass(frozen=True)
class About:
    """What a mapper is: width of its vectors, origin of its weights, precision, and where it runs.

    `kind` is what the bits of a vector hang on, `where` is for people.
    """

    dim: int
    origin: dict[str, Any]
    precision: str
    kind: list[str]
    where: str


class Mapper:
    """Called with titles or pictures -> their vectors, float32 (B, dim); with nothing -> what it is."""

    def __init__(self, name: str, channel: Channel, machine: Machine, embed: Embed) -> None:
        device.set_threads(machine.threads)
        where = device.resolve(machine.device)
        precision = device.precision(embed.precision, where)
        self.name, self.machine, self.batch_size = name, machine, embed.batch_size
        engine = engines.version(embed.engine)
        self.encoder: Any = load_encoder(
            name, channel, device=where, precision=precision, engine=embed.engine
        )
        self.titles = channel.modality == "title"
        told = device.describe(where, precision, engine)
        kind = [*device.kind(where), engine]
        self.about = About(self.encoder.dim, self.encoder.origin, precision, kind, told)

    def __call__(self, listings: Sequence[Any] | None) -> Floats | About:
        return self.about if listings is None else self.embed(listings, quiet=True)

    def embed(
        self,
        listings: Sequence[Any],
        *,
        present: NDArray[np.bool_] | None = None,
        shards: Shards | None = None,
        quiet: bool = False,
    ) -> Floats:
        """As runner.embed_titles or runner.embed_images."""
        how: dict[str, Any] = {
            "batch_size": self.batch_size, "label": self.name, "shards": shards, "quiet": quiet,
        }  # fmt: skip
        if self.titles:
            return runner.embed_titles(self.encoder, listings, **how)
        return runner.embed_images(
            self.encoder, listings, workers=self.machine.workers, present=present, **how
        )


#: Maps mappers over what they are sent, in order.
Run = Callable[[Iterable[Any]], Iterable[Floats]]


def embed_elsewhere(
    run: Run,
    mappers: int,
    rows: Rows,
    total: int,
    about: About,
    send: Callable[[Rows], Sequence[Any]],
    *,
    batch_size: int,
    label: str,
    shards: Shards,
) -> Floats:
    """Embed `rows` of `total` listings by `mappers` mappers on other machines, and keep their rows here.

    Args:
        rows: in the order in which runner would embed them.
        send: the titles or pictures of some rows.

    Returns:
        (total, dim) float32; zero in the other rows.
    """
    out = np.zeros((total, about.dim), np.float32)
    with runner.filling(out, rows, batch_size, label, False, shards) as (batches, done):
        at_once = max(1, min(MOST, len(batches) // (EACH * mappers)))
        jobs = runner.chunks(batches, at_once)
        sent = (send(list(chain.from_iterable(job))) for job in jobs)
        for job, vectors in zip(jobs, run(sent), strict=True):
            out[list(chain.from_iterable(job))] = vectors
            for batch in job:
                done(batch)
    return out
