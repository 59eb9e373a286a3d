"""The review queue: the pairs of the uncertain band, and what people said of them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from samesku import artefacts
from samesku.annotations import file as review
from samesku.annotations.file import Pair, Said
from samesku.errors import InputError


class Queue:
    """Pairs in the order in which they are shown, likeliest first, and their verdicts in a file.

    The file is read before each change, written beside its place and renamed: several people may review.

    Args:
        pairs: review.parquet of a system. known: the ids of the sample; pairs of others are left out.
        verdicts: review.csv; it may not be there yet.
    """

    def __init__(self, pairs: Path, known: dict[str, int], verdicts: Path) -> None:
        self.verdicts = verdicts
        self._alone = threading.Lock()
        self.pairs: list[Pair] = []
        self.probability: list[float] = []
        if pairs.is_file():
            table = pq.read_table(pairs, columns=["left", "right", "probability"])
            for left, right, probability in zip(
                *(column.to_pylist() for column in table.columns), strict=True
            ):
                if left in known and right in known:
                    self.pairs.append(review.pair(left, right))
                    self.probability.append(probability)

    def said(self) -> dict[Pair, Said]:
        """Every verdict of the file, of pairs that are no longer in the queue too."""
        if not self.verdicts.is_file():
            return {}
        return review.read(self.verdicts.read_bytes(), self.verdicts.as_posix())

    def next(self, start: int = 0) -> int | None:
        """The first pair at or after `start` without a verdict; None where there is none."""
        said = self.said()
        return next((at for at in range(start, len(self.pairs)) if self.pairs[at] not in said), None)

    def decide(self, at: int, verdict: str | None) -> None:
        """Write down a verdict; None takes it back.

        Raises:
            InputError: no such verdict, or no such pair.
        """
        if verdict is not None and verdict not in review.VERDICTS:
            raise InputError(f"verdict is {verdict!r}; allowed: {', '.join(review.VERDICTS)}")
        if not 0 <= at < len(self.pairs):
            raise InputError(f"there is no pair {at}; the queue has {len(self.pairs)}")
        with self._alone:
            said = self.said()
            said.pop(self.pairs[at], None)
            if verdict is not None:
                said[self.pairs[at]] = Said(verdict, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
            with artefacts.replacing(self.verdicts) as beside:
                beside.write_bytes(review.dump(said))
