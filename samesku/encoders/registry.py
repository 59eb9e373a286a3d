"""The one way from a channel to its encoder; the backends are those of samesku.params.backends."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from samesku.artefacts import read_json
from samesku.embedding.encoder import Encoder, Spec
from samesku.errors import InputError
from samesku.params import Channel, Params
from samesku.params.backends import BACKENDS
from samesku.params.schema import Embed, Machine
from samesku.reading import reading

#: What the stage embed_zero_shot records of a channel, beside what its encoder learned.
RECORD = "channel.json"


def needed_column(spec: Spec | Channel) -> str:
    """The column of a listing that a channel embeds: "title", "image" or "image_phash"."""
    return BACKENDS[spec.backend].needs or spec.modality


@contextmanager
def open_channel(name: str, channel: Channel, embed: Embed, machine: Machine) -> Iterator[Encoder]:
    """The encoder of a channel on this machine or, with machine.engine `ray`, a network's on a cluster."""
    if machine.engine == "ray" and BACKENDS[channel.backend].is_network:
        from samesku.embedding.ray_encoder import open_on_cluster

        load = partial(load_channel, name, channel, embed, machine)
        with open_on_cluster(load, machine, embed.batch_size) as encoder:
            yield encoder
    else:
        yield load_channel(name, channel, embed, machine)


def load_channel(
    name: str, channel: Channel, embed: Embed, machine: Machine, folder: Path | None = None
) -> Encoder:
    """The encoder of a channel, on the device and in the number format of params.yaml.

    Args:
        folder: what the stage embed_zero_shot left of the channel: with it, new listings are embedded as the
            catalogue was, also where `embed.engine` has changed since.

    Raises:
        InputError: as load_encoder, or the device or the number format is not there.
        FileNotFoundError: the encoder learns from the catalogue, and `folder` has nothing of it.
    """
    if not BACKENDS[channel.backend].is_network:
        encoder = load_encoder(name, channel)
        if folder is not None:
            encoder.restore(folder)
        return encoder
    from samesku.embedding import device

    engine = embed.engine
    if folder is not None:  # a trained tower has no record: torch has embedded its rows
        record = folder / RECORD
        engine = "torch"
        if record.is_file():
            with reading(record):
                engine = read_json(record).get("engine", engine)
    device.set_threads(machine.threads)
    target = device.resolve(machine.device)
    return load_encoder(
        name,
        channel,
        device=target,
        precision=device.precision(embed.precision, target),
        engine=engine,
        batch_size=embed.batch_size,
        workers=machine.workers,
    )


def find_channel(name: str, params: Params, models: Path) -> Channel:
    """The channel `name` of params.yaml, or a trained tower as a channel.

    The tower `<run>_image` or `<run>_title` is the channel that it started from, with the weights that the
    run left in the folder `models`.
    """
    if name in params.channels:
        return params.channels[name]
    run, _, side = name.rpartition("_")
    start = params.channels[getattr(params.train[run], side)]
    weights = (models / f"{run}.safetensors").as_posix()
    # The file says how many views the tower was measured by.
    return start.model_copy(update={"weights": weights, "revision": None, "sha256": None, "views": 1})


def load_encoder(
    name: str,
    channel: Spec | Channel,
    *,
    device: Any = "cpu",
    precision: str = "fp32",
    engine: str = "torch",
    batch_size: int = 64,
    workers: int = 0,
) -> Any:
    """Load the encoder of channel `name`, a network in eval mode: an Encoder, ImageEncoder or TitleEncoder.

    Args, all for networks:
        device: a torch.device, or its name.
        precision: fp32, bf16 or fp16: what the network computes in; its weights stay float32.
        engine: what computes it: torch, or openvino, with which it cannot be trained.
        batch_size: titles or pictures at once, at most. workers: as of NetworkEncoder.

    Raises:
        InputError: the weights are not there, are not what their sha256 says, or are another architecture's
            (one sentence with the channel, what was tried and the ways out), or the engine cannot run them.
    """
    spec = Spec.of(channel)
    if spec.backend not in BACKENDS:
        raise InputError(f"channel {name}: backend is {spec.backend!r}; allowed: {', '.join(BACKENDS)}")
    module = f"samesku.encoders.{spec.backend}"  # imported when it is used: some import torch
    if not BACKENDS[spec.backend].is_network:
        return import_module(module).load(spec)
    from samesku.embedding import openvino, products, weights

    if engine == openvino.ENGINE:
        openvino.check_installed()
    with weights.one_sentence(name, spec):
        tower = weights.read_tower(spec)
        start = replace(tower.spec, views=max(tower.spec.views, spec.views)) if tower else spec
        encoder = import_module(module).load(start)
        if tower:
            tower.restore(encoder)
        weights.check_finite(encoder.module)
    encoder.precision, encoder.batch_size, encoder.workers = precision, batch_size, workers
    encoder.to(device)
    if engine == openvino.ENGINE:
        return openvino.compile_encoder(encoder)
    products.use_portable_products(encoder.module)
    return encoder
