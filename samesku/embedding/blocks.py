"""The parameters of a trunk in blocks, front to back."""

import re
from collections.abc import Callable
from typing import Any

from torch import nn


def group(module: nn.Module, block_of: Callable[[str], int]) -> list[nn.Module]:
    """Gather a module's parts by block.

    Args:
        block_of: parameter name -> number of its block; numbers may have gaps.

    Returns:
        One container for each block, front to back. It refers to the parts, it copies nothing: the largest
        submodules that lie wholly in the block (so that train() and eval() reach their norms), and the bare
        parameters that their owner shares with other blocks.
    """
    blocks: dict[int, tuple[list[nn.Module], list[nn.Parameter]]] = {}

    def walk(part: nn.Module, name: str) -> None:
        prefix = f"{name}." if name else ""
        numbers = {block_of(prefix + key) for key, _ in part.named_parameters()}
        if len(numbers) == 1:
            blocks.setdefault(numbers.pop(), ([], []))[0].append(part)
        elif numbers:
            for key, parameter in part.named_parameters(recurse=False):
                blocks.setdefault(block_of(prefix + key), ([], []))[1].append(parameter)
            for key, child in part.named_children():
                walk(child, prefix + key)

    walk(module, "")
    return [nn.ModuleList([*parts, nn.ParameterList(bare)]) for _, (parts, bare) in sorted(blocks.items())]


def by_layers(module: nn.Module, within: str, tail: str) -> Callable[[str], int]:
    """Number a transformer's parameters: those before its layers are block 0, those of layer i block i + 1.

    Args:
        within: name of the submodule that holds the layers.
        tail: regular expression of the parameters after the layers; they belong to the last layer's block.
    """
    lists = [
        (name, part)
        for name, part in module.get_submodule(within).named_modules(prefix=within)
        if isinstance(part, nn.ModuleList) and len(part)
    ]
    # The stack of layers is the outermost list; a layer may hold lists of its own.
    stack, layers = min(
        lists, key=lambda item: (item[0].count("."), -len(item[1])), default=("", nn.ModuleList())
    )
    inside, after = re.compile(rf"{re.escape(stack)}\.(\d+)\."), re.compile(tail)

    def block_of(name: str) -> int:
        if match := inside.match(name):
            return int(match[1]) + 1
        return len(layers) if after.match(name) else 0

    return block_of


def by_timm(trunk: Any) -> dict[str, int]:
    """Parameter name -> block, as timm groups them for layer-wise learning rates.

    A last group without a matrix (a final norm alone) joins the block before it.
    """
    from timm.models import group_parameters

    groups = group_parameters(trunk, trunk.group_matcher(coarse=False))
    last = max(groups)
    alone = last > 0 and all(trunk.get_parameter(name).ndim < 2 for name in groups[last])
    return {
        name: last - 1 if alone and block == last else block
        for block, names in groups.items()
        for name in names
    }
