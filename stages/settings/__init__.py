"""params.yaml, read and checked as a whole before any work."""

from stages.settings.load import Refused, load, member
from stages.settings.schema import (
    Channel,
    CompareSystem,
    Decision,
    Fusion,
    Mix,
    Settings,
    alphas,
)
from stages.settings.train import TrainRun

__all__ = [
    "Channel",
    "CompareSystem",
    "Decision",
    "Fusion",
    "Mix",
    "Refused",
    "Settings",
    "TrainRun",
    "alphas",
    "load",
    "member",
]
