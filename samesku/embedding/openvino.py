"""Engines beside torch: an encoder's trunk and head, compiled by another library for a CPU."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from dataclasses import replace
from functools import cache
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn

from samesku.embedding.base import ImageEncoder, TitleEncoder
from samesku.errors import InputError

#: OpenVINO's word for a precision of ours.
PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def version(engine: str) -> str:
    """«torch», or the engine with its version, on which the last bits hang: «openvino 2026.4.1».

    Raises:
        InputError: its package is not installed.
    """
    if engine == "torch":
        return engine
    try:
        return f"{engine} {metadata.version(engine)}"
    except metadata.PackageNotFoundError:
        raise InputError(
            f"embed.engine is {engine!r}, whose package is not installed; ways out: install the extra "
            "`engines` (pip install -e '.[engines]'), or embed.engine: torch"
        ) from None


def compiled(encoder: ImageEncoder | TitleEncoder, engine: str) -> ImageEncoder | TitleEncoder:
    """`encoder` run by `engine`: the same rows but for their last bits; it can no longer be trained.

    As many batches as torch has threads are computed side by side, each on one thread, so that no row hangs
    on the number of threads. Batches and titles may have any size and length.

    Raises:
        InputError: the engine is not installed, the encoder is not on a CPU, or it cannot be converted.
    """
    version(engine)
    if encoder.device.type != "cpu":
        raise InputError(
            f"embed.engine is {engine!r}, which computes on a CPU, and machine.device gives "
            f"{encoder.device.type}; allowed: embed.engine torch there, or machine.device cpu"
        )
    try:
        module = _OpenVINO(encoder)
    except Exception as error:
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise InputError(
            f"embed.engine is {engine!r}, which cannot convert {encoder.spec.backend} model "
            f"{encoder.spec.model}: {reason}; way out: embed.engine torch"
        ) from error
    return replace(encoder, module=module, head=nn.Identity())


class _Positional(nn.Module):
    """Trunk and head of an encoder, its tokens as arguments in the order of `keys`; none: of pictures."""

    def __init__(self, encoder: ImageEncoder | TitleEncoder, keys: list[str]) -> None:
        super().__init__()
        self.module, self.head, self.keys = encoder.module, encoder.head, keys

    def forward(self, *given: Tensor) -> Tensor:
        batch = dict(zip(self.keys, given, strict=True)) if self.keys else given[0]
        return self.head(self.module(batch))


@cache
def _library() -> tuple[Any, Any]:
    """OpenVINO's core, and what converts a model.

    One core for the life of the process: each brings a stack for signal handlers, and of several that end in
    another order than they came the last leaves a stack that is freed, so that Ctrl-C would crash.
    """
    # OpenVINO asks for leave to report what it converts, and waits for an answer; so it is mute.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core(), openvino.convert_model


class _OpenVINO(nn.Module):
    """An encoder's trunk and head, converted and compiled for the CPU by OpenVINO."""

    def __init__(self, encoder: ImageEncoder | TitleEncoder) -> None:
        super().__init__()
        core, convert = _library()
        if isinstance(encoder, ImageEncoder):
            self.keys: list[str] = []
            example: tuple[Tensor, ...] = (torch.zeros(2, 3, encoder.size, encoder.size),)
        else:
            tokens = encoder.prepare(["a", "two of them"])
            self.keys, example = list(tokens), tuple(tokens.values())
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch would rather export, which takes four times as long
            logging.disable(logging.WARNING)  # of transformers, whose every property a trace looks at
            try:
                traced = torch.jit.trace(_Positional(encoder, self.keys).eval(), example, check_trace=False)
                model = convert(traced, example_input=example)
            finally:
                logging.disable(logging.NOTSET)
        threads = torch.get_num_threads()
        how = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "INFERENCE_PRECISION_HINT": PRECISIONS[encoder.precision],
        }
        self.model: Any = core.compile_model(model, "CPU", how)
        self.own = threading.local()

    def forward(self, batch: Tensor | dict[str, Tensor]) -> Tensor:
        """(B, 3, size, size) float32, or tokens (B, length) int64 -> (B, dim) float32, not normalised."""
        if not hasattr(self.own, "request"):
            self.own.request = self.model.create_infer_request()
        given = [batch[key] for key in self.keys] if isinstance(batch, dict) else [batch]
        return torch.from_numpy(
            self.own.request.infer([part.numpy() for part in given], share_inputs=True)[0]
        )
