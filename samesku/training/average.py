"""What a run measures and writes in place of its last weights: an average over steps, a mean with the start."""

from collections.abc import Mapping

import torch
from torch import Tensor

from samesku.training.towers import FeatureTower

States = dict[str, dict[str, Tensor]]


class WeightAverage:
    """An exponential moving average of what towers learn, and the mean of it and the weights that they start from.

    After each step, average ← decay · average + (1 − decay) · weights, so that about the last 1 / (1 − decay) steps
    count (Tarvainen and Valpola, Mean teachers are better role models, 2017). The start keeps what training on a few
    thousand products unlearns of all others (Wortsman et al., Robust fine-tuning of zero-shot models, 2022). Integers,
    such as the count of a batch norm, are taken as they are.

    Attributes:
        states: the average by modality, as FeatureTower.learned_state.
    """

    def __init__(self, towers: Mapping[str, FeatureTower], decay: float, start_share: float = 0.0) -> None:
        """
        Args:
            decay: 0 for the last weights. start_share: the weight of the start, 0 to below 1.
        """
        self.towers, self.decay, self.start_share = towers, decay, start_share
        self.states, self._start = (_copy_states(towers) for _ in range(2))

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights that a step has left."""
        for modality, tower in self.towers.items():
            for name, weight in tower.learned_state().items():
                average = self.states[modality][name]
                if average.is_floating_point() and self.decay:
                    average.lerp_(weight, 1 - self.decay)
                else:
                    average.copy_(weight)

    def with_start(self) -> States:
        """The mean of the average and the start, by modality."""
        return {
            modality: {
                name: tensor.lerp(self._start[modality][name], self.start_share)
                if tensor.is_floating_point() and self.start_share
                else tensor
                for name, tensor in state.items()
            }
            for modality, state in self.states.items()
        }

    def load(self, states: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from the `states` of a checkpoint."""
        for modality, state in states.items():
            for name, tensor in state.items():
                self.states[modality][name].copy_(tensor)


def _copy_states(towers: Mapping[str, FeatureTower]) -> States:
    return {
        modality: {name: tensor.clone() for name, tensor in tower.learned_state().items()}
        for modality, tower in towers.items()
    }
