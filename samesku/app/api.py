"""The Python API: match a table in memory, or ask what the pipeline has left in a repository."""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from PIL import Image

from samesku import artefacts
from samesku.app import answers
from samesku.app.add import match_table
from samesku.app.asking import read_picture_file
from samesku.app.frames import TABLE, faults_table, to_parquet
from samesku.app.new_listings import NewListings, read_new_listings
from samesku.app.open_index import open_index
from samesku.app.query_listing import QueryListing, read_query_listing
from samesku.app.system_index import SystemIndex
from samesku.arrays import Float32
from samesku.catalogue import sample
from samesku.catalogue.further import FILE, write_further
from samesku.catalogue.listings import Listings, read_listings
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import ATTRIBUTES
from samesku.encoders.registry import needed_column, open_channel
from samesku.errors import InputError
from samesku.evaluation.clusters import assign_groups
from samesku.evaluation.decisions import compared_by, decide
from samesku.evaluation.figures import describe_full_lists
from samesku.evaluation.predictions import match_columns
from samesku.evaluation.rules import read_rules
from samesku.params import Params, load_params, parse_params, read_params
from samesku.search.exact import search_neighbours
from samesku.search.fusion import fuse_channels, fusion_weights

Link = Literal["all", "across", "within"]


@dataclass(frozen=True)
class CatalogueMatches:
    """What `match_catalogue` and `Index.add` return; a listing is given by its posting_id.

    Attributes:
        matches: one row for each listing and match, the best match of a listing first: query, match, score (−1 to 1)
            and the similarity of each channel (−1 to 1, NaN where one of the two lacks it). With rules also `rule`.
            Of `Index.add` also `new`: whether the match is a listing of the same table.
        quarantine: one row for each fault: row (from 1, without the header), posting_id, file, reason.
        threshold: the score from which a pair is a match; None for a dynamic decision.
        groups: posting_id and group (an int), a row for each listing; of `Index.add` None.
    """

    matches: pd.DataFrame
    quarantine: pd.DataFrame
    threshold: float | None
    groups: pd.DataFrame | None = None


def match_catalogue(
    table: pd.DataFrame,
    images: str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    link: Link = "all",
    one_to_one: bool = False,
    rules: bool = False,
    threshold: float | None = None,
    alpha: float | None = None,
    k: int = 50,
) -> CatalogueMatches:
    """Find the listings of the same product in a table, by zero-shot channels: no labels, no training, no repository.

    It does what the pipeline does with the profile `quick`. Labels of the table are not used.

    Args:
        table: columns posting_id, and title, image (names of files) or both; optional: image_phash, source (the
            shop), brand, price, gtin, mpn, category. Without a column posting_id, the index of the table names the
            listings.
        images: the folder of the pictures; None: titles alone.
        columns: of the table, where they have other names, ours first: {"posting_id": "sku", "title": "name"}.
        link: which pairs may match: all, those across shops, or those within one.
        one_to_one: keep at most one match in each other shop, the best of both.
        rules: an equal GTIN is a match, two different GTINs are none.
        threshold: of the score, −1 to 1. None takes the default (docs/own-catalogue.md).
        alpha: the weight of the pictures, 0 to 1. None takes the default.
        k: the most matches that a listing can have, 1 to 10,000. A group holds at most 100 listings, or 2 k.

    A line on standard error says what went to quarantine, and where matches may be missing for want of k.

    Raises:
        InputError: the table cannot be used, or no listing is left; one sentence says what is wrong and what is
            allowed.
    """
    match = {"link": link, "one_to_one": one_to_one, "rules": rules}
    params = _zero_shot_params(columns, match, threshold, alpha, k)
    quarantine, folder = Quarantine(), _folder(images)
    with tempfile.TemporaryDirectory() as scratch:
        data = to_parquet(table, named_by_index="posting_id" not in params.data.columns)
        try:
            new = read_new_listings(data, TABLE, folder, Path(scratch), quarantine, params)
        except InputError as error:  # it names the key of params.yaml, which this call does not read
            message = str(error).replace(
                "name yours in params.yaml, as in data.columns: ", "give columns, as in "
            )
            raise InputError(message.replace("; read as Parquet", "")) from None
        listings = _store_listings(new, Path(scratch), params)
        channels = _embed(new, listings, params)
        fusion, owner = params.fusion, listings.owner
        weights = fusion_weights(fusion.image, fusion.title, fusion.alpha, channels)
        fused = fuse_channels(channels, weights, fusion.method, owner)
        rows = listings.gallery("full")
        neighbours = search_neighbours(fused, rows, params.index.k, allowed=listings.allowed)
        decided_by = read_rules(listings, params.match, params.groups)
        decisions = decide(
            neighbours, listings, params.decision, "full", decided_by, compared_by(listings, fusion)
        )
        group = assign_groups(decisions, listings, params.groups)
        matches = artefacts.make_table(match_columns(decisions, listings, channels)).to_pandas()
        groups = pd.DataFrame({"posting_id": listings.posting_id, "group": group})
    _report_faults(quarantine, describe_full_lists(decisions, "k").removeprefix("; "))
    return CatalogueMatches(matches, faults_table(quarantine), decisions.threshold, groups)


def load(repository: str | Path, system: str | None = None) -> Index:
    """Open what the pipeline has left in a repository, to search it and to match new listings.

    Args:
        repository: the folder of params.yaml, after `dvc repro`.
        system: the one that answers: samesku, tuned or rerank. None: as app.system of params.yaml says.

    A line on standard error says which system answers, and why.

    Raises:
        InputError: there is no params.yaml, the pipeline has not run with it, or `system` cannot be asked.
    """
    root = Path(repository)
    return Index(open_index(load_params(root / "params.yaml"), root, system))


class Index:
    """The catalogue of a repository, as a system searches it. The encoders are loaded when they are first needed.

    A listing is given by its posting_id, or as a mapping: title, image (a file, its bytes or a PIL image), source,
    brand, price, gtin, mpn and category, each of which may be missing.
    """

    def __init__(self, catalogue: SystemIndex) -> None:
        self._catalogue = catalogue

    def __len__(self) -> int:
        return len(self._catalogue)

    @property
    def system(self) -> str:
        """The system that answers. The score of rerank is the probability that two listings match."""
        return self._catalogue.name

    @property
    def threshold(self) -> float | None:
        """The score from which a pair is a match; None for a dynamic decision."""
        return self._catalogue.static_threshold

    def search(self, title: str = "", image: Any = None, k: int = 10, **others: str) -> pd.DataFrame:
        """The k nearest listings of the catalogue, the best first.

        Args:
            title: "" for none. image: a file, its bytes or a PIL image; None for none.
            others: source, brand, price, gtin, mpn, category.

        Returns:
            posting_id, title, source, image, score, match, and the similarity of each channel.

        Raises:
            InputError: neither a title nor a picture, a picture that cannot be used, or k below 1.
        """
        if not isinstance(k, int) or k < 1:
            raise InputError(f"k is {k!r}; allowed: a whole number, 1 or more")
        query = self._listing({"title": title, "image": image, **others})
        nearest = answers.search_catalogue(self._catalogue, query, k)["results"]
        columns = ["posting_id", "title", "source", "image", "score", "match"]
        rows = [
            {name: result[name] for name in columns}
            | {name: channel["similarity"] for name, channel in result["channels"].items()}
            for result in nearest
        ]
        return pd.DataFrame(rows, columns=[*columns, *self._catalogue.channels])

    def match(self, left: str | Mapping[str, Any], right: str | Mapping[str, Any]) -> dict[str, Any]:
        """Whether two listings are the same product, and why.

        Returns:
            system, instead_of, same, score, threshold, channels, reasons, conflicts, attributes and rule, as of
            `samesku match --json`.

        Raises:
            InputError: no listing of the catalogue has this posting_id, or a listing has neither a title nor a
                picture.
        """
        return answers.match_listings(self._catalogue, self._listing(left), self._listing(right))

    def add(
        self,
        table: pd.DataFrame,
        images: str | Path | None = None,
        *,
        columns: Mapping[str, str] | None = None,
    ) -> CatalogueMatches:
        """Match new listings against the catalogue and each other; the repository stays as it is.

        A new listing replaces the catalogue's listing of the same posting_id.

        Args:
            table, images, columns: as of `match_catalogue`. None takes data.columns of params.yaml.

        Raises:
            InputError: the table cannot be used, or no listing is left.
        """
        catalogue, quarantine, folder = self._catalogue, Quarantine(), _folder(images)
        params = catalogue.params if columns is None else _with_columns(catalogue.params, columns)
        data = to_parquet(table, named_by_index="posting_id" not in params.data.columns)
        _, matches = match_table(catalogue, data, TABLE, folder, quarantine, params)
        _report_faults(quarantine)
        return CatalogueMatches(matches.to_pandas(), faults_table(quarantine), self.threshold)

    def _listing(self, given: str | Mapping[str, Any]) -> QueryListing:
        catalogue = self._catalogue
        if isinstance(given, str):
            return catalogue.query_listing(given)
        allowed = ("title", "image", "source", *ATTRIBUTES)
        if unknown := sorted(set(given) - set(allowed)):
            raise InputError(f"a listing has no {unknown[0]}; allowed: {', '.join(allowed)}")
        for key in allowed:
            if key != "image" and not isinstance(given.get(key) or "", str):
                raise InputError(f"{key} is {type(given[key]).__name__}; allowed: text")
        image = given.get("image")
        name = f"image {image}" if isinstance(image, str | Path) else "image"
        picture = _picture_bytes(image)
        attributes = {key: given[key] for key in ATTRIBUTES if given.get(key)}
        data, source = catalogue.params.data, given.get("source") or ""
        return read_query_listing(given.get("title") or "", picture, data, name, attributes, source)


def _folder(images: Any) -> Path | None:
    if images is not None and not isinstance(images, str | Path):
        raise InputError(f"images is a {type(images).__name__}; allowed: the folder of the pictures, or None")
    if images is not None and not Path(images).is_dir():
        raise InputError(f"images: {images} is no folder; allowed: the folder of the pictures, or None")
    return None if images is None else Path(images)


def _report_faults(quarantine: Quarantine, *further: str) -> None:
    """Say on standard error what a caller may overlook in a result."""
    faults = (
        f"{len(quarantine.rows()):,} rows have a fault: {quarantine.by_reason()}" if quarantine.rows() else ""
    )
    for sentence in filter(None, (faults, *further)):
        print(f"samesku: {sentence}", file=sys.stderr)


def _zero_shot_params(
    columns: Mapping[str, str] | None,
    match: Mapping[str, Any],
    threshold: float | None,
    alpha: float | None,
    k: int,
) -> Params:
    """The params of the profile `quick`, with the arguments of `match_catalogue`."""
    if columns is not None and not isinstance(columns, Mapping):
        raise InputError(f"columns is a {type(columns).__name__}; allowed: a mapping, ours to the table's")
    content = read_params(Path(str(files("samesku.params").joinpath("zero_shot.yaml"))))
    content["data"]["columns"] = dict(columns or {})
    content["match"] = dict(match)
    if threshold is not None:
        content["decision"]["value"] = threshold
    if alpha is not None:
        content["fusion"]["alpha"] = alpha
    content["index"]["k"] = k
    content["groups"] = {"max_size": max(100, 2 * k)}  # with k as shipped, that of params.yaml
    return parse_params(content)


def _with_columns(params: Params, columns: Mapping[str, str]) -> Params:
    content = params.model_dump()
    content["data"]["columns"] = dict(columns)
    return parse_params(content)


def _store_listings(new: NewListings, folder: Path, params: Params) -> Listings:
    """listings.parquet of an unlabelled catalogue, in `folder`."""
    rows = [row._replace(label_group="", split="") for row in new.rows]
    component = np.arange(len(rows), dtype=np.int32)
    path = folder / artefacts.LISTINGS.name
    artefacts.write_table(path, sample.listings_table(rows, component, [""] * len(rows)))
    write_further(folder / FILE, [row.further for row in rows])
    return read_listings(path, params.match)


def _embed(new: NewListings, listings: Listings, params: Params) -> dict[str, Float32]:
    """The rows of each channel of the fusion, as the stage embed_zero_shot writes them."""
    content, channels = new.content, {}
    for name in [*params.fusion.image, *params.fusion.title]:
        channel = params.channels[name]
        column = needed_column(channel)
        items, present = content.column(column), content.present(column)
        channels[name] = np.zeros((len(present), 0), np.float32)
        if present.any():
            with open_channel(name, channel, params.embed, params.machine) as encoder:
                encoder.fit(items, np.flatnonzero(present[: len(listings)]).tolist())
                channels[name] = encoder.embed(items, present=present, label=name)
    return channels


def _picture_bytes(image: Any) -> bytes | None:
    if image is None or isinstance(image, bytes):
        return image
    if isinstance(image, Image.Image):
        file = io.BytesIO()
        image.save(file, "PNG")
        return file.getvalue()
    return read_picture_file(str(image), "image")
