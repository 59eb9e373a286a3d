"""One small training run of tests/pxk, in this process or as a program that can be killed.

python -m tests.training.fitting FOLDER WEIGHTS: trains, and writes what was learned to WEIGHTS.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from samesku.params.train import TrainRun
from samesku.training.augment import Pictures
from samesku.training.batches import Listings
from samesku.training.loop import Plan, fit
from samesku.training.losses import make_loss
from samesku.training.processes import ALONE
from samesku.training.sampler import PKSampler
from samesku.training.towers import Tower
from samesku.training.trainer import Trainer
from tests.training.conftest import make_encoder, make_pictures


def run_of(**changes):
    own = {"towers": ["image"], "image": "tiny", "head_dim": 6, "P": 4, "K": 2, "epochs": 6, "head_epochs": 1}
    return TrainRun(**(own | {"unfreeze_blocks": 2, "batch_norm": "train", "lr": 0.01} | changes))


def start(run, scores=None, pause=0.0, spoil=None, precision="fp32", still=False, processes=ALONE):
    """A trainer on eight products of four pictures, and what `fit` needs beside folders.

    Args:
        scores: val f1 of the start and of each epoch; without, minus the loss on the training pictures.
        pause: seconds that each validation takes. spoil: what is done to the towers before each validation.
        still: without dropout.
    """
    torch.set_num_threads(2)
    images, products = make_pictures(8, 4)
    encoder = make_encoder()
    for part in encoder.module.modules():
        if still and isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    tower = Tower(
        encoder, head_dim=run.head_dim, blocks=run.unfreeze_blocks,
        train_batch_norm=run.batch_norm == "train",
    )  # fmt: skip
    sampler = PKSampler(products, run.P, run.K, run.seed)
    plan = Plan(sampler.steps_per_epoch, run.epochs, run.head_epochs, run.max_steps)
    loss = make_loss(run.loss, dim=tower.dim, classes=8, learnable_temperature=run.learnable_temperature)
    trainer = Trainer(
        run,
        {"image": tower},
        loss,
        products,
        steps=plan.steps,
        head_steps=plan.head_steps,
        precision=precision,
        processes=processes,
    )
    prepare = tower.encoder.prepare
    listings = Listings(
        rows=np.arange(32), seed=run.seed, images=images, prepare=prepare, pictures=Pictures(prepare.size)
    )
    waiting = iter(scores or [])
    pixels, labels = torch.stack([prepare.pixels(image) for image in images]), torch.from_numpy(products)

    def validate():
        time.sleep(pause)
        if spoil:
            spoil(tower)
        if scores:
            value = next(waiting)
            return None if value is None else {"f1": value, "threshold": 0.5}
        with torch.inference_mode():
            return {
                "f1": -make_loss("infonce", dim=6, classes=8)(tower(pixels), labels).item(),
                "threshold": 0.5,
            }

    return trainer, listings, sampler, plan, validate


def train(run, folder, workers=0, checkpoint=None, **how):
    """The rows of the epochs, what was learned at the best of them, and the trainer."""
    trainer, listings, sampler, plan, validate = start(run, **how)
    history = fit(
        trainer, listings, sampler, plan, validate=validate,
        folder=checkpoint or folder / "checkpoint",
        curves=folder / "curves", workers=workers,
    )  # fmt: skip
    return history, trainer.learned()["image"], trainer


if __name__ == "__main__":
    rows, learned, _ = train(run_of(), Path(sys.argv[1]), workers=2, pause=0.3)
    torch.save({"rows": rows, "learned": learned}, sys.argv[2])
