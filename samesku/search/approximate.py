"""Search that may miss some (FAISS's IVF, HNSW, compressed vectors), behind a gate against exact search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from samesku.errors import InputError
from samesku.search import neighbours
from samesku.search.fusion import Fused
from samesku.search.neighbours import Neighbours, Part

SMALL = 20_000  # listings up to which looking at all is as quick
CHECKED = 1000  # queries whose exact neighbours the gate knows
MOST = 4096  # the highest effort that the gate proposes
TRAINED = 64  # listings for each cell that k-means sees
ADDED = 65_536  # listings in one block, and
GATHERED = 32  # queries in one block where compressed vectors are scored anew
LINKS = 32  # of each listing in hnsw


def search(
    fused: Fused, rows: NDArray[np.int32], k: int, kind: str, effort: int, min_recall: float, seed: int = 0
) -> Neighbours:
    """The k nearest of every listing in `rows` among the others, by an index of `kind`.

    Args:
        kind: ivf, hnsw, or a string of FAISS's index factory. Modality masks of up to SMALL listings are
            searched exactly. Scores are exact, compressed vectors or not.
        effort: cells (nprobe) or candidates (efSearch) that a query looks at.
        min_recall: the share of the true k nearest of CHECKED queries, drawn by `seed`, to be found.

    Raises:
        InputError: FAISS cannot make such an index, or it finds too few; then with the effort that finds enough.
    """
    exact = neighbours.parts(fused, rows)
    indexes = {part.code: build(part.vectors, kind) for part in exact if len(part.ids) > SMALL}

    def with_effort(effort: int) -> list[Part]:
        return [
            replace(part, index=Finder(indexes[part.code], part.vectors, effort, compressed(kind)))
            if part.code in indexes
            else part
            for part in exact
        ]

    some = np.sort(np.random.default_rng(seed).permutation(rows)[:CHECKED])
    true = neighbours.search(fused, rows, k, queries=some, gallery=exact)

    def reached(effort: int) -> float:
        return recall(neighbours.search(fused, rows, k, queries=some, gallery=with_effort(effort)), true)

    if indexes and (found := reached(effort)) < min_recall:
        told = (
            f"index.kind {kind} at index.effort {effort} finds {found:.4f} of the {k} nearest of "
            f"{len(some)} queries, below index.min_recall {min_recall:g}"
        )
        for more in doubled(effort):
            if (found := reached(more)) >= min_recall:
                raise InputError(f"{told}; index.effort {more} finds {found:.4f}")
        raise InputError(f"{told}; no effort up to {MOST} finds enough: give another kind, or flat")
    return neighbours.search(fused, rows, k, gallery=with_effort(effort))


def recall(found: Neighbours, true: Neighbours) -> float:
    """The share of the true neighbours found; one that ties with the last of them is true too."""
    count = true.valid.sum(axis=1)
    last = np.where(true.valid, true.score, np.inf).min(axis=1, initial=np.inf)
    hits = (found.valid & (found.score >= last[:, None])).sum(axis=1)
    return float(np.minimum(hits, count).sum() / count.sum()) if count.any() else 1.0


def compressed(kind: str) -> bool:
    """Whether an index of this kind holds less than the whole vectors, so that its scores are not exact."""
    return kind not in ("ivf", "hnsw") and not kind.endswith("Flat")


def doubled(effort: int) -> Iterator[int]:
    """Twice, four times, … the effort, up to MOST."""
    while (effort := effort * 2) <= MOST:
        yield effort


def build(vectors: NDArray[np.float32], kind: str) -> Any:
    """An index of inner products over float32 (G, D), trained on a part of them.

    Raises:
        InputError: FAISS's factory does not know the kind, or the vectors are too few or too narrow for it.
    """
    count, width = vectors.shape
    cells = 2 ** round(np.log2(4 * np.sqrt(count)))
    factory = {"ivf": f"IVF{cells},Flat", "hnsw": f"HNSW{LINKS},Flat"}.get(kind, kind)
    try:
        index = faiss.index_factory(width, factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            draw = np.random.default_rng(0).permutation(count)[: max(TRAINED * cells, 50_000)]
            index.train(vectors[np.sort(draw)])
        for start in range(0, count, ADDED):
            index.add(vectors[start : start + ADDED])
    except RuntimeError as error:
        said = str(error).split(": ", 1)[-1].strip().splitlines()[0]
        raise InputError(
            f"index.kind: FAISS cannot make {factory!r} of {count} rows of {width} columns ({said}); "
            "allowed: flat, ivf, hnsw, or a string of FAISS's index_factory"
        ) from error
    return index


class Finder:
    """Asks an index with an effort; what a compressed one finds is scored by the whole vectors."""

    def __init__(self, index: Any, vectors: NDArray[np.float32], effort: int, rescore: bool) -> None:
        self.index, self.vectors, self.rescore = index, vectors, rescore
        self.params: Any = None
        below = faiss.downcast_index(index)
        if isinstance(below, faiss.IndexPreTransform):
            below = faiss.downcast_index(below.index)
        if isinstance(below, faiss.IndexIVF):
            faiss.ParameterSpace().set_index_parameter(index, "nprobe", effort)
        elif isinstance(below, faiss.IndexHNSW):
            below.hnsw.efSearch = effort

    def __call__(
        self, queries: NDArray[np.float32], fetch: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        inner, at = self.index.search(queries, fetch)
        if self.rescore:
            for start in range(0, len(queries), GATHERED):
                block = slice(start, start + GATHERED)
                whole = self.vectors[np.maximum(at[block], 0)]
                inner[block] = np.einsum("qd,qfd->qf", queries[block], whole)
        return inner, at
