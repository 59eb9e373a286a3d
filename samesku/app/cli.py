"""The command `samesku`. Each command imports what it needs itself, so that all of them start fast."""

import json
from pathlib import Path
from typing import Annotated

import typer

from samesku import artefacts
from samesku.app.command import app, command
from samesku.app.commands import catalogue, runs
from samesku.errors import InputError
from samesku.params import load_params

__all__ = ["app", "catalogue", "runs"]

System = Annotated[str, typer.Argument(help="A system: a folder of data/predictions.")]
Queries = Annotated[int, typer.Option(min=1, help="The most queries on the page; those of test come first.")]
Asked = Annotated[
    str | None,
    typer.Option(
        "--system",
        help="The system that answers: samesku, tuned or rerank; by default as app.system of params.yaml says.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object on standard output.")]


@command
def table() -> None:
    """Print the table of systems as Markdown, lowest test f1 first, from the files in metrics/.

    It has the systems of params.yaml that were run on the sample which is here. test: the test split is
    searched within itself. test_full: it is searched in the whole sample. gain: f1 above that of self_only,
    where every listing is matched with itself alone. precision, recall, micro_f1: of the pairs of test.

    Example: samesku table
    """
    from samesku.app import systems
    from samesku.app.text import systems_table

    params = load_params()
    current, missing = systems.split_systems(params)
    typer.echo(systems_table(artefacts.METRICS, current))
    if fallen := systems.describe_fallen(params, current):
        typer.echo(f"\n{fallen}")
    if without := systems.describe_without_figures(artefacts.METRICS, current):
        typer.echo(without, err=True)
    if missing:
        typer.echo(systems.describe_missing(missing), err=True)
    if other := systems.describe_other_catalogue(params):
        typer.echo(f"samesku: {other}", err=True)


@command
def check() -> None:
    """Check params.yaml, and whether a run on this machine gives the numbers of dvc.lock.

    Exit status: 0 if it does, 1 if it does not (a sentence for each reason), 2 for a fault in params.yaml.

    Example: samesku check
    """
    from samesku.app.check import find_differences

    differences = find_differences(load_params())
    typer.echo(
        "\n".join(differences) or "params.yaml is right, and outs can be compared with those of dvc.lock"
    )
    if differences:
        raise typer.Exit(1)


@command
def report(
    system: System = "samesku",
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    queries: Queries = 3000,
) -> None:
    """Write one self-contained page: metrics, charts, and every query with its matches as cards.

    Example: samesku report rerank --out rerank.html
    """
    from samesku.app.report_page import write_report

    typer.echo(write_report(system, out, queries))


@command
def compare(
    a: System,
    b: Annotated[str, typer.Argument(help="The system to compare with it.")],
    report: Annotated[
        Path | None, typer.Option(help="Also write a page of the queries whose matches changed.")
    ] = None,
    queries: Queries = 3000,
) -> None:
    """Show whether system B is better than system A on the same queries.

    The gain is the mean F1 of B minus that of A, with its 95% interval (paired bootstrap over connected
    components). The labels of val chose the thresholds, so trust the rows of test. If metrics/seeds.json lists
    both systems, further lines say whether the gain is more than the noise of training.

    Example: samesku compare title_only samesku --report compare.html
    """
    from samesku.app.systems import check_comparable
    from samesku.app.text import differences_table
    from samesku.app.training_noise import noise_lines
    from samesku.evaluation.differences import differences

    for system in (a, b):
        check_comparable(system)
    rows = differences(*(artefacts.predictions_folder(system) / "queries.parquet" for system in (a, b)))
    typer.echo(differences_table(a, b, rows))
    noise = noise_lines(a, b, rows)
    for line in noise:
        typer.echo(line)
    if report:
        from samesku.app.report.compare import write_comparison

        typer.echo(write_comparison(a, b, rows, report, queries, noise))


@command
def threshold(
    precision: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="The share of matches that must be correct.")
    ],
    system: System = "samesku",
    annotations: Annotated[
        bool,
        typer.Option("--annotations", help="By annotated pairs, also where val has labels."),
    ] = False,
) -> None:
    """Find the lowest threshold at which a system's matches reach a precision, with 95% confidence.

    The labels of val choose it, in the full gallery, among the matches of the system; test shows whether it
    holds. Where val has no label, the pairs that `samesku serve` had annotated choose it. With `at_least_one`, a
    query without a match keeps its best neighbour even below the threshold.

    Example: samesku threshold rerank --precision 0.95
    """
    from samesku.app.report.catalogue import read_catalogue
    from samesku.app.text import annotated_table, threshold_table
    from samesku.app.threshold import describe_adoption, precision_threshold, threshold_key
    from samesku.catalogue.listings import val_labelled

    params = load_params()
    threshold_key(system, params)  # a system without one threshold is refused before anything is read
    listings = read_catalogue().listings
    if annotations or not val_labelled(listings).any():
        from samesku.app.annotated_threshold import annotated_threshold

        result = annotated_threshold(system, precision, params, listings)
        adoption = describe_adoption(system, result.threshold, params, of_labels=False)
        typer.echo(annotated_table(system, adoption, result))
    else:
        value, results = precision_threshold(system, precision, params.match)
        adoption = describe_adoption(system, value, params, of_labels=True)
        typer.echo(threshold_table(system, adoption, value, results))


@command
def match(
    image: Annotated[
        list[str] | None,
        typer.Option(help='A picture file; "" if a listing has none. Give it twice, or not at all.'),
    ] = None,
    title: Annotated[
        list[str] | None,
        typer.Option(help='A title; "" if a listing has none. Give it twice, or not at all.'),
    ] = None,
    system: Asked = None,
    as_json: Json = False,
) -> None:
    """Show whether two listings are the same product, and why.

    The first --image and the first --title are the left listing, the second ones the right listing. They
    are compared on what both have, whatever match.link says of shops. Exit status: 0 for either answer, 2 for bad
    input.

    Examples:

      samesku match --image a.jpg --title "Oil 500 ml" --image b.jpg --title "Oil 1 l"

      samesku match --title "Oil 500 ml" --title "Cooking oil 500ml"    (no pictures)

      samesku match --image a.jpg --title "" --image b.jpg --title "Oil 1 l"    (the left has no title)

    With --json: system, instead_of (the system that was asked, where another answers; else null), same, score (null if
    nothing can be compared), threshold, channels (similarity and weight of each; null if one of the two lacks it),
    reasons (of rerank: a family of features and how far it moved the
    log-odds; `base` is where they stand before any evidence, `missing` what one of the two lacks), conflicts (for each
    kind, the places in both titles).
    """
    images, titles = _two_values(image, "--image"), _two_values(title, "--title")
    if not image and not title:
        raise InputError("nothing to compare; give --image twice, --title twice, or both")
    from samesku.app.asking import ask_match
    from samesku.app.text import match_text

    answer, titles = ask_match(images, titles, system)
    typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else match_text(answer, *titles))


@command
def search(
    image: Annotated[str, typer.Option(help="A picture file.")] = "",
    title: Annotated[str, typer.Option(help="A title.")] = "",
    source: Annotated[
        str, typer.Option(help="The shop of the listing; match.link leaves out listings by it.")
    ] = "",
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="brand, price, gtin, mpn or category, and its value. Again for another.",
        ),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="The number of listings.")] = 10,
    system: Asked = None,
    as_json: Json = False,
) -> None:
    """Find the nearest listings of the catalogue by a picture, a title or both.

    A match is a neighbour that the decision of the system accepts. Exit status: 0 with or without a match,
    2 for bad input.

    Example: samesku search --image q.jpg --title "Oil 500 ml" -k 5

    With --json: system, instead_of, threshold, results (posting_id, title, source, image, score, match, channels,
    reasons, conflicts, attributes), best first.
    """
    if not image and not title:
        raise InputError("nothing to search for; give --image, --title, or both")
    from samesku.app.asking import ask_search
    from samesku.app.text import search_text

    answer = ask_search(image, title, system, source, _read_attributes(attribute or []), k)
    typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else search_text(answer))


@command
def add(
    csv: Annotated[
        Path,
        typer.Argument(
            help="A table with the catalogue's columns: posting_id, title, image, image_phash, source."
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(help="The folder of its pictures; without it, titles and hashes alone are used."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write; it is replaced.")] = Path("added"),
    system: Asked = None,
) -> None:
    """Match new listings against the catalogue and each other, without embedding the catalogue again.

    Rows are read, and put in quarantine, as the pipeline does it. Three files are written to OUT; the order
    of the rows does not change them. matches.csv: posting_id, matches (the listing itself, then its matches,
    best first). matches.parquet: query, match, new (whether the match is a new listing), score, and the
    similarity of each channel; with rerank also why_<family>. quarantine.csv: row, posting_id, file, reason. A
    new listing with an id of the catalogue replaces the old one. Nothing in data/ is changed.

    Example: samesku add new.csv --images new_pictures --out added
    """
    from samesku.app.add import add_listings
    from samesku.app.open_index import open_index

    typer.echo(add_listings(open_index(load_params(), system=system), csv, images, out))


@command
def serve(
    host: Annotated[
        str,
        typer.Option(help="The address to listen on; beyond loopback, everyone who reaches it can use it."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    allow: Annotated[
        list[str] | None, typer.Option(help="Another host name under which browsers may open the page.")
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            help="The system that answers and whose pairs are reviewed. By default app.system of params.yaml says "
            "which one answers; the pairs are those of rerank if it has uncertain ones, else of samesku.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        float,
        typer.Option(
            min=0.01, max=1.0, help="The precision for which sampled pairs shall settle a threshold."
        ),
    ] = 0.95,
    person: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Your name; annotations.csv shows who gave an answer.")
    ] = "",
) -> None:
    """Open a web page: products to check, pairs to review, a search of the catalogue.

    The page asks the uncertain pairs of the system. Where it has none, as in a catalogue without labels, it asks a
    random sample of its pairs, with which `samesku threshold` finds a threshold. Annotations are written to
    data/annotations.csv. The pipeline uses them if data.annotations of params.yaml names that file. While the server
    runs, `samesku match` and `samesku search` in this folder ask it, and answer in about a second.

    Example: samesku serve --port 8000
    """
    from samesku.app.web.server import run

    run(
        load_params(),
        host=host,
        port=port,
        names=allow or [],
        system=system,
        precision=precision,
        person=person,
    )


def _read_attributes(options: list[str]) -> dict[str, str]:
    """The values of --attribute by name."""
    from samesku.catalogue.reader import ATTRIBUTES

    attributes = dict(option.partition("=")[::2] for option in options)
    if unknown := sorted(set(attributes) - set(ATTRIBUTES)):
        raise InputError(
            f"--attribute {unknown[0]}: allowed: NAME=VALUE, with NAME of {', '.join(ATTRIBUTES)}"
        )
    return attributes


def _two_values(values: list[str] | None, option: str) -> list[str]:
    """The values of an option for two listings; "" for both if the option is not given."""
    if not values:
        return ["", ""]
    if len(values) != 2:
        times = "once" if len(values) == 1 else f"{len(values)} times"
        raise InputError(
            f'{option} is given {times}; allowed: twice, once for each listing ("" for one that has none), '
            "or not at all"
        )
    return values
