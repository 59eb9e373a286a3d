"""Fusion, and the one scorer: how similar two listings are, by each channel and by all of them.

A fused row holds several channels. The inner product of two rows is Σ w_c · cos_c over the channels c that
both have; divided by Σ w_c it is their score. Every score of a pair and every cosine of a channel in the
project is computed here.

Where listings have several pictures, an array of a picture channel has N + M rows: the first picture of each of
the N listings, then M further pictures. The cosine of two listings by a channel is then the largest over their
pictures. `owner`, int32 (N + M,), is the listing of each row, so its first N values are 0 to N − 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samesku.arrays import Float32, Float64, Floats, Int32, Int64, Ints
from samesku.artefacts import read_json, replace_out, write_json
from samesku.catalogue.listings import Listings
from samesku.errors import DamagedFile, InputError
from samesku.reading import LENGTH_ERROR, check_rows, read_array, reading
from samesku.scratch import new_array, slices

ROWS = 4096  # of the catalogue, fused at once
DECIMALS = 6  # scores are rounded to this, so that equal pairs tie however they were computed
UNREACHABLE = 1 + 10.0**-DECIMALS  # a threshold that no score reaches
PAIRS = 8192  # in one block

Channels = Mapping[str, Float32]  # name -> (N, d), or (N + M, d) of pictures; rows L2-normalised or zero
Owner = (
    Int32 | None
)  # the listing of each row of a picture channel; None where no listing has further pictures


@dataclass(frozen=True)
class Fused:
    """Fused rows of N listings, and what is needed to compare two of them on the channels that both have.

    Attributes:
        vectors: float32 (N, D); (N + M, D) with M further pictures, whose rows hold picture channels alone.
        modality_mask: uint32 (N,), or (N + M,); bit c is set where the row has channel c.
        weights: float64 (C,), the weight of channel c.
        widths: the columns of each channel in `vectors`; their sum is D.
        owner: int32 (N + M,), the listing of each row; None where M is 0.
    """

    vectors: Float32
    modality_mask: NDArray[np.uint32]
    weights: Float64
    widths: Sequence[int]
    owner: Owner = None

    def __len__(self) -> int:
        """N, the number of listings."""
        return len(self.modality_mask) if self.owner is None else count_owners(self.owner)

    def __getitem__(self, rows: Ints | slice) -> Fused:
        """Some of the listings, each once, with all of their pictures."""
        owner = None
        if self.owner is not None:
            n = len(self)
            listings = np.arange(n)[rows]
            position = np.full(n, -1, np.int32)
            position[listings] = np.arange(len(listings), dtype=np.int32)
            further = n + np.flatnonzero(position[self.owner[n:]] >= 0)
            rows = np.concatenate([listings, further])
            owner = position[self.owner[rows]] if len(further) else None
        return Fused(self.vectors[rows], self.modality_mask[rows], self.weights, self.widths, owner)

    @property
    def row_owner(self) -> Int32:
        """int32 (N,) or (N + M,), the listing of each row."""
        return np.arange(len(self), dtype=np.int32) if self.owner is None else self.owner

    @cached_property
    def listing_mask(self) -> NDArray[np.uint32]:
        """uint32 (N,); bit c is set where the listing has channel c."""
        if self.owner is None:
            return self.modality_mask
        masks = self.modality_mask[: len(self)].copy()
        np.bitwise_or.at(masks, self.owner[len(self) :], self.modality_mask[len(self) :])
        return masks

    def channel_columns(self) -> list[slice]:
        """The columns of each channel in `vectors`."""
        return [
            slice(stop - width, stop)
            for stop, width in zip(np.cumsum(self.widths).tolist(), self.widths, strict=True)
        ]

    def shared_weight(self, left_mask: int, right_mask: int) -> float:
        """Σ w_c over the channels that two modality masks have in common."""
        common = left_mask & right_mask
        return float(sum(w for c, w in enumerate(self.weights) if common >> c & 1))


def load_channels(
    names: Iterable[str], path_of: Callable[[str], Path], listings: Listings
) -> dict[str, Float32]:
    """The arrays of these channels, float32 (N, d), memory-mapped rather than read; each row is looked at once.

    Args:
        path_of: name of a channel -> its .npy file. listings: the N listings that they are of.

    Raises:
        DamagedFile: an array is missing or damaged, has rows of another sample, or one that is neither of length 1
            nor zero.
    """
    channels = {}
    for name in names:
        path = path_of(name)
        channels[name] = rows = read_array(path)
        check_rows(rows, str(path))
        if len(rows) not in (len(listings), len(listings) + len(listings.further)):
            raise DamagedFile(
                f"{path} has {len(rows):,} rows for {len(listings):,} listings; embed them all from one sample: "
                "run `dvc repro`"
            )
    return channels


def channel_weights(image: Mapping[str, float], title: Mapping[str, float], alpha: float) -> dict[str, float]:
    """w_c = α · share_c for image channels, (1 − α) · share_c for title channels; weights of 0 are left out.

    Args:
        image, title: weights by channel, 0 or more; a share is a weight over the sum of its side.
        alpha: the weight of the image side, 0 to 1.
    """
    weights: dict[str, float] = {}
    for side, side_weight in ((image, alpha), (title, 1.0 - alpha)):
        total = sum(side.values())  # 0 where no channel of the side has weight: nothing is divided
        weights |= {
            name: side_weight * weight / total for name, weight in side.items() if side_weight * weight > 0
        }
    return weights


def fusion_weights(
    image: Mapping[str, float], title: Mapping[str, float], alpha: float, channels: Channels
) -> dict[str, float]:
    """`channel_weights` without empty channels, whose share the rest of their side take: α keeps its meaning.

    Args:
        channels: of both sides; (N, 0) where no listing has one.
    """
    image, title = (
        {name: weight for name, weight in side.items() if channels[name].shape[1]} for side in (image, title)
    )
    return channel_weights(image, title, alpha)


def fuse_channels(
    channels: Channels, weights: Mapping[str, float], method: str, owner: Owner = None
) -> Fused:
    """Fuse by `concat` or `average`: `concatenate_channels` or `average_channels`."""
    return {"concat": concatenate_channels, "average": average_channels}[method](channels, weights, owner)


def concatenate_channels(channels: Channels, weights: Mapping[str, float], owner: Owner = None) -> Fused:
    """Rows √w_c · e_c side by side: their inner product is Σ w_c · cos_c over the channels that both have.

    Args:
        channels: name -> float32 (N, d_c), rows L2-normalised, or zero where the listing lacks the channel;
            (N, 0) where no listing has it. With `owner`, those of pictures may have N + M rows; the rows of
            further pictures are zero in the channels that have none for them, such as titles.
        weights: name -> w_c > 0; channels without a weight are left out.

    Raises:
        InputError: arrays of different length.
    """
    n = count_rows(channels, weights, owner)
    widths = [channels[name].shape[1] for name in weights]
    vectors = new_array((n, sum(widths)), np.float32)
    modality_mask = np.zeros(n, dtype=np.uint32)
    start = 0
    for bit, (name, width) in enumerate(zip(weights, widths, strict=True)):
        rows, weight = channels[name], np.float32(np.sqrt(weights[name]))
        for block in slices(len(rows), ROWS):
            columns = vectors[block, start : start + width]
            np.multiply(rows[block], weight, out=columns)
            modality_mask[block] |= columns.any(axis=1).astype(np.uint32) << np.uint32(bit)
        start += width
    of_channels = np.array(list(weights.values()), dtype=np.float64)
    return Fused(vectors, modality_mask, of_channels, widths, owner_of_rows(n, owner))


def average_channels(channels: Channels, weights: Mapping[str, float], owner: Owner = None) -> Fused:
    """Σ w_c · e_c in one shared space, L2-normalised: the zero-shot CLIP baseline.

    Arguments as of `concatenate_channels`. A listing that lacks a modality is the mean of what it has. The row of
    a further picture is its mean with the listing's title.

    Raises:
        InputError: channels of different widths, which share no space.
    """
    n = count_rows(channels, weights, owner)
    widths = {name: channels[name].shape[1] for name in weights if channels[name].shape[1]}
    if len(set(widths.values())) > 1:
        columns = ", ".join(f"{name} has {width}" for name, width in widths.items())
        raise InputError(
            f"fusion method average needs channels of one shared space, but {columns} columns; use concat"
        )
    total = np.zeros((n, max(widths.values(), default=0)), dtype=np.float32)
    for name in widths:
        rows = channels[name]
        total += (rows if len(rows) == n else rows[owner]) * np.float32(weights[name])
    norm = np.linalg.norm(total, axis=1, keepdims=True)
    np.divide(total, norm, out=total, where=norm > 0)
    mask = (norm[:, 0] > 0).astype(np.uint32)
    return Fused(total, mask, np.ones(1), [total.shape[1]], owner_of_rows(n, owner))


def count_rows(channels: Channels, weights: Iterable[str], owner: Owner = None) -> int:
    """The number of fused rows of the channels `weights`: N, or N + M where one of them has further pictures.

    Raises:
        InputError: arrays of different length.
    """
    lengths = {name: len(rows) for name, rows in channels.items()}
    allowed = set(lengths.values()) if owner is None else {count_owners(owner), len(owner)}
    if len(set(lengths.values()) | allowed) > len(allowed) or (owner is None and len(allowed) > 1):
        rows = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"channels have different numbers of rows ({rows}); embed them all from one sample")
    if owner is None:
        return next(iter(lengths.values()), 0)
    return max((lengths[name] for name in weights), default=count_owners(owner))


def count_owners(owner: Int32) -> int:
    """N, the number of listings that rows have."""
    return int(owner.max(initial=-1)) + 1


def owner_of_rows(n_rows: int, owner: Owner) -> Owner:
    """The owner of these rows; None where they are those of first pictures alone."""
    return None if owner is None or n_rows < len(owner) else owner


def fuse_in_blocks(
    channels: Channels, weights: Mapping[str, float], method: str, owner: Owner = None
) -> Iterator[Fused]:
    """The rows of `fuse_channels`, ROWS at a time: a catalogue may be larger than memory."""
    n_rows = count_rows(channels, weights, owner)

    def block(rows: Float32, start: int) -> Float32:
        stop = min(start + ROWS, n_rows)
        if len(rows) >= stop or owner is None:
            return rows[start:stop]
        if method == "average":  # the title of the listing of each picture
            return rows[owner[start:stop]]
        padded = np.zeros((stop - start, rows.shape[1]), np.float32)
        padded[: max(0, len(rows) - start)] = rows[start:]
        return padded

    for start in range(0, max(1, n_rows), ROWS):
        yield fuse_channels({name: block(rows, start) for name, rows in channels.items()}, weights, method)


def write_fused(
    folder: Path, blocks: Iterable[Fused], n_rows: int, names: Sequence[str], owner: Owner = None
) -> tuple[int, int]:
    """Write vectors.npy, modality_masks.npy, weights.json and perhaps owner.npy, holding one block at a time.

    Args:
        blocks: fused rows, one block after the other. n_rows: their number in all.
        names: the channels that carry weight. owner: of the rows, where some are further pictures.

    Returns:
        The shape of vectors.npy.
    """
    masks: list[NDArray[np.uint32]] = []
    with replace_out(folder) as partial:
        partial.mkdir()
        with (partial / "vectors.npy").open("wb") as file:
            for block in blocks:
                shape = n_rows, block.vectors.shape[1]
                if not masks:
                    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(block.vectors.tobytes())
                masks.append(block.modality_mask)
        np.save(partial / "modality_masks.npy", np.concatenate(masks))
        if (owner := owner_of_rows(n_rows, owner)) is not None:
            np.save(partial / "owner.npy", owner)
        weights = {"channels": list(names), "weights": block.weights.tolist(), "widths": list(block.widths)}
        write_json(partial / "weights.json", weights)
    return shape


def read_fused(folder: Path) -> Fused:
    """What `write_fused` wrote; the vectors stay in their file until they are used. Each row is looked at once.

    Raises:
        DamagedFile: a file is missing or damaged, or a channel's part of a row has another length than its weight says.
    """
    weights, owner = read_json(folder / "weights.json"), folder / "owner.npy"
    with reading(folder):
        fused = Fused(
            read_array(folder / "vectors.npy"),
            read_array(folder / "modality_masks.npy", mapped=False),
            np.array(weights["weights"], dtype=np.float64),
            [int(width) for width in weights["widths"]],
            read_array(owner, mapped=False) if owner.is_file() else None,
        )
        if fused.vectors.shape != (len(fused.modality_mask), sum(fused.widths)):
            raise ValueError(f"vectors.npy has shape {fused.vectors.shape}, which its other files do not fit")
        if fused.owner is not None and not (fused.owner[: len(fused)] == np.arange(len(fused))).all():
            raise ValueError("owner.npy does not begin with each listing once")
    for start in range(0, len(fused.vectors), ROWS):
        for bit, (columns, weight) in enumerate(zip(fused.channel_columns(), fused.weights, strict=True)):
            block = fused.vectors[start : start + ROWS, columns]
            present = fused.modality_mask[start : start + ROWS] >> np.uint32(bit) & 1
            wrong = ~(np.abs(np.einsum("nd,nd->n", block, block) - present * weight) <= LENGTH_ERROR * weight)
            if wrong.any():
                name, row = weights["channels"][bit], start + int(wrong.argmax())
                raise DamagedFile(
                    f"{folder}/vectors.npy: row {row} has another length in channel {name} than its weight says; "
                    "run `dvc repro`"
                )
    return fused


def with_lengths_of(before: Float32, after: Float32) -> Float32:
    """The rows of `after`, each as long as that of `before`; both float32 (N, d)."""
    length = np.linalg.norm(after, axis=1, keepdims=True)
    before_length = np.linalg.norm(before, axis=1, keepdims=True)
    return after * np.divide(before_length, length, out=np.zeros_like(length), where=length > 0)


def weighted_mean(total: ArrayLike, weight: ArrayLike, missing: float = np.nan) -> Float64:
    """Σ w_c · cos_c divided by Σ w_c, in float64; `missing` where the weight is 0: nothing is in common.

    It is kept within −1 to 1: of two equal rows, a sum in float32 may be above 1 by some 1e-6.
    """
    shape = np.broadcast_shapes(np.shape(total), np.shape(weight))
    mean, comparable = np.full(shape, missing), np.broadcast_to(np.asarray(weight) > 0, shape)
    np.divide(total, weight, out=mean, where=comparable, dtype=np.float64)
    return np.clip(mean, -1, 1, out=mean, where=comparable)


def ranking_scores(total: ArrayLike, weight: ArrayLike) -> Float64:
    """`weighted_mean` rounded to 1e-6, as neighbours are ranked by; −inf where nothing is in common."""
    return weighted_mean(total, weight, missing=-np.inf).round(DECIMALS)


def mean_cosine(cosines: Floats, present: NDArray[Any], weights: Floats) -> Float64:
    """The score of pairs by the cosines of C channels: float64 (...), NaN where no channel is in common.

    Args:
        cosines: (..., C), 0 where one of the two listings lacks the channel. present: (..., C), 0 or 1.
        weights: (C,).
    """
    return weighted_mean(cosines @ weights, present @ weights)


def shared_weights(fused: Fused, left: Ints, right: Ints, right_fused: Fused | None = None) -> Float64:
    """Σ w_c over the channels that both of a pair have; the listings `left` and `right` may broadcast.

    Args:
        right_fused: the rows that `right` counts in; by default `fused`.
    """
    right_listings = (fused if right_fused is None else right_fused).listing_mask[right]
    left_masks, i = np.unique(fused.listing_mask[left], return_inverse=True)
    right_masks, j = np.unique(right_listings, return_inverse=True)
    table = [fused.shared_weight(int(a), int(b)) for a in left_masks for b in right_masks]
    shared = np.array(table, dtype=np.float64).reshape(len(left_masks), len(right_masks))
    return shared[i.reshape(left.shape), j.reshape(right.shape)]


def pair_scores(fused: Fused, left: Ints, right: Ints) -> Float64:
    """The score of P pairs, not rounded: float64 (P,), NaN where the two have no channel in common.

    Args:
        left, right: (P,) listings of `fused`.
    """
    inner: Floats = np.empty(len(left), np.float32)
    if fused.owner is None:
        for block in slices(len(left), PAIRS):
            inner[block] = inner_products(fused.vectors[left[block]], fused.vectors[right[block]])
    else:
        owners = fused.owner, fused.owner
        parts = [fused.vectors[:, columns] for columns in fused.channel_columns()]
        products = [_largest_products(part, part, left, right, owners) for part in parts]
        inner = np.nan_to_num(products).sum(axis=0, dtype=np.float64)
    return weighted_mean(inner, shared_weights(fused, left, right))


def channel_cosines(
    channels: Channels,
    left: Ints,
    right: Ints,
    right_channels: Channels | None = None,
    owner: Owner = None,
    right_owner: Owner = None,
) -> dict[str, Float32]:
    """Each channel's cosine for P pairs: why they match.

    Args:
        channels: name -> float32 (N, d), rows L2-normalised or zero; (N + M, d) where `owner` says whose they are.
        left, right: (P,) listings. right_channels, right_owner: the arrays that `right` counts in; by default
            `channels` and `owner`.

    Returns:
        name -> float32 (P,), rounded to 1e-6, the largest over the pictures of both; NaN where one of the two
        lacks the channel.
    """
    if right_channels is None:
        right_channels, right_owner = channels, owner
    cosines = {}
    for name, rows in channels.items():
        right_rows = right_channels[name]
        owners = owner_of_rows(len(rows), owner), owner_of_rows(len(right_rows), right_owner)
        cosines[name] = (
            _largest_products(rows, right_rows, left, right, owners).clip(-1, 1).round(DECIMALS)
            if rows.shape[1]
            else np.full(len(left), np.nan, np.float32)
        )
    return cosines


def _largest_products(
    rows: Float32, right_rows: Float32, left: Ints, right: Ints, owners: tuple[Owner, Owner]
) -> Float32:
    """The largest inner product over the rows of each of P pairs of listings: float32 (P,), NaN where one has none.

    Args:
        rows, right_rows: float32 (·, d), zero where a listing has nothing. left, right: (P,) listings.
        owners: of `rows` and `right_rows`; None where each listing has one row.
    """
    largest = np.empty(len(left), np.float32)
    sides = [rows_by_listing(owner) for owner in owners]
    for block in slices(len(left), PAIRS):
        i, j, first = row_pairs(left[block], right[block], sides)
        products = np.empty(len(i), np.float32)
        for some in slices(len(i), PAIRS):
            a, b = rows[i[some]], right_rows[j[some]]
            present = a.any(axis=1) & b.any(axis=1)
            products[some] = np.where(present, inner_products(a, b), -np.inf)
        largest[block] = np.maximum.reduceat(products, first)
    return np.where(np.isfinite(largest), largest, np.float32(np.nan))


#: Rows in the order of their listings, and where each listing's begin, with the end; None: a row for each listing.
RowsByListing = tuple[Int64, Int64] | None


def rows_by_listing(owner: Owner) -> RowsByListing:
    if owner is None:
        return None
    return np.argsort(owner, kind="stable"), np.append(0, np.cumsum(np.bincount(owner)))


def row_pairs(left: Ints, right: Ints, sides: Sequence[RowsByListing]) -> tuple[Ints, Ints, Ints]:
    """All pairs of a row of `left` and a row of `right`, pair after pair, and the first of each pair."""
    if sides[0] is None and sides[1] is None:
        return left, right, np.arange(len(left))
    counts = [
        np.ones(len(of), np.int64) if side is None else np.diff(side[1])[of]
        for of, side in zip((left, right), sides, strict=True)
    ]
    per_pair = counts[0] * counts[1]
    first = np.cumsum(per_pair) - per_pair
    pair = np.repeat(np.arange(len(left)), per_pair)
    places = np.divmod(np.arange(len(pair)) - first[pair], counts[1][pair])
    i, j = (
        of[pair] if side is None else side[0][side[1][of[pair]] + place]
        for of, side, place in zip((left, right), sides, places, strict=True)
    )
    return i, j, first


def inner_products(left: Float32, right: Float32) -> Float32:
    return np.einsum("pd,pd->p", left, right)
