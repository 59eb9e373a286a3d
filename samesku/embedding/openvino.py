"""The engine OpenVINO in torch's place: a network's trunk and head, compiled for a CPU."""

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

from samesku.embedding.identity import digest_state
from samesku.embedding.network import ImageEncoder, TitleEncoder
from samesku.errors import InputError

ENGINE = "openvino"
#: OpenVINO's names of our number formats.
PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


def check_installed() -> str:
    """The engine with its version, «openvino 2026.4.1»; InputError if its package is not installed."""
    try:
        return f"{ENGINE} {metadata.version(ENGINE)}"
    except metadata.PackageNotFoundError:
        raise InputError(
            f"embed.engine is {ENGINE!r}, whose package is not installed; ways out: install the extra "
            "`engines` (pip install -e '.[engines]'), or embed.engine: torch"
        ) from None


def compile_encoder(encoder: ImageEncoder | TitleEncoder) -> ImageEncoder | TitleEncoder:
    """`encoder` run by OpenVINO: the same rows but for their last bits; it can no longer be trained.

    As many batches as torch has threads are computed at the same time, each on one thread, so that no row
    depends on the number of threads. Batches and titles may have any size and length.

    Raises:
        InputError: OpenVINO is not installed, the encoder is not on a CPU, or it cannot be converted.
    """
    engine = check_installed()
    if encoder.device.type != "cpu":
        raise InputError(
            f"embed.engine is {ENGINE!r}, which computes on a CPU, and machine.device gives "
            f"{encoder.device.type}; allowed: embed.engine torch there, or machine.device cpu"
        )
    try:
        module = _Compiled(encoder)
    except Exception as error:
        reason = " ".join(str(error).split())[:400] or type(error).__name__
        raise InputError(
            f"embed.engine is {ENGINE!r}, which cannot convert {encoder.spec.backend} model "
            f"{encoder.spec.model}: {reason}; way out: embed.engine torch"
        ) from error
    state = digest_state(encoder.module, encoder.head)
    return replace(encoder, module=module, head=nn.Identity(), engine=engine, state=state)


class _Positional(nn.Module):
    """Trunk and head of an encoder, its tokens as arguments in the order of `keys`; none: of pictures."""

    def __init__(self, encoder: ImageEncoder | TitleEncoder, keys: list[str]) -> None:
        super().__init__()
        self.module, self.head, self.keys = encoder.module, encoder.head, keys

    def forward(self, *inputs: Tensor) -> Tensor:
        batch = dict(zip(self.keys, inputs, strict=True)) if self.keys else inputs[0]
        return self.head(self.module(batch))


@cache
def _library() -> tuple[Any, Any]:
    """OpenVINO's core, and its function that converts a model.

    One core for the life of the process: each has a stack for signal handlers. If several end in another
    order than they began, the last leaves a stack that is freed, and Ctrl-C would crash.
    """
    # OpenVINO asks for leave to report what it converts, and waits for an answer; so reporting is taken away.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino.Core(), openvino.convert_model


class _Compiled(nn.Module):
    """An encoder's trunk and head, converted and compiled for the CPU by OpenVINO."""

    def __init__(self, encoder: ImageEncoder | TitleEncoder) -> None:
        super().__init__()
        core, convert = _library()
        if isinstance(encoder, ImageEncoder):
            size = encoder.prepare.size
            self.keys: list[str] = []
            example: tuple[Tensor, ...] = (torch.zeros(2, 3, size, size),)
        else:
            tokens = encoder.prepare(["a", "two of them"])
            self.keys, example = list(tokens), tuple(tokens.values())
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # torch recommends its exporter, which takes four times as long
            logging.disable(logging.WARNING)  # of transformers, whose every property a trace reads
            try:
                traced = torch.jit.trace(_Positional(encoder, self.keys).eval(), example, check_trace=False)
                model = convert(traced, example_input=example)
            finally:
                logging.disable(logging.NOTSET)
        threads = torch.get_num_threads()
        config = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "INFERENCE_PRECISION_HINT": PRECISIONS[encoder.precision],
        }
        self.model: Any = core.compile_model(model, "CPU", config)
        self.local = threading.local()

    def forward(self, batch: Tensor | dict[str, Tensor]) -> Tensor:
        """(B, 3, size, size) float32, or tokens (B, length) int64 -> (B, dim) float32, not normalised."""
        if not hasattr(self.local, "request"):
            self.local.request = self.model.create_infer_request()
        inputs = [batch[key] for key in self.keys] if isinstance(batch, dict) else [batch]
        arrays = [part.numpy() for part in inputs]
        return torch.from_numpy(self.local.request.infer(arrays, share_inputs=True)[0])
