"""The routes of the products: groups of listings, small pictures, and what people say of them."""

import json
import threading
from functools import cached_property
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from samesku import artefacts
from samesku.annotations.file import Pair, read_annotations, sort_pair, write_annotations
from samesku.app.group_review import card_content, review_cards
from samesku.app.products import product_content
from samesku.app.report.catalogue import Catalogue, ShownListings
from samesku.app.summary import describe_catalogue
from samesku.app.systems import is_of_sample
from samesku.app.threshold_choice import threshold_content
from samesku.catalogue.reader import id_fault
from samesku.errors import InputError
from samesku.params import Params

MAX_ANSWERS = 10_000  # in one request: more than the pairs of two groups of 100


class ProductRoutes:
    """The products of a system, and the annotations of pairs of listings.

    Args:
        annotations: annotations.csv; it is read for each request, so that several people can annotate.
        name: of the person who annotates; "" for none.
    """

    def __init__(
        self, catalogue: Catalogue, system: str, params: Params, annotations: Path, name: str
    ) -> None:
        self.catalogue, self.system, self.params = catalogue, system, params
        self.annotations, self.name = annotations, name
        self._reading = threading.Lock()
        self._groups: dict[str, Any] | None = None

    @property
    def groups(self) -> dict[str, Any]:
        """The groups, as of `product_content`, read once; the number of a listing is its row."""
        with self._reading:
            if self._groups is None:
                shown = self._number_by_row()
                self._groups = product_content(self.system, self.params, self.catalogue, shown)
            return self._groups

    @cached_property
    def description(self) -> str:
        """What the catalogue is, in one sentence."""
        return describe_catalogue(self.catalogue)

    @cached_property
    def content(self) -> bytes:
        """What `/api/products` answers, without the annotations."""
        pictures = [int(webp is not None) for webp in self.catalogue.pictures[: len(self.catalogue)]]
        content = self.groups | {"listings": self._number_by_row().listings(), "pictures": pictures}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()

    @cached_property
    def cards(self) -> list[list[Any]]:
        """What `/api/cards` answers: the cards of the review."""
        cards = review_cards(self.system, self.params, self.catalogue)
        return card_content(cards, self.catalogue, self.params.data.seed)

    async def review(self, request: Request) -> Response:
        """The cards of the review, as of `card_content`; rows are numbers of `/api/products`."""
        return JSONResponse({"cards": await run_in_threadpool(lambda: self.cards)})

    async def threshold(self, request: Request) -> Response:
        """What each threshold would do, as of `threshold_content`; null where no single threshold decides."""

        def content() -> dict[str, Any] | None:
            annotations = read_annotations(self.annotations)
            return threshold_content(
                self.system, self.params, self.catalogue, self._number_by_row(), annotations
            )

        return JSONResponse({"threshold": await run_in_threadpool(content)})

    def _number_by_row(self) -> ShownListings:
        """All listings; the number of each is its row."""
        shown = ShownListings(self.catalogue)
        for row in range(len(self.catalogue)):
            shown.number(row)
        return shown

    async def products(self, request: Request) -> Response:
        """The groups, as of `product_content`, all listings, and which of them have a picture."""
        content = await run_in_threadpool(lambda: self.content)
        return Response(content, media_type="application/json", headers={"cache-control": "no-store"})

    async def thumbnail(self, request: Request) -> Response:
        row, pictures = request.path_params["row"], self.catalogue.pictures
        webp = pictures[row] if 0 <= row < len(pictures) else None
        if webp is None:
            raise HTTPException(404)
        return Response(webp, media_type="image/webp", headers={"cache-control": "private, max-age=600"})

    async def read(self, request: Request) -> Response:
        """Every annotation, as [left, right, answer]."""
        annotations = await run_in_threadpool(read_annotations, self.annotations)
        answers = [[*pair, annotation.answer] for pair, annotation in annotations.items()]
        return JSONResponse({"answers": answers}, headers={"cache-control": "no-store"})

    async def write(self, request: Request) -> Response:
        """Write answers of pairs, [left, right, answer or null]; answers with what they were before."""
        answers = self._parse(await request.body())
        before = await run_in_threadpool(write_annotations, self.annotations, answers, self.name)
        return JSONResponse({"answers": [[*pair, answer] for pair, answer in before.items()]})

    def _parse(self, body: bytes) -> dict[Pair, str | None]:
        """The answers of a request by pair. Raises InputError for a body of another form."""
        try:
            rows = json.loads(body)["answers"]
            answers = {sort_pair(left, right): answer for left, right, answer in rows}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(
                "the request is not JSON with the key answers, a list of [id, id, answer]"
            ) from None
        if len(answers) > MAX_ANSWERS:
            raise InputError(f"{len(answers):,} answers in one request; allowed: {MAX_ANSWERS:,}")
        row_of = self.catalogue.row_of
        for (left, right), answer in answers.items():
            if not (isinstance(answer, str) or answer is None):
                raise InputError("an answer must be a text or null")
            for name in (left, right):
                if not isinstance(name, str) or id_fault(name) or name not in row_of:
                    raise InputError(f"the catalogue has no listing {name!r}")
            if left == right:
                raise InputError(f"a pair names {left} twice; allowed: two listings")
        return answers


def product_system(system: str | None) -> str:
    """The system whose products are shown: the named one, else rerank where it has groups of this sample, else samesku.

    Raises:
        InputError: it has no groups.
    """
    groups = {
        name: artefacts.predictions_folder(name) / "groups.parquet"
        for name in ("rerank", "samesku", system)
        if name
    }
    sample = artefacts.fingerprint(None, [artefacts.LISTINGS])
    is_reranked = groups["rerank"].is_file() and is_of_sample(groups["rerank"].parent, sample)
    chosen = system or ("rerank" if is_reranked else "samesku")
    if not groups[chosen].is_file():
        raise InputError(
            f"{groups[chosen]} is missing; run `dvc repro`, or name a system of {artefacts.PREDICTIONS}"
        )
    return chosen
