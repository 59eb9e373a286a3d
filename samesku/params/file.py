"""Reads params.yaml as DVC does, and finds what it changed since the last commit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from samesku.artefacts import read_git
from samesku.errors import InputError
from samesku.params.secrets import hide_secrets

#: The shipped file has 4 levels and some 400 values.
MAX_DEPTH, MAX_VALUES, MAX_ALIASES = 20, 100_000, 100


def read_params(path: Path) -> dict[str, Any]:
    """The content of params.yaml, not checked yet.

    It is YAML 1.2, as DVC reads and writes it: 1e-06 and 5e-4 are numbers, `no` is a word.

    Raises:
        InputError: the file is missing, not UTF-8 or no YAML, has a key twice, is very deep or large, or
            holds no groups.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); run from the folder that holds it"
        ) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: line {line} has the byte {data[error.start]:#04x}, which is not UTF-8; "
            "save the file in the encoding UTF-8"
        ) from None
    try:
        _check_size(_walk_events(text, path), path)
        content = YAML(typ="safe").load(text)
    except InputError:
        raise
    except MarkedYAMLError as error:
        raise InputError(f"{path}: {_describe_fault(error)}") from None
    except YAMLError as error:
        raise InputError(f"{path}: is no YAML: {' '.join(str(error).split())}") from None
    except (ValueError, TypeError, KeyError) as error:
        # A month 13, a number of 5,000 digits, a word after !!bool.
        raise InputError(f"{path}: is no YAML: {' '.join(str(error).split())}") from None
    _check_size(_walk_values(content), path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no groups of params; allowed: data, split, embed, channels, …")
    return content


def _check_size(values: Iterator[tuple[Any, int]], path: Path) -> None:
    """Refuse params that are very deep or large: libyaml takes quadratic time for depth."""
    for number, (_, depth) in enumerate(values, 1):
        if depth > MAX_DEPTH or number > MAX_VALUES:
            raise InputError(
                f"{path}: is nested too deep or too large; allowed: {MAX_DEPTH} levels and {MAX_VALUES:,} values, "
                "aliases counted as what they stand for"
            )


def _walk_events(text: str, path: Path) -> Iterator[tuple[Any, int]]:
    """(event, depth) of what stands in the file, without the values that aliases stand for."""
    depth = n_aliases = 0
    for event in YAML(typ="safe").parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        n_aliases += isinstance(event, AliasEvent)
        if n_aliases > MAX_ALIASES:  # each may merge the one before: the file stands for their sum
            raise InputError(f"{path}: has more than {MAX_ALIASES} aliases (*name); allowed: fewer")
        yield event, depth


def _walk_values(content: Any) -> Iterator[tuple[Any, int]]:
    """(value, depth) of every value, those of aliases again and again; without end where one holds itself."""
    waiting = [(content, 0)]
    while waiting:
        value, depth = waiting.pop()
        yield value, depth
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        waiting.extend((part, depth + 1) for part in parts)


def _describe_fault(error: MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem or error.context).split())
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    if twice := re.match(r'found duplicate key "(?P<key>[^"]*)"', problem):
        return f"line {line} gives the key {twice['key']} a second time in its group; allowed: once"
    return f"is no YAML: line {line}: {problem}"


def add_way_back(message: str, path: Path = Path("params.yaml")) -> str:
    """A refusal, and how to take back the values that it names, where the last commit has others.

    `dvc exp run -S` writes a value into params.yaml before anything checks it, and leaves it there when the run
    is refused.

    Args:
        message: problems joined by "; ", each of which begins with its key.
    """
    if ".dvc/tmp/exps" in path.absolute().as_posix():  # the checkout of an experiment: it goes away by itself
        return message
    if not (way_back := _describe_way_back(message, path)):
        return message
    # DVC writes params.yaml and git's index in one moment: until its time changes, git takes it for unchanged.
    path.touch()
    return f"{message}{'' if message.endswith('?') else '.'} {way_back}"


def _describe_way_back(message: str, path: Path) -> str:
    content = read_params(path)
    committed = _committed_params(path)
    if committed is None:
        return ""
    named = re.findall(r"(?:^|; )([A-Za-z_]\w*(?:\.\w+)*)", message)
    before, now = dict(_leaves(committed)), dict(_leaves(content))
    changed = [
        key
        for key in dict.fromkeys([*now, *before])
        if before.get(key, ...) != now.get(key, ...) and any(_overlap(key, name) for name in named)
    ]
    if not changed:
        return ""
    values = ", ".join(
        f"{key} {_describe(now.get(key, ...))} (last commit: {_describe(before.get(key, ...))})"
        for key in changed
    )
    overrides = [
        f"{key}={_literal(before[key])}" if key in before else f"~{_shortest_new(key, committed)}"
        for key in changed
    ]
    command = " ".join(["dvc exp run", *(f"-S {_quote(override)}" for override in dict.fromkeys(overrides))])
    return f"The file now has {values}; this takes it back: {command}"


def _shortest_new(key: str, committed: Mapping[str, Any]) -> str:
    """The first part of a dotted key that `committed` lacks: a new group goes as a whole."""
    parts, group = key.split("."), committed
    for i, part in enumerate(parts):
        if not isinstance(group, dict) or part not in group:
            return ".".join(parts[: i + 1])
        group = group[part]
    return key


def _overlap(a: str, b: str) -> bool:
    """Whether one of two dotted keys is the other, or lies in it."""
    return f"{a}.".startswith(f"{b}.") or f"{b}.".startswith(f"{a}.")


def _committed_params(path: Path) -> dict[str, Any] | None:
    """params.yaml of the last commit; None without git, without a commit, or where it cannot be read."""
    text = read_git(path.absolute().parent, "show", f"HEAD:./{path.name}")
    if text is None:
        return None
    try:
        content = YAML(typ="safe").load(text.decode("utf-8"))
    except (UnicodeDecodeError, YAMLError):
        return None
    return content if isinstance(content, dict) else None


def _leaves(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every value that is no mapping."""
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _describe(value: Any) -> str:
    return "no such key" if value is ... else _literal(value)


def _literal(value: Any) -> str:
    """A value as YAML and `-S` write it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(_literal, value))}]"
    return hide_secrets(str(value))


def _quote(override: str) -> str:
    """An override as a shell takes it."""
    return f"'{override}'" if re.search(r"[^\w.=/-]", override) else override
