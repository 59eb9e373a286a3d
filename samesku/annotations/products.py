"""Products by the labels and the annotations of pairs."""

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from itertools import product as product_of

import numpy as np

from samesku.arrays import Int64, Ints
from samesku.catalogue.listings import Links, Listings

MAX_LINKED = 100  # listings of a product between which each pair is linked


def products_to_train(listings: Listings, links: Links) -> Int64:
    """int64 (N,): the product of each listing, −1 for none; in train by must-links and cannot-links too."""
    in_train = listings.split == "train"
    links = links.within(in_train)
    product = join_products(listings.product, links.must_link, links.cannot_link)
    return np.where(in_train, product, listings.product)


def join_products(product: Ints, must_link: Ints, cannot_link: Ints) -> Int64:
    """Join the products of must-linked listings; leave out listings that are labelled as one product and
    cannot be.

    Args:
        product: (N,), −1 where a listing has no label.
        must_link, cannot_link: int (P, 2), pairs of rows. A cannot-link between two products changes nothing.

    Returns:
        int64 (N,): the lowest of the joined products; must-linked listings without a label become a new
        product. −1 for both listings of a cannot-link within one product: which of the two belongs to it is
        not known.
    """
    joined = product.astype(np.int64)
    unlabelled = np.unique(must_link[joined[must_link] < 0]) if len(must_link) else np.empty(0, np.int64)
    joined[unlabelled] = max(int(joined.max(initial=-1)), -1) + 1 + np.arange(len(unlabelled))
    parent: dict[int, int] = {}

    def root(label: int) -> int:
        while (above := parent.get(label, label)) != label:
            parent[label] = parent.get(above, above)  # halves the way of the next one
            label = above
        return label

    for left, right in joined[must_link].reshape(-1, 2).tolist():
        low, high = sorted((root(left), root(right)))
        if low != high:
            parent[high] = low
    if parent:
        labels, place = np.unique(joined, return_inverse=True)
        joined = np.array([root(label) for label in labels.tolist()], np.int64)[place]
    cannot_link = cannot_link.reshape(-1, 2)
    products = joined[cannot_link]
    joined[cannot_link[(products[:, 0] == products[:, 1]) & (products[:, 0] >= 0)]] = -1
    return joined


def links_among(links: Links, n_listings: int) -> Links:
    """The links between the first `n_listings` listings, and those that follow from links with others.

    Where A and B are the same as a listing that is left out, A is the same as B; where A is the same and C is
    different, A is different from C. Each such pair is linked, up to MAX_LINKED listings of a product, since some of
    these links are left out later: those of test in training, those of two listings that may not match in groups.

    Args:
        links: without contradiction; rows from `n_listings` on are listings that are left out.
    """
    ends = np.concatenate([links.must_link, links.cannot_link])
    n_rows = max(n_listings, int(ends.max(initial=-1)) + 1)
    kept = links.must_link[(links.must_link < n_listings).all(axis=1)]
    product, of_kept = join_rows(n_rows, links.must_link), join_rows(n_rows, kept)
    order = np.argsort(product[:n_listings], kind="stable")
    torn = np.unique(product[n_listings:])  # products with a listing that is left out
    start, end = (np.searchsorted(product[order], torn, side) for side in ("left", "right"))
    rows_of = {of: order[a:b] for of, a, b in zip(torn.tolist(), start, end, strict=True)}

    must_link = [kept]
    for rows in rows_of.values():
        i = np.arange(len(rows))
        left, right = np.triu_indices(len(rows), 1) if len(rows) <= MAX_LINKED else (i[:-1], i[1:])
        pairs = np.stack([rows[left], rows[right]], axis=1)
        must_link.append(pairs[of_kept[pairs[:, 0]] != of_kept[pairs[:, 1]]])
    # A listing that is left out stands for its product, and what two such products are asked many times counts once.
    ends = np.where(links.cannot_link < n_listings, links.cannot_link, n_rows + product[links.cannot_link])
    cannot_link = [
        pair
        for end in np.unique(ends, axis=0).tolist()
        for pair in product_of(
            *([i] if i < n_listings else rows_of[i - n_rows][:MAX_LINKED].tolist() for i in end)
        )
    ]
    return Links(
        *(
            np.unique(np.array(pairs, np.int32).reshape(-1, 2), axis=0)
            for pairs in (np.concatenate(must_link), cannot_link)
        )
    )


def join_rows(n_rows: int, must_link: Ints) -> Int64:
    """int64 (n_rows,), below n_rows: equal for rows that must-links join."""
    return np.unique(
        join_products(np.arange(n_rows), must_link, np.empty((0, 2), np.int32)), return_inverse=True
    )[1]


def find_contradictions(links: Links, n_listings: int) -> list[list[int]]:
    """The cannot-links of which must-links join the two listings.

    Returns:
        For each its two listings, and between them those by which they are joined: a shortest chain of must-links.
    """
    joined = join_rows(n_listings, links.must_link)
    left, right = links.cannot_link.T
    contradicting = links.cannot_link[joined[left] == joined[right]].tolist()
    linked: defaultdict[int, list[int]] = defaultdict(list)
    for a, b in links.must_link.tolist() if contradicting else []:
        linked[a].append(b)
        linked[b].append(a)
    return [_shortest_chain(linked, *ends) for ends in contradicting]


def _shortest_chain(linked: Mapping[int, Sequence[int]], first: int, last: int) -> list[int]:
    """The rows from one to another that must-links join with it, each must-linked with the next one."""
    came_from, waiting = {last: last}, deque([last])
    while first not in came_from:
        row = waiting.popleft()
        for other in linked[row]:
            if other not in came_from:
                came_from[other] = row
                waiting.append(other)
    chain = [first]
    while chain[-1] != last:
        chain.append(came_from[chain[-1]])
    return chain
