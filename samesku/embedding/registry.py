"""From a channel's spec to an encoder that is ready to embed."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from samesku.embedding.spec import Spec
from samesku.errors import InputError

if TYPE_CHECKING:
    import torch

    from samesku.embedding.base import ImageEncoder, TitleEncoder

BACKENDS = ("open_clip", "timm", "sentence_transformers")


def load_encoder(
    name: str,
    spec: Any,
    *,
    device: torch.device | str = "cpu",
    precision: str = "fp32",
    engine: str = "torch",
) -> ImageEncoder | TitleEncoder:
    """Load the encoder of channel `name`, in eval mode, on `device`.

    Args:
        spec: a `Spec`, or anything with its attributes (a channel of params.yaml).
        precision: fp32, bf16 or fp16: what the encoder computes in when it is run; its weights stay float32.
        engine: what computes it: torch, or one of `engines`, with which it cannot be trained.

    Raises:
        InputError: the weights are not there, are not what their sha256 says, or are another architecture's (one
            sentence with the channel, what was tried and the ways out), or the engine cannot run it.
    """
    from samesku.embedding import trained, weights

    spec = Spec.of(spec)
    if spec.backend not in BACKENDS:
        raise InputError(f"channel {name}: backend is {spec.backend!r}; allowed: {', '.join(BACKENDS)}")
    with weights.refusing(name, spec):
        tuned = trained.find(spec)
        base = tuned.base if tuned else spec
        encoder = import_module(f"samesku.embedding.encoders.{base.backend}").load(name, base)
        if tuned:
            trained.apply(tuned, encoder)
    encoder.precision = precision
    encoder.to(device)
    if engine == "torch":
        return encoder
    from samesku.embedding import openvino as engines

    return engines.compiled(encoder, engine)
