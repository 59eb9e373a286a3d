"""What decides the bits of an encoder's rows, as a name for its part of the embedding store."""

from contextlib import suppress
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from samesku.artefacts import fingerprint
from samesku.processor import are_capped

#: The code that reads, prepares and computes, and the libraries that it calls.
CODE = [
    Path(__file__).parent,
    *(Path(__file__).parents[1] / part for part in ("encoders", "catalogue/images.py")),
]
LIBRARIES = (
    "numpy", "open_clip_torch", "pillow", "sentence-transformers", "timm", "tokenizers", "torchvision", "transformers",
)  # fmt: skip


def identify(values: list[Any]) -> str:
    """16 hex digits of `values` (an encoder's, as JSON can hold them), of the code, the libraries and their caps."""
    return fingerprint([*values, are_capped(), library_versions()], CODE)


def digest_state(*modules: nn.Module) -> str:
    """16 hex digits of the tensors of some modules and of their names."""
    digest = blake2b(digest_size=8)
    for module in modules:
        for name, tensor in module.state_dict().items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """The versions of the libraries that decide the last bits of a row, of those that are installed."""
    versions = {}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
