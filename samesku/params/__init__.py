"""params.yaml, read and checked as a whole before any work."""

from samesku.errors import InputError
from samesku.params.load import load, member
from samesku.params.schema import Channel, CompareSystem, Decision, Fusion, Mix, Params, alphas
from samesku.params.train import TrainRun

__all__ = [
    "Channel",
    "CompareSystem",
    "Decision",
    "Fusion",
    "InputError",
    "Mix",
    "Params",
    "TrainRun",
    "alphas",
    "load",
    "member",
]
