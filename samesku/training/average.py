"""An exponential moving average of the towers' weights."""

from collections.abc import Mapping

import torch
from torch import Tensor

from samesku.training.towers import FeatureTower


class WeightAverage:
    """An exponential moving average of what towers learn, from their start on.

    After each step, average ← decay · average + (1 − decay) · weights, so that about the last 1 / (1 − decay) steps
    count (Tarvainen and Valpola, Mean teachers are better role models, 2017). Integers, such as the count of a batch
    norm, are taken as they are.

    Attributes:
        states: by modality, as FeatureTower.learned_state.
    """

    def __init__(self, towers: Mapping[str, FeatureTower], decay: float) -> None:
        self.towers, self.decay = towers, decay
        self.states: dict[str, dict[str, Tensor]] = {
            modality: {name: tensor.clone() for name, tensor in tower.learned_state().items()}
            for modality, tower in towers.items()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights that a step has left."""
        for modality, tower in self.towers.items():
            for name, weight in tower.learned_state().items():
                average = self.states[modality][name]
                if average.is_floating_point():
                    average.lerp_(weight, 1 - self.decay)
                else:
                    average.copy_(weight)

    def load(self, states: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from the `states` of a checkpoint."""
        for modality, state in states.items():
            for name, tensor in state.items():
                self.states[modality][name].copy_(tensor)
