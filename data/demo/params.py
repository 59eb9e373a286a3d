"""The params of the demo catalogue, read from data/demo/params.yaml and checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from samesku.errors import InputError


@dataclass(frozen=True)
class Params:
    """See params.yaml for what each one does."""

    seed: int = 0
    products: int = 1500
    siblings: float = 0.5
    shared: float = 0.4
    reuse: float = 0.5

    def __post_init__(self) -> None:
        for name, low, high in (("seed", 0, 2**31), ("products", 1, 1_000_000)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise InputError(
                    f"data/demo/params.yaml: {name} is {value!r}; allowed: a whole number, {low} to {high}"
                )
        for name in ("siblings", "shared", "reuse"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise InputError(f"data/demo/params.yaml: {name} is {value!r}; allowed: a share, 0 to 1")


def load(path: Path) -> Params:
    """Read and check the file.

    Raises:
        Refused: it cannot be read, or a key is unknown or out of its range.
    """
    try:
        raw = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())})") from None
    if not isinstance(raw, dict):
        raise InputError(f"{path}: holds no keys; allowed: {', '.join(_KEYS)}")
    unknown = sorted(set(raw) - set(_KEYS))
    if unknown:
        raise InputError(f"{path}: {unknown[0]} is no key of the demo's params; allowed: {', '.join(_KEYS)}")
    return Params(**raw)


_KEYS = tuple(field.name for field in fields(Params))
