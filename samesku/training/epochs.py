"""The rows of epochs.json, and what they say of a run. It imports no torch."""

from __future__ import annotations

from typing import Any

#: One row of `fit`.
Epoch = dict[str, Any]
#: What a run with `keep: last` shows where training did harm.
KEPT_THOUGH_WORSE = "the last epoch is shown though training lowered val f1"
#: What a run shows where no epoch was better than the start.
NO_BETTER_EPOCH = "training did not raise val f1, so the towers stay as they were before it"


def describe_epochs(history: list[Epoch]) -> str:
    """For a summary line: the steps, the epoch that is kept, val F1 at the start and at that epoch."""
    kept, last = next(epoch for epoch in history if epoch["kept"]), history[-1]
    f1 = "no val f1"
    if kept["val_f1"] is not None:
        f1 = f"val f1 {history[0]['val_f1']:.4f} -> {kept['val_f1']:.4f}"
    if has_fallen(history):
        f1 += f" ({KEPT_THOUGH_WORSE})"
    elif is_start_kept(history):
        f1 += f" ({NO_BETTER_EPOCH})"
    name = "best" if kept["best"] else "last"
    return f"{last['step']} steps, {name} epoch {kept['epoch']} of {last['epoch']}, {f1}"


def is_start_kept(history: list[Epoch]) -> bool:
    """Whether the towers are those of epoch 0, so that training changed nothing."""
    return bool(history) and bool(history[0]["kept"])


def has_fallen(history: list[Epoch]) -> bool:
    """Whether val F1 at the epoch that is kept is lower than before training."""
    kept = next((epoch for epoch in history if epoch.get("kept")), None)
    return kept is not None and kept["val_f1"] is not None and kept["val_f1"] < history[0]["val_f1"]
