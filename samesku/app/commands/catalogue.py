"""Commands that prepare a catalogue and params.yaml: import, init, profile."""

from pathlib import Path
from typing import Annotated

import typer

from samesku.app.command import command
from samesku.errors import InputError

Column = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OURS=THEIRS",
        help="Which column of the table is one of ours, as in posting_id=sku; OURS= for none. Again for another.",
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(help="The encoding of a CSV, where it does not show by itself: cp1251, gb18030 …"),
]


@command
def import_(
    feed: Annotated[Path, typer.Argument(help="A product feed (XML), or a table with the URLs of pictures.")],
    out: Annotated[Path, typer.Option(help="The folder to write: listings.csv, images/, quarantine.csv.")],
    column: Column = None,
    source: Annotated[
        str, typer.Option(help="The shop of all listings; without it, the feed's column.")
    ] = "",
    channel_title: Annotated[
        bool, typer.Option("--channel-title", help="Take the title of an XML feed as the shop.")
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The column whose equal values mean one product, if there is one."
        ),
    ] = None,
    encoding: Encoding = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Pictures fetched at a time.")] = 8,
    timeout: Annotated[float, typer.Option(min=1, max=3600, help="Seconds for one try of a picture.")] = 60,
    max_mb: Annotated[float, typer.Option(min=0.01, max=64, help="Largest picture file, in MB.")] = 20,
    allow_private: Annotated[
        bool,
        typer.Option("--allow-private", help="Fetch from private addresses too, such as this machine's."),
    ] = False,
) -> None:
    """Make a catalogue folder of a product feed, or of a table with the URLs of pictures.

    A feed has Google Merchant's format: XML (RSS 2.0 or Atom) or TSV. Pictures are fetched by http and https; a
    second run fetches those that are not there yet. What cannot be used is listed in quarantine.csv, with row,
    posting_id, url, reason and HTTP status; a listing without a picture stays with its title. item_group_id
    joins the variants of a product (sizes, colours), so it is no label unless --labels names it.

    Example: samesku import feed.xml --out data/raw/shop
    """
    from samesku.catalogue.column_guess import parse_columns
    from samesku.feeds.feed import open_feed
    from samesku.feeds.fetch import FetchLimits
    from samesku.feeds.importing import import_feed
    from samesku.feeds.merchant_xml import read_channel_title

    opened = open_feed(feed, parse_columns(column or []), labels, encoding)
    typer.echo(opened.note)
    if channel_title:
        if source:
            raise InputError("--source and --channel-title are both given; allowed: one of them")
        if not (source := read_channel_title(feed) if opened.xml else ""):
            raise InputError(f"{feed} has no title of its own; name the shop with --source")
    limits = FetchLimits(
        jobs=jobs, total_timeout=timeout, max_bytes=int(max_mb * 1e6), allow_private=allow_private
    )
    typer.echo(import_feed(opened, out, source, limits))


@command
def init(
    table: Annotated[Path, typer.Argument(help="The table of the catalogue.")],
    images: Annotated[
        Path | None, typer.Option(help="The folder of its pictures; none: titles alone.")
    ] = None,
    column: Column = None,
    source_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of the shop; as --column source=COLUMN.")
    ] = None,
    link: Annotated[
        str,
        typer.Option(
            help="Which pairs may match: all, across shops (as in a price comparison), or within a shop."
        ),
    ] = "all",
    encoding: Encoding = None,
) -> None:
    """Set params.yaml to a catalogue of your own: profile quick, your files, your columns.

    Columns are guessed by their names and shown; what may mean two things is refused. The table is checked.
    The files stay where they are.

    Example: samesku init data/raw/mine/listings.csv --images data/raw/mine/images
    """
    from samesku.app.init import init_params
    from samesku.catalogue.column_guess import parse_columns

    given = parse_columns([*(column or []), *([f"source={source_column}"] if source_column else [])])
    typer.echo(init_params(table, images, given, encoding, link))


@command
def profile(name: Annotated[str, typer.Argument(help="A file of profiles/, without .yaml.")]) -> None:
    """Put the entries of a profile into params.yaml; all other lines stay as they are.

    quick: no training and no baselines. shopee: the Shopee data, with weights from the model hub.

    Example: samesku profile quick
    """
    from samesku.app.init import describe_undo
    from samesku.params.change import change_params
    from samesku.params.profile import apply_profile, read_profile

    file = Path("params.yaml")
    undo = describe_undo(file)
    entries = read_profile(Path("profiles"), name)
    params = change_params(file, lambda text: apply_profile(text, entries))
    typer.echo(
        f"params.yaml now has the entries of profiles/{name}.yaml; catalogue: {params.data.source}\n{undo}"
    )
