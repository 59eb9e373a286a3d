"""`samesku add`: match new listings against the indexed catalogue and each other."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from samesku import artefacts
from samesku.app.asked_listings import AskedListings
from samesku.app.new_listings import read_new_listings
from samesku.app.system_index import SystemIndex
from samesku.arrays import Bools
from samesku.catalogue.folder_source import read_table_file
from samesku.catalogue.quarantine import Quarantine
from samesku.errors import InputError
from samesku.params import Params
from samesku.search.fusion import channel_cosines

OUT_FILES = {"matches.csv", "matches.parquet", "quarantine.csv"}


def add_listings(index: SystemIndex, table: Path, images: Path | None, out: Path) -> str:
    """Match the listings of `table`, write their matches to the folder `out`, and say how many.

    Args:
        table: of any kind that data.csv may be.
        images: the folder of the pictures that the table names; None: no pictures.

    Raises:
        InputError: the table cannot be used, or `out` is not the folder of an earlier `add`.
    """
    _check_out(out)
    if images is not None and not images.is_dir():
        raise InputError(f"--images: {images} is no folder")
    quarantine = Quarantine()
    try:
        content = read_table_file(table)
    except InputError as error:  # it names the key of params.yaml, and this is another table
        raise InputError(str(error).removeprefix("data.csv: ")) from None
    ids, matches = match_table(index, content, str(table), images, quarantine, index.params)
    with artefacts.replace_out(out) as partial:
        partial.mkdir(parents=True)
        pq.write_table(matches, partial / "matches.parquet")
        matched = {posting_id: [posting_id] for posting_id in ids}  # itself, then its matches, best first
        for query, match in zip(matches["query"].to_pylist(), matches["match"].to_pylist(), strict=True):
            matched[query].append(match)
        rows = [{"posting_id": query, "matches": " ".join(matched[query])} for query in sorted(matched)]
        artefacts.write_csv(partial / "matches.csv", rows)
        quarantine.write(partial / "quarantine.csv")
    n_matched = sum(len(row) > 1 for row in matched.values())
    return (
        f"{len(ids)} new listings, {n_matched} with a match, {matches.num_rows} matches, "
        f"{len(quarantine.rows())} rows in quarantine: {out}"
    )


def match_table(
    index: SystemIndex,
    table: bytes,
    name: str,
    images: Path | None,
    quarantine: Quarantine,
    params: Params,
) -> tuple[list[str], pa.Table]:
    """Match the listings of a table against the catalogue and each other.

    A new listing replaces the catalogue's listing of the same id. A new listing of a shop that the catalogue does not
    have is of a shop of its own.

    Args:
        table, name, images, quarantine, params: as of `read_new_listings`.

    Returns:
        the ids of the listings, and their matches: query, match, new (whether the match is of the table too), score
        and each channel's similarity, by query, best first; with match.rules also `rule`, and with the pair model
        why_<family>, as in matches.parquet. Listings that the system cannot judge are matched by its fallback.

    Raises:
        InputError: the table cannot be used.
    """
    with tempfile.TemporaryDirectory() as scratch:
        new = read_new_listings(table, name, images, Path(scratch), quarantine, params)
        asked = index.ask_table(new)
        matches = _match_columns(index, new.ids, asked)
        has_picture = [bool(name or phash) for name, phash in zip(asked.files, asked.hashes, strict=True)]
        is_unseen = index.cannot_judge(asked.titles, has_picture[: len(new.ids)])
        if is_unseen.any() and index.fallback is not None:
            of_fallback = _match_columns(index.fallback, new.ids, index.fallback.ask_table(new))
            matches = _choose_rows(matches, of_fallback, new.ids, is_unseen)
            print(
                f"samesku: new listings without a title or a picture: {is_unseen.sum()}, matched by "
                f"{index.fallback.name}, since {index.name} has learned from listings that have both",
                file=sys.stderr,
            )
    return new.ids, matches


def _choose_rows(matches: pa.Table, of_fallback: pa.Table, ids: list[str], by_fallback: Bools) -> pa.Table:
    """The rows of each query, in the order of the ids.

    Args:
        by_fallback: bool (Q,), the queries whose rows are those of `of_fallback`; of the others, those of `matches`.
    """
    place = {posting_id: number for number, posting_id in enumerate(ids)}
    both = pa.concat_tables([matches, of_fallback], promote_options="default")
    number = np.array([place[query] for query in both["query"].to_pylist()], np.int64)
    from_fallback = np.arange(len(number)) >= matches.num_rows
    taken = np.flatnonzero(by_fallback[number] == from_fallback)
    return both.take(taken[np.argsort(number[taken], kind="stable")])


def _match_columns(index: SystemIndex, ids: list[str], asked: AskedListings) -> pa.Table:
    """The table of `match_table`."""
    nearest = index.search(asked, index.params.index.k)
    gallery, decided, queries = asked.gallery, index.decide(asked, nearest), asked.rows
    n_old = gallery.n_old
    query, rank = np.nonzero(decided.is_match)
    neighbours = decided.neighbours
    match = gallery.number[neighbours.neighbour[query, rank]]
    is_new = match >= n_old
    all_ids = np.array([*index.listings.posting_id, *ids], dtype=object)
    columns = {
        "query": pa.array([ids[i] for i in query], pa.string()),
        "match": pa.array(all_ids[match].tolist(), pa.string()),
        "new": is_new,
        "score": np.minimum(neighbours.score[query, rank], 1),
    }
    if index.rules is not None:
        columns["rule"] = np.isposinf(neighbours.score[query, rank])
    owner, old_owner = queries.owner, index.listings.owner
    to_old = channel_cosines(
        queries.channels, query[~is_new], match[~is_new], index.channels, owner, old_owner
    )
    to_new = channel_cosines(queries.channels, query[is_new], match[is_new] - n_old, owner=owner)
    for name in queries.channels:
        columns[name] = np.empty(len(match), np.float32)
        columns[name][~is_new], columns[name][is_new] = to_old[name], to_new[name]
    reasons = nearest.explain(query + n_old, match)
    return pa.table(columns | {f"why_{family}": moves for family, moves in reasons.items()})


def _check_out(out: Path) -> None:
    """Only a folder that this command wrote is replaced."""
    if out.is_dir():
        foreign = sorted(path.name for path in out.iterdir() if path.name not in OUT_FILES)
        if foreign:
            raise InputError(
                f"--out: {out} holds {foreign[0]}, which samesku add did not write; name another folder"
            )
    elif out.exists():
        raise InputError(f"--out: {out} is no folder")
