"""The pair reader: a cross-encoder, which reads the titles of two listings together.

An embedding keeps of a title what may matter for any pair; a cross-encoder sees which words two titles do not share.
It is a sentence encoder whose input is both titles and whose head has a single column: the log-odds of one product.
"""

import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from samesku.arrays import Float32, Ints
from samesku.embedding.device import autocast
from samesku.embedding.network import TitleEncoder
from samesku.embedding.runner import run_threads

BLOCK = 65_536  # pairs whose tokens are in memory at the same time
STEP = 16  # tokens between two lengths to which pairs are padded, so that a compiler meets few shapes


class PairReader:
    """A cross-encoder of two titles. Its score is the same whichever listing comes first: titles are read in their
    alphabetical order, at half the cost of reading both orders.

    Args:
        encoder: a sentence encoder with a head of one column.
        max_length: tokens of a pair at most; the longer of the two titles is truncated first.
    """

    def __init__(self, encoder: TitleEncoder, max_length: int) -> None:
        prepare: Any = encoder.prepare
        self.encoder, self.tokens = encoder, prepare
        self.max_length = min(max_length, prepare.limit)

    def tokenize(self, left: Sequence[str], right: Sequence[str]) -> dict[str, list[list[int]]]:
        """The tokens of P pairs of titles, truncated, not padded."""
        pairs = [(min(pair), max(pair)) for pair in zip(left, right, strict=True)]
        return self.tokens.read_pairs(pairs, self.max_length)

    def pad(self, tokens: dict[str, list[list[int]]], pairs: Ints, length: int) -> dict[str, Tensor]:
        """The tokens of some pairs, padded: each int64 (B, length), on the encoder's device."""
        inputs = {}
        for name, rows in tokens.items():
            fill = self.tokens.pad_token if name == "input_ids" else 0
            padded = np.full((len(pairs), length), fill, np.int64)
            for place, pair in enumerate(pairs):
                padded[place, : len(rows[pair])] = rows[pair]
            inputs[name] = torch.from_numpy(padded).to(self.encoder.device)
        return inputs

    def batches(
        self, tokens: dict[str, list[list[int]]], pairs: Ints, size: int
    ) -> Iterator[tuple[Ints, int]]:
        """Batches of pairs of like length, the longest first, each with the length to which it is padded."""
        length = np.array([len(tokens["input_ids"][pair]) for pair in pairs])
        padded = np.minimum(-(-length // STEP) * STEP, self.max_length)
        for longest in np.unique(padded)[::-1]:
            same = pairs[padded == longest]
            for start in range(0, len(same), size):
                yield same[start : start + size], int(longest)

    def log_odds(self, inputs: dict[str, Tensor]) -> Tensor:
        """What `pad` gave -> float (B,); gradients flow."""
        return self.encoder.forward(inputs)[:, 0]

    def score(self, left: Sequence[str], right: Sequence[str]) -> Float32:
        """The log-odds that two titles are of one product, for P pairs of titles: float32 (P,).

        On a CPU whole batches are computed at the same time, one to a thread, so threads change no score.
        """
        scores = np.zeros(len(left), np.float32)
        with show_progress("read titles", len(left), "pair") as bar:
            for start in range(0, len(left), BLOCK):
                block = slice(start, start + BLOCK)
                self._score_block(left[block], right[block], scores[block], bar)
        return scores

    def _score_block(self, left: Sequence[str], right: Sequence[str], scores: Float32, bar: Any) -> None:
        """Fill in the scores, float32 (P,), of P pairs."""
        tokens = self.tokenize(left, right)
        device, precision = self.encoder.device, self.encoder.precision
        batches = list(self.batches(tokens, np.arange(len(left)), self.encoder.batch_size))

        @torch.inference_mode()
        def fill(batch: tuple[Ints, int]) -> None:
            scores[batch[0]] = self.log_odds(self.pad(tokens, *batch)).float().cpu().numpy()
            bar.update(len(batch[0]))

        if device.type == "cpu":
            run_threads(batches, fill, precision)
        else:
            with autocast(device, precision):
                for batch in batches:
                    fill(batch)


def show_progress(label: str, total: int, unit: str) -> Any:
    """A progress bar; in a log it is a line every ten seconds."""
    pace = 0.2 if sys.stderr.isatty() else 10.0
    return tqdm(total=total, desc=label, unit=unit, mininterval=pace, disable=not total)
