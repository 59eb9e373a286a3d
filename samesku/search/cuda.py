"""Exact search on an accelerator: a gallery's vectors lie in its memory, blocks of queries come to them."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from samesku.embedding.device import resolve
from samesku.errors import InputError
from samesku.search.exact import COLUMNS, BlockSearch, MaskGroup, QueryBlock, TopProducts

GALLERY_SHARE = 0.75  # of the free memory, for vectors; the rest is for scores and for vectors sent again


def cuda_search(name: str) -> BlockSearch | None:
    """The `search_blocks` of `search_neighbours` on the device of `machine.device`; None: it is not CUDA.

    Raises:
        InputError: the device was asked for by name and is not there.
    """
    device = resolve(name)
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    return device_search(device, int(GALLERY_SHARE * free))


def device_search(device: torch.device, memory: int) -> BlockSearch:
    """The same on any device: COLUMNS listings are sent once, and again only beyond `memory` bytes.

    It finds what NumPy finds, scores to 1e-6.

    Raises:
        InputError: the memory of the device does not hold even two blocks and their scores.
    """
    # Scores agree to 1e-6 in whole float32 alone: TF32 keeps 10 bits of a fraction and is wrong by 1e-3. It
    # is off by default, but an environment variable (TORCH_ALLOW_TF32_CUBLAS_OVERRIDE) turns it on.
    torch.set_float32_matmul_precision("highest")

    def search(blocks: Iterable[QueryBlock]) -> Iterator[list[TopProducts]]:
        on_device: dict[tuple[int, int], Tensor] = {}  # by modality mask and first column
        memory_left = memory

        def columns(group: MaskGroup, start: int) -> Tensor:
            """Float32 (C, D), the listings of a group from `start` on."""
            nonlocal memory_left
            if (vectors := on_device.get((group.mask, start))) is None:
                vectors = torch.tensor(group.vectors[start : start + COLUMNS], device=device)
                if vectors.nbytes <= memory_left:
                    on_device[group.mask, start] = vectors
                    memory_left -= vectors.nbytes
            return vectors

        def top_products(queries: Tensor, group: MaskGroup, count: int, shop: Tensor | None) -> TopProducts:
            inner = torch.full((len(queries), count), -torch.inf, device=device)
            position = torch.full((len(queries), count), -1, dtype=torch.int64, device=device)
            for start in range(0, len(group.rows), COLUMNS):
                scores = queries @ columns(group, start).T
                if shop is not None and group.shop is not None:
                    of_columns = torch.tensor(group.shop[start : start + COLUMNS], device=device)
                    scores.masked_fill_(shop[:, None] == of_columns, -torch.inf)
                more, place = scores.topk(min(count, scores.shape[1]), dim=1)
                inner, first = torch.cat([inner, more], 1).topk(count, dim=1)
                position = torch.cat([position, place + start], 1).gather(1, first)
            return inner.cpu().numpy(), position.cpu().numpy()

        for vectors, groups, counts, numbers in blocks:
            try:
                queries = torch.tensor(vectors, device=device)
                shop = None if numbers is None else torch.tensor(numbers, device=device)
                yield [
                    top_products(queries, group, count, shop)
                    for group, count in zip(groups, counts, strict=True)
                ]
            except torch.OutOfMemoryError as error:
                raise InputError(
                    f"the search found too little free memory on {device}; ways out: to end what else uses "
                    "it, or machine.device: cpu"
                ) from error

    return search
