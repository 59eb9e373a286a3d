"""Answers as text for a terminal."""

from __future__ import annotations

from typing import Any

WIDTH = 20  # of a bar


def match(found: dict[str, Any], left: str, right: str) -> str:
    """What `answers.match` found; titles as they were given."""
    from samesku.catalogue.titles import normalise

    score, threshold = found["score"], found["threshold"]
    if score is None:
        head = "not the same product: the two have nothing in common that could be compared"
    else:
        verdict, sign = ("the same product", "≥") if found["same"] else ("not the same product", "<")
        head = f"{verdict}: score {score:.4f} {sign} threshold {threshold:.4f}"
    sides = normalise(left), normalise(right)
    return "\n".join([head, *_channels(found["channels"]), *_conflicts(found["conflicts"], *sides)])


def search(found: dict[str, Any]) -> str:
    """What `answers.search` found; * marks a match."""
    if not found["results"]:
        return "no listing of the catalogue can be compared with this one"
    lines = []
    for rank, one in enumerate(found["results"], 1):
        mark = "*" if one["match"] else " "
        title = one["title"] or "(no title)"
        lines.append(f"{rank:3} {mark} {one['score']:.4f}  {one['posting_id']}  {title}")
    threshold = found["threshold"]
    lines.append("* match" + ("" if threshold is None else f": score ≥ {threshold:.4f}"))
    return "\n".join(lines)


def _channels(channels: dict[str, Any]) -> list[str]:
    longest = max(map(len, channels), default=0)
    lines = []
    for name, said in channels.items():
        value, weight = said["similarity"], said["weight"]
        if value is None:
            lines.append(f"  {name:{longest}}  not in both")
        else:
            filled = round(max(0.0, min(1.0, value)) * WIDTH)
            bar = "█" * filled + "░" * (WIDTH - filled)
            lines.append(f"  {name:{longest}}  {bar} {value:7.4f}  weight {weight:.2f}")
    return lines


def _conflicts(conflicts: list[dict[str, Any]], left: str, right: str) -> list[str]:
    lines = []
    for one in conflicts:
        ours, theirs = (
            ", ".join(title[start:stop] for start, stop in one[side])
            for side, title in (("left", left), ("right", right))
        )
        lines.append(f"  conflict: {ours} | {theirs}")
    return lines
