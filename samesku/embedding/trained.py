"""Towers that training wrote: one safetensors file with trunk, head and where the trunk comes from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from samesku.embedding.encoder import Spec
from samesku.embedding.network import NetworkEncoder
from samesku.embedding.products import use_portable_products
from samesku.embedding.weights import sha256

#: The key of the file's metadata under which each tower's start is named.
FORMAT = "samesku"


class Head(nn.Sequential):
    """A projection of a trunk's vectors, linear without bias: (B, in) -> (B, out) float."""

    def __init__(self, dim_in: int, dim_out: int) -> None:
        super().__init__(nn.Linear(dim_in, dim_out, bias=False))
        use_portable_products(self)


@dataclass(frozen=True)
class TrainedTower:
    """One tower of a trained file: the spec that it was trained from, its trunk's state and its head's."""

    file: Path
    spec: Spec
    trunk: dict[str, Tensor]
    head: dict[str, Tensor]

    def restore(self, encoder: NetworkEncoder) -> None:
        """Put the tensors into the encoder that the tower started from.

        Raises:
            RuntimeError: they are another architecture's.
        """
        encoder.module.load_state_dict(self.trunk)
        if self.head:
            dim, dim_in = self.head["0.weight"].shape
            encoder.head, encoder.dim = Head(dim_in, dim), dim
            encoder.head.load_state_dict(self.head)
        encoder.origin = {
            "weights": self.file.as_posix(), "base": encoder.origin, "sha256": sha256(self.file),
        }  # fmt: skip


def save_towers(file: Path, towers: Mapping[str, NetworkEncoder]) -> None:
    """Write the towers of a run to one file.

    Args:
        towers: modality -> encoder, its `spec` the zero-shot channel that it started from.
    """
    tensors: dict[str, Tensor] = {}
    specs = {}
    for modality, encoder in towers.items():
        for part, module in (("trunk", encoder.module), ("head", encoder.head)):
            state = {f"{modality}.{part}.{key}": value for key, value in module.state_dict().items()}
            tensors |= {key: value.detach().cpu().contiguous() for key, value in state.items()}
        # A network has no `dim` of its own choice.
        specs[modality] = {key: value for key, value in asdict(encoder.spec).items() if key != "dim"}
    # One key alone: safetensors writes the keys of its metadata in no fixed order.
    save_file(tensors, file, {FORMAT: json.dumps(specs, sort_keys=True)})


def read_tower(spec: Spec) -> TrainedTower | None:
    """The tower that `spec.weights` names, if that is a file that `save_towers` wrote; else None.

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
        specs = json.loads(metadata[FORMAT])
        if spec.modality not in specs:
            raise ValueError(f"it has no tower for {spec.modality}")
        start = Spec(**specs[spec.modality])
        if (start.backend, start.model) != (spec.backend, spec.model):
            raise ValueError(f"its tower is {start.backend} model {start.model}")
        parts: dict[str, dict[str, Tensor]] = {"trunk": {}, "head": {}}
        for key in opened.keys():  # noqa: SIM118  (a file, not a dict)
            modality, part, name = key.split(".", 2)
            if modality == spec.modality:
                parts[part][name] = opened.get_tensor(key)
    return TrainedTower(file, start, parts["trunk"], parts["head"])
