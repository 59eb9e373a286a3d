"""Exact search on an accelerator: a gallery's vectors lie in its memory, blocks of queries come to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from samesku.embedding.device import resolve
from samesku.errors import InputError
from samesku.search.neighbours import COLUMNS, Block, Found, Looks, Part

KEPT = 0.75  # of the free memory, for vectors; the rest is for scores and for vectors that find no room


def looking(name: str) -> Looks | None:
    """How `neighbours.search` looks in parts of a gallery on the device of `machine.device`; None: not CUDA.

    Raises:
        InputError: the device was asked for by name and is not there.
    """
    device = resolve(name)
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return on(device, int(KEPT * free))


def on(device: torch.device, room: int) -> Looks:
    """How it looks on any device: blocks of columns are sent once, and again only beyond `room` bytes.

    It finds what NumPy finds, scores to 1e-6. Parts have no index.

    Raises:
        InputError: the memory of the device does not hold even two blocks and their scores.
    """
    # Scores agree to 1e-6 in whole float32 alone: TF32 keeps 10 bits of a fraction and is wrong by 1e-3. It
    # is off by default, but an environment variable (TORCH_ALLOW_TF32_CUBLAS_OVERRIDE) turns it on.
    torch.set_float32_matmul_precision("highest")

    def look(blocks: Iterable[Block]) -> Iterator[list[Found]]:
        kept: dict[tuple[int, int], Tensor] = {}  # by pattern and first column
        left = room  # bytes

        def columns(part: Part, start: int) -> Tensor:
            """Float32 (C, D), the listings of a part from `start` on."""
            nonlocal left
            if (found := kept.get((part.code, start))) is None:
                found = torch.tensor(part.vectors[start : start + COLUMNS], device=device)
                if found.nbytes <= left:
                    kept[part.code, start] = found
                    left -= found.nbytes
            return found

        def nearest(queries: Tensor, part: Part, fetch: int) -> Found:
            """Of float32 (Q, D) queries: inner products (Q, fetch), falling; places (Q, fetch), or −1."""
            inner = torch.full((len(queries), fetch), -torch.inf, device=device)
            at = torch.full((len(queries), fetch), -1, dtype=torch.int64, device=device)
            for start in range(0, len(part.ids), COLUMNS):
                scores = queries @ columns(part, start).T
                more, place = scores.topk(min(fetch, scores.shape[1]), dim=1)
                inner, first = torch.cat([inner, more], 1).topk(fetch, dim=1)
                at = torch.cat([at, place + start], 1).gather(1, first)
            return inner.cpu().numpy(), at.cpu().numpy()

        for queries, parts, fetch in blocks:
            try:
                sent = torch.tensor(queries, device=device)
                found = [nearest(sent, part, count) for part, count in zip(parts, fetch, strict=True)]
            except torch.OutOfMemoryError as error:
                raise InputError(
                    f"the search found too little free memory on {device}; ways out: to end what else uses "
                    "it, or machine.device: cpu"
                ) from error
            yield found

    return look
