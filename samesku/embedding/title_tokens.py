"""How titles become batches of one shape, so that no row depends on the titles beside it."""

from typing import Protocol

from torch import Tensor

from samesku.embedding.products import MIN_TOKENS

#: Lengths to which titles are padded, in steps of so many tokens.
WIDTH_STEP = 8


class TitleTokens(Protocol):
    """Titles -> tokens (B, length) int64 by name: truncated to `limit`, padded to `width` or the longest."""

    limit: int

    def __call__(self, titles: list[str], width: int | None = None) -> dict[str, Tensor]: ...

    def count(self, titles: list[str]) -> list[int]:
        """The tokens of each title, truncated."""
        ...

    def describe(self) -> str:
        """All that decides the tokens of a title."""
        ...


def padded_width(count: int, limit: int) -> int:
    """The length to which a title of `count` tokens is padded: by one token at least, but for the longest ones."""
    if count >= limit:
        return limit
    return min(limit, max(MIN_TOKENS, -(-(count + 1) // WIDTH_STEP) * WIDTH_STEP))


def group_by_width(rows: list[int], counts: list[int], limit: int) -> list[list[int]]:
    """The rows by the length to which their titles are padded, longest first.

    Titles that need no padding are apart, since attention without a mask may have other last bits.

    Args:
        counts: the tokens of each row's title.
    """
    groups: dict[tuple[int, bool], list[int]] = {}
    for row, count in zip(rows, counts, strict=True):
        groups.setdefault((padded_width(count, limit), count >= limit), []).append(row)
    return [group for _, group in sorted(groups.items(), reverse=True)]
