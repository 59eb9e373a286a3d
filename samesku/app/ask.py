"""The commands that ask about new listings: match, search, add, serve. Each imports what it needs itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from samesku import params as settings
from samesku.errors import InputError

if TYPE_CHECKING:
    from samesku.app.indexed import Indexed

Json = Annotated[bool, typer.Option("--json", help="For programs: one JSON object on standard output.")]


@contextmanager
def refusing(command: str) -> Iterator[None]:
    """A refusal is one sentence on standard error, and exit status 2."""
    try:
        yield
    except InputError as error:
        typer.echo(f"samesku {command}: {error}", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f"samesku {command}: {error.filename or 'input'}: {error.strerror or error}", err=True)
        raise typer.Exit(2) from None


def match(
    image: Annotated[
        list[str] | None,
        typer.Option(help='A picture file; "" where a listing has none. Twice, or not at all.'),
    ] = None,
    title: Annotated[
        list[str] | None, typer.Option(help='A title; "" where a listing has none. Twice, or not at all.')
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell whether two listings are the same product, and why.

    The first --image and the first --title are the one listing, the second ones the other. They are compared
    on what both have. Exit status: 0 whatever the answer, 2 for bad input.

    Examples:

      samesku match --image a.jpg --title "Oil 500 ml" --image b.jpg --title "Oil 1 l"

      samesku match --title "Oil 500 ml" --title "Cooking oil 500ml"    (no pictures)

      samesku match --image a.jpg --title "" --image b.jpg --title "Oil 1 l"    (the first has no title)

    With --json: same, score (null where nothing can be compared), threshold, channels (similarity and weight
    of each, null where one of the two lacks it), conflicts (kind by kind, the places in either title).
    """
    with refusing("match"):
        images, titles = _two(image, "--image"), _two(title, "--title")
        if not image and not title:
            raise InputError("nothing to compare; give --image twice, --title twice, or both")

        def answer(indexed: Indexed) -> dict[str, Any]:
            from samesku.app import answers
            from samesku.app.given import read_file, read_listing

            rules = indexed.settings.data
            given = [
                read_listing(words, read_file(path, "--image"), rules, f"--image {path}")
                for path, words in zip(images, titles, strict=True)
            ]
            return answers.match(indexed, *given)

        found = _answer(answer)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        from samesku.app import text as told

        typer.echo(told.match(found, *titles))


def search(
    image: Annotated[str, typer.Option(help="A picture file.")] = "",
    title: Annotated[str, typer.Option(help="A title.")] = "",
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many listings.")] = 10,
    as_json: Json = False,
) -> None:
    """Find the nearest listings of the indexed catalogue, by a picture, a title or both.

    A match is one that the decision of params.yaml keeps. Exit status: 0 whatever is found, 2 for bad input.

    Example: samesku search --image q.jpg --title "Oil 500 ml" -k 5

    With --json: threshold, results (posting_id, title, image, score, match, channels, conflicts), best first.
    """
    with refusing("search"):
        if not image and not title:
            raise InputError("nothing to search for; give --image, --title, or both")

        def answer(indexed: Indexed) -> dict[str, Any]:
            from samesku.app import answers
            from samesku.app.given import read_file, read_listing

            data = read_file(image, "--image")
            return answers.search(
                indexed, read_listing(title, data, indexed.settings.data, f"--image {image}"), k
            )

        found = _answer(answer)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        from samesku.app import text as told

        typer.echo(told.search(found))


def add(
    csv: Annotated[
        Path, typer.Argument(help="Columns as in the catalogue: posting_id, title, image, image_phash.")
    ],
    images: Annotated[
        Path | None, typer.Option(help="The folder of its pictures; none: titles and hashes alone.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The folder to write; it is replaced.")] = Path("added"),
) -> None:
    """Match new listings against the indexed catalogue, and with each other, without embedding it again.

    Rows are read, and quarantined, as the pipeline reads a catalogue. Written to OUT, whatever the order of
    the rows: matches.csv (posting_id,matches: itself first, best first), matches.parquet (query, match, new:
    whether the match is a new listing, score, and each channel's similarity), quarantine.csv (row,posting_id,
    file,reason). A new listing with an id of the catalogue takes the place of the old one. Nothing in data/
    is changed.

    Example: samesku add new.csv --images new_pictures --out added
    """
    with refusing("add"):
        from samesku.app.add import add as run
        from samesku.app.indexed import Indexed

        typer.echo(run(Indexed(settings.load()), csv, images, out))


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; other than loopback, all who reach it can use it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 8000,
    allow: Annotated[
        list[str] | None, typer.Option(help="A further name under which browsers may call this server.")
    ] = None,
    system: Annotated[str, typer.Option(help="The system whose pairs are reviewed.")] = "rerank",
) -> None:
    """Open the web page: compare two listings, search the catalogue, review uncertain pairs.

    Verdicts go to data/review.csv; the pipeline uses them where data.review of params.yaml names it.

    Example: samesku serve --port 8000
    """
    with refusing("serve"):
        from samesku.app.web.server import run

        run(settings.load(), host=host, port=port, names=allow or [], system=system)


def _two(given: list[str] | None, option: str) -> list[str]:
    """The values of an option that stands for two listings; "" for both where it is not given at all."""
    if not given:
        return ["", ""]
    if len(given) != 2:
        times = "once" if len(given) == 1 else f"{len(given)} times"
        raise InputError(
            f'{option} is given {times}; allowed: twice, once for each listing ("" for one that has none), '
            "or not at all"
        )
    return given


def _answer(ask: Callable[[Indexed], dict[str, Any]]) -> dict[str, Any]:
    from samesku.app.indexed import Indexed

    return ask(Indexed(settings.load()))
