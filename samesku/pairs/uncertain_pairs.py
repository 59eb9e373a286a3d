"""Which candidate pairs the pair reader reads, and its column of the second round. It imports no torch.

Reading two titles costs far more than the features of a pair. So only the pairs are read of which the first round is
not sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from samesku.arrays import Bools, Float32, Float64, Ints
from samesku.catalogue.listings import Listings
from samesku.pairs.candidate_search import labelled_in_train
from samesku.pairs.candidates import Candidates
from samesku.pairs.evidence import number_distinct
from samesku.pairs.list_features import ranks_in_lists
from samesku.pairs.pair_model import ReadPairs
from samesku.params import Params
from samesku.params.schema import Reading
from samesku.scratch import new_array, slices

if TYPE_CHECKING:
    from samesku.embedding.network import TitleEncoder
    from samesku.pairs.reader import PairReader

BLOCK = 2**20  # pairs at once


def open_reader(folder: Path, listings: Listings, params: Params) -> ReadPairs | None:
    """What reads the uncertain pairs of a catalogue; None where `folder` has no reader."""
    reader = load_reader(folder, params)
    if reader is None:
        return None
    return UncertainPairs(reader, listings.title, labelled_in_train(listings), params.rerank.reading).read


def load_reader(folder: Path, params: Params) -> PairReader | None:
    """The reader that the stage train_reader left in `folder`, ready to score titles; None where there is none."""
    file = folder / "reader.safetensors"
    if not file.is_file():
        return None
    from samesku.encoders.registry import load_channel  # torch
    from samesku.pairs.reader import PairReader

    weights = {"weights": file.as_posix(), "revision": None, "sha256": None}
    start = params.channels[params.reader.title].model_copy(update=weights)
    encoder = cast("TitleEncoder", load_channel("reader", start, params.embed, params.machine, folder))
    return PairReader(encoder, params.reader.max_length)


class ScoreTitles(Protocol):
    """What scores pairs of titles: `PairReader`."""

    def score(self, left: Sequence[str], right: Sequence[str]) -> Float32: ...


def choose_uncertain(candidates: Candidates, log_odds: Float64, spec: Reading) -> Bools:
    """The pairs that are worth reading: bool (P,).

    Their probability by the first round is between `spec.uncertain` and 1 − `spec.uncertain`, and they are among the
    `spec.pairs` least certain pairs of one of their two listings.

    Args:
        log_odds: float64 (P,), of the first round.
    """
    certainty = new_array(len(candidates), np.float32)
    for block in slices(len(candidates), BLOCK):
        certainty[block] = -np.abs(1.0 / (1.0 + np.exp(-log_odds[block])) - 0.5)
    ranks = ranks_in_lists(candidates, certainty)
    chosen = new_array(len(candidates), bool)
    for block in slices(len(candidates), BLOCK):
        chosen[block] = certainty[block] >= spec.uncertain - 0.5
        chosen[block] &= np.minimum(*ranks[:, block]) <= spec.pairs
    return chosen


class UncertainPairs:
    """Reads the uncertain pairs of a catalogue, each pair of titles once.

    Args:
        titles: of the N listings; "" where there is none.
        in_sample: bool (N,), the listings whose labels the reader has learned from. Pairs of two of them are not read:
            a score of them would be too good.
    """

    def __init__(self, reader: ScoreTitles, titles: Sequence[str], in_sample: Bools, spec: Reading) -> None:
        self.reader, self.titles, self.in_sample, self.spec = reader, titles, in_sample, spec
        self.number = number_distinct(titles)
        self.keys, self.scores = np.empty(0, np.int64), np.empty(0, np.float32)

    def read(self, candidates: Candidates, log_odds: Float64) -> Float32:
        """The reader's log-odds of the uncertain pairs, float32 (P,); NaN for all others and without a title."""
        scores = new_array(len(candidates), np.float32)
        scores[:] = np.nan
        pair = np.flatnonzero(choose_uncertain(candidates, log_odds, self.spec))
        left, right = candidates.select(pair).catalogue_rows
        readable = ~(self.in_sample[left] & self.in_sample[right])
        readable &= (self.number[left] >= 0) & (self.number[right] >= 0)
        scores[pair[readable]] = self._score(left[readable], right[readable])
        return scores

    def _score(self, left: Ints, right: Ints) -> Float32:
        """float32 (M,): pairs of titles that were read before are looked up."""
        numbers = np.sort(np.stack([self.number[left], self.number[right]]), axis=0)
        keys = numbers[0] * len(self.titles) + numbers[1]
        new, first = np.unique(keys, return_index=True)
        is_new = ~np.isin(new, self.keys)
        new, first = new[is_new], first[is_new]
        read = self.reader.score(
            [self.titles[i] for i in left[first]], [self.titles[i] for i in right[first]]
        )
        keys_read = np.concatenate([self.keys, new])
        order = np.argsort(keys_read)
        self.keys, self.scores = keys_read[order], np.concatenate([self.scores, read])[order]
        return self.scores[np.searchsorted(self.keys, keys)]
