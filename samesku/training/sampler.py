"""Which listings make up each training batch. The seed and the step alone decide a batch."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from samesku.arrays import Int64, Ints
from samesku.errors import InputError
from samesku.params import TrainRun


def draw_evenly(n: int, size: int, rng: np.random.Generator, amounts: Int64 | None = None) -> Iterator[Int64]:
    """Draw `size` of the numbers 0 … n−1, again and again, each equally often.

    Invariants: after every draw, two numbers' counts differ by at most one; within a draw too, so that no
    number repeats while size ≤ n.

    The numbers come from one permutation after the next. A permutation that begins within a draw is sorted,
    so that the numbers which the draw has least of come first.

    Args:
        amounts: (n,), what each number adds to a draw, 1 or more; a draw ends where their sum reaches `size`.
            Without them each adds 1. With them no number repeats while size ≤ their sum.
    """
    amounts = np.ones(n, np.int64) if amounts is None else amounts
    remaining = np.empty(0, np.int64)
    while True:
        drawn = np.empty(0, np.int64)
        while (missing := size - amounts[drawn].sum()) > 0:
            if not len(remaining):
                permutation = rng.permutation(n)
                counts = np.bincount(drawn, minlength=n)
                remaining = permutation[np.argsort(counts[permutation], kind="stable")]
            enough = np.searchsorted(np.cumsum(amounts[remaining]), missing) + 1
            drawn, remaining = np.append(drawn, remaining[:enough]), remaining[enough:]
        yield drawn


class PKSampler:
    """Endless batches of P·K listings, product by product, up to K listings of each.

    With `copies` a product of fewer than K listings is filled up with copies, which augmentation then makes
    different. Without them it gives what it has, and more products fill the batch; the last one gives what there
    is room for, which can be a single listing, a negative of all others.

    Invariants of each batch, asserted: P·K listings; at least P products, no product twice; a product of n ≥ K
    listings has K distinct ones, a smaller product has each of its listings ⌊K/n⌋ or ⌈K/n⌉ times with copies,
    and once without. Over the steps, the counts of two products differ by at most one, and with copies so do
    those of two listings of one product.

    With `confused`, hard negatives: each product that is drawn brings those along that it is confused with. The
    drawn ones are as even as before; products that are often brought along come more often.
    """

    def __init__(
        self,
        labels: Ints,
        P: int,
        K: int,
        seed: int,
        copies: bool = True,
        confused: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        """
        Args:
            labels: int (n,), the product of each training row; −1 for none. Products of one row are left out.
            confused: by product, as in `labels`, those that it brings along.

        Raises:
            InputError: no product has two rows, or they cannot fill a batch.
        """
        self.products = group_by_product(labels)
        self.P, self.K, self.seed, self.copies = P, K, seed, copies
        self.amounts = amounts_drawn(self.products, K, copies)
        most = int(self.amounts.sum()) // K
        if most < P:
            raise InputError(
                f"P is {P}, but only {len(self.products)} products have two or more training listings, "
                f"enough for batches of {most} × {K}; allowed: 2 to {most}"
            )
        self._labels = np.asarray(labels)
        self._brought = _number_brought(self._labels[[rows[0] for rows in self.products]], confused or {})
        self._sizes = np.bincount(self._labels[self._labels >= 0])

    @property
    def batch_size(self) -> int:
        return self.P * self.K

    @property
    def steps_per_epoch(self) -> int:
        """The least steps that visit every product and draw as many listings as there are."""
        n_listings = sum(len(rows) for rows in self.products)
        return -(-max(n_listings, int(self.amounts.sum())) // self.batch_size)

    def __iter__(self) -> Iterator[Int64]:
        """int64 (P·K,) rows of `labels`: up to K rows of the first product, then of the second, and so on."""
        draws = _draw_listings(self.products, self.amounts, self.seed)
        for drawn in self._draw_products(np.random.default_rng((self.seed, 0))):
            batch = np.concatenate([next(draws[product]) for product in drawn])[: self.batch_size]
            self._assert_invariants(batch)
            yield batch

    def _draw_products(self, rng: np.random.Generator) -> Iterator[Sequence[int] | Int64]:
        """The products of each batch, as numbers of `products`; the last one may have more rows than fit."""
        if not self._brought:
            yield from draw_evenly(len(self.products), self.batch_size, rng, self.amounts)
        leaders = draw_evenly(len(self.products), 1, rng)
        while True:
            drawn: dict[int, int] = {}  # in order, with the rows of each
            while sum(drawn.values()) < self.batch_size:
                leader = int(next(leaders)[0])
                for product in (leader, *self._brought.get(leader, ())):
                    if sum(drawn.values()) < self.batch_size:
                        drawn[product] = int(self.amounts[product])
            yield list(drawn)

    def _assert_invariants(self, batch: Int64) -> None:
        labels = self._labels[batch]
        starts = np.flatnonzero(np.diff(labels, prepend=-1))
        if len(batch) != self.batch_size or not self.P <= len(starts) == len(np.unique(labels)):
            raise AssertionError(
                f"a batch must hold {self.batch_size} listings of {self.P} or more products, product by product, "
                f"got {labels.tolist()}"
            )
        for rows in np.split(batch, starts[1:]):
            counts = np.unique(rows, return_counts=True)[1]
            most = -(-self.K // self._sizes[self._labels[rows[0]]]) if self.copies else 1
            if len(rows) > self.K or counts.max() > most:
                raise AssertionError(f"listings of a product must be drawn evenly, got {rows.tolist()}")


class PairSampler:
    """Endless batches of the Siamese baseline: two listings of one product, then one of another product.

    Rows (0, 1) are the positive pair, (0, 2) the negative pair. Every product comes first equally often.
    """

    batch_size = 3

    def __init__(self, labels: Ints, seed: int) -> None:
        """Arguments and errors as PKSampler; at least two products."""
        self.products = group_by_product(labels)
        if len(self.products) < 2:
            raise InputError(
                "only one product has two or more training listings; a negative pair needs another"
            )
        self.seed = seed

    @property
    def steps_per_epoch(self) -> int:
        return -(-max(sum(len(rows) for rows in self.products), len(self.products) * 2) // 2)

    def __iter__(self) -> Iterator[Int64]:
        n, rng = len(self.products), np.random.default_rng((self.seed, 2))
        draws = _draw_listings(self.products, np.full(n, 2), self.seed)
        for (product,) in draw_evenly(n, 1, np.random.default_rng((self.seed, 0))):
            negatives = self.products[(product + rng.integers(1, n)) % n]
            yield np.append(next(draws[product]), rng.choice(negatives))


class ListingSampler:
    """Endless batches of any listings, each drawn equally often: the pairs of image and title."""

    def __init__(self, n: int, batch_size: int, seed: int) -> None:
        """InputError if fewer listings are there than a batch has."""
        if batch_size > n:
            raise InputError(
                f"batch_size is {batch_size}, but there are {n} training listings; allowed: 2 to {n}"
            )
        self.n, self.batch_size, self.seed = n, batch_size, seed

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[Int64]:
        return draw_evenly(self.n, self.batch_size, np.random.default_rng((self.seed, 0)))


Sampler = PKSampler | PairSampler | ListingSampler


def fit_batches(run: TrainRun, labels: Ints) -> TrainRun:
    """The run with P, K and batch_size lowered to what these training rows can fill.

    Args:
        labels: int (n,), the product of each training row, from 0.

    Raises:
        InputError: no product has two rows, or fewer than two have: there is nothing to tell apart; fewer than
            two rows with the sampler `listings`.
    """
    if run.sampler == "listings":
        if len(labels) < 2:
            raise InputError(f"a batch needs 2 training listings, and there are {len(labels)}")
        return run.model_copy(update={"batch_size": min(run.batch_size or 2, len(labels))})
    products = group_by_product(labels)
    if len(products) < 2:
        raise InputError("only one product has two or more training listings; a negative pair needs another")
    if run.sampler == "pairs":
        return run
    copies = allows_copies(run)
    K = min(run.K, max(map(len, products)))
    while amounts_drawn(products, K, copies).sum() < 2 * K:  # a batch needs two products; K = 2 always fits
        K -= 1
    P = min(run.P, int(amounts_drawn(products, K, copies).sum()) // K)
    return run.model_copy(update={"P": P, "K": K})


def describe_fit(run: TrainRun, fitted: TrainRun) -> str:
    """What `fit_batches` lowered, ", lowered to the catalogue: P 16 -> 11"; "" where it changed nothing."""
    keys = ("P", "K") if run.sampler == "pk" else ("batch_size",) if run.sampler == "listings" else ()
    changes = [(key, getattr(run, key), getattr(fitted, key)) for key in keys]
    lowered = ", ".join(f"{key} {before} -> {after}" for key, before, after in changes if before != after)
    return f", lowered to the catalogue: {lowered}" if lowered else ""


def make_sampler(
    run: TrainRun, labels: Ints, n_processes: int = 1, confused: Mapping[int, Sequence[int]] | None = None
) -> Sampler:
    """The sampler of a run, over training rows of these products, int (n,); `confused` as of PKSampler.

    Raises:
        InputError: too few products or listings for a batch, or a batch that `n_processes` cannot share.
    """
    sampler: Sampler
    match run.sampler:
        case "pk":
            sampler = PKSampler(labels, run.P, run.K, run.seed, allows_copies(run), confused)
        case "pairs":
            sampler = PairSampler(labels, run.seed)
        case "listings":
            sampler = ListingSampler(len(labels), run.batch_size or 2, run.seed)
    if n_processes > sampler.batch_size:
        raise InputError(
            f"a batch has {sampler.batch_size} listings for {n_processes} processes; give fewer processes"
        )
    if n_processes > 1 and run.batch_norm == "train":
        raise InputError(
            f"batch_norm is 'train' with {n_processes} processes, whose norms would see their own share "
            "alone; allowed there: frozen"
        )
    return sampler


def group_by_product(labels: Ints) -> list[Int64]:
    """The rows of each product that has two or more, in the order of the labels; InputError if there is none."""
    labels = np.asarray(labels)
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    products = [rows for rows in np.split(order, starts[1:]) if len(rows) > 1]
    if not products:
        raise InputError(
            "no product has two or more listings in the train split: there is no pair to learn from"
        )
    return products


def allows_copies(run: TrainRun) -> bool:
    """Whether a copy of a listing may be its positive: augmented pictures alone, since equal titles teach nothing."""
    return run.augment is not None and "title" not in run.towers


def amounts_drawn(products: list[Int64], K: int, copies: bool) -> Int64:
    """How many listings of each product a batch holds, (n,): K with copies, else K or all that there are."""
    return np.array([K if copies else min(K, len(rows)) for rows in products])


def _number_brought(labels: Ints, confused: Mapping[int, Sequence[int]]) -> dict[int, list[int]]:
    """`confused` with the place of each product in `labels` in place of its label; without those that are not there."""
    place = {int(label): i for i, label in enumerate(labels)}
    return {
        place[product]: [place[other] for other in others if other in place]
        for product, others in confused.items()
        if product in place
    }


def _draw_listings(products: list[Int64], amounts: Int64, seed: int) -> list[Iterator[Int64]]:
    """For each product, endless draws of so many of its rows."""

    def draw(number: int, rows: Int64, amount: int) -> Iterator[Int64]:
        rng = np.random.default_rng((seed, 1, number))
        return (rows[drawn] for drawn in draw_evenly(len(rows), amount, rng))

    return [
        draw(i, rows, int(amount)) for i, (rows, amount) in enumerate(zip(products, amounts, strict=True))
    ]
