"""params.yaml, read and checked as a whole before any work."""

from samesku.params.file import add_way_back, read_params
from samesku.params.load import (
    find_entry,
    find_modalities,
    list_alphas,
    list_systems,
    load_params,
    parse_params,
)
from samesku.params.schema import (
    Channel,
    CompareSystem,
    Decision,
    Fusion,
    Groups,
    LearnedFusion,
    Params,
    TrainRun,
)

__all__ = [
    "Channel",
    "CompareSystem",
    "Decision",
    "Fusion",
    "Groups",
    "LearnedFusion",
    "Params",
    "TrainRun",
    "add_way_back",
    "find_entry",
    "find_modalities",
    "list_alphas",
    "list_systems",
    "load_params",
    "parse_params",
    "read_params",
]
