"""What names an encoder: backend, model and where its weights come from."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Spec:
    """One encoder as params.yaml names it (`channels.<name>`), free of params.yaml itself.

    Attributes:
        weights: None (the hub, by `model`), "hub:<repository>", "package:<import name>", or a local path; the
            path may also be a file that training wrote.
        revision: commit of the hub's repository.
        sha256: of the weights file; checked before it is read.
        pooling: how a sentence_transformers model makes one vector of its tokens; None: as the model says.
    """

    modality: str
    backend: str
    model: str
    weights: str | None = None
    revision: str | None = None
    sha256: str | None = None
    pooling: str | None = None

    @classmethod
    def of(cls, channel: Any) -> Spec:
        """Take the fields from anything that has them: a channel of params.yaml, or a mapping."""
        if isinstance(channel, cls):
            return channel
        given = channel if isinstance(channel, dict) else vars(channel)
        return cls(**{field.name: given[field.name] for field in fields(cls) if field.name in given})
