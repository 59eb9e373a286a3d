"""A catalogue and a system's results in a few sentences, and what to do next: the beginning of the pages."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from samesku import artefacts
from samesku.annotations.file import Annotation, Pair, count_known, describe_chains, find_contradicting_chains
from samesku.app.report.catalogue import Catalogue
from samesku.app.system_names import NOTHING_MATCHED, join_words, name_system, sentence_start
from samesku.catalogue.listings import can_tune
from samesku.params import Params

ENOUGH_ANNOTATIONS = 40  # from which on nobody is asked to begin


class NextStep(TypedDict):
    """`text`, a sentence; `link`, a part of the page, or ""; `command`, of a shell, or ""."""

    text: str
    link: str
    command: str


def describe_catalogue(catalogue: Catalogue) -> str:
    """What the catalogue is: "75 listings of 30 products. All have a picture, a title and a label."."""
    listings, n = catalogue.listings, len(catalogue)
    labelled = listings.product >= 0
    shops = len({shop for shop in listings.source if shop})
    counts = {
        "a picture": sum(picture is not None for picture in catalogue.pictures[:n]),
        "a title": sum(bool(title) for title in listings.title),
        "a label": int(labelled.sum()),
    }
    everywhere = [name for name, count in counts.items() if count == n]
    some = [
        f"{count:,} {'have' if count > 1 else 'has'} {name}"
        for name, count in counts.items()
        if 0 < count < n
    ]
    products = f" of {len(np.unique(listings.product[labelled])):,} products" if labelled.all() else ""
    origin = f" from {shops:,} shops" if shops > 1 else " from one shop" if shops else ""
    has = ([f"all have {join_words(everywhere)}"] if everywhere else []) + some
    has += [] if counts["a label"] else ["none has a label"]
    return f"{n:,} listings{products}{origin}. {sentence_start('; '.join(has))}."


def describe_quality(
    system: str, metrics: Mapping[str, Any], systems: Sequence[Mapping[str, Any]], params: Params
) -> str:
    """How good the matches of a system are, in a few sentences for readers who do not know the system.

    Args:
        systems: metrics.json of the systems with figures, each with its `name`.
    """
    test = metrics.get("test_full")
    if test is None:
        return "No test listing has a label, so no figure says how good the matches are."
    interval = f" (95% interval: {test['f1_low']:.3f} to {test['f1_high']:.3f})" if "f1_low" in test else ""
    sentences = [
        f"The matches of {name_system(system, params)} have an F1 of {test['f1']:.3f}{interval}: the mean over "
        f"{test['queries']:,} test queries, each searched among all {test['gallery']:,} listings.",
        "F1 is 1 where every match is right and none is missed"
        + (f"; with {NOTHING_MATCHED}, it would be {test['self_only']:.3f}." if "self_only" in test else "."),
    ]
    rivals = [row for row in systems if row["name"] != system and "test_full" in row]
    if rivals:
        best = max(rivals, key=lambda row: row["test_full"]["f1"])
        name, f1 = name_system(best["name"], params), best["test_full"]["f1"]
        rank = "The best" if f1 > test["f1"] else "The next best"
        sentences.append(f"{rank} system is {name}, with {f1:.3f}.")
    return " ".join(sentences)


def next_steps(
    catalogue: Catalogue,
    n_contradictions: int,
    annotations: Mapping[Pair, Annotation],
    n_wrong: int | None = None,
    *,
    obeyed: bool,
    served: bool = False,
) -> list[NextStep]:
    """What is worth doing next, the most useful first.

    Args:
        n_contradictions: groups with listings that contradict each other. annotations: of data/annotations.csv.
        n_wrong: test queries with a wrong match; None where the page does not show them.
        obeyed: whether params.yaml has data.annotations, so that runs obey the annotations.
        served: whether `samesku serve` shows the page, which then asks for annotations itself.
    """
    steps: list[NextStep] = []
    n_annotations = count_known(annotations, catalogue.listings.posting_id)

    def add(text: str, link: str = "", command: str = "") -> None:
        steps.append({"text": text, "link": link, "command": command})

    if chains := find_contradicting_chains(annotations):
        add(
            f"Annotations contradict each other, and the next run stops there: {describe_chains(chains)}. Change one "
            f"annotation of each, here or in {artefacts.ANNOTATIONS}."
        )
    if n_contradictions:
        subject = (
            f"{n_contradictions:,} groups have" if n_contradictions > 1 else "One group has"
        ) + " listings that contradict each other, such as 500 ml and 250 ml."
        add(f"{subject} Look at them first.", "#products?doubt=contradictions")
    if n_wrong:
        add(f"{n_wrong:,} test queries have a wrong match. See why.", "#gallery?view=wrong&split=test")
    if not can_tune(catalogue.listings) and n_annotations < ENOUGH_ANNOTATIONS:
        add(
            "A default threshold decides. Annotate pairs, and the threshold for a wanted precision is found.",
            link="#pairs" if served else "",
            command="" if served else "samesku serve",
        )
    if n_annotations:
        pairs, them = (
            (f"{n_annotations:,} pairs are annotated", "them")
            if n_annotations > 1
            else ("One pair is annotated", "it")
        )
        if obeyed:
            add(
                f"{pairs}, and each run of the pipeline obeys {them}. After new annotations:",
                command="dvc repro",
            )
        else:
            add(
                f"{pairs}. Run the pipeline with {them}:",
                command="dvc exp run -S data.annotations=data/annotations.csv",
            )
    n_quarantined = (
        artefacts.read_json(artefacts.SUMMARY)["quarantined"] if artefacts.SUMMARY.is_file() else 0
    )
    if n_quarantined:
        add(f"{n_quarantined:,} rows or pictures could not be used; {artefacts.QUARANTINE} says why.")
    return steps
