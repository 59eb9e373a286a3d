"""Compare a training epoch with steps on a batch in memory: python -m benchmarks.training <run> [--steps 12]

Takes the run <run> of params.yaml on data/sample/ and prints, in each precision, listings a second of

    memory   forward, backward and update on one batch that stays in memory
    epoch    the same with pictures that the workers read, decode and augment, as in training

and their ratio, which should be 0.95 or more; on CUDA also the peak memory. The two take turns three times,
so that the load of other programs affects both.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

from samesku import artefacts
from samesku.catalogue.images import PackedImages
from samesku.catalogue.listings import Links, read_listings
from samesku.embedding.encoder import Content
from samesku.params import TrainRun, find_entry, load_params
from samesku.params.schema import Channel
from samesku.training.batches import TrainingBatch, TrainingExamples, read_batches
from samesku.training.losses import make_loss
from samesku.training.processes import SINGLE_PROCESS, ComputeConfig
from samesku.training.run import TowerEmbedder, TrainingSet, load_towers, make_examples
from samesku.training.sampler import Sampler, make_sampler
from samesku.training.trainer import Trainer

WARM = 4  # steps before the clock starts: the batches that two workers have ready by then
ROUNDS = 3


def set_up(
    run: TrainRun, channels: dict[str, Channel], training_set: TrainingSet, compute: ComputeConfig
) -> tuple[Trainer, TrainingExamples, Sampler]:
    """Towers, loss and batches, as the stage train_pxk makes them."""
    rows, products = training_set.select(run)
    sampler = make_sampler(run, products)
    embedder = TowerEmbedder(training_set, compute, "benchmark")
    towers = load_towers(run, channels, embedder, artefacts.embedding_path)
    loss = make_loss(run, towers[run.towers[0]].dim, n_products=int(products.max()) + 1)
    trainer = Trainer(run, towers, loss, products, sampler.steps_per_epoch, compute)
    return trainer, make_examples(run, rows, towers, embedder), sampler


def listings_a_second(
    step: Callable[[TrainingBatch], float], batches: Iterable[TrainingBatch], size: int
) -> float:
    """Run `step` over `batches`, the first few untimed."""
    start, steps = 0.0, 0
    for i, batch in enumerate(batches):
        if i == WARM:
            start = time.perf_counter()
        step(batch)  # ends with reading the loss, so a GPU's work is in the time
        steps = i + 1 - WARM
    return steps * size / (time.perf_counter() - start)


def measure(
    trainer: Trainer, examples: TrainingExamples, sampler: Sampler, steps: int
) -> tuple[float, float]:
    """Listings a second from memory and of an epoch, the medians of rounds in turn."""
    size, workers = sampler.batch_size, trainer.compute.workers
    trainer.begin_epoch(trainer.plan.head_steps)
    first = next(read_batches(examples, sampler, 0, 1, 0))
    repeated = [replace(first, step=step) for step in range(steps + WARM)]
    rates = []
    for _ in range(ROUNDS):
        memory = listings_a_second(trainer.step, repeated, size)
        epoch = read_batches(examples, sampler, 0, steps + WARM, workers)
        rates.append((memory, listings_a_second(trainer.step, epoch, size)))
    memories, epochs = zip(*rates, strict=True)
    return statistics.median(memories), statistics.median(epochs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--precision", nargs="*", default=["fp32", "bf16"])
    options = parser.parse_args()
    params = load_params()
    run = find_entry(params.train, options.run, "train")
    run = run.model_copy(update={"max_steps": options.steps + WARM, "head_epochs": 0})
    listings = read_listings(artefacts.LISTINGS)
    images = PackedImages(artefacts.IMAGES)
    content = Content(listings.title, images, listings.image_phash, listings.has_image)
    training_set = TrainingSet.annotated(listings, content, Links())
    compute = ComputeConfig.from_params(params.embed, params.machine, SINGLE_PROCESS)
    on_gpu = compute.device.type == "cuda"
    print(f"{options.run}: {compute.device}, {compute.workers} workers")
    print("precision  memory/s   epoch/s  ratio" + ("  peak MiB" if on_gpu else ""))
    for precision in options.precision:
        trainer, examples, sampler = set_up(
            run, params.channels, training_set, replace(compute, precision=precision)
        )
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        memory, epoch = measure(trainer, examples, sampler, options.steps)
        peak = f"{torch.cuda.max_memory_allocated() / 2**20:10.0f}" if on_gpu else ""
        print(f"{precision:9}  {memory:8.1f}  {epoch:8.1f}  {epoch / memory:5.2f}{peak}")


if __name__ == "__main__":
    main()
