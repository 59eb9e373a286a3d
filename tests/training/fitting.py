"""One small training run of tests/training, in this process or as a program that can be killed.

python -m tests.training.fitting FOLDER WEIGHTS: trains, and writes what was learned to WEIGHTS.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from samesku.params import TrainRun
from samesku.training.augment import PictureAugmentation
from samesku.training.batches import TrainingExamples
from samesku.training.loop import fit
from samesku.training.losses import InfoNCE, make_loss
from samesku.training.processes import SINGLE_PROCESS, ComputeConfig
from samesku.training.sampler import PKSampler
from samesku.training.towers import Tower
from samesku.training.trainer import Trainer
from tests.training.conftest import make_encoder, make_pictures

RUN = {
    "towers": ["image"], "image": "tiny", "head_dim": 6, "P": 4, "K": 2, "epochs": 6, "head_epochs": 1,
    "unfreeze_blocks": 2, "batch_norm": "train", "lr": 0.01,
}  # fmt: skip


def make_run(**changes):
    return TrainRun(**(RUN | changes))


def set_up(
    run, f1s=None, pause=0.0, watch=None, precision="fp32", dropout=True, workers=0, processes=SINGLE_PROCESS
):
    """Trainer, examples, sampler and validation of a run on eight products of four pictures.

    Args:
        f1s: val f1 of the start and of each epoch; without, minus the loss on the training pictures.
        pause: seconds that each validation takes. watch: called with the tower before each validation.
    """
    torch.set_num_threads(2)
    images, products = make_pictures(8, 4)
    encoder = make_encoder()
    for module in encoder.module.modules():
        if isinstance(module, torch.nn.Dropout) and not dropout:
            module.p = 0.0
    tower = Tower(
        encoder, head_dim=run.head_dim, unfreeze_blocks=run.unfreeze_blocks,
        train_batch_norm=run.batch_norm == "train",
    )  # fmt: skip
    sampler = PKSampler(products, run.P, run.K, run.seed)
    compute = ComputeConfig(torch.device("cpu"), precision, workers=workers, processes=processes)
    loss = make_loss(run, tower.dim, n_products=8)
    trainer = Trainer(run, {"image": tower}, loss, products, sampler.steps_per_epoch, compute)
    prepare = encoder.prepare
    examples = TrainingExamples(
        rows=np.arange(32), posting_ids=[f"p{i:02}" for i in range(32)], seed=run.seed, images=images, prepare=prepare,
        augmentation=PictureAugmentation(prepare.size),
    )  # fmt: skip
    remaining = iter(f1s or [])
    pixels, labels = torch.stack([prepare.pixels(image) for image in images]), torch.from_numpy(products)

    def validate():
        time.sleep(pause)
        if watch:
            watch(tower)
        if f1s:
            f1 = next(remaining)
        else:
            with torch.inference_mode():
                f1 = -InfoNCE()(tower(pixels), labels).item()
        return None if f1 is None else {"f1": f1, "threshold": 0.5}

    return trainer, examples, sampler, validate


def train(run, folder, checkpoint=None, **options):
    """The rows of the epochs, what was learned at the best of them, and the trainer."""
    trainer, examples, sampler, validate = set_up(run, **options)
    history = fit(
        trainer, examples, sampler, validate, checkpoint or folder / "checkpoint", folder / "curves", "tiny"
    )
    return history, trainer.tower_states()["image"], trainer


if __name__ == "__main__":
    rows, learned, _ = train(make_run(), Path(sys.argv[1]), workers=2, pause=0.3)
    torch.save({"rows": rows, "learned": learned}, sys.argv[2])
