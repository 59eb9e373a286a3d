"""`samesku add`: match new listings against the indexed catalogue and each other."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from samesku import artefacts
from samesku.app.catalogue_index import CatalogueIndex, QueryRows
from samesku.app.new_listings import read_new_listings
from samesku.catalogue.attributes import read_gtins
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.source import read_table_file
from samesku.errors import InputError
from samesku.evaluation.rules import Rules, apply_rules
from samesku.params import Params
from samesku.search.exact import group_gallery, search_queries
from samesku.search.fusion import channel_cosines

OUT_FILES = {"matches.csv", "matches.parquet", "quarantine.csv"}


def add_listings(index: CatalogueIndex, table: Path, images: Path | None, out: Path) -> str:
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
    ids, matches = match_table(index, read_table_file(table), str(table), images, quarantine, index.params)
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
    index: CatalogueIndex,
    table: bytes,
    name: str,
    images: Path | None,
    quarantine: Quarantine,
    params: Params,
) -> tuple[list[str], pa.Table]:
    """Match the listings of a table against the catalogue and each other.

    Args:
        table, name, images, quarantine, params: as of `read_new_listings`.

    Returns:
        the ids of the listings, and their matches: query, match, new (whether the match is of the table too), score
        and each channel's similarity, by query, best first; with match.rules also `rule`.

    Raises:
        InputError: the table cannot be used.
    """
    with tempfile.TemporaryDirectory() as scratch:
        new = read_new_listings(table, name, images, Path(scratch), quarantine, params)
        queries = index.embed(new.content, new.owner)
    sources, gtins = [row.source for row in new.rows], [row.gtin for row in new.rows]
    return new.ids, _match(index, queries, new.ids, sources, gtins)


def _match(
    index: CatalogueIndex, queries: QueryRows, ids: list[str], sources: list[str], gtins: Sequence[str]
) -> pa.Table:
    """The matches of `match_table`.

    A new listing replaces the catalogue's listing of the same id. Ties are in the order of the ids, whether a
    listing is old or new: each listing has its position in that order as row, and −1 if it is replaced.
    A new listing of a shop that the catalogue does not have is of a shop of its own.
    """
    n_old, replaced = len(index), set(ids)
    all_ids = np.array([*index.listings.posting_id, *ids], dtype=object)
    gone = np.array([row < n_old and posting_id in replaced for row, posting_id in enumerate(all_ids)])
    order = np.argsort(all_ids, kind="stable")
    position = np.empty(len(all_ids), np.int32)
    position[order] = np.arange(len(all_ids), dtype=np.int32)
    query_position = position[n_old:]
    position = np.where(gone, np.int32(-1), position)
    new_groups = group_gallery(queries.fused, np.arange(len(ids), dtype=np.int32))
    allowed = index.listings.allowed
    shop = np.concatenate([allowed.shop, allowed.number_shops(sources)])  # old, then new, as all_ids
    if allowed.names:
        new_groups = [replace(group, shop=shop[group.rows + n_old]) for group in new_groups]
        allowed = replace(allowed, shop=shop[order])  # by position
    groups = [replace(group, rows=position[group.rows]) for group in index.mask_groups]
    groups += [replace(group, rows=position[group.rows + n_old]) for group in new_groups]
    k = max(0, min(index.params.index.k, int((~gone).sum()) - 1))
    neighbours = search_queries(queries.fused, query_position, groups, k, allowed, shop[-len(ids) :])
    neighbours = replace(neighbours, query=query_position)
    if index.rules is not None:
        gtin = np.concatenate([index.rules.gtin, read_gtins(gtins)])[order]
        rules = Rules(np.where(gone[order], -1, gtin), index.rules.max_size)
        neighbours = apply_rules(neighbours, rules, allowed)

    neighbours, is_match = index.find_matches(neighbours, groups, allowed)
    query, rank = np.nonzero(is_match)
    row = order[neighbours.neighbour[query, rank]]
    is_new = row >= n_old
    columns = {
        "query": pa.array([ids[i] for i in query], pa.string()),
        "match": pa.array(all_ids[row].tolist(), pa.string()),
        "new": is_new,
        "score": np.minimum(neighbours.score[query, rank], 1),
    }
    if index.rules is not None:
        columns["rule"] = np.isposinf(neighbours.score[query, rank])
    owner, old_owner = queries.owner, index.listings.owner
    to_old = channel_cosines(queries.channels, query[~is_new], row[~is_new], index.channels, owner, old_owner)
    to_new = channel_cosines(queries.channels, query[is_new], row[is_new] - n_old, owner=owner)
    for name in queries.channels:
        columns[name] = np.empty(len(row), np.float32)
        columns[name][~is_new], columns[name][is_new] = to_old[name], to_new[name]
    return pa.table(columns)


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
