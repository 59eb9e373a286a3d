"""`samesku compare A B --report`: the queries whose matches changed from A to B, as a page."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku.app.evidence_names import name_evidence
from samesku.app.report import gallery
from samesku.app.report.catalogue import SPLITS, Catalogue, ShownListings, read_catalogue
from samesku.app.report.pairs import ReportPairs, describe_channels, read_matches
from samesku.app.report.template import write_page
from samesku.app.system_names import name_system, sentence_start
from samesku.arrays import Float64, Int64, Strings
from samesku.evaluation.differences import Difference
from samesku.params import Params, load_params

#: kind of card -> [label, tone], in the order in which a query shows them
KINDS = {
    "gained": ["✓ gained", "good"],
    "lost": ["✕ lost", "bad"],
    "wrong_added": ["✕ added", "bad"],
    "wrong_removed": ["✓ removed", "good"],
    "added": ["+ added", "info"],
    "removed": ["− removed", "warn"],
    "same": ["correct in both", "plain"],
    "different": ["wrong in both", "plain"],
    "match": ["in both", "plain"],
}
#: filter -> label
VIEWS = {
    "all": "all changes",
    "better": "better F1",
    "worse": "worse F1",
    "equal": "same F1",
    "gained": "correct matches gained",
    "lost": "correct matches lost",
    "wrong_added": "wrong matches added",
    "wrong_removed": "wrong matches removed",
    "added": "matches added",
    "removed": "matches removed",
}
SORTS = {"gain": "largest gain first", "loss": "largest loss first", "id": "by posting_id"}
#: (what the labels say, what B does) -> kind of card
CHANGES = {
    ("same", "added"): "gained",
    ("same", "removed"): "lost",
    ("different", "added"): "wrong_added",
    ("different", "removed"): "wrong_removed",
    ("match", "added"): "added",
    ("match", "removed"): "removed",
}


def write_comparison(
    a: str,
    b: str,
    differences: Sequence[Difference],
    out: Path,
    max_queries: int,
    noise: Sequence[str] = (),
) -> str:
    """Write the page of what changes from system A to system B; return one line on what it holds.

    Args:
        noise: lines of `noise_lines`, shown below the differences.

    Raises:
        InputError: a system has no matches, or they are of another sample.
    """
    params = load_params()
    content = comparison_content(a, b, params, max_queries)
    name_a, name_b = (name_system(system, params) for system in (a, b))
    content |= {
        "name_a": name_a,
        "name_b": name_b,
        "sentence": describe_difference(name_a, name_b, differences),
        "differences": differences,
        "noise": noise,
    }
    write_page(out, "compare.html", content)
    shown = f"{len(content['gallery']['queries']):,} queries whose matches changed"
    return f"{shown}, {out.stat().st_size / 1e6:.1f} MB: {out.resolve().as_uri()}"


def describe_difference(a: str, b: str, differences: Sequence[Difference]) -> str:
    """Which of two systems is better on test queries among all listings, by how much, and whether that is shown.

    Args:
        a, b: the systems in words.
    """
    row = next((row for row in differences if (row.split, row.gallery) == ("test", "full")), None)
    if row is None:
        return "No test listing has a label, so no figure says which system is better."
    where = f"on {row.queries:,} test queries, each searched among all listings"
    if row.gain == 0:
        return sentence_start(f"{a} and {b} have the same F1, {row.a:.3f}, {where}.")
    better, worse, gain, low, high = (
        (b, a, row.gain, row.low, row.high) if row.gain > 0 else (a, b, -row.gain, -row.high, -row.low)
    )
    figures = f"by {gain:.3f} F1 (95% interval: {low:+.3f} to {high:+.3f}), {where}"
    if row.result == "no difference shown":
        return sentence_start(
            f"{better} is not shown to be better than {worse}: it leads {figures}, and the interval includes 0."
        )
    return sentence_start(
        f"{better} is better than {worse} {figures}. This is shown: the interval excludes 0."
    )


def comparison_content(a: str, b: str, params: Params, max_queries: int) -> dict[str, Any]:
    """The values that fill the template, without the differences of F1."""
    catalogue = read_catalogue(params.match)
    before, after = (read_matches(system, catalogue) for system in (a, b))
    pairs, score_before = unite(before, after)
    kinds = change_kinds(pairs, score_before, catalogue)
    changed = np.unique(pairs.query[np.isnan(score_before) | np.isnan(pairs.score)])
    queries = gallery.choose_queries(catalogue, len(catalogue))
    queries = queries[np.isin(queries, changed)]
    f1 = [gallery.query_f1(matches, catalogue) for matches in (before, after)]
    shown = ShownListings(catalogue)
    counts = count_changes(pairs.query, kinds, f1, queries, catalogue)
    blocks = change_blocks(pairs, score_before, kinds, f1, catalogue, shown, queries[:max_queries])
    return {
        "a": a,
        "b": b,
        "counts": counts,
        "changes": counts[0],  # of test where there is one: the queries with which the page opens
        "evidence": name_evidence(params),
        "gallery": {
            "families": [],
            "threshold": None,
            "kinds": KINDS,
            "views": VIEWS,
            "groups": gallery.GROUPS,
            "sorts": SORTS,
            "channels": describe_channels(list(pairs.cosines), params, None),
            "labelled": catalogue.has_labels(),
            "total": len(queries),
            "listings": shown.listings(),
            "queries": blocks,
            "score": "score",
            "systems": [a, b],
        },
        "pictures": shown.pictures(),
        "has_pictures": catalogue.has_pictures(),
    }


def unite(before: ReportPairs, after: ReportPairs) -> tuple[ReportPairs, Float64]:
    """The pairs that either system matches with the score of `after`, and the score of `before`.

    A score is NaN if that system does not match the pair.
    """
    keys = np.concatenate([np.stack([part.query, part.listing], axis=1) for part in (before, after)])
    united, place = np.unique(keys, axis=0, return_inverse=True)
    places = np.split(place.ravel(), [len(before)])

    def spread(values: NDArray, rows: NDArray) -> NDArray:
        wide = np.full(len(united), np.nan)
        wide[rows] = values
        return wide

    cosines: dict[str, NDArray] = {}
    for part, rows in zip((before, after), places, strict=True):
        for name, values in part.cosines.items():
            wide = spread(values, rows)
            cosines[name] = np.where(np.isnan(wide), cosines.get(name, wide), wide)
    score_before, score_after = spread(before.score, places[0]), spread(after.score, places[1])
    return ReportPairs(united[:, 0], united[:, 1], score_after, cosines), score_before


def change_kinds(pairs: ReportPairs, score_before: Float64, catalogue: Catalogue) -> Strings:
    """The kind of each pair, by its label and by what changed; str (P,), of KINDS."""
    change = np.select([np.isnan(score_before), np.isnan(pairs.score)], ["added", "removed"], "in both")
    labels = gallery.match_kinds(pairs, catalogue)
    return np.array([CHANGES.get(key, key[0]) for key in zip(labels, change, strict=True)], dtype=str)


def change_blocks(
    pairs: ReportPairs,
    score_before: Float64,
    kinds: Strings,
    f1: Sequence[Float64],
    catalogue: Catalogue,
    shown: ShownListings,
    queries: Int64,
) -> list[dict[str, Any]]:
    """One block for each query whose matches changed, as `gallery_blocks`; f1 holds both systems' values."""
    for row in queries:
        shown.number(row)
    kind_order = list(KINDS)
    rank = np.array([kind_order.index(kind) for kind in kinds])
    best = np.fmax(np.nan_to_num(pairs.score, nan=-np.inf), np.nan_to_num(score_before, nan=-np.inf))
    order = np.lexsort((pairs.listing, -best, rank))
    order = order[np.isin(pairs.query[order], queries)]
    cards_of = gallery.cards_by_query(
        [(pairs[order], kinds[order].tolist(), score_before[order])], catalogue, shown
    )
    n_predicted = np.bincount(pairs.query, minlength=len(catalogue))
    blocks = []
    for row in queries.tolist():
        cards = cards_of[row]
        block: dict[str, Any] = {
            "query": shown.number(row),
            "cards": cards,
            "group": gallery.size_group(catalogue, row, n_predicted[row]),
            "views": ["all", *{card["kind"] for card in cards if card["kind"] in VIEWS}],
        }
        if not np.isnan(f1[0][row]):
            block["f1"] = [round(float(values[row]), 4) for values in f1]
            block["views"].append(direction(f1, row))
        block["views"].sort(key=list(VIEWS).index)
        blocks.append(block)
    return blocks


def direction(f1: Sequence[Float64], row: int) -> str:
    """Whether a query's F1 is better, worse or equal in the second system."""
    gain = f1[1][row] - f1[0][row]
    return "better" if gain > 1e-9 else "worse" if gain < -1e-9 else "equal"


def count_changes(
    query: Int64, kinds: Strings, f1: Sequence[Float64], changed: Int64, catalogue: Catalogue
) -> list[dict[str, Any]]:
    """A row for each split, test first: its queries, those that changed, and the pairs of each kind.

    Args:
        query: int (P,), the query of each pair.
        changed: the queries whose matches changed.
    """
    rows = []
    split = catalogue.listings.split
    for name in SPLITS:
        in_split = changed[split[changed] == name]
        pairs = Counter(kinds[split[query] == name].tolist())
        directions = Counter(direction(f1, row) for row in in_split if not np.isnan(f1[0][row]))
        rows.append(
            {"split": name, "queries": int((split == name).sum()), "changed": len(in_split)}
            | {key: directions[key] for key in ("better", "worse", "equal")}
            | {key: pairs[key] for key in CHANGES.values()}
        )
    return [row for row in rows if row["queries"]]
