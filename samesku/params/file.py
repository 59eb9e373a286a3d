"""Reads params.yaml as DVC does, and finds what it changed since the last commit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from samesku.artefacts import read_git
from samesku.errors import InputError


def read_params(path: Path) -> dict[str, Any]:
    """The content of params.yaml, not checked yet.

    It is YAML 1.2, as DVC reads and writes it: 1e-06 and 5e-4 are numbers, `no` is a word.

    Raises:
        InputError: the file is missing, not UTF-8 or no YAML, has a key twice, or holds no groups.
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
        content = YAML(typ="safe").load(text)
    except MarkedYAMLError as error:
        raise InputError(f"{path}: {_describe_fault(error)}") from None
    except YAMLError as error:
        raise InputError(f"{path}: is no YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: holds no groups of params; allowed: data, split, embed, channels, …")
    return content


def _describe_fault(error: MarkedYAMLError) -> str:
    problem = " ".join(str(error.problem or error.context).split())
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    if twice := re.match(r'found duplicate key "(?P<key>[^"]*)"', problem):
        return f"line {line} gives the key {twice['key']} a second time in its group; allowed: once"
    return f"is no YAML: line {line}: {problem}"


def describe_way_back(path: Path, content: Mapping[str, Any], message: str) -> str:
    """How to take back the values that `message` names, where the last commit has others; else "".

    `dvc exp run -S` writes a value into params.yaml before anything checks it, and leaves it there when the run
    is refused.

    Args:
        message: problems joined by "; ", each of which begins with its key.
    """
    if ".dvc/tmp/exps" in path.absolute().as_posix():  # the checkout of an experiment: it goes away by itself
        return ""
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
    sets = " ".join(_override(key, before.get(key, ...)) for key in changed)
    values = ", ".join(
        f"{key} {_describe(now.get(key, ...))} (last commit: {_describe(before.get(key, ...))})"
        for key in changed
    )
    return f". The file now has {values}; this takes it back: dvc exp run {sets}"


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
    return str(value)


def _override(key: str, value: Any) -> str:
    """The option of `dvc exp run` that gives `key` this value, or removes it."""
    override = f"~{key}" if value is ... else f"{key}={_literal(value)}"
    return f"-S '{override}'" if re.search(r"[^\w.=/-]", override) else f"-S {override}"
