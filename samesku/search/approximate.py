"""Approximate search (an inverted file, FAISS's indexes), checked against exact search before use."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any

import faiss
import numpy as np

from samesku.arrays import Float32, Int32, Int64
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs
from samesku.errors import InputError
from samesku.search.exact import (
    BlockSearch,
    MaskGroup,
    QueryBlock,
    TopProducts,
    group_by_mask,
    search_neighbours,
    search_within_shops,
    select_top_products,
)
from samesku.search.fusion import Fused
from samesku.search.inverted_file import InvertedFile
from samesku.search.neighbours import Neighbours
from samesku.search.pictures import search_views

SMALL = 20_000  # listings up to which exact search is as quick
CHECKED = 1000  # queries whose exact neighbours the check knows
MAX_EFFORT = 4096  # the highest effort that a message proposes
ADDED = 65_536  # listings in one block, and
BLOCKS = 32  # of queries that are searched together: an inverted file is fast where many queries visit a cell
TRAINED = 256  # times √G listings that FAISS sees in training
RESCORED = 32  # queries in one block whose products are computed anew from whole vectors
LINKS = 32  # of each listing in hnsw


def search_approximate(
    fused: Fused,
    rows: Int32,
    k: int,
    kind: str,
    effort: int,
    min_recall: float,
    seed: int = 0,
    allowed: AllowedPairs = ALL_PAIRS,
    queries: Int32 | None = None,
    build: Callable[[Float32], Any] | None = None,
) -> Neighbours:
    """The k nearest of every listing in `rows` among the others that may match, by an index of `kind`.

    Within shops, each shop of more than SMALL listings has indexes of its own. Across shops the search is exact: an
    index cannot leave out a query's shop.

    Args:
        kind: ivf, hnsw, or a string of FAISS's index factory. Modality masks of up to SMALL listings are
            searched exactly. Scores are exact, compressed vectors or not.
        effort: cells (nprobe) or candidates (efSearch) that a query visits.
        min_recall: the share of the true k nearest of CHECKED queries, drawn by `seed`, to be found.
        queries: those of `rows` to search for, ascending; by default all.
        build: makes an index of float32 (G, D); by default `build_index` of this kind.

    Raises:
        InputError: FAISS cannot make such an index, or it finds too few; the message says which effort does.
    """
    if allowed.link == "across":
        print(f"index: match.link is across, so the search is exact; index.kind {kind} is not used")
        return search_neighbours(fused, rows, k, allowed=allowed, queries=queries)
    search_rows = partial(
        search_approximate, kind=kind, effort=effort, min_recall=min_recall, seed=seed, build=build
    )
    if allowed.link == "within":
        return search_within_shops(search_rows, fused, rows, k, allowed, queries)
    if fused.owner is not None:
        nearest = search_views(search_rows, fused, rows, k)
        if queries is None:
            return nearest
        place = np.searchsorted(rows, queries)
        return Neighbours(queries, nearest.neighbour[place], nearest.score[place])
    groups = group_by_mask(fused, rows)
    build = build or partial(build_index, kind=kind)
    indexes = {group.mask: build(group.vectors) for group in groups if len(group.rows) > SMALL}
    if groups and not indexes:  # a mistake is found before the catalogue is large
        check_kind(kind, max((group.vectors for group in groups), key=lambda vectors: vectors.shape[1]))
    order = order_by_cell(indexes, groups, len(fused.modality_mask))

    def search(effort: int, queries: Int32 | None) -> Neighbours:
        by_index = search_indexes(indexes, effort, is_compressed(kind)) if indexes else None
        return search_neighbours(
            fused,
            rows,
            k,
            queries=queries,
            groups=groups,
            search_blocks=by_index,
            approximate=indexes,
            order=order,
        )

    if indexes:
        checked = np.sort(np.random.default_rng(seed).permutation(rows)[:CHECKED])
        exact = search_neighbours(fused, rows, k, queries=checked, groups=groups)
        result = recall(search(effort, checked), exact)
        if result < min_recall:
            message = (
                f"index.kind {kind} at index.effort {effort} finds {result:.4f} of the {k} nearest of "
                f"{len(checked)} queries, below index.min_recall {min_recall:g}"
            )
            while (effort := 2 * effort) <= MAX_EFFORT:
                if (result := recall(search(effort, checked), exact)) >= min_recall:
                    raise InputError(f"{message}; index.effort {effort} finds {result:.4f}")
            raise InputError(
                f"{message}; no effort up to {MAX_EFFORT} finds enough: give another kind, or flat"
            )
    return search(effort, queries)


def order_by_cell(indexes: dict[int, Any], groups: Iterable[MaskGroup], n_listings: int) -> Int64:
    """int64 (N,), a key by which listings of one cell, then of cells near each other, stand together.

    Queries that are searched together then visit few cells.
    """
    order = np.arange(n_listings)
    for group in groups:
        index = indexes.get(group.mask)
        if index is not None and not isinstance(index, faiss.Index):
            order[group.rows[index.members]] = np.arange(len(group.rows))
    return order


def recall(neighbours: Neighbours, exact: Neighbours) -> float:
    """The share of the true neighbours found; a listing that ties with the last true one counts as true."""
    n_true = exact.valid.sum(axis=1)
    last = np.where(exact.valid, exact.score, np.inf).min(axis=1, initial=np.inf)
    hits = (neighbours.valid & (neighbours.score >= last[:, None])).sum(axis=1)
    return float(np.minimum(hits, n_true).sum() / n_true.sum()) if n_true.any() else 1.0


def is_compressed(kind: str) -> bool:
    """Whether an index of this kind holds less than the whole vectors, so that its products are not exact."""
    return kind not in ("ivf", "hnsw") and not kind.endswith("Flat")


def build_index(vectors: Float32, kind: str) -> Any:
    """An index of inner products over float32 (G, D): `InvertedFile` for ivf, else one of FAISS, trained on a part.

    Raises:
        InputError: FAISS's factory does not know the kind, or the vectors are too few or too narrow for it.
    """
    if kind == "ivf":
        return InvertedFile(vectors)
    count = len(vectors)
    with _refused_kinds(kind, vectors):
        index = _new_index(kind, vectors)
        if not index.is_trained:
            drawn = np.random.default_rng(0).permutation(count)[
                : max(50_000, round(TRAINED * np.sqrt(count)))
            ]
            index.train(vectors[np.sort(drawn)])
        for start in range(0, count, ADDED):
            index.add(vectors[start : start + ADDED])
    return index


def check_kind(kind: str, vectors: Float32) -> None:
    """Refuse a kind of which FAISS cannot make an index of vectors this wide; none is trained.

    Raises:
        InputError: as of `build_index`.
    """
    if kind != "ivf":
        with _refused_kinds(kind, vectors):
            _new_index(kind, vectors)


def _new_index(kind: str, vectors: Float32) -> Any:
    """One of FAISS's indexes, empty, for vectors of this width."""
    factory = {"hnsw": f"HNSW{LINKS},Flat"}.get(kind, kind)
    return faiss.index_factory(vectors.shape[1], factory, faiss.METRIC_INNER_PRODUCT)


@contextmanager
def _refused_kinds(kind: str, vectors: Float32) -> Iterator[None]:
    """FAISS's errors as one sentence."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).split(": ", 1)[-1].strip().splitlines()[0]
        count, width = vectors.shape
        raise InputError(
            f"index.kind: FAISS cannot make {kind!r} of {count} rows of {width} columns ({reason}); "
            "allowed: flat, ivf, hnsw, or a string of FAISS's index_factory"
        ) from error


def search_indexes(indexes: dict[int, Any], effort: int, rescore: bool) -> BlockSearch:
    """Searches groups by their index, by modality mask; groups without one exactly."""

    def search(blocks: Iterable[QueryBlock]) -> Iterator[list[TopProducts]]:
        blocks = iter(blocks)
        while together := list(islice(blocks, BLOCKS)):
            by_index = {
                mask: search_blocks(index, mask, together, effort, rescore) for mask, index in indexes.items()
            }
            for queries, groups, counts, _ in together:
                yield [
                    next(by_index[group.mask])
                    if group.mask in by_index
                    else select_top_products(queries, group.vectors, count)
                    for group, count in zip(groups, counts, strict=True)
                ]

    return search


def search_blocks(
    index: Any, mask: int, blocks: Iterable[QueryBlock], effort: int, rescore: bool
) -> Iterator[TopProducts]:
    """What an index of the group of a mask finds for the blocks that search this group, which it does together."""
    asking = [
        (block.queries, group, count)
        for block in blocks
        for group, count in zip(block.groups, block.counts, strict=True)
        if group.mask == mask
    ]
    if not asking:
        return
    queries = np.concatenate([of_block for of_block, _, _ in asking])
    _, group, count = asking[0]
    inner, position = search_index(index, queries, count, effort, group.vectors if rescore else None)
    ends = np.cumsum([len(of_block) for of_block, _, _ in asking])
    yield from zip(np.split(inner, ends[:-1]), np.split(position, ends[:-1]), strict=True)


def search_index(
    index: Any, queries: Float32, count: int, effort: int, vectors: Float32 | None
) -> TopProducts:
    """What an index finds; where `vectors` are given, with their products in place of the index's."""
    if not isinstance(index, faiss.Index):
        return index.search(queries, count, effort)
    set_effort(index, effort)
    inner, position = index.search(queries, count)
    if vectors is not None:
        for start in range(0, len(queries), RESCORED):
            block = slice(start, start + RESCORED)
            whole = vectors[np.maximum(position[block], 0)]
            inner[block] = np.einsum("qd,qfd->qf", queries[block], whole)
    return inner, position


def set_effort(index: Any, effort: int) -> None:
    """How far one of FAISS's indexes looks: cells that a query visits, or candidates that it follows."""
    inner = faiss.downcast_index(index)
    if isinstance(inner, faiss.IndexPreTransform):
        inner = faiss.downcast_index(inner.index)
    if isinstance(inner, faiss.IndexIVF):
        faiss.ParameterSpace().set_index_parameter(index, "nprobe", effort)
    elif isinstance(inner, faiss.IndexHNSW):
        inner.hnsw.efSearch = effort
