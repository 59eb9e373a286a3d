"""Which listings make each training batch. Every draw is a function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from samesku.errors import InputError

Batch = NDArray[np.int64]


def draws(n: int, take: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Endless draws of `take` of the numbers 0 … n−1.

    Invariants: at any moment no number has been drawn more than once more often than another; within one
    draw too, so that no number is drawn twice while take ≤ n.

    Permutations in a row; one that begins within a draw starts with what the draw has least of.
    """
    left = np.empty(0, np.int64)
    while True:
        drawn, left = left[:take], left[take:]
        while len(drawn) < take:
            fresh = rng.permutation(n)
            seen = np.bincount(drawn, minlength=n)
            fresh = fresh[np.argsort(seen[fresh], kind="stable")]
            missing = take - len(drawn)
            drawn, left = np.concatenate([drawn, fresh[:missing]]), fresh[missing:]
        yield drawn


class PKSampler:
    """Batches of P products × K listings, product by product, without end.

    Invariants of each batch, asserted: exactly P products, K places each; a product's listings without
    repetition while it has K, otherwise each ⌊K/n⌋ or ⌈K/n⌉ times. Over the steps: no product has been
    visited more than once more often than another, nor a listing than another of its product.
    """

    def __init__(self, labels: NDArray[np.integer], P: int, K: int, seed: int) -> None:
        """
        Args:
            labels: int (N,), the product of each training row; −1 for none. Products of one row are left out.

        Raises:
            InputError: no product with two rows, or fewer than P of them.
        """
        self.rows = products(labels)
        if len(self.rows) < P:
            raise InputError(
                f"P is {P}, but only {len(self.rows)} products have two or more training listings; "
                f"allowed: 2 to {len(self.rows)}"
            )
        self.P, self.K, self.seed = P, K, seed
        self._labels = np.asarray(labels)
        self._size = np.bincount(self._labels[self._labels >= 0])

    @property
    def batch_size(self) -> int:
        return self.P * self.K

    @property
    def steps_per_epoch(self) -> int:
        """As many as it takes to visit every product, and to draw as many listings as there are."""
        listings = sum(len(rows) for rows in self.rows)
        return -(-max(listings, len(self.rows) * self.K) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """int64 (P·K,) rows of `labels`: the K places of the first product, then of the second…"""
        visits = draws(len(self.rows), self.P, _rng(self.seed, 0))
        own = [draws(len(rows), self.K, _rng(self.seed, 1, at)) for at, rows in enumerate(self.rows)]
        for chosen in visits:
            batch = np.concatenate([self.rows[at][next(own[at])] for at in chosen])
            self._assert_invariants(batch)
            yield batch

    def _assert_invariants(self, batch: Batch) -> None:
        labels = self._labels[batch].reshape(self.P, self.K)
        if (labels != labels[:, :1]).any() or len(np.unique(labels[:, 0])) != self.P:
            raise AssertionError(
                f"a batch must hold {self.P} products × {self.K} listings, got {labels.tolist()}"
            )
        for label, places in zip(labels[:, 0], batch.reshape(self.P, self.K), strict=True):
            counts = np.unique(places, return_counts=True)[1]
            if counts.max() > -(-self.K // self._size[label]):
                raise AssertionError(f"listings of a product must be drawn evenly, got {places.tolist()}")


class PairSampler:
    """The vanilla Siamese batch, without end: a listing, one of its product, one of another product.

    Its positive pair is (0, 1), its negative pair (0, 2). Every product stands first equally often.
    """

    batch_size = 3

    def __init__(self, labels: NDArray[np.integer], seed: int) -> None:
        """Arguments and errors as PKSampler; it needs two products."""
        self.rows = products(labels)
        if len(self.rows) < 2:
            raise InputError(
                "only one product has two or more training listings; a negative pair needs another"
            )
        self.seed = seed

    @property
    def steps_per_epoch(self) -> int:
        return -(-max(sum(len(rows) for rows in self.rows), len(self.rows) * 2) // 2)

    def __iter__(self) -> Iterator[Batch]:
        n, rng = len(self.rows), _rng(self.seed, 2)
        own = [draws(len(rows), 2, _rng(self.seed, 1, at)) for at, rows in enumerate(self.rows)]
        for (first,) in draws(n, 1, _rng(self.seed, 0)):
            other = self.rows[(first + rng.integers(1, n)) % n]
            yield np.append(self.rows[first][next(own[first])], rng.choice(other))


class ListingSampler:
    """Batches of any listings, without end, each drawn equally often: the pairs of image and title."""

    def __init__(self, n: int, batch_size: int, seed: int) -> None:
        """
        Raises:
            InputError: fewer listings than a batch.
        """
        if batch_size > n:
            raise InputError(
                f"batch_size is {batch_size}, but there are {n} training listings; allowed: 2 to {n}"
            )
        self.n, self.batch_size, self.seed = n, batch_size, seed

    @property
    def steps_per_epoch(self) -> int:
        return -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return draws(self.n, self.batch_size, _rng(self.seed, 0))


Sampler = PKSampler | PairSampler | ListingSampler


def products(labels: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    """The rows of each product that has two or more, in the order of the labels.

    Raises:
        InputError: there is none.
    """
    labels = np.asarray(labels)
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    found = [rows for rows in np.split(order, starts[1:]) if len(rows) > 1]
    if not found:
        raise InputError(
            "no product has two or more listings in the train split: there is no pair to learn from"
        )
    return found


def _rng(*entropy: int) -> np.random.Generator:
    return np.random.default_rng(entropy)
