"""Profiles: files that hold only the entries of params.yaml that differ for a data set or a purpose."""

import re
from itertools import takewhile
from pathlib import Path

from samesku.errors import InputError

#: A group of params begins at a name in the first column; an entry of it is a name two columns further in.
_NAME = re.compile(r"(?P<indent>(?:  )?)(?P<name>\w+):(?P<value>.*)")

Blocks = dict[tuple[str, str], list[str]]


def read_profile(folder: Path, name: str) -> str:
    """The text of a profile, the file `<folder>/<name>.yaml`.

    Raises:
        InputError: there is no such profile.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml"))) or "none"
        raise InputError(f"there is no profile {name}; allowed: {known}")
    return path.read_text("utf-8")


def apply_profile(params: str, profile: str) -> str:
    """The text of params.yaml with the entries of a profile.

    An entry `group.key` of the profile replaces that of params.yaml whole; a new one is put at the end of its
    group. A group that the profile gives as `{}` becomes empty. All other lines stay as they are, and so does
    the comment above an entry, unless the profile has one there.

    Args:
        params, profile: YAML with one key a line, as params.yaml is written.

    Raises:
        InputError: the profile has a group that params.yaml lacks.
    """
    blocks = _split_blocks(params)
    for (group, key), lines in _split_blocks(profile).items():
        if (group, "") not in blocks:
            known = ", ".join(name for name, entry in blocks if not entry)
            raise InputError(f"the profile has a group {group}, which params.yaml lacks; allowed: {known}")
        if key:
            before = _comment(blocks.get((group, key), []))
            lines = lines if _comment(lines) else [*before, *lines]
            blocks[group, key] = lines
        elif lines[-1].endswith("{}"):
            blocks = {place: block for place, block in blocks.items() if place[0] != group or not place[1]}
            blocks[group, ""][-1] = lines[-1]
    groups = {group: order for order, group in enumerate(dict.fromkeys(group for group, _ in blocks))}
    ordered = sorted(blocks, key=lambda place: groups[place[0]])
    return "\n".join(line for place in ordered for line in blocks[place]) + "\n"


def _split_blocks(text: str) -> Blocks:
    """Lines by (group, key), key "" for the line of the group itself; comments above a name belong to it."""
    blocks: Blocks = {}
    pending: list[str] = []
    group = key = ""
    for line in text.splitlines():
        match = _NAME.fullmatch(line)
        if match:
            group, key = (group, match["name"]) if match["indent"] else (match["name"], "")
            blocks[group, key] = [*pending, line]
            pending = []
        elif not line.strip() or re.match(r"(  )?#", line):
            pending.append(line)
        else:
            blocks[group, key] += [*pending, line]
            pending = []
    return blocks


def _comment(lines: list[str]) -> list[str]:
    """The comment lines at the head of a block, and blank lines among them."""
    return list(takewhile(lambda line: not line.strip() or line.lstrip().startswith("#"), lines))
