"""TF-IDF of word and character n-grams, projected to a dense row; torch-free."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

BUCKETS = 2**20
BLOCK = 4096


@dataclass(frozen=True)
class Tfidf:
    """Fitted weights of the n-grams' buckets.

    Attributes:
        idf: (BUCKETS,) float32.
    """

    idf: NDArray[np.float32]
    dim: int
    seed: int

    def encode(self, titles: Sequence[str]) -> NDArray[np.float32]:
        """(N, dim) float32, rows of norm 1; zero where the title is empty."""
        out = np.zeros((len(titles), self.dim), np.float32)
        projection = _projection(self.dim, self.seed)
        for start in range(0, len(titles), BLOCK):
            rows = _counts(titles[start : start + BLOCK])
            weighted = normalize(rows.multiply(self.idf).tocsr())
            out[start : start + BLOCK] = normalize((weighted @ projection).toarray())
        return out

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "idf.npy", self.idf)
        (folder / "tfidf.json").write_text(json.dumps({"dim": self.dim, "seed": self.seed}) + "\n", "utf-8")


def load(folder: Path) -> Tfidf:
    content = json.loads((folder / "tfidf.json").read_text("utf-8"))
    return Tfidf(np.load(folder / "idf.npy", allow_pickle=False), **content)


def fit(titles: Sequence[str], dim: int, seed: int = 0) -> Tfidf:
    """Count in how many of `titles` each n-gram stands."""
    found = np.zeros(BUCKETS, np.int64)
    for start in range(0, len(titles), BLOCK):
        found += np.bincount(_counts(titles[start : start + BLOCK]).indices, minlength=BUCKETS)
    return Tfidf((np.log((1 + len(titles)) / (1 + found)) + 1).astype(np.float32), dim, seed)


def _counts(titles: Sequence[str]) -> sparse.csr_matrix:
    common = {"n_features": BUCKETS // 2, "alternate_sign": False, "norm": None, "dtype": np.float32}
    words = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **common)
    chars = HashingVectorizer(ngram_range=(3, 5), analyzer="char_wb", **common)
    both = sparse.hstack([words.transform(titles), chars.transform(titles)], format="csr")
    both.data = 1 + np.log(both.data)
    return both


def _projection(dim: int, seed: int) -> sparse.csr_matrix:
    random = np.random.default_rng(seed)
    columns = random.integers(0, dim, BUCKETS)
    signs = random.choice(np.array([-1, 1], np.float32), BUCKETS)
    return sparse.csr_matrix((signs, (np.arange(BUCKETS), columns)), shape=(BUCKETS, dim))
