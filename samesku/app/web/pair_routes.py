"""The routes of single pairs: why two listings match, and the pairs of a queue that are annotated one after another."""

import json
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from samesku.annotations.file import describe_chains, read_annotations, write_annotation
from samesku.app import answers
from samesku.app.system_index import SystemIndex
from samesku.app.web.review_queue import PairQueue
from samesku.errors import InputError


def further_rows(index: SystemIndex, row: int) -> list[int]:
    """The rows of a listing's further pictures, as `picture` takes them."""
    return [len(index) + place for place in index.listings.further_of(row)]


class PairRoutes:
    """The pairs of one indexed catalogue.

    Args:
        annotations: annotations.csv; it may be missing. name: of the person who annotates; "" for none.
    """

    def __init__(self, index: SystemIndex, queue: PairQueue, annotations: Path, name: str) -> None:
        self.index, self.queue, self.annotations, self.name = index, queue, annotations, name

    async def explain(self, request: Request) -> Response:
        """Why two rows of the catalogue, `left` and `right`, match or not, as of `explain_pair`."""
        rows = [request.query_params.get(side, "") for side in ("left", "right")]
        if not all(
            row.isascii() and row.isdigit() and len(row) < 10 and int(row) < len(self.index) for row in rows
        ):
            raise InputError(f"left and right must be rows of the catalogue, 0 to {len(self.index) - 1}")
        answer = await run_in_threadpool(answers.explain_pair, self.index, *map(int, rows))
        return JSONResponse(answer | {"threshold": self.index.static_threshold})

    async def next(self, request: Request) -> Response:
        """The pair at `position` of the queue; without it, the next pair to annotate."""
        text = request.query_params.get("position")
        if text is not None and not (text.isascii() and text.isdigit() and len(text) < 10):
            raise InputError(f"position is {text[:20]!r}; allowed: a number from 0")
        return JSONResponse(await run_in_threadpool(self._pair, None if text is None else int(text)))

    async def annotate(self, request: Request) -> Response:
        """Write the annotation of a pair, and answer with the next one.

        `contradiction` says which annotations the written one contradicts, "" for none.
        """
        try:
            body = json.loads(await request.body())
            position, annotation = body["position"], body["annotation"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError("the request is not JSON with the keys position and annotation") from None
        if type(position) is not int or not (annotation is None or isinstance(annotation, str)):
            raise InputError("position must be a number, and annotation a text or null")

        if not 0 <= position < len(self.queue):
            raise InputError(f"there is no pair {position}; the queue has {len(self.queue)}")

        def write() -> dict[str, Any]:
            chains = write_annotation(self.annotations, self.queue.pair(position), annotation, self.name)
            shown = self._pair(position) if annotation is None else self._pair(None, position + 1)
            return shown | {"contradiction": describe_chains(chains)}

        return JSONResponse(await run_in_threadpool(write))

    def _pair(self, position: int | None, start: int = 0) -> dict[str, Any]:
        """A pair of the queue with its evidence, and the progress; position is None if there is no pair.

        Args:
            position: None takes the next pair to annotate, from `start` on.
        """
        queue, index = self.queue, self.index
        annotations = read_annotations(self.annotations)
        progress = queue.progress(annotations) | {"threshold": index.static_threshold}
        position = queue.next_pair(annotations, start) if position is None else position
        if position is None or not 0 <= position < len(queue):
            return progress | {"position": None}
        pair = queue.pair(position)
        rows = [index.row_of[posting_id] for posting_id in pair]
        listings = [
            {
                "posting_id": posting_id,
                "title": index.listings.title[row],
                "source": index.listings.source[row],
                "row": row if index.listings.image[row] else None,
                "further": further_rows(index, row),
            }
            for posting_id, row in zip(pair, rows, strict=True)
        ]
        annotation = annotations.get(pair)
        return (
            progress
            | answers.explain_pair(index, *rows)
            | queue.evidence(position)
            | {
                "position": position,
                "listings": listings,
                "annotation": annotation.answer if annotation else None,
            }
        )
