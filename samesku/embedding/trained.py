"""Towers that training wrote: one safetensors file with trunk, head and where the trunk comes from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from samesku.embedding.spec import Spec

if TYPE_CHECKING:
    from samesku.embedding.base import Encoder

#: The key of the file's metadata under which each tower's base is named.
FORMAT = "samesku"


class Head(nn.Sequential):
    """A projection: a linear map without bias, or a perceptron with one hidden layer and GELU.

    (B, in) -> (B, out) float.
    """

    def __init__(self, dim_in: int, dim_out: int, hidden: int | None = None) -> None:
        if hidden is None:
            super().__init__(nn.Linear(dim_in, dim_out, bias=False))
        else:
            super().__init__(nn.Linear(dim_in, hidden), nn.GELU(), nn.Linear(hidden, dim_out, bias=False))
        self.dim = dim_out

    @classmethod
    def like(cls, tensors: dict[str, Tensor]) -> Head:
        """The head whose state `tensors` are."""
        first, last = tensors["0.weight"], tensors.get("2.weight")
        head = cls(first.shape[1], len(first)) if last is None else cls(first.shape[1], len(last), len(first))
        head.load_state_dict(tensors)
        return head


@dataclass(frozen=True)
class Tower:
    """One tower in a trained file: the spec it was trained from, its trunk's state and its head's."""

    file: Path
    base: Spec
    trunk: dict[str, Tensor]
    head: dict[str, Tensor]


def save(file: Path, towers: dict[str, Encoder]) -> None:
    """Write the towers of a run to one file.

    Args:
        towers: modality -> encoder, its `spec` the zero-shot channel that it started from.
    """
    tensors: dict[str, Tensor] = {}
    bases = {}
    for modality, encoder in towers.items():
        for part, module in (("trunk", encoder.module), ("head", encoder.head)):
            state = {f"{modality}.{part}.{key}": value for key, value in module.state_dict().items()}
            tensors |= {key: value.detach().cpu().contiguous() for key, value in state.items()}
        bases[modality] = asdict(encoder.spec)
    # One key alone: safetensors writes the keys of its metadata in no fixed order.
    save_file(tensors, file, {FORMAT: json.dumps(bases, sort_keys=True)})


def find(spec: Spec) -> Tower | None:
    """The tower that `spec.weights` names, if that is a file that `save` wrote; else None.

    Raises:
        ValueError: the file has no tower for the modality, or its tower is another backend's or model's.
    """
    file = Path(spec.weights or "")
    if file.suffix != ".safetensors" or not file.is_file():
        return None
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata() or {}
        if FORMAT not in metadata:
            return None
        bases = json.loads(metadata[FORMAT])
        if spec.modality not in bases:
            raise ValueError(f"it has no tower for {spec.modality}")
        base = Spec(**bases[spec.modality])
        if (base.backend, base.model) != (spec.backend, spec.model):
            raise ValueError(f"its tower is {base.backend} model {base.model}")
        parts: dict[str, dict[str, Tensor]] = {"trunk": {}, "head": {}}
        for key in opened.keys():  # noqa: SIM118  (a file, not a dict)
            modality, part, name = key.split(".", 2)
            if modality == spec.modality:
                parts[part][name] = opened.get_tensor(key)
    return Tower(file, base, parts["trunk"], parts["head"])


def apply(tower: Tower, encoder: Encoder) -> None:
    """Put a trained tower's tensors into the encoder that it started from.

    Raises:
        RuntimeError: they are another architecture's.
    """
    from samesku.embedding.weights import sha256

    encoder.module.load_state_dict(tower.trunk)
    if tower.head:
        head = Head.like(tower.head)
        encoder.head, encoder.dim = head, head.dim
    encoder.origin = {"weights": tower.file.as_posix(), "base": encoder.origin, "sha256": sha256(tower.file)}
