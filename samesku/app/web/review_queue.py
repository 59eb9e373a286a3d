"""The pairs that the page asks: uncertain pairs of a system's clerical review, or a random sample of its pairs."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from samesku import artefacts
from samesku.annotations.file import Annotation, Pair, sort_pair
from samesku.annotations.sampling import PairSample, read_drawn
from samesku.app.annotated_threshold import SampleResult, judge_sample, read_pair_sample
from samesku.app.review_pairs import read_review_pairs
from samesku.catalogue.listings import Listings
from samesku.params import Params


class PairQueue(Protocol):
    """Pairs by position, and the one that is asked next."""

    def __len__(self) -> int: ...

    def pair(self, position: int) -> Pair: ...

    def evidence(self, position: int) -> dict[str, Any]:
        """What is shown of a pair beside its score."""

    def next_pair(self, annotations: Mapping[Pair, Annotation], start: int = 0) -> int | None:
        """The position of the pair to ask after those annotated; None if there is none."""

    def progress(self, annotations: Mapping[Pair, Annotation]) -> dict[str, Any]:
        """`done` and `total`, in pairs, and what else is shown of the progress."""


class ReviewQueue:
    """Uncertain pairs, the likeliest first.

    Args:
        pairs: review.parquet of a system; there is no pair if the file is missing.
        row_of: posting_id -> row of the catalogue; pairs of other listings are left out.

    Attributes:
        n_left_out: the pairs of other listings.
    """

    def __init__(self, pairs: Path, row_of: Mapping[str, int]) -> None:
        self.pairs: list[Pair] = []
        self.probability: list[float] = []
        self.n_left_out = 0
        if pairs.is_file():
            names, others, probabilities = read_review_pairs(pairs)
            for left, right, probability in zip(names, others, probabilities.tolist(), strict=True):
                if left in row_of and right in row_of:
                    self.pairs.append(sort_pair(left, right))
                    self.probability.append(probability)
                else:
                    self.n_left_out += 1

    def __len__(self) -> int:
        return len(self.pairs)

    def pair(self, position: int) -> Pair:
        return self.pairs[position]

    def evidence(self, position: int) -> dict[str, Any]:
        return {"probability": self.probability[position]}

    def next_pair(self, annotations: Mapping[Pair, Annotation], start: int = 0) -> int | None:
        return next((i for i in range(start, len(self)) if self.pairs[i] not in annotations), None)

    def progress(self, annotations: Mapping[Pair, Annotation]) -> dict[str, Any]:
        return {"total": len(self), "done": sum(pair in annotations for pair in self.pairs)}


class SampleQueue:
    """A sample of a system's candidate pairs, asked where it makes the precision at a threshold known soonest.

    Args:
        sample: of the system. posting_id: (N,), of the catalogue. precision: the one that is wanted.
    """

    def __init__(self, sample: PairSample, posting_id: NDArray[np.object_], precision: float) -> None:
        self.sample, self.posting_id, self.precision = sample, posting_id, precision
        self._last: tuple[bytes, SampleResult | None] = b"", None

    def __len__(self) -> int:
        return len(self.sample)

    def pair(self, position: int) -> Pair:
        return self.sample.pair(position, self.posting_id)

    def evidence(self, position: int) -> dict[str, Any]:
        return {}

    def next_pair(self, annotations: Mapping[Pair, Annotation], start: int = 0) -> int | None:
        """The next pair of the stratum that is drawn from next; `start` does not matter."""
        plan = self._judge(annotations).plan
        stratum = plan.next_stratum()
        return None if stratum is None else int(self.sample.start[stratum] + plan.count[stratum])

    def progress(self, annotations: Mapping[Pair, Annotation]) -> dict[str, Any]:
        result = self._judge(annotations)
        total = result.n_annotated + result.needed
        return {"done": result.n_annotated, "total": total, "sample": result.shown()}

    def _judge(self, annotations: Mapping[Pair, Annotation]) -> SampleResult:
        """What the annotations say; kept until they change."""
        drawn = read_drawn(self.sample, self.posting_id, annotations)
        key = drawn.count.tobytes() + drawn.score.tobytes() + drawn.same.tobytes()
        last_key, result = self._last
        if result is None or key != last_key:
            result = judge_sample(self.sample, drawn, self.precision)
            self._last = key, result
        return result


def open_queue(system: str | None, precision: float, params: Params, listings: Listings) -> PairQueue:
    """The uncertain pairs of a system, or else a sample of its pairs; without a name those of rerank, or of samesku.

    Raises:
        InputError: the system has neither.
    """
    row_of = {posting_id: row for row, posting_id in enumerate(listings.posting_id)}
    path = artefacts.predictions_folder(system or "rerank") / "review.parquet"
    review = ReviewQueue(path, row_of)
    if review.n_left_out:
        print(
            f"samesku serve: {review.n_left_out:,} pairs of {path} are not asked, since a listing is not in the "
            f"sample; `dvc repro {path.parent.name}` makes it anew",
            file=sys.stderr,
        )
    if len(review):
        return review
    sample = read_pair_sample(system or "samesku", params, listings)
    return SampleQueue(sample, listings.posting_id, precision) if len(sample) else review
