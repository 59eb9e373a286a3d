"""TF-IDF of words and character trigrams as a dense row; torch-free, with no vocabulary to keep.

N-grams are hashed (the hashing trick, Weinberger et al. 2009), so that one that was never seen in fitting
keeps its place and the largest idf: a new model number is the best evidence there is. The long sparse row is
then folded into `dim` columns by a sparse random projection with four entries of ±1/2 for each bucket (Kane &
Nelson 2014), which keeps inner products in expectation, with a standard deviation near 1/√dim.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from samesku.embedding.hashing import scramble

Floats = NDArray[np.float32]

#: The n-grams: each family has buckets of its own, and half of a title's norm.
FAMILIES: tuple[dict[str, Any], ...] = (
    {"analyzer": "word", "token_pattern": r"(?u)\b\w+\b"},
    {"analyzer": "char_wb", "ngram_range": (3, 3)},
)
BUCKETS = 2**18  # of each family
ENTRIES = 4  # of each bucket in the projection
BLOCK = 4096  # titles at a time, so that memory does not grow with the catalogue


@dataclass(frozen=True)
class Tfidf:
    """What fitting learns: in how many titles each bucket stood.

    Attributes:
        buckets: (n,) int32, ascending: the buckets seen, over all families.
        counts: (n,) int32, in how many titles each stood.
        titles: how many titles were seen.
        dim: width of a row.
        seed: of the projection.
    """

    buckets: NDArray[np.int32]
    counts: NDArray[np.int32]
    titles: int
    dim: int
    seed: int = 0

    @cached_property
    def idf(self) -> Floats:
        """(families · BUCKETS,) float32, log((1 + titles) / (1 + count)) + 1: scikit-learn's smooth idf."""
        counts = np.zeros(len(FAMILIES) * BUCKETS)
        counts[self.buckets] = self.counts
        return (np.log((1 + self.titles) / (1 + counts)) + 1).astype(np.float32)

    @cached_property
    def fold(self) -> sparse.csr_matrix:
        """(families · BUCKETS, dim): the projection."""
        return projection(len(FAMILIES) * BUCKETS, self.dim, self.seed)

    def encode(self, titles: Sequence[str]) -> Floats:
        """Embed titles -> (N, dim) float32, rows of norm 1; zero where a title holds no n-gram."""
        out = np.zeros((len(titles), self.dim), np.float32)
        for start, families in _blocks(titles):
            rows = sparse.hstack(
                [
                    normalize(counted @ sparse.diags(self.idf[i * BUCKETS : (i + 1) * BUCKETS]))
                    for i, counted in enumerate(families)
                ],
                format="csr",
            )
            out[start : start + rows.shape[0]] = normalize((rows @ self.fold).toarray())
        return out

    def save(self, folder: Path) -> None:
        """Write what `load` reads; the same fit gives the same bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "counts.npy", np.stack([self.buckets, self.counts]))
        about = {"titles": self.titles, "dim": self.dim, "seed": self.seed}
        (folder / "tfidf.json").write_text(json.dumps(about) + "\n", "utf-8")


def fit(titles: Sequence[str], dim: int, seed: int = 0) -> Tfidf:
    """Count in how many of `titles` each n-gram stands; empty titles do not count."""
    known = [title for title in titles if title]
    counts = np.zeros(len(FAMILIES) * BUCKETS, np.int32)
    for _, families in _blocks(known):
        columns = [counted.indices + i * BUCKETS for i, counted in enumerate(families)]
        counts += np.bincount(np.concatenate(columns), minlength=len(counts)).astype(np.int32)
    seen = np.flatnonzero(counts).astype(np.int32)
    return Tfidf(seen, counts[seen], len(known), dim, seed)


def load(folder: Path) -> Tfidf:
    """Read what `save` wrote."""
    buckets, counts = np.load(folder / "counts.npy", allow_pickle=False)
    return Tfidf(buckets, counts, **json.loads((folder / "tfidf.json").read_text("utf-8")))


def projection(buckets: int, dim: int, seed: int) -> sparse.csr_matrix:
    """(buckets, dim) float32, ENTRIES of ±1/√ENTRIES in each row.

    Places and signs come from a fixed hash, so that a saved model embeds alike for ever.
    """
    z = scramble(np.arange(buckets * ENTRIES, dtype=np.uint64) + (np.uint64(seed) << np.uint64(40)))
    places = (z >> np.uint64(1)) % np.uint64(dim)
    signs = ((z & np.uint64(1)).astype(np.float32) * 2 - 1) / np.sqrt(np.float32(ENTRIES))
    starts = np.arange(0, len(z) + 1, ENTRIES)
    return sparse.csr_matrix((signs, places.astype(np.int32), starts), shape=(buckets, dim))


def _blocks(titles: Sequence[str]) -> Iterator[tuple[int, list[sparse.csr_matrix]]]:
    """Blocks of titles: the first one's number, and of each family (block, BUCKETS) 1 + log(count)."""
    common = {"n_features": BUCKETS, "alternate_sign": False, "norm": None, "dtype": np.float32}
    vectorizers = [HashingVectorizer(**family, **common) for family in FAMILIES]
    for start in range(0, len(titles), BLOCK):
        found = [vectorizer.transform(titles[start : start + BLOCK]).tocsr() for vectorizer in vectorizers]
        for counted in found:
            counted.data = 1 + np.log(counted.data)
        yield start, found
