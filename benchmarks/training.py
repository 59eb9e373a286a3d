"""How much of a training step's speed a real epoch keeps: python -m benchmarks.training <run> [--steps 12]

Takes run <run> of params.yaml on data/sample/ as it stands, and prints, in each precision,
listings a second of

    memory   forward, backward and update on one batch that is held in memory
    epoch    the same with pictures read, decoded and augmented by the workers, as training does it

and their ratio, which should be 0.95 or more; on CUDA also the memory that was needed at most. The two are
measured in turn, three times over: a machine's other load falls on both.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

from samesku import artefacts
from samesku.embedding import device
from samesku.errors import InputError
from samesku.params import load
from samesku.training.batches import Batch, stream
from samesku.training.embedder import Embedder
from samesku.training.machine import Machine
from samesku.training.sample import Sample
from samesku.training.setup import Ready, set_up

WARM = 4  # steps before the clock starts: the batches that two workers have ready by then
ROUNDS = 3


def listings_a_second(step: Callable[[Batch], float], batches: Iterable[Batch], size: int) -> float:
    """Run `step` over `batches`, the first few untimed."""
    start, steps = 0.0, 0
    for at, batch in enumerate(batches):
        if at == WARM:
            start = time.perf_counter()
        step(batch)  # ends with reading the loss, so a GPU's work is in the time
        steps = at + 1 - WARM
    return steps * size / (time.perf_counter() - start)


def measure(ready: Ready, workers: int, steps: int) -> tuple[float, float]:
    """Listings a second from memory and of an epoch, the medians of rounds in turn."""
    trainer, size = ready.trainer, ready.sampler.batch_size
    trainer.begin(trainer.head_steps)
    first = next(stream(ready.listings, ready.sampler, 0, 1, 0))
    held = [replace(first, step=at) for at in range(steps + WARM)]
    found = []
    for _ in range(ROUNDS):
        memory = listings_a_second(trainer.step, held, size)
        epoch = stream(ready.listings, ready.sampler, 0, steps + WARM, workers)
        found.append((memory, listings_a_second(trainer.step, epoch, size)))
    memories, epochs = zip(*found, strict=True)
    return statistics.median(memories), statistics.median(epochs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--precision", nargs="*", default=["fp32", "bf16"])
    given = parser.parse_args()
    settings = load()
    if given.run not in settings.train:
        raise InputError(f"run {given.run!r} is not in params.yaml; allowed: {', '.join(settings.train)}")
    device.set_threads(settings.machine.threads)
    where = device.resolve(settings.machine.device)
    sample = Sample.read(artefacts.LISTINGS, artefacts.IMAGES)
    run = settings.train[given.run].model_copy(update={"max_steps": given.steps + WARM, "head_epochs": 0})
    print(f"{given.run}: {device.describe(where, 'fp32')}, {settings.machine.workers} workers")
    print("precision  memory/s   epoch/s  ratio" + ("  peak MiB" if where.type == "cuda" else ""))
    for precision in given.precision:
        machine = Machine(where, precision, settings.embed.batch_size, settings.machine.workers)
        ready = set_up(run, settings.channels, sample, machine, Embedder(sample, machine, given.run))
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        memory, epoch = measure(ready, machine.workers, given.steps)
        peak = f"{torch.cuda.max_memory_allocated() / 2**20:10.0f}" if where.type == "cuda" else ""
        print(f"{precision:9}  {memory:8.1f}  {epoch:8.1f}  {epoch / memory:5.2f}{peak}")


if __name__ == "__main__":
    main()
