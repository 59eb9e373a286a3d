"""The command `samesku`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from samesku import artefacts
from samesku import params as settings
from samesku.app import ask
from samesku.app.table import markdown
from samesku.app.threshold import param
from samesku.app.threshold import threshold as lowest
from samesku.errors import InputError
from samesku.evaluation.differences import differences

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Look at what the pipeline has found, and ask it about new listings.",
)


@app.command()
def table() -> None:
    """Print the table of systems as Markdown, worst test f1 first, from the files in metrics/.

    test: the test split searched within itself. test_full: searched in the whole sample.

    Example: samesku table
    """
    typer.echo(markdown(artefacts.METRICS))


@app.command()
def report(
    system: Annotated[str, typer.Argument(help="A folder of data/predictions.")] = "samesku",
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    queries: Annotated[int, typer.Option(min=1, help="Shown at most; those of test first.")] = 3000,
) -> None:
    """Write one self-contained page: figures, and every query with its matches as cards.

    Example: samesku report rerank --out rerank.html
    """
    from samesku.app.report.page import write  # Vega takes a second to load

    try:
        typer.echo(write(system, out, queries))
    except InputError as error:
        typer.echo(f"samesku report: {error}", err=True)
        raise typer.Exit(2) from None


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A system: a folder of data/predictions.")],
    b: Annotated[str, typer.Argument(help="The system that is compared with it.")],
    report: Annotated[
        Path | None, typer.Option(help="Also write a page of the listings whose matches changed.")
    ] = None,
    queries: Annotated[int, typer.Option(min=1, help="Shown in it at most; those of test first.")] = 3000,
) -> None:
    """Tell whether system B is better than A on the same queries.

    The gain is B's mean F1 less A's; it is shown with its 95% interval (paired bootstrap over
    connected components). Labels of val chose the thresholds, so the rows to believe are those of test.

    Example: samesku compare title_only samesku --report compare.html
    """
    try:
        rows = differences(*(artefacts.PREDICTIONS / system / "queries.parquet" for system in (a, b)))
    except InputError as error:
        typer.echo(f"samesku compare: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(
        f"{'split':6}{'gallery':9}{'queries':>8}  {a[:18]:>18}  {b[:18]:>18}  {'gain':>8}  95% interval"
    )
    for row in rows:
        typer.echo(
            f"{row.split:6}{row.gallery:9}{row.queries:8}  {row.a:18.4f}  {row.b:18.4f}  {row.gain:+8.4f}"
            f"  {row.low:+.4f} to {row.high:+.4f}: {row.verdict}"
        )
    if report:
        from samesku.app.report.compare import write

        try:
            typer.echo(write(a, b, rows, report, queries))
        except InputError as error:
            typer.echo(f"samesku compare: {error}", err=True)
            raise typer.Exit(2) from None


@app.command()
def threshold(
    precision: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of matches that must be right.")],
    system: Annotated[str, typer.Argument(help="A system: a folder of data/predictions.")] = "samesku",
) -> None:
    """Find the lowest threshold at which that share of a system's matches is right, with 95% confidence.

    Labels of val choose it, in the full gallery, among the matches that the system has kept; test shows
    whether it holds. With `at_least_one`, a query without a match keeps one below it.

    Example: samesku threshold rerank --precision 0.95
    """
    try:
        key = param(system, settings.load())
        folder = artefacts.PREDICTIONS / system
        value, rows = lowest(folder / "matches.parquet", artefacts.LISTINGS, precision)
    except InputError as error:
        typer.echo(f"samesku threshold: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"{system}: threshold {value:g}")
    for held in rows:
        typer.echo(
            f"  {held.split}: {held.matches:,} matches, {held.precision:.1%} of them right; "
            f"they are {held.recall:.1%} of the {held.n_relevant:,} to find"
        )
    if key:
        typer.echo(f"adopt it: dvc exp run -S {key}={value:g}")


for _command in (ask.match, ask.search, ask.add, ask.serve):
    app.command()(_command)
