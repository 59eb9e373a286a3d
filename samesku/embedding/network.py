"""What every network gives, whatever library its trunk comes from: rows, and its parameters in blocks."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import starmap
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from samesku.arrays import Bools, Float32
from samesku.embedding import device as devices
from samesku.embedding import runner
from samesku.embedding.encoder import BLOCK, Encoder, RunInfo
from samesku.embedding.identity import digest_state, identify
from samesku.embedding.preprocess import Preprocess
from samesku.embedding.products import use_portable_products
from samesku.embedding.runner import RowList
from samesku.embedding.title_tokens import TitleTokens, group_by_width, padded_width

#: Pictures that a thread of a CPU takes at a time. What the layers compute of 64 does not fit its cache:
#: a third slower. Titles: so few that some new ones do not wait for the rest of a large batch.
CPU_PICTURES, CPU_TITLES = 8, 32


class Head(nn.Sequential):
    """A projection of a trunk's vectors, linear without bias: (B, in) -> (B, out) float."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__(nn.Linear(dim_in, dim_out, bias=False))
        use_portable_products(self)


@dataclass(kw_only=True)
class NetworkEncoder(Encoder):
    """A trunk, an optional projection head on it, and how its parameters stand in blocks.

    Attributes:
        module: the trunk. head: applied to the trunk's vectors; an identity unless trained. dim: after the head.
        block_of: parameter name of `module` -> number of its block, front to back.
        origin: what was loaded (weights, revision, sha256), for the record.
        engine: with its version.
        state: a digest of trunk and head, where they no longer hold their tensors; else "".
        batch_size: titles or pictures at once, at most.
        workers: processes that read pictures ahead of an accelerator; 0: none.
    """

    module: nn.Module
    block_of: Callable[[str], int]
    head: nn.Module = field(default_factory=nn.Identity)
    origin: dict[str, Any] = field(default_factory=dict)
    precision: str = "fp32"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    engine: str = "torch"
    state: str = ""
    batch_size: int = 64
    workers: int = 0

    def to(self, device: torch.device | str) -> Self:
        """Move trunk and head to `device` (convolutions in channels_last) and set them to eval."""
        self.device = torch.device(device)
        self.module.to(self.device).to(memory_format=torch.channels_last).eval()
        self.head.to(self.device).eval()
        return self

    def blocks(self) -> list[nn.Module]:
        """The trunk's blocks, front to back: every parameter of `module` is in exactly one.

        The stem and the embeddings are the first; the final norm and the projection are part of the last.
        """
        return group_by_block(self.module, self.block_of)

    def forward(self, batch: Any) -> Tensor:
        """A batch on the encoder's device -> (B, dim), not normalised; gradients flow."""
        return self.head(self.module(batch))

    def forward_views(self, batch: Any) -> Tensor:
        """As `forward`, but pictures with all `views` of the spec: what a listing is embedded by."""
        return self.forward(batch)

    @torch.inference_mode()
    def compute(self, batch: Any) -> Float32:
        """A batch -> (B, dim) float32, normalised in float32 whatever the precision of the model."""
        with devices.autocast(self.device, self.precision):
            vectors = self.forward_views(batch)
        return nn.functional.normalize(vectors.float(), dim=-1).cpu().numpy()

    def embed(
        self,
        column: Sequence[Any],
        *,
        present: Bools | None = None,
        store: Path | None = None,
        label: str | None = None,
    ) -> Float32:
        """As Encoder.embed; on a CPU as many batches at the same time as torch has threads.

        Every batch has the same shape: a smaller one is filled up. So a row depends on its title or picture alone.
        """
        out = np.zeros((len(column), self.dim), np.float32)
        rows = runner.embedding_order(self.spec.modality, column, present)
        with runner.fill_rows(out, rows, column, self.open_store(store), label) as (missing, done):
            self.n_embedded = len(missing)
            batches = self.make_batches(column, missing)

            def fill(batch: RowList, rows: RowList, inputs: Any) -> None:
                if rows:
                    out[rows] = self.compute(inputs)[: len(rows)]
                done(batch)

            if self.device.type == "cpu":
                read = self.reader(column)
                runner.run_threads(batches, lambda batch: fill(batch, *read(batch)), self.precision)
            else:
                for batch, (rows, inputs) in zip(batches, self.read_ahead(column, batches), strict=True):
                    fill(batch, rows, inputs)
        return out

    @property
    def at_once(self) -> int:
        """Titles or pictures of one forward pass."""
        return self.batch_size

    def make_batches(self, column: Sequence[Any], rows: RowList) -> list[RowList]:
        """The rows in batches of `at_once`, the last of which may be smaller."""
        return runner.chunks(rows, self.at_once)

    def identity(self) -> str:
        """All that decides a row beside its title or picture, in 16 hex digits; a few tenths of a second."""
        spec = asdict(self.spec) | {"weights": None, "revision": None, "sha256": None}
        state = self.state or digest_state(self.module, self.head)
        values = [spec, state, self.describe_inputs(), self.at_once, self.precision, self.engine]
        return identify([*values, *devices.processor(self.device)])

    def describe_inputs(self) -> str:
        """What makes the model's inputs of titles or pictures."""
        raise NotImplementedError

    def reader(self, column: Sequence[Any]) -> Callable[[RowList], tuple[RowList, Any]]:
        """A function that reads the listings of a batch, callable by several threads.

        It returns those that have a title or a picture, and the model's inputs on the encoder's device.
        """
        raise NotImplementedError

    def read_ahead(self, column: Sequence[Any], batches: list[RowList]) -> Iterator[tuple[RowList, Any]]:
        """What `reader` returns for each batch, read while the one before it is computed."""
        return map(self.reader(column), batches)

    def run_info(self) -> RunInfo:
        record = {"model": self.spec.model, "engine": self.engine.split()[0], **self.origin}
        summary = devices.describe(self.device, self.precision, self.engine)
        return RunInfo(record, [self.precision, *devices.processor(self.device), self.engine], summary)


@dataclass(kw_only=True)
class ImageEncoder(NetworkEncoder):
    """An encoder of pictures; its inputs are (B, 3, size, size) float32, one of which `prepare` makes of a picture."""

    prepare: Preprocess

    @property
    def at_once(self) -> int:
        return min(self.batch_size, CPU_PICTURES) if self.device.type == "cpu" else self.batch_size

    def describe_inputs(self) -> str:
        return repr(self.prepare)

    def forward_views(self, batch: Tensor) -> Tensor:
        """The sum over the views. The head is linear, so it may come before the sum or after it."""
        vectors = self.forward(batch)
        return vectors if self.spec.views == 1 else vectors + self.forward(batch.flip(-1))

    def reader(self, column: Sequence[Any]) -> Callable[[RowList], tuple[RowList, Tensor]]:
        read = runner.picture_reader(column, self.prepare)
        return lambda batch: self._normalise(*read(batch))

    def read_ahead(self, column: Sequence[Any], batches: list[RowList]) -> Iterator[tuple[RowList, Tensor]]:
        return starmap(self._normalise, runner.read_ahead(column, batches, self.prepare, self.workers))

    def _normalise(self, rows: RowList, pixels: Tensor) -> tuple[RowList, Tensor]:
        if len(rows) in (0, self.at_once):
            return rows, self.prepare.normalise(pixels.to(self.device)) if rows else pixels
        whole = pixels.new_zeros(self.at_once, *pixels.permute(0, 2, 3, 1).shape[1:]).permute(0, 3, 1, 2)
        whole[: len(rows)] = pixels
        return rows, self.prepare.normalise(whole.to(self.device))


@dataclass(kw_only=True)
class TitleEncoder(NetworkEncoder):
    """An encoder of titles; `prepare` makes its inputs."""

    prepare: TitleTokens

    @property
    def at_once(self) -> int:
        return min(self.batch_size, CPU_TITLES) if self.device.type == "cpu" else self.batch_size

    def make_batches(self, column: Sequence[Any], rows: RowList) -> list[RowList]:
        """Titles that are padded to the same length, in batches of `at_once`; the longest come first."""
        counts: list[int] = []
        for block in runner.chunks(rows, BLOCK):
            counts += self.prepare.count([column[row] for row in block])
        groups = group_by_width(rows, counts, self.prepare.limit)
        return [batch for group in groups for batch in runner.chunks(group, self.at_once)]

    def describe_inputs(self) -> str:
        return self.prepare.describe()

    def reader(self, column: Sequence[Any]) -> Callable[[RowList], tuple[RowList, dict[str, Tensor]]]:
        lock = threading.Lock()  # a tokenizer keeps its padding and truncation in itself

        def read(batch: RowList) -> tuple[RowList, dict[str, Tensor]]:
            titles = [column[row] for row in batch]
            with lock:
                count, limit = self.prepare.count(titles[:1])[0], self.prepare.limit
                # An empty title has the fewest tokens; beside the longest titles it would need a mask.
                titles += [titles[-1] if count >= limit else ""] * (self.at_once - len(titles))
                tokens = self.prepare(titles, padded_width(count, limit))
            return batch, {key: ids.to(self.device) for key, ids in tokens.items()}

        return read


def group_by_block(module: nn.Module, block_of: Callable[[str], int]) -> list[nn.Module]:
    """One container of a module's parts for each block, front to back; the numbers of blocks may have gaps.

    A container copies nothing. It refers to the largest submodules that lie wholly in the block (so that
    train() and eval() reach their norms), and to the bare parameters that their owner shares with other blocks.
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
