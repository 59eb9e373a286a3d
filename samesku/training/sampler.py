"""Which listings make up each training batch. The seed and the step alone decide a batch."""

from collections.abc import Iterator
from itertools import starmap

import numpy as np

from samesku.arrays import Int64, Ints
from samesku.errors import InputError
from samesku.params import TrainRun


def draw_evenly(n: int, size: int, rng: np.random.Generator) -> Iterator[Int64]:
    """Draw `size` of the numbers 0 … n−1, again and again, each equally often.

    Invariants: after every draw, two numbers' counts differ by at most one; within a draw too, so that no
    number repeats while size ≤ n.

    The numbers come from one permutation after the next. A permutation that begins within a draw is sorted,
    so that the numbers which the draw has least of come first.
    """
    remaining = np.empty(0, np.int64)
    while True:
        drawn, remaining = remaining[:size], remaining[size:]
        while len(drawn) < size:
            permutation = rng.permutation(n)
            counts = np.bincount(drawn, minlength=n)
            permutation = permutation[np.argsort(counts[permutation], kind="stable")]
            missing = size - len(drawn)
            drawn, remaining = np.concatenate([drawn, permutation[:missing]]), permutation[missing:]
        yield drawn


class PKSampler:
    """Endless batches of P products × K listings, product by product.

    Invariants of each batch, asserted: P products, K rows of each; a product of n ≥ K listings has K distinct
    ones, a smaller product has each of its listings ⌊K/n⌋ or ⌈K/n⌉ times. Over the steps, the counts of two
    products differ by at most one, and so do those of two listings of one product.
    """

    def __init__(self, labels: Ints, P: int, K: int, seed: int) -> None:
        """
        Args:
            labels: int (n,), the product of each training row; −1 for none. Products of one row are left out.

        Raises:
            InputError: no product has two rows, or fewer than P have.
        """
        self.products = group_by_product(labels)
        if len(self.products) < P:
            raise InputError(
                f"P is {P}, but only {len(self.products)} products have two or more training listings; "
                f"allowed: 2 to {len(self.products)}"
            )
        self.P, self.K, self.seed = P, K, seed
        self._labels = np.asarray(labels)
        self._sizes = np.bincount(self._labels[self._labels >= 0])

    @property
    def batch_size(self) -> int:
        return self.P * self.K

    @property
    def steps_per_epoch(self) -> int:
        """The least steps that visit every product and draw as many listings as there are."""
        n_listings = sum(len(rows) for rows in self.products)
        return -(-max(n_listings, len(self.products) * self.K) // self.batch_size)

    def __iter__(self) -> Iterator[Int64]:
        """int64 (P·K,) rows of `labels`: K rows of the first product, then K of the second, and so on."""
        draws = _draw_listings(self.products, self.K, self.seed)
        for drawn in draw_evenly(len(self.products), self.P, np.random.default_rng((self.seed, 0))):
            batch = np.concatenate([next(draws[product]) for product in drawn])
            self._assert_invariants(batch)
            yield batch

    def _assert_invariants(self, batch: Int64) -> None:
        labels = self._labels[batch].reshape(self.P, self.K)
        if (labels != labels[:, :1]).any() or len(np.unique(labels[:, 0])) != self.P:
            raise AssertionError(
                f"a batch must hold {self.P} products × {self.K} listings, got {labels.tolist()}"
            )
        for label, rows in zip(labels[:, 0], batch.reshape(self.P, self.K), strict=True):
            counts = np.unique(rows, return_counts=True)[1]
            if counts.max() > -(-self.K // self._sizes[label]):
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
        draws = _draw_listings(self.products, 2, self.seed)
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
    sizes = [len(rows) for rows in group_by_product(labels)]
    if len(sizes) < 2:
        raise InputError("only one product has two or more training listings; a negative pair needs another")
    if run.sampler == "pairs":
        return run
    return run.model_copy(update={"P": min(run.P, len(sizes)), "K": min(run.K, max(sizes))})


def describe_fit(run: TrainRun, fitted: TrainRun) -> str:
    """What `fit_batches` lowered, "P 16 -> 11"; "" where it changed nothing."""
    keys = ("P", "K") if run.sampler == "pk" else ("batch_size",) if run.sampler == "listings" else ()
    changes = [(key, getattr(run, key), getattr(fitted, key)) for key in keys]
    return ", ".join(f"{key} {before} -> {after}" for key, before, after in changes if before != after)


def make_sampler(run: TrainRun, labels: Ints, n_processes: int = 1) -> Sampler:
    """The sampler of a run, over training rows of these products, int (n,).

    Raises:
        InputError: too few products or listings for a batch, or a batch that `n_processes` cannot share.
    """
    sampler: Sampler
    match run.sampler:
        case "pk":
            sampler = PKSampler(labels, run.P, run.K, run.seed)
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


def _draw_listings(products: list[Int64], size: int, seed: int) -> list[Iterator[Int64]]:
    """For each product, endless draws of `size` of its rows."""

    def draw(number: int, rows: Int64) -> Iterator[Int64]:
        rng = np.random.default_rng((seed, 1, number))
        return (rows[drawn] for drawn in draw_evenly(len(rows), size, rng))

    return list(starmap(draw, enumerate(products)))
