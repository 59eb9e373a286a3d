"""Reads params.yaml; what is wrong with it becomes one sentence: the key, the value, what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import yaml
from pydantic import ValidationError

from samesku.errors import InputError
from samesku.params.schema import Params

T = TypeVar("T")

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def load(path: str | Path = "params.yaml") -> Params:
    """Read and check the whole of params.yaml.

    Raises:
        InputError: the file is missing or no YAML, or a key is unknown, of the wrong type or out of its range;
            the sentence names key, value and what is allowed.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); run from the folder that holds it"
        ) from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise InputError(f"{path}: holds no groups of params; allowed: data, split, embed, channels, …")
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{path}: " + "; ".join(_sentence(e) for e in error.errors())) from None


def member(group: Mapping[str, T], name: str, key: str) -> T:
    """The entry of a group of params that a script was started for.

    Raises:
        InputError: there is no such entry; the sentence says which there are.
    """
    if name not in group:
        raise InputError(f"params.yaml: {key}.{name} does not exist; allowed: {', '.join(group) or 'none'}")
    return group[name]


def _sentence(error: ErrorDetails) -> str:
    """One pydantic error as «key is value; allowed: …»."""
    # Union branches appear in the location in brackets or as type names; a person knows the key alone.
    key = ".".join(str(part) for part in error["loc"] if part not in _BRANCHES)
    allowed = error["msg"].replace("Input should be ", "").replace("Value error, ", "")
    match error["type"]:
        case "extra_forbidden":
            return f"{key} is no key of params.yaml; allowed: the keys that the shipped params.yaml documents"
        case "missing":
            return f"{key} is missing; it must be given"
        case "value_error":
            return f"{key}: {allowed}" if key else allowed
        case _:
            return f"{key} is {error['input']!r}; allowed: {allowed}"


_BRANCHES = frozenset({"float", "list[constrained-float]", "constrained-float", "literal['tune']", "[key]"})
