"""Features in columns: those of a block of pairs, and those of all pairs of a gallery, which are computed by blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from samesku.arrays import Bools, Float32, Ints
from samesku.pairs.candidates import Candidates
from samesku.scratch import new_array, slices

PAIRS = 32_768  # in one block


@dataclass
class FeatureBlock:
    """Some pairs of a gallery in F columns, filled column by column.

    Attributes:
        pairs: the M pairs. pair: their indices among all of the gallery.
        names: F names. families: the family of each column, by which scores are explained to people.
        columns: F columns, float32 (M,); NaN where a feature does not apply.
    """

    pairs: Candidates
    pair: Ints | slice
    names: list[str] = field(default_factory=list)
    families: list[str] = field(default_factory=list)
    columns: list[Float32] = field(default_factory=list)

    def add(self, family: str, name: str, column: NDArray) -> None:
        self.families.append(family)
        self.names.append(name)
        self.columns.append(column.astype(np.float32))

    def add_low_high(self, family: str, name: str, left_right: tuple[NDArray, NDArray] | NDArray) -> None:
        """Two columns: the lower and the higher of the values of the left and the right listing."""
        self.add(family, f"{name}_low", np.minimum(*left_right))
        self.add(family, f"{name}_high", np.maximum(*left_right))

    def hide(self, families: Collection[str], pairs: Bools) -> None:
        """Make the columns of these families NaN for some of the pairs, bool (M,)."""
        for family, column in zip(self.families, self.columns, strict=True):
            if family in families:
                column[pairs] = np.nan

    def values(self, place: Ints | slice = slice(None)) -> Float32:
        """The rows of some of the pairs, of all by default: float32 (·, F)."""
        if not self.columns:
            return np.empty((len(self.pairs), 0), np.float32)[place]
        return np.stack([column[place] for column in self.columns], axis=1)


#: Adds columns to a block of pairs.
AddColumns = Callable[[FeatureBlock], None]


@dataclass(frozen=True)
class PairFeatures:
    """The features of P candidate pairs, which are computed for a block of pairs when they are asked for.

    Attributes:
        parts: each adds its columns to a block.
    """

    candidates: Candidates
    parts: Sequence[AddColumns]

    def block(self, pair: Ints | slice) -> FeatureBlock:
        """The features of some pairs, by their indices in ascending order."""
        block = FeatureBlock(self.candidates.select(pair), pair)
        for add in self.parts:
            add(block)
        return block

    def values(self, pair: Ints | slice = slice(None)) -> Float32:
        """The rows of some pairs, of all by default: float32 (M, F)."""
        return self.block(pair).values()

    def gather(self, pair: Ints) -> Float32:
        """The rows of many pairs, by their ascending indices, block by block: float32 (M, F), perhaps in a file."""
        rows = new_array((len(pair), len(self.names)), np.float32)
        for some in slices(len(pair), PAIRS):
            rows[some] = self.values(pair[some])
        return rows

    def blocks(self) -> Iterator[slice]:
        """The indices of all pairs, block by block."""
        return slices(len(self.candidates), PAIRS)

    def after(self, parts: Sequence[AddColumns]) -> PairFeatures:
        """The columns of these parts, then those of this object."""
        return PairFeatures(self.candidates, [*parts, *self.parts])

    @property
    def names(self) -> list[str]:
        """The F names."""
        return self._no_pairs.names

    @property
    def families(self) -> list[str]:
        """The family of each column."""
        return self._no_pairs.families

    @cached_property
    def _no_pairs(self) -> FeatureBlock:
        return self.block(slice(0, 0))
