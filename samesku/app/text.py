"""What the commands print on a terminal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from samesku.app.reasons import BASE, MISSING
from samesku.app.systems import has_figures, read_figures

if TYPE_CHECKING:  # what takes a part of a second to import
    from samesku.app.annotated_threshold import SampleResult
    from samesku.app.threshold import SplitResult
    from samesku.evaluation.differences import Difference

FAST = "Computed with embed.reproducible: false, not to be compared with figures of another machine"
NO_FIGURES = (
    "no figures: F1 needs a run of `dvc repro` on this sample, with labels (label_group) in val or test"
)
BAR_WIDTH = 20  # characters
MAX_REASONS = 4  # that are named
NO_MATCH = "no score is a match: the threshold that val chose is above 1"
TABLE_HEAD = (
    "| system | val f1 | test f1 | gain | precision | recall | micro_f1 | test_full f1 | gain |",
    "|---|---|---|---|---|---|---|---|---|",
)


def systems_table(metrics: Path, systems: Collection[str]) -> str:
    """These systems of metrics/ as Markdown, lowest test f1 first.

    `gain` is that over self_only, every listing matched with itself alone. A cell is empty if a system has no such
    figure, as where no listing of val has a label; a system without any is left out. Without any system, a sentence.
    """
    rows = {name: row for name, row in read_figures(metrics, systems).items() if has_figures(row)}
    if not rows:
        return NO_FIGURES
    floor = rows.get("self_only", {})
    lines = []
    for name, row in sorted(rows.items(), key=lambda item: item[1].get("test", {}).get("f1", -1.0)):
        val, test, full = (row.get(split, {}) for split in ("val", "test", "test_full"))
        gains = [
            f"{of['f1'] - floor[split]['f1']:+.4f}" if "f1" in of and split in floor else ""
            for split, of in (("test", test), ("test_full", full))
        ]
        cells = [
            name, _cell(val, "f1"), _cell(test, "f1"), gains[0],
            *(_cell(test, key) for key in ("precision", "recall", "micro_f1")), _cell(full, "f1"), gains[1],
        ]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    fast = sorted(name for name, row in rows.items() if "fast" in row)
    note = f"\n\n{FAST}: {', '.join(fast)}" if fast else ""
    return "\n".join([*TABLE_HEAD, *lines]) + note


def _cell(figures: Mapping[str, float], key: str) -> str:
    return f"{figures[key]:.4f}" if key in figures else ""


def differences_table(a: str, b: str, rows: Sequence[Difference]) -> str:
    """The difference of two systems, a line for each split and gallery."""
    lines = [f"{'split':6}{'gallery':9}{'queries':>8}  {a[:18]:>18}  {b[:18]:>18}  {'gain':>8}  95% interval"]
    lines += [
        f"{row.split:6}{row.gallery:9}{row.queries:8}  {row.a:18.4f}  {row.b:18.4f}  {row.gain:+8.4f}"
        f"  {row.low:+.4f} to {row.high:+.4f}: {row.result}"
        for row in rows
    ]
    return "\n".join(lines)


def threshold_table(system: str, adoption: str, threshold: float, results: Sequence[SplitResult]) -> str:
    """The threshold for a precision, its result on each split, and how to adopt it.

    Args:
        adoption: of `describe_adoption`.
    """
    lines = [f"{system}: threshold {threshold:g}"]
    lines += [
        f"  {result.split}: {result.n_predicted:,} matches, {result.precision:.1%} of them correct; "
        f"they are {result.recall:.1%} of the {result.n_relevant:,} relevant ones"
        for result in results
    ]
    if adoption:
        lines.append(adoption)
    return "\n".join(lines)


def annotated_table(system: str, adoption: str, result: SampleResult) -> str:
    """The threshold for a precision by annotated pairs, its estimates, and how to adopt it.

    Args:
        adoption: as of `threshold_table`.
    """
    curve, position = result.curve, result.position
    threshold, (low, high), (recall, *of_recall) = (
        curve.threshold[position],
        curve.interval[position],
        result.recall,
    )
    interval = f"(95% interval {of_recall[0]:.1%} to {of_recall[1]:.1%})"
    share = (
        "which share of the true candidate pairs they are is unknown: too few of the lower scores are annotated"
        if np.isnan(recall)
        else f"they are {recall:.1%} of the true candidate pairs {interval}"
    )
    lines = [
        f"{system}: threshold {threshold:g}",
        f"  {curve.n_pairs[position]:,} pairs reach it; {curve.precision[position]:.1%} of them are correct "
        f"(95% interval {low:.1%} to {high:.1%})",
        f"  {share}",
        f"  estimated from {result.n_annotated} annotated pairs of {result.n_pairs:,}",
    ]
    if result.needed:
        lines.append(
            f"  annotate about {result.needed} more pairs with `samesku serve`: then a lower threshold, with more "
            "matches, may do too"
        )
    if adoption:
        lines.append(adoption)
    return "\n".join(lines)


def match_text(answer: dict[str, Any], left: str, right: str) -> str:
    """The answer of `answers.match_listings` about two listings with these normalised titles."""
    score, threshold = answer["score"], answer["threshold"]
    if rule := answer["rule"]:
        head = f"{'the' if answer['same'] else 'not the'} same product: {rule}, which decides by match.rules"
    elif score is None:
        head = "not the same product: the two have nothing in common to compare"
    elif threshold > 1:
        head = f"not the same product: score {score:.4f}, and {NO_MATCH}"
    elif answer["same"]:
        head = f"the same product: score {score:.4f} ≥ threshold {threshold:.4f}"
    else:
        head = f"not the same product: score {score:.4f} < threshold {threshold:.4f}"
    return "\n".join(
        [
            f"{head}, by {_describe_system(answer)}",
            *_channel_lines(answer["channels"]),
            *_reason_lines(answer["reasons"]),
            *_conflict_lines(answer["conflicts"], left, right),
            *(f"  {note['text']}" for note in answer["attributes"]),
        ]
    )


def search_text(answer: dict[str, Any]) -> str:
    """The answer of `answers.search_catalogue`; * marks a match."""
    if not answer["results"]:
        return "no listing of the catalogue can be compared with this one"
    lines = [
        f"{rank:3} {'*' if result['match'] else ' '} {_score(result['score'])}  {result['posting_id']}"
        f"  {'; '.join([result['title'] or '(no title)', *(note['text'] for note in result['attributes'])])}"
        f"{_in_shop(result['source'])}"
        for rank, result in enumerate(answer["results"], 1)
    ]
    threshold = answer["threshold"]
    decided = "" if threshold is None else f": {NO_MATCH}" if threshold > 1 else f": score ≥ {threshold:.4f}"
    lines.append(f"* match by {_describe_system(answer)}{decided}")
    return "\n".join(lines)


def _describe_system(answer: Mapping[str, Any]) -> str:
    """The system that answered, and why it is not the one that was asked."""
    if (wanted := answer["instead_of"]) is None:
        return str(answer["system"])
    return (
        f"{answer['system']} ({wanted} judges listings with a title and a picture, as those of the catalogue)"
    )


def _score(score: float | None) -> str:
    return "equal " if score is None else f"{score:.4f}"  # a listing of an equal GTIN, not among the nearest


def _in_shop(source: str) -> str:
    return f"  [{source}]" if source else ""


def _channel_lines(channels: dict[str, Any]) -> list[str]:
    longest = max(map(len, channels), default=0)
    lines = []
    for name, channel in channels.items():
        similarity, weight = channel["similarity"], channel["weight"]
        if similarity is None:
            lines.append(f"  {name:{longest}}  not in both")
        else:
            filled = round(max(0.0, min(1.0, similarity)) * BAR_WIDTH)
            bar = "█" * filled + "░" * (BAR_WIDTH - filled)
            lines.append(f"  {name:{longest}}  {bar} {similarity:7.4f}  weight {weight:.2f}")
    return lines


def _reason_lines(reasons: Sequence[tuple[str, float]]) -> list[str]:
    """What moved the log-odds of the pair model most; no line for a system without reasons."""
    strongest = [reason for reason in reasons if reason[0] != BASE][:MAX_REASONS]
    named = ", ".join(
        f"{'what one of the two lacks' if family == MISSING else family} {move:+.2f}"
        for family, move in strongest
    )
    return [f"  what moved the log-odds: {named}"] if named else []


def _conflict_lines(conflicts: list[dict[str, Any]], left: str, right: str) -> list[str]:
    def passages(title: str, places: list[list[int]]) -> str:
        return ", ".join(title[start:stop] for start, stop in places)

    return [
        f"  conflict: {passages(left, conflict['left'])} | {passages(right, conflict['right'])}"
        for conflict in conflicts
    ]
