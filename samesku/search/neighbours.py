"""The k nearest neighbours of every listing of a gallery within it: in blocks, in one fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import faiss
import numpy as np
from numpy.typing import NDArray

from samesku.search.fusion import Fused

DECIMALS = 6  # scores are rounded to this, so that equal pairs tie however they were computed
QUERIES = 1024  # in one block; nothing is N × N
COLUMNS = 16_384  # of the gallery, scored at once
TIED_QUERIES = 128  # in one block of the fallback, which holds whole rows of scores
SPARE = 16  # fetched beyond k, so that most ties at the end of the list are seen whole


@dataclass(frozen=True)
class Neighbours:
    """The neighbours of Q queries, best first, by (−score, row).

    Attributes:
        query: int32 (Q,), rows of the catalogue, ascending.
        neighbour: int32 (Q, k), rows of the catalogue; −1 where a query has fewer than k.
        score: float32 (Q, k), −1 to 1, rounded to 1e-6; −inf where there is no neighbour.
    """

    query: NDArray[np.int32]
    neighbour: NDArray[np.int32]
    score: NDArray[np.float32]

    @property
    def k(self) -> int:
        return self.neighbour.shape[1]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """bool (Q, k): where there is a neighbour."""
        return self.neighbour >= 0


Floats = NDArray[np.float32]
Found = tuple[Floats, NDArray[np.int64]]
#: Of float32 (Q, D) queries, and how many to fetch of each: the largest inner products, float32 (Q, fetch),
#: falling, and where they stand among a part's listings, int64 (Q, fetch), −1 where none was found.
Finder = Callable[[Floats, int], Found]


@dataclass(frozen=True)
class Part:
    """The listings of a gallery that have one modality mask.

    Attributes:
        code: the pattern. ids: int32 (G,), rows of the catalogue, ascending. vectors: float32 (G, D).
        index: what finds among them and may miss some; None: all are looked at.
    """

    code: int
    ids: NDArray[np.int32]
    vectors: NDArray[np.float32]
    index: Finder | None = None

    def find(self, queries: NDArray[np.float32], fetch: int) -> Found:
        return self.index(queries, fetch) if self.index else nearest(queries, self.vectors, fetch)


#: Queries, float32 (Q, D), the parts to look in, and how many to fetch of each.
Block = tuple[Floats, list[Part], list[int]]
#: Of blocks: what each of their parts finds, in order.
Looks = Callable[[Iterable[Block]], Iterator[list[Found]]]


def parts(fused: Fused, rows: NDArray[np.int32]) -> list[Part]:
    """The gallery `rows` (ascending) by modality mask; vectors side by side in a file stay there."""
    found = []
    for code, at in _patterns(fused, rows):
        ids = rows[at]
        in_line = ids[-1] - ids[0] + 1 == len(ids)
        found.append(Part(code, ids, fused.vectors[ids[0] : ids[-1] + 1] if in_line else fused.vectors[ids]))
    return found


def one_by_one(blocks: Iterable[Block]) -> Iterator[list[Found]]:
    """Look on this machine, in one part after the other."""
    for queries, parts, fetch in blocks:
        yield [part.find(queries, count) for part, count in zip(parts, fetch, strict=True)]


def search(
    fused: Fused,
    rows: NDArray[np.int32],
    k: int,
    *,
    queries: NDArray[np.int32] | None = None,
    gallery: list[Part] | None = None,
    look: Looks | None = None,
) -> Neighbours:
    """The k nearest of every listing in `rows` among the others in `rows`.

    Args:
        fused: the whole catalogue.
        rows: (G,) the gallery; ascending.
        k: neighbours wanted; min(k, G − 1) are given.
        queries: those of `rows` to search for, ascending; all where it is not given.
        gallery: what `parts` made of `rows`, with an index or without.
        look: how parts are looked in, elsewhere; None: here.

    The query itself is dropped by its id, not by its rank: copies of a listing tie with it. Listings are
    searched by modality mask, since the divisor of the score is constant for each pair of patterns.
    """
    k = max(0, min(k, len(rows) - 1))
    asked = rows if queries is None else queries
    neighbour = np.full((len(asked), k), -1, dtype=np.int32)
    score = np.full((len(asked), k), -np.inf, dtype=np.float32)
    gallery = parts(fused, rows) if gallery is None else gallery
    blocks = list(_blocks(fused, asked, gallery)) if k else []
    if queries is None and look is None and not any(part.index for part in gallery):
        joined = _join(fused, gallery, k)
        answers: Iterator[list[Found]] = (
            [(inner[own], at[own]) for inner, at in (joined[pattern, part.code] for part, _ in comparable)]
            for pattern, own, _, comparable in blocks
        )
    else:
        answers = (look or one_by_one)(
            (
                np.ascontiguousarray(fused.vectors[asked[at]]),
                [part for part, _ in comparable],
                [_fetch(part, k) for part, _ in comparable],
            )
            for _, _, at, comparable in blocks
        )
    for (_, _, at, comparable), answer in zip(blocks, answers, strict=True):
        found, value, tied = _merge(asked[at], comparable, answer, k)
        neighbour[at, : found.shape[1]], score[at, : found.shape[1]] = found, value
        if any(part.index for part, _ in comparable):  # it may have missed more than a tie
            continue
        for more in range(0, len(tied), TIED_QUERIES):
            again = at[tied[more : more + TIED_QUERIES]]
            found, value = _whole_rows(fused, asked[again], comparable, k)
            neighbour[again, : found.shape[1]], score[again, : found.shape[1]] = found, value
    return Neighbours(asked, neighbour, score)


def best(ids: NDArray[np.int32], scores: NDArray, k: int) -> tuple[NDArray[np.int32], NDArray]:
    """The first k of each row by (−score, id). Arguments (Q, m); returns two (Q, min(k, m))."""
    k = min(k, ids.shape[1])
    # One exact integer key for each place, so that a partition finds the first k without sorting the row.
    steps = np.where(np.isfinite(scores), np.rint(scores * 10**DECIMALS), -(2**30)).astype(np.int64)
    key = (steps << 32) - ids
    if k < ids.shape[1]:
        first = np.argpartition(-key, k - 1, axis=1)[:, :k]
        ids, scores, key = (np.take_along_axis(of, first, 1) for of in (ids, scores, key))
    order = np.argsort(-key, axis=1)
    return np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1)


def _patterns(fused: Fused, rows: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each modality mask among `rows`, with the positions that have it; the empty pattern is left out."""
    codes = fused.modality_mask[rows]
    for code in np.unique(codes[codes > 0]):
        yield int(code), np.flatnonzero(codes == code)


def _blocks(
    fused: Fused, asked: NDArray[np.int32], gallery: list[Part]
) -> Iterator[tuple[int, slice, NDArray[np.intp], list[tuple[Part, float]]]]:
    """Some queries of a modality mask: it, which of its own, their positions, the parts to look in."""
    for pattern, places in _patterns(fused, asked):
        comparable = [
            (part, shared) for part in gallery if (shared := fused.shared_weight(pattern, part.code)) > 0
        ]
        for start in range(0, len(places) if comparable else 0, QUERIES):
            own = slice(start, start + QUERIES)
            yield pattern, own, places[own], comparable


def nearest(queries: NDArray[np.float32], gallery: NDArray[np.float32], fetch: int) -> Found:
    """The `fetch` largest inner products of each query and where they stand, largest first: exact search.

    What FAISS's flat index does, with its heap but NumPy's matrix product: the BLAS in FAISS's wheel knows no
    recent processor and is up to five times slower there (benchmarks/search.py).
    """
    largest = _Largest(len(queries), fetch)
    for start in range(0, len(gallery), COLUMNS):
        largest.add(queries @ gallery[start : start + COLUMNS].T, 0, start)
    return largest.sorted()


class _Largest:
    """The largest scores of n queries so far: FAISS's heap."""

    def __init__(self, n: int, fetch: int) -> None:
        self.inner, self.at = np.empty((n, fetch), np.float32), np.empty((n, fetch), np.int64)
        self.heap = faiss.float_minheap_array_t()
        self.heap.nh, self.heap.k = n, fetch
        self.heap.val, self.heap.ids = faiss.swig_ptr(self.inner), faiss.swig_ptr(self.at)
        self.heap.heapify()

    def add(self, scores: NDArray[np.float32], query: int, place: int) -> None:
        """Scores (Q, G) of the queries from `query` on, with what stands at `place` and after it."""
        scores = np.ascontiguousarray(scores)
        self.heap.addn(scores.shape[1], faiss.swig_ptr(scores), place, query, len(scores))

    def sorted(self) -> Found:
        self.heap.reorder()
        return self.inner, self.at


def _join(fused: Fused, gallery: list[Part], k: int) -> dict[tuple[int, int], Found]:
    """By patterns of query and gallery, the nearest of all: a product of two blocks serves both its sides."""
    found = {}
    for one, other in combinations_with_replacement(gallery, 2):
        if fused.shared_weight(one.code, other.code) <= 0:
            continue
        same = one is other
        there = _Largest(len(one.ids), _fetch(other, k))
        back = there if same else _Largest(len(other.ids), _fetch(one, k))
        for row in range(0, len(one.ids), QUERIES):
            vectors = one.vectors[row : row + QUERIES]
            if same:
                there.add(vectors @ vectors.T, row, row)
            for column in range(row + QUERIES if same else 0, len(other.ids), COLUMNS):
                scores = vectors @ other.vectors[column : column + COLUMNS].T
                there.add(scores, row, column)
                back.add(scores.T, column, row)
        found[one.code, other.code] = there.sorted()
        if not same:
            found[other.code, one.code] = back.sorted()
    return found


def _fetch(part: Part, k: int) -> int:
    return min(k + 1 + SPARE, len(part.ids))


def _merge(
    queries: NDArray[np.int32], gallery: list[tuple[Part, float]], answer: list[Found], k: int
) -> tuple[NDArray[np.int32], NDArray, NDArray[np.intp]]:
    """The nearest of each pattern's gallery, merged; also the positions whose end of list is not settled."""
    ids, scores, unseen = [], [], np.full(len(queries), -np.inf)
    for (part, shared), (inner, at) in zip(gallery, answer, strict=True):
        value = np.where(at < 0, -np.inf, np.round(inner.astype(np.float64) / shared, DECIMALS))
        if inner.shape[1] < len(part.ids):  # what was not fetched scores at most this
            unseen = np.maximum(unseen, value[:, -1])
        ids.append(np.where(at < 0, np.int32(-1), part.ids[at]))
        scores.append(value)
    merged, value = np.concatenate(ids, 1), np.concatenate(scores, 1)
    merged, value = _without_self(queries, merged, value)
    merged, value = best(merged, value, k)
    # A listing that was not returned may tie with the last one kept, and come before it by id.
    tied = np.flatnonzero((value[:, -1] <= unseen) | (merged[:, -1] < 0))
    return merged, value, tied[np.isfinite(unseen[tied])]


def _whole_rows(
    fused: Fused, queries: NDArray[np.int32], gallery: list[tuple[Part, float]], k: int
) -> tuple[NDArray[np.int32], NDArray]:
    """All scores of a few queries, for those whose ties reach past what was fetched."""
    ids, scores = [], []
    for part, shared in gallery:
        value = np.round((fused.vectors[queries] @ part.vectors.T).astype(np.float64) / shared, DECIMALS)
        merged, value = _without_self(queries, np.broadcast_to(part.ids, value.shape), value)
        merged, value = best(merged, value, k)
        ids.append(merged)
        scores.append(value)
    return best(np.concatenate(ids, 1), np.concatenate(scores, 1), k)


def _without_self(
    queries: NDArray[np.int32], ids: NDArray[np.int32], scores: NDArray
) -> tuple[NDArray[np.int32], NDArray]:
    own = ids == queries[:, None]
    return np.where(own, np.int32(-1), ids), np.where(own, -np.inf, scores)
