"""TF-IDF of words and character trigrams as a dense row; it needs no torch, and saves no vocabulary.

N-grams are hashed (the hashing trick, Weinberger et al. 2009), so that one that was never seen in fitting
still has a column, and the largest idf: a new model number is the best evidence there is. The long sparse
row is then reduced to `dim` columns by a sparse random projection with four entries of ±1/2 for each bucket
(Kane & Nelson 2014), which keeps inner products in expectation, with a standard deviation near 1/√dim.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from samesku.arrays import Float32, Int32
from samesku.artefacts import read_json
from samesku.embedding.encoder import BLOCK, Encoder, Spec, scramble
from samesku.reading import read_array, reading, refuse_values

#: The n-grams: each family has buckets of its own, and half of a title's norm.
FAMILIES: tuple[dict[str, Any], ...] = (
    {"analyzer": "word", "token_pattern": r"(?u)\b\w+\b"},
    {"analyzer": "char_wb", "ngram_range": (3, 3)},
)
BUCKETS = 2**18  # of each family
ENTRIES = 4  # of each bucket in the projection
SEED = 0  # of the projection
COUNTS, NUMBERS = "counts.npy", "tfidf.json"


@dataclass(kw_only=True)
class TfidfEncoder(Encoder):
    """Rows of norm 1; zero where a title holds no n-gram.

    `titles` were seen in fitting; `counts`, (families · BUCKETS,): in how many of them each bucket occurred.
    """

    titles: int = 0
    counts: Int32 = field(default_factory=lambda: np.zeros(len(FAMILIES) * BUCKETS, np.int32), repr=False)

    def fit(self, column: Sequence[str], rows: Sequence[int]) -> None:
        """Count in how many of the titles each n-gram occurs; empty titles do not count."""
        titles = [column[row] for row in rows if column[row]]
        for start in range(0, len(titles), BLOCK):
            families = count_ngrams(titles[start : start + BLOCK])
            buckets = np.concatenate([counts.indices + i * BUCKETS for i, counts in enumerate(families)])
            self.counts += np.bincount(buckets, minlength=len(self.counts)).astype(np.int32)
        self.titles = len(titles)

    @cached_property
    def idf(self) -> Float32:
        """(families · BUCKETS,) float32, log((1 + titles) / (1 + count)) + 1: scikit-learn's smooth idf."""
        counts = self.counts.astype(float)
        return (np.log((1 + self.titles) / (1 + counts)) + 1).astype(np.float32)

    @cached_property
    def projection(self) -> sparse.csr_matrix:
        """(families · BUCKETS, dim)."""
        return make_projection(len(FAMILIES) * BUCKETS, self.dim, SEED)

    def encode(self, column: Sequence[str]) -> Float32:
        parts = [
            normalize(counts @ sparse.diags(self.idf[i * BUCKETS : (i + 1) * BUCKETS]))
            for i, counts in enumerate(count_ngrams(column))
        ]
        return normalize((sparse.hstack(parts, format="csr") @ self.projection).toarray())

    def save(self, folder: Path) -> None:
        """Write the buckets that were seen and their counts, int32 (2, n), in bytes that the fit decides."""
        buckets = np.flatnonzero(self.counts).astype(np.int32)
        np.save(folder / COUNTS, np.stack([buckets, self.counts[buckets]]))
        numbers = {"titles": self.titles, "dim": self.dim, "seed": SEED}
        (folder / NUMBERS).write_text(json.dumps(numbers) + "\n", "utf-8")

    def restore(self, folder: Path) -> None:
        for name in (NUMBERS, COUNTS):
            (folder / name).stat()  # FileNotFoundError, as of Encoder
        with reading(folder):
            numbers = read_json(folder / NUMBERS)
            self.titles, self.dim = int(numbers["titles"]), int(numbers["dim"])
            buckets, counts = read_array(folder / COUNTS, mapped=False)
            wrong = (buckets < 0) | (buckets >= len(self.counts)) | (counts < 1) | (counts > self.titles)
            refuse_values("count", counts, wrong, f"1 to {self.titles}, of a known bucket")
            self.counts[buckets] = counts


def load(spec: Spec) -> TfidfEncoder:
    if spec.dim is None:
        raise ValueError("a channel of the backend tfidf needs a dim")
    return TfidfEncoder(spec=spec, dim=spec.dim)


def make_projection(buckets: int, dim: int, seed: int) -> sparse.csr_matrix:
    """(buckets, dim) float32, ENTRIES of ±1/√ENTRIES in each row.

    Columns and signs come from a fixed hash, so that a saved model gives the same rows with any library.
    """
    z = scramble(np.arange(buckets * ENTRIES, dtype=np.uint64) + (np.uint64(seed) << np.uint64(40)))
    columns = (z >> np.uint64(1)) % np.uint64(dim)
    signs = ((z & np.uint64(1)).astype(np.float32) * 2 - 1) / np.sqrt(np.float32(ENTRIES))
    starts = np.arange(0, len(z) + 1, ENTRIES)
    return sparse.csr_matrix((signs, columns.astype(np.int32), starts), shape=(buckets, dim))


def count_ngrams(titles: Sequence[str]) -> list[sparse.csr_matrix]:
    """Of each family (N, BUCKETS) float32: 1 + log(count) of the title's n-grams."""
    counted = []
    for family in FAMILIES:
        vectorizer = HashingVectorizer(
            **family, n_features=BUCKETS, alternate_sign=False, norm=None, dtype=np.float32
        )
        counts = vectorizer.transform(titles).tocsr()
        counts.data = 1 + np.log(counts.data)
        counted.append(counts)
    return counted
