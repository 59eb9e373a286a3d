"""The curves of a run, live: one DVCLive folder that `dvc plots show` and editors draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dvclive import Live


class Curves:
    """Writes each epoch's figures as they come.

    DVC empties a stage's outs before it runs, so what a killed run had drawn is replayed from its checkpoint.
    """

    def __init__(self, folder: Path, history: Iterable[Mapping[str, Any]] = ()) -> None:
        self._live = Live(str(folder), save_dvc_exp=False, dvcyaml=None)
        for row in history:
            self.add(row)

    def add(self, row: Mapping[str, Any]) -> None:
        """Draw one epoch: `row["epoch"]` and its figures; what is None is left out."""
        self._live.step = row["epoch"]
        for name, value in row.items():
            if name not in ("epoch", "step") and value is not None:
                self._live.log_metric(name, value)
        self._live.make_summary()

    def end(self) -> None:
        self._live.end()
