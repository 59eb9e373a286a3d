"""samesku serve: the routes of the web page, and how it is started."""

from __future__ import annotations

import json
import secrets
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from samesku import artefacts
from samesku.app import answers
from samesku.app.given import Given, read_listing
from samesku.app.indexed import Indexed
from samesku.app.web.guard import LOOPBACK, Guard
from samesku.app.web.queue import Queue
from samesku.catalogue.source import MAX_BYTES
from samesku.errors import InputError
from samesku.params import Params

HERE = Path(__file__).parent
SHARED = HERE.parent / "report" / "templates"  # the report's look
STATIC = {
    "page.css": (SHARED / "page.css", "text/css"),
    "theme.js": (SHARED / "theme.js", "text/javascript"),
    "web.css": (HERE / "static/web.css", "text/css"),
    "web.js": (HERE / "static/web.js", "text/javascript"),
}
MAX_BODY = 2 * MAX_BYTES + 1_000_000
MAX_TITLE = 100_000  # characters; a seller's title has some hundred
MAX_FOUND = 50

Handler = Callable[[Request], Awaitable[Response]]


class Site:
    """The pages and answers of one indexed catalogue; networks run one request at a time."""

    def __init__(self, indexed: Indexed, queue: Queue, token: str) -> None:
        self.indexed, self.queue, self.token = indexed, queue, token
        self.images = indexed.pictures
        self.networks = threading.Lock()
        environment = Environment(loader=FileSystemLoader(HERE / "static"), autoescape=True)
        self.template = environment.get_template("web.html")

    def warm(self) -> None:
        """Load every network, so that the first question waits no longer than the others."""
        with self.networks:
            try:
                for name in self.indexed.weights:
                    self.indexed.embedder.channel(name)
                answers.search(self.indexed, Given("a", None, ""), 1)
            except InputError as error:  # questions will be told so too; reviewing needs no network
                print(f"samesku serve: {error}", file=sys.stderr)

    async def page(self, request: Request) -> Response:
        body = self.template.render(
            token=self.token, listings=len(self.indexed.ids), pairs=len(self.queue.pairs)
        )
        return HTMLResponse(body, headers={"cache-control": "no-store"})

    async def static(self, request: Request) -> Response:
        known = STATIC.get(request.path_params["name"])
        if known is None:
            raise HTTPException(404)
        return FileResponse(known[0], media_type=known[1], headers={"cache-control": "no-cache"})

    async def picture(self, request: Request) -> Response:
        row = request.path_params["row"]
        jpeg = self.images.jpeg(row) if 0 <= row < len(self.images) else None
        if jpeg is None:
            raise HTTPException(404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})

    async def match(self, request: Request) -> Response:
        one, two = await self._given(request, 2)
        found = await run_in_threadpool(self._asked, lambda: answers.match(self.indexed, one, two))
        return JSONResponse(found | {"titles": [one.title, two.title]})

    async def search(self, request: Request) -> Response:
        (given,) = await self._given(request, 1)
        found = await run_in_threadpool(self._asked, lambda: answers.search(self.indexed, given, MAX_FOUND))
        for one in found["results"]:
            one["row"] = self.indexed.row[one["posting_id"]] if one["image"] else None
        return JSONResponse(found | {"title": given.title})

    async def review(self, request: Request) -> Response:
        """A pair of the queue: the one that is asked for, or the first without a verdict."""
        at: int | None = None
        if "at" in request.query_params:
            text = request.query_params["at"]
            at = int(text) if text.isdigit() and len(text) < 10 else -1
        return JSONResponse(await run_in_threadpool(self._pair, at))

    async def decide(self, request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
            at, verdict = asked["at"], asked["verdict"]
        except (ValueError, KeyError, TypeError):
            raise InputError("the request is no JSON with at and verdict") from None
        if not isinstance(at, int) or not (verdict is None or isinstance(verdict, str)):
            raise InputError("at is no number, or verdict no text")
        await run_in_threadpool(self.queue.decide, at, verdict)
        wanted = await run_in_threadpool(self.queue.next, at + 1) if verdict is not None else at
        return JSONResponse(await run_in_threadpool(self._pair, wanted))

    def _pair(self, at: int | None) -> dict[str, Any]:
        queue, indexed = self.queue, self.indexed
        said = queue.said()
        told: dict[str, Any] = {
            "total": len(queue.pairs),
            "done": sum(pair in said for pair in queue.pairs),
            "threshold": indexed.threshold if indexed.settings.decision.kind == "static" else None,
        }
        at = queue.next() if at is None else at
        if at is None or not 0 <= at < len(queue.pairs):
            return told | {"at": None}
        rows = [indexed.row[name] for name in queue.pairs[at]]
        listings = [
            {
                "posting_id": indexed.ids[row],
                "title": indexed.titles[row],
                "row": row if indexed.images[row] else None,
            }
            for row in rows
        ]
        found = said.get(queue.pairs[at])
        return (
            told
            | answers.pair(indexed, *rows)
            | {
                "at": at,
                "listings": listings,
                "probability": queue.probability[at],
                "verdict": found.verdict if found else None,
            }
        )

    def _asked(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        with self.networks:
            return ask()

    async def _given(self, request: Request, count: int) -> list[Given]:
        """The listings of a form: fields title and image, numbered from 1."""
        titles, pictures = [], []
        async with request.form(max_files=count, max_fields=2 * count) as form:
            for number in range(1, count + 1):
                title, image = form.get(f"title{number}", ""), form.get(f"image{number}")
                if not isinstance(title, str) or len(title) > MAX_TITLE:
                    raise InputError(f"title {number} is no text of at most {MAX_TITLE:,} characters")
                if image is not None and not isinstance(image, UploadFile):
                    raise InputError(f"picture {number} is no file")
                titles.append(title)
                pictures.append(await image.read() if image is not None else None)
        rules = self.indexed.settings.data
        return [
            await run_in_threadpool(read_listing, title, data, rules, f"picture {number}")
            for number, (title, data) in enumerate(zip(titles, pictures, strict=True), 1)
        ]


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "an error"
    return JSONResponse({"error": detail}, status)


def build(site: Site, names: Sequence[str]) -> Starlette:
    """The application.

    Args:
        names: the names under which browsers may call it, beside loopback's.
    """
    return Starlette(
        routes=[
            Route("/", site.page),
            Route("/static/{name}", site.static),
            Route("/picture/{row:int}", site.picture),
            Route("/api/match", site.match, methods=["POST"]),
            Route("/api/search", site.search, methods=["POST"]),
            Route("/api/review", site.review, methods=["GET"]),
            Route("/api/review", site.decide, methods=["POST"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, *names], www_redirect=False),
            Middleware(Guard, token=site.token, max_body=MAX_BODY),
        ],
        exception_handlers={InputError: _refused, HTTPException: _http},
    )


def run(settings: Params, *, host: str, port: int, names: Sequence[str], system: str) -> None:
    """Serve until Ctrl-C.

    Raises:
        InputError: the pipeline has not run, or the address is taken.
    """
    indexed = Indexed(settings)
    pairs = artefacts.PREDICTIONS / system / "review.parquet"
    queue = Queue(pairs, indexed.row, artefacts.REVIEW)
    queue.said()  # a file that cannot be read is better told of now
    site = Site(indexed, queue, secrets.token_urlsafe(32))
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        raise InputError(f"cannot listen on {host}:{port} ({error.strerror or error})") from None
    shown = f"[{host}]" if ":" in host else host
    print(f"samesku serve: http://{shown}:{listening.getsockname()[1]} (Ctrl-C ends it)", flush=True)
    if host not in LOOPBACK:
        print("whoever can reach this address can use the page and write verdicts", file=sys.stderr)
    threading.Thread(target=site.warm, daemon=True).start()
    application = build(site, [*names, host])
    config = uvicorn.Config(application, log_level="warning", server_header=False, proxy_headers=False)
    uvicorn.Server(config).run(sockets=[listening])
