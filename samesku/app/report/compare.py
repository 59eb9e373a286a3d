"""`samesku compare A B --report`: the listings whose matches changed, won and lost, as a page to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samesku import artefacts
from samesku import params as settings
from samesku.app.report import (
    catalogue as report_catalogue,
)
from samesku.app.report import (
    gallery as report_gallery,
)
from samesku.app.report import (
    pairs as report_pairs,
)
from samesku.app.report import (
    template as report_page,
)
from samesku.app.report.catalogue import SPLITS, Catalogue, Shown
from samesku.app.report.gallery import Rows
from samesku.app.report.pairs import Pairs
from samesku.evaluation.differences import Difference
from samesku.params import Params

#: kind of card -> [what it says, tone], in the order in which a query shows them
KINDS = {
    "won": ["✓ won", "good"],
    "lost": ["✕ lost", "bad"],
    "wrong": ["✕ added", "bad"],
    "mended": ["✓ dropped", "good"],
    "new": ["+ new", "hint"],
    "gone": ["− gone", "warn"],
    "same": ["same, kept", "plain"],
    "other": ["different, kept", "plain"],
    "match": ["kept", "plain"],
}
VIEWS = {
    "all": "all changes",
    "better": "better",
    "worse": "worse",
    "even": "same F1",
    "won": "won",
    "lost": "lost",
    "wrong": "wrong ones added",
    "mended": "wrong ones dropped",
    "new": "new",
    "gone": "gone",
}
SORTS = {"gained": "largest gain first", "lost": "largest loss first", "id": "by posting_id"}


def write(a: str, b: str, differences: Sequence[Difference], out: Path, queries: int) -> str:
    """Write the page of what changed from system A to system B; one line on what it holds.

    Raises:
        InputError: a system has no matches, or they are of another sample.
    """
    page = content(a, b, settings.load(), queries)
    report_page.save(out, "compare.html", page | {"differences": differences})
    shown = f"{len(page['gallery']['queries']):,} queries whose matches changed"
    return f"{shown}, {out.stat().st_size / 1e6:.1f} MB: {out.resolve().as_uri()}"


def content(a: str, b: str, params: Params, most: int) -> dict[str, Any]:
    """What the template is filled with, but for the intervals."""
    known = report_catalogue.read(artefacts.LISTINGS, artefacts.THUMBNAILS)
    before, after = (report_pairs.matches(artefacts.PREDICTIONS / system, known) for system in (a, b))
    united, was = unite(before, after)
    kind = kinds(united, was, known)
    is_new, is_gone = np.isnan(was), np.isnan(united.score)
    changed = np.unique(united.query[is_new | is_gone])
    queries = report_gallery.choose(known, len(known.title))
    queries = queries[np.isin(queries, changed)]
    f1 = [report_gallery.row_f1(found, known) for found in (before, after)]
    shown = Shown(known)
    counts = tally(united.query, kind, f1, queries, known)
    blocks = gallery(united, was, kind, f1, known, shown, queries[:most])
    return {
        "a": a,
        "b": b,
        "counts": counts,
        "gallery": {
            "kinds": KINDS,
            "views": VIEWS,
            "groups": report_gallery.GROUPS,
            "sorts": SORTS,
            "channels": report_pairs.channels_of(list(united.similarity), params, None),
            "labelled": known.labelled(),
            "total": len(queries),
            "listings": shown.listings(),
            "queries": blocks,
            "score": "score",
            "pair": [a, b],
        },
        "pictures": shown.pictures(),
    }


def unite(before: Pairs, after: Pairs) -> tuple[Pairs, NDArray[np.float64]]:
    """The pairs that either system matches, with the score of `after`; and the score of `before`.

    NaN where a system does not match them.
    """
    pairs = np.concatenate([np.stack([part.query, part.other], axis=1) for part in (before, after)])
    key, place = np.unique(pairs, axis=0, return_inverse=True)
    split = np.split(place.ravel(), [len(before)])

    def spread(values: NDArray, at: NDArray) -> NDArray:
        wide = np.full(len(key), np.nan)
        wide[at] = values
        return wide

    similarity: dict[str, NDArray] = {}
    for part, at in zip((before, after), split, strict=True):
        for name, values in part.similarity.items():
            ours = spread(values, at)
            similarity[name] = np.where(np.isnan(ours), similarity.get(name, ours), ours)
    scores = [spread(part.score, at) for part, at in zip((before, after), split, strict=True)]
    return Pairs(key[:, 0], key[:, 1], scores[1], similarity), scores[0]


def kinds(united: Pairs, was: NDArray[np.float64], known: Catalogue) -> NDArray[np.str_]:
    """What became of each pair, by what the labels say of it; str (P,), of KINDS."""
    label = np.array(report_gallery.kinds(united, known))
    is_new, is_gone = np.isnan(was), np.isnan(united.score)
    change = np.select([is_new, is_gone], ["new", "gone"], "kept")
    told = {
        ("same", "new"): "won",
        ("same", "gone"): "lost",
        ("other", "new"): "wrong",
        ("other", "gone"): "mended",
        ("match", "new"): "new",
        ("match", "gone"): "gone",
    }
    return np.array([told.get(pair, pair[0]) for pair in zip(label, change, strict=True)], dtype=str)


def gallery(
    united: Pairs,
    was: NDArray[np.float64],
    kind: NDArray[np.str_],
    f1: Sequence[NDArray[np.float64]],
    known: Catalogue,
    shown: Shown,
    queries: Rows,
) -> list[dict[str, Any]]:
    """One block for each query whose matches changed, as `report_gallery.gallery`; f1 is of both systems."""
    for row in queries:
        shown(row)
    order = list(KINDS)
    rank = np.array([order.index(name) for name in kind])
    best = np.fmax(np.nan_to_num(united.score, nan=-np.inf), np.nan_to_num(was, nan=-np.inf))
    at = np.lexsort((united.other, -best, rank))
    at = at[np.isin(united.query[at], queries)]
    laid = report_gallery.lay([(united[at], kind[at].tolist(), was[at])], known, shown)
    kept = np.bincount(united.query, minlength=len(known.title))
    blocks = []
    for row in queries.tolist():
        cards = laid[row]
        block: dict[str, Any] = {
            "query": shown(row),
            "cards": cards,
            "group": report_gallery.group(known, row, kept[row]),
            "flags": ["all", *{card["kind"] for card in cards if card["kind"] in VIEWS}],
        }
        if not np.isnan(f1[0][row]):
            block["f1"] = [round(float(side[row]), 4) for side in f1]
            block["flags"].append(direction(f1, row))
        block["flags"].sort(key=list(VIEWS).index)
        blocks.append(block)
    return blocks


def direction(f1: Sequence[NDArray[np.float64]], row: int) -> str:
    gain = f1[1][row] - f1[0][row]
    return "better" if gain > 1e-9 else "worse" if gain < -1e-9 else "even"


def tally(
    query: Rows,
    kind: NDArray[np.str_],
    f1: Sequence[NDArray[np.float64]],
    changed: Rows,
    known: Catalogue,
) -> list[dict[str, Any]]:
    """A row for each split, test first: its queries, those that changed, and how many pairs of each kind."""
    rows = []
    split = known.listings.split
    for name in reversed(SPLITS):
        asked = changed[split[changed] == name]
        pairs = Counter(kind[split[query] == name].tolist())
        went = Counter(direction(f1, row) for row in asked if not np.isnan(f1[0][row]))
        rows.append(
            {"split": name, "queries": int((split == name).sum()), "changed": len(asked)}
            | {key: went[key] for key in ("better", "worse", "even")}
            | {key: pairs[key] for key in ("won", "lost", "wrong", "mended", "new", "gone")}
        )
    return [row for row in rows if row["queries"]]
