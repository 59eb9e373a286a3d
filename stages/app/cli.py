"""The command `samesku`."""

from __future__ import annotations

from typing import Annotated

import typer

from stages import artefacts, settings
from stages.app.differences import differences
from stages.app.table import markdown
from stages.app.threshold import threshold as seek
from stages.settings import Refused

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Look at what the pipeline has found.")


@app.command()
def table() -> None:
    """Print the table of systems as Markdown, worst test f1 first, from the files in metrics/.

    test: the test split searched within itself. test_full: searched in the whole sample.

    Example: samesku table
    """
    typer.echo(markdown(artefacts.METRICS))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A system: a folder of data/predictions.")],
    b: Annotated[str, typer.Argument(help="The system that is compared with it.")],
) -> None:
    """Tell whether system B is better than A on the same queries.

    The gain is B's mean F1 less A's; it is shown with its 95% interval (paired bootstrap over
    super-components). Labels of val chose the thresholds, so the rows to believe are those of test.

    Example: samesku compare title_only samesku
    """
    try:
        rows = differences(*(artefacts.PREDICTIONS / system / "queries.parquet" for system in (a, b)))
    except Refused as error:
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


@app.command()
def threshold(
    precision: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Share of the matches that must be right.")
    ],
) -> None:
    """Find the lowest decision.value at which that share of the main system's matches is right.

    The labels of val choose it, with 95% confidence (bootstrap over super-components), in the full gallery;
    test shows whether it holds. With `decision.at_least_one`, matches below it are added.

    Example: samesku threshold --precision 0.95
    """
    try:
        found = seek(precision, settings.load().decision)
    except Refused as error:
        typer.echo(f"samesku threshold: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(f"decision.value {found.value:g} ({found.kind}, gallery of {found.gallery:,} listings)")
    for held in found.held:
        typer.echo(
            f"{held.split:5}{held.matches:7,} matches, {held.precision:.1%} of them right,"
            f" {held.recall:.1%} of what there is to find"
        )
    typer.echo(f"adopt it: dvc exp run -S decision.value={found.value:g}")
