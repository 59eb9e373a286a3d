"""Exact search: the k nearest neighbours of every listing of a gallery, in blocks and in one fixed order."""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations_with_replacement
from typing import NamedTuple, Protocol

import faiss
import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Float32, Float64, Int32, Int64
from samesku.catalogue.listings import ALL_PAIRS, AllowedPairs
from samesku.scratch import gather_rows
from samesku.search.fusion import Fused, ranking_scores
from samesku.search.neighbours import Neighbours, no_neighbours, select_top_k, without_self
from samesku.search.pictures import PictureGroup, score_listings, search_picture_queries, search_pictures

QUERIES = 1024  # in one block; nothing is N × N
#: Listings of the gallery that are scored at once. No power of two: the scores of a column would share few places of
#: the processor's cache, and to transpose a block would take twice as long.
COLUMNS = 16_000
WHOLE_ROW_QUERIES = 128  # in one block where all scores of a query are held
SPARE = 16  # fetched beyond k, so that most ties at the end of the list are seen whole


@dataclass(frozen=True)
class MaskGroup:
    """The listings of a gallery that have one modality mask: the divisor of a query's scores is one number.

    Attributes:
        mask: the modality mask. rows: int32 (G,), rows of the catalogue, ascending.
        vectors: float32 (G, D).
        shop: int32 (G,), the number of each listing's shop, where shops decide which pairs may match.
    """

    mask: int
    rows: Int32
    vectors: Float32
    shop: Int32 | None = None


#: The largest inner products of Q queries with a group, float32 (Q, n), falling, and the positions of these
#: listings in the group, int64 (Q, n); −1 where fewer were found.
TopProducts = tuple[Float32, Int64]


class QueryBlock(NamedTuple):
    """Queries to search for.

    Attributes:
        queries: float32 (Q, D). groups: what to search. counts: how many products to fetch from each group.
        shop: int32 (Q,), the shop of each query, of which nothing is fetched; None: everything may be.
    """

    queries: Float32
    groups: list[MaskGroup]
    counts: list[int]
    shop: Int32 | None = None


#: Searches blocks, one after the other; gives the top products of each group of a block, in order.
BlockSearch = Callable[[Iterable[QueryBlock]], Iterator[list[TopProducts]]]


#: A part of a gallery that `search_queries` searches.
Group = MaskGroup | PictureGroup


class Search(Protocol):
    """(fused rows, gallery, k) -> the k nearest within the gallery of those that may match.

    queries: those of the gallery to search for; None: all.
    """

    def __call__(
        self,
        fused: Fused,
        rows: Int32,
        k: int,
        *,
        allowed: AllowedPairs = ALL_PAIRS,
        queries: Int32 | None = None,
    ) -> Neighbours: ...


def search_neighbours(
    fused: Fused,
    rows: Int32,
    k: int,
    *,
    allowed: AllowedPairs = ALL_PAIRS,
    queries: Int32 | None = None,
    groups: list[MaskGroup] | None = None,
    search_blocks: BlockSearch | None = None,
    approximate: Container[int] = (),
    order: Int64 | None = None,
) -> Neighbours:
    """The k nearest of every listing in `rows` among the others in `rows` that may match it.

    A query is dropped from its own list by its row, not by its rank: copies of a listing tie with it. A
    gallery is searched by modality mask, since the divisor of the score is constant for two masks.

    Where listings have several pictures, `search_pictures` searches, on this machine.

    Args:
        fused: the whole catalogue.
        rows: (G,) the gallery, ascending.
        k: neighbours wanted; min(k, G − 1) are given, fewer where fewer may match.
        allowed: which pairs may match. Across shops, a query's own shop is left out before its best are taken;
            within shops, each shop is a gallery of its own, and `groups` is not used.
        queries: those of `rows` to search for, ascending; by default all.
        groups: the gallery by modality mask; by default made here.
        search_blocks: where the groups are searched; by default here.
        approximate: modality masks of the groups in which `search_blocks` may miss listings.
        order: int64 (N,), a key for each listing of the catalogue, by which queries are put into blocks; else by row.
    """
    if allowed.link == "within":
        search = partial(search_neighbours, search_blocks=search_blocks, approximate=approximate)
        return search_within_shops(search, fused, rows, k, allowed, queries)
    if fused.owner is not None:
        return search_pictures(fused, rows, k, allowed=allowed, queries=queries)
    k = max(0, min(k, len(rows) - 1))
    everything = queries is None
    queries = rows if queries is None else queries
    neighbours = no_neighbours(queries, k)
    groups = group_by_mask(fused, rows, allowed) if groups is None else groups
    blocks = list(_query_blocks(fused, queries, groups, order)) if k else []
    if everything and search_blocks is None:
        results = _self_join(fused, groups, blocks, k)
    else:
        results = (search_blocks or search_groups)(
            QueryBlock(
                np.ascontiguousarray(fused.vectors[queries[positions]]),
                comparable,
                _counts(comparable, k),
                allowed.shop[queries[positions]] if allowed.link == "across" else None,
            )
            for _, _, positions, comparable in blocks
        )
    for (mask, _, positions, comparable), products in zip(blocks, results, strict=True):
        shared = [fused.shared_weight(mask, group.mask) for group in comparable]
        nearest, scores, unsettled = _merge(queries[positions], comparable, shared, products, k)
        _fill(neighbours, positions, nearest, scores)
        if any(group.mask in approximate for group in comparable):  # more may be missing than a tie
            continue
        for start in range(0, len(unsettled), WHOLE_ROW_QUERIES):
            again = positions[unsettled[start : start + WHOLE_ROW_QUERIES]]
            some = queries[again]
            shop = None if allowed.link == "all" else allowed.shop[some]
            _fill(neighbours, again, *_search_whole_rows(fused[some], some, comparable, k, allowed, shop))
    return neighbours


def search_within_shops(
    search: Callable[..., Neighbours],
    fused: Fused,
    rows: Int32,
    k: int,
    allowed: AllowedPairs,
    queries: Int32 | None = None,
) -> Neighbours:
    """The k nearest of every listing among those of its shop: `search`, shop by shop.

    Arguments as of `search_neighbours`.
    """
    queries = rows if queries is None else queries
    neighbours = no_neighbours(queries, max(0, min(k, len(rows) - 1)))
    order = np.argsort(allowed.shop[rows], kind="stable")
    starts = np.flatnonzero(np.diff(allowed.shop[rows[order]], prepend=-1))
    for members in np.split(rows[order], starts[1:]):
        positions = np.flatnonzero(np.isin(queries, members, assume_unique=True))
        if len(positions) and len(members) > 1:
            some = None if len(positions) == len(members) else queries[positions]
            nearest = search(fused, members, k, queries=some)
            _fill(neighbours, positions, nearest.neighbour, nearest.score)
    return neighbours


def search_queries(
    queries: Fused,
    rows: Int32,
    groups: Sequence[Group],
    k: int,
    allowed: AllowedPairs = ALL_PAIRS,
    shop: Int32 | None = None,
) -> Neighbours:
    """The k nearest of Q further listings in a gallery; whole rows of scores, for few queries.

    Args:
        queries: Q fused rows. rows: int32 (Q,), the row of each query, which is no neighbour of its own; −1
            where the gallery does not have it.
        groups: the gallery; their rows settle ties, and a listing of row −1 is left out.
        allowed: which pairs may match, by the shops of the groups and of the queries.
        shop: int32 (Q,), the shop of each query; None: it may match every listing.

    Returns:
        Neighbours whose `query` counts from 0.
    """
    by_mask = [group for group in groups if isinstance(group, MaskGroup)]
    if queries.owner is not None or len(by_mask) < len(groups):
        of_pictures = [_picture_group(group, queries) for group in groups]
        return search_picture_queries(queries, rows, of_pictures, k, allowed, shop)
    neighbours = no_neighbours(np.arange(len(queries), dtype=np.int32), k)
    for start in range(0, len(queries) if groups else 0, WHOLE_ROW_QUERIES):
        positions = np.arange(start, min(start + WHOLE_ROW_QUERIES, len(queries)))
        of_queries = None if shop is None else shop[positions]
        _fill(
            neighbours,
            positions,
            *_search_whole_rows(queries[positions], rows[positions], by_mask, k, allowed, of_queries),
        )
    return neighbours


def _picture_group(group: Group, like: Fused) -> PictureGroup:
    """A group whose listings may have several pictures. like: fused rows of the same channels."""
    if isinstance(group, PictureGroup):
        return group
    masks = np.full(len(group.rows), group.mask, np.uint32)
    fused = replace(like, vectors=group.vectors, modality_mask=masks, owner=None)
    return PictureGroup(group.rows, fused, group.shop)


def group_gallery(fused: Fused, rows: Int32, allowed: AllowedPairs = ALL_PAIRS) -> list[Group]:
    """The gallery `rows` (ascending) as `search_queries` takes it: by modality mask, or with all its pictures."""
    if fused.owner is None:
        return [*group_by_mask(fused, rows, allowed)]
    some = fused if len(rows) == len(fused) else fused[rows]
    return [PictureGroup(rows, some, None if allowed.link == "all" else allowed.shop[rows])]


def take_listings(rows: Int32, groups: Sequence[Group], like: Fused) -> Fused:
    """Some listings of a gallery, with all their pictures.

    Args:
        rows: int32 (R,), ascending, each in one of the groups. like: fused rows of the same channels.
    """
    if not groups:
        return replace(like, vectors=like.vectors[:0], modality_mask=like.modality_mask[:0], owner=None)
    parts = [_picture_group(group, like) for group in groups]
    taken = [np.flatnonzero(np.isin(part.rows, rows)) for part in parts]
    listings = [part.fused[places] for part, places in zip(parts, taken, strict=True)]
    positions = [np.searchsorted(rows, part.rows[places]) for part, places in zip(parts, taken, strict=True)]
    owner = np.concatenate([of_part[of.row_owner] for of_part, of in zip(positions, listings, strict=True)])
    # The first picture of each listing by its row, then the further ones.
    is_first = np.concatenate([np.arange(len(of.row_owner)) < len(of) for of in listings])
    first = np.flatnonzero(is_first)
    order = np.concatenate([first[np.argsort(owner[first])], np.flatnonzero(~is_first)])
    return replace(
        like,
        vectors=np.concatenate([of.vectors for of in listings])[order],
        modality_mask=np.concatenate([of.modality_mask for of in listings])[order],
        owner=owner[order].astype(np.int32) if len(order) > len(rows) else None,
    )


def group_by_mask(fused: Fused, rows: Int32, allowed: AllowedPairs = ALL_PAIRS) -> list[MaskGroup]:
    """The gallery `rows` (ascending) by modality mask, without listings that have no channel.

    Vectors that lie side by side in a file stay there.
    """
    groups = []
    for mask, positions in positions_by_mask(fused, rows):
        members = rows[positions]
        adjacent = members[-1] - members[0] + 1 == len(members)
        vectors = (
            fused.vectors[members[0] : members[-1] + 1] if adjacent else gather_rows(fused.vectors, members)
        )
        shop = None if allowed.link == "all" else allowed.shop[members]
        groups.append(MaskGroup(mask, members, vectors, shop))
    return groups


def positions_by_mask(fused: Fused, rows: Int32) -> Iterator[tuple[int, Int64]]:
    """Each modality mask among `rows` but the empty one, and the positions in `rows` that have it."""
    masks = fused.modality_mask[rows]
    for mask in np.unique(masks[masks > 0]):
        yield int(mask), np.flatnonzero(masks == mask)


def score_matrix(queries: Fused, groups: Sequence[MaskGroup]) -> Float64:
    """The score of each of Q queries with each listing of a gallery, rounded to 1e-6.

    Args:
        queries: Q fused rows. groups: a gallery of G listings.

    Returns:
        float64 (Q, G), columns in the order of the groups' rows; −inf where two have no channel in common.
    """
    scores = np.full((len(queries), sum(len(group.rows) for group in groups)), -np.inf)
    for mask in np.unique(queries.modality_mask):
        positions = np.flatnonzero(queries.modality_mask == mask)
        vectors = queries.vectors[positions]
        stop = 0
        for group in groups:
            start, stop = stop, stop + len(group.rows)
            shared = queries.shared_weight(int(mask), group.mask)
            if shared > 0:
                scores[positions, start:stop] = ranking_scores(vectors @ group.vectors.T, shared)
    return scores


def search_groups(blocks: Iterable[QueryBlock]) -> Iterator[list[TopProducts]]:
    """Search blocks here, one group after the other."""
    for queries, groups, counts, shop in blocks:
        yield [
            select_top_products(queries, group.vectors, count, shop, group.shop)
            for group, count in zip(groups, counts, strict=True)
        ]


def select_top_products(
    queries: Float32, vectors: Float32, count: int, shop: Int32 | None = None, of_vectors: Int32 | None = None
) -> TopProducts:
    """The `count` largest inner products of each query and their positions, largest first.

    Args:
        queries: float32 (Q, D). vectors: float32 (G, D).
        shop, of_vectors: int32 (Q,) and (G,), the shop of each; nothing of a query's own shop is taken. None: all is.

    FAISS's flat index with its heap but NumPy's matrix product: the BLAS in FAISS's wheel knows no recent
    processor and is up to five times slower there (benchmarks/search.py).
    """
    heap = Heap(len(queries), count)
    for start in range(0, len(vectors), COLUMNS):
        columns = slice(start, start + COLUMNS)
        heap.add(_across_shops(queries @ vectors[columns].T, shop, of_vectors, columns), 0, start)
    return heap.sorted()


def _across_shops(products: Float32, shop: Int32 | None, of_columns: Int32 | None, columns: slice) -> Float32:
    """(Q, G) products, −inf where a query and a listing are of one shop; the heap takes none of these.

    Args:
        shop: int32 (Q,); None: nothing is changed. of_columns: int32, of which `columns` are those of the products.
    """
    if shop is not None and of_columns is not None:
        np.copyto(products, -np.inf, where=shop[:, None] == of_columns[columns])
    return products


class Heap:
    """The largest inner products of n queries so far: FAISS's heap."""

    def __init__(self, n: int, count: int) -> None:
        self.inner, self.position = np.empty((n, count), np.float32), np.empty((n, count), np.int64)
        self.heap = faiss.float_minheap_array_t()
        self.heap.nh, self.heap.k = n, count
        self.heap.val, self.heap.ids = faiss.swig_ptr(self.inner), faiss.swig_ptr(self.position)
        self.heap.heapify()

    def add(self, products: Float32, query: int, position: int) -> None:
        """Add (Q, G) products of the queries from `query` on with the listings from `position` on."""
        products = np.ascontiguousarray(products)
        self.heap.addn(products.shape[1], faiss.swig_ptr(products), position, query, len(products))

    def add_some(self, products: Float32, queries: Int64, positions: Int64) -> None:
        """Add (Q, G) products of some queries, int64 (Q,), each once, with listings at positions int64 (G,)."""
        queries, products, positions = map(np.ascontiguousarray, (queries, products, positions))
        self.heap.addn_query_subset_with_ids(
            len(queries),
            faiss.swig_ptr(queries),
            len(positions),
            faiss.swig_ptr(products),
            faiss.swig_ptr(positions),
        )

    def sorted(self) -> TopProducts:
        self.heap.reorder()
        return self.inner, self.position


#: Modality mask of some queries, which of those that have it, their positions, and the groups to search.
_Block = tuple[int, slice, Int64, list[MaskGroup]]


def _query_blocks(
    fused: Fused, queries: Int32, groups: list[MaskGroup], order: Int64 | None
) -> Iterator[_Block]:
    """Queries of one modality mask, QUERIES at a time; none that cannot be compared with any listing."""
    for mask, positions in positions_by_mask(fused, queries):
        if order is not None:
            positions = positions[np.argsort(order[queries[positions]], kind="stable")]
        comparable = [group for group in groups if fused.shared_weight(mask, group.mask) > 0]
        for start in range(0, len(positions) if comparable else 0, QUERIES):
            block = slice(start, start + QUERIES)
            yield mask, block, positions[block], comparable


def _counts(groups: list[MaskGroup], k: int) -> list[int]:
    """How many products to fetch from each group: k, the query itself, and some to see ties."""
    return [min(k + 1 + SPARE, len(group.rows)) for group in groups]


def _self_join(
    fused: Fused, groups: list[MaskGroup], blocks: list[_Block], k: int
) -> Iterator[list[TopProducts]]:
    """The top products of a gallery with itself; each product of two blocks serves both its sides."""
    products: dict[tuple[int, int], TopProducts] = {}
    # Used for each block: the system clears the memory of a new array first.
    room, turned = np.empty((2, QUERIES * COLUMNS), np.float32)
    for left, right in combinations_with_replacement(groups, 2):
        if fused.shared_weight(left.mask, right.mask) <= 0:
            continue
        same = left is right
        [left_count, right_count] = _counts([left, right], k)
        forth = Heap(len(left.rows), right_count)
        back = forth if same else Heap(len(right.rows), left_count)
        for row in range(0, len(left.rows), QUERIES):
            block = slice(row, row + QUERIES)
            vectors, shop = left.vectors[block], None if left.shop is None else left.shop[block]
            if same:
                forth.add(_across_shops(vectors @ vectors.T, shop, shop, slice(None)), row, row)
            for column in range(row + QUERIES if same else 0, len(right.rows), COLUMNS):
                columns = slice(column, column + COLUMNS)
                listings = right.vectors[columns]
                shape = len(vectors), len(listings)
                inner = np.matmul(vectors, listings.T, out=room[: np.prod(shape)].reshape(shape))
                inner = _across_shops(inner, shop, right.shop, columns)
                forth.add(inner, row, column)
                transposed = turned[: inner.size].reshape(shape[::-1])
                np.copyto(transposed, inner.T)
                back.add(transposed, column, row)
        products[left.mask, right.mask] = forth.sorted()
        if not same:
            products[right.mask, left.mask] = back.sorted()
    for mask, block, _, comparable in blocks:
        whole = [products[mask, group.mask] for group in comparable]
        yield [(inner[block], position[block]) for inner, position in whole]


def _merge(
    queries: Int32, groups: list[MaskGroup], shared: list[float], products: list[TopProducts], k: int
) -> tuple[Int32, Float64, Int64]:
    """The k nearest over all groups, and the positions of queries whose end of the list is not settled."""
    rows, scores, unseen = [], [], np.full(len(queries), -np.inf)
    for group, weight, (inner, position) in zip(groups, shared, products, strict=True):
        score = np.where(position < 0, -np.inf, ranking_scores(inner, weight))
        if inner.shape[1] < len(group.rows):  # what was not fetched scores at most this
            unseen = np.maximum(unseen, score[:, -1])
        rows.append(np.where(position < 0, np.int32(-1), group.rows[position]))
        scores.append(score)
    row, score = without_self(queries, np.concatenate(rows, 1), np.concatenate(scores, 1))
    row, score = select_top_k(row, score, k)
    # A listing that was not fetched may tie with the last one here, and come before it by its row.
    unsettled = np.flatnonzero((score[:, -1] <= unseen) | (row[:, -1] < 0))
    return row, score, unsettled[np.isfinite(unseen[unsettled])]


def score_gallery(
    queries: Fused, groups: Sequence[Group], allowed: AllowedPairs = ALL_PAIRS, shop: Int32 | None = None
) -> tuple[Int32, Float64]:
    """The score of each of Q queries with each listing of a gallery, −inf where the two may not match.

    Args:
        allowed, shop: as of `search_queries`.

    Returns:
        int32 (G,), the rows of the groups, one after the other, and float64 (Q, G).
    """
    by_mask = [group for group in groups if isinstance(group, MaskGroup)]
    if queries.owner is None and len(by_mask) == len(groups):
        scores = score_matrix(queries, by_mask)
    else:
        parts = [score_listings(queries, _picture_group(group, queries).fused) for group in groups]
        scores = np.concatenate([np.empty((len(queries), 0)), *parts], axis=1)
    if shop is not None and allowed.link != "all":
        of_gallery = np.concatenate([group.shop for group in groups if group.shop is not None])
        scores[~allowed.of_shops(shop[:, None], of_gallery)] = -np.inf
    return np.concatenate([np.empty(0, np.int32), *(group.rows for group in groups)]), scores


def _search_whole_rows(
    queries: Fused,
    rows: Int32,
    groups: Sequence[MaskGroup],
    k: int,
    allowed: AllowedPairs,
    shop: Int32 | None,
) -> tuple[Int32, Float64]:
    """The k nearest of a few queries, by their scores with every listing of the gallery that may match."""
    gallery, scores = score_gallery(queries, groups, allowed, shop)
    return select_top_k(*without_self(rows, np.broadcast_to(gallery, scores.shape), scores), k)


def _fill(neighbours: Neighbours, positions: Int64, rows: Int32, scores: NDArray) -> None:
    """Put the first neighbours of some queries into their places."""
    columns = slice(rows.shape[1])
    comparable = np.isfinite(scores)
    neighbours.neighbour[positions, columns] = np.where(comparable, rows, np.int32(-1))
    neighbours.score[positions, columns] = scores
