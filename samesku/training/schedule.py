"""The learning rate as a function of the step, so that nothing of it needs to be kept."""

from __future__ import annotations

import math


def rate(step: int, total: int, warmup: float) -> float:
    """Share of the full learning rate at `step` of 0 … total − 1: a linear rise, then half a cosine to 0.

    Args:
        warmup: share of the steps in which the rate rises; its last step has the full rate.
    """
    rising = round(total * warmup)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, total - rising)))
