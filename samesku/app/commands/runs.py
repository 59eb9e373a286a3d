"""Commands about runs of the pipeline: what changed between two, and what is kept for the next."""

from pathlib import Path
from typing import Annotated

import typer

from samesku.app.command import command
from samesku.params import load_params


@command
def diff(
    before: Annotated[
        str, typer.Argument(help="The run before: a commit of git, or a copy of the folder of its system.")
    ] = "HEAD",
    after: Annotated[
        str | None,
        typer.Argument(help="The run after, likewise; by default, this workspace.", show_default=False),
    ] = None,
    system: Annotated[str, typer.Option(help="A system: a folder of data/predictions.")] = "samesku",
    out: Annotated[Path, typer.Option(help="The CSV to write.")] = Path("changes.csv"),
    report: Annotated[
        Path | None, typer.Option(help="A page to write, with the pictures.", show_default=False)
    ] = None,
) -> None:
    """Show what became of the products between two runs, listing by listing.

    A row of the CSV is a change: merged or split products; listings that joined a product, left it or moved from one
    to another; listings that were added or removed. A product has the name of its smallest posting_id. Outs of a commit
    are read from DVC's cache.

    Example: samesku diff HEAD~1 --report changes.html
    """
    from samesku.app.runs import compare_runs

    typer.echo(compare_runs(before, after, system, out, report))


@command
def store(
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what was not used for longest, down to machine.store_gb.")
    ] = False,
    gb: Annotated[
        float | None,
        typer.Option(min=0, help="With --prune: another size, in GB; 0 removes all.", show_default=False),
    ] = None,
) -> None:
    """Show the store of embeddings and pictures, which the next run takes up: its folders, values and sizes.

    The store changes no result. Without it, the next run computes everything again.

    Example: samesku store --prune --gb 5
    """
    from samesku import store as stores
    from samesku.errors import InputError

    machine = load_params().machine
    if (root := machine.store_folder()) is None:
        raise InputError("machine.store is null, so nothing is kept; allowed: a folder")
    if gb is not None and not prune:
        raise InputError("--gb is given without --prune; allowed: both, or --prune alone")
    if prune:
        removed, _ = stores.prune(root, machine.store_bytes if gb is None else int(gb * 1e9))
        typer.echo(f"{removed:,} files removed")
    total = 0
    for folder in sorted(root.glob("*/")):
        n_values, size = len(stores.Store(folder)), stores.folder_size(folder)
        typer.echo(f"{folder.name}: {n_values:,} values, {size / 1e6:,.1f} MB")
        total += size
    typer.echo(f"{root}: {total / 1e9:.3f} GB of {machine.store_gb:g}")
