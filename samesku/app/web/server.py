"""`samesku serve`: the routes of the web page, and how the server starts."""

import asyncio
import errno
import re
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from jinja2 import Environment, FileSystemLoader
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from samesku import artefacts
from samesku.annotations.file import check_name, read_annotations
from samesku.app import answers
from samesku.app.evidence_names import name_evidence
from samesku.app.open_index import open_index
from samesku.app.query_listing import QueryListing
from samesku.app.report.catalogue import Catalogue
from samesku.app.running_server import ROUTE, announce, read_state
from samesku.app.system_index import SystemIndex
from samesku.app.web.forms import read_listings
from samesku.app.web.guard import LOOPBACK, Guard, TimedProtocol
from samesku.app.web.opened_files import OpenedFiles
from samesku.app.web.pair_routes import PairRoutes, further_rows
from samesku.app.web.product_routes import ProductRoutes, product_system
from samesku.app.web.questions import Questions
from samesku.app.web.review_queue import PairQueue, open_queue
from samesku.app.web.start import start_content
from samesku.catalogue.source import MAX_BYTES
from samesku.errors import InputError
from samesku.params import Params
from samesku.params.schema import ASKED_SYSTEMS

STATIC = Path(__file__).parent / "static"
TEMPLATES = Path(__file__).parents[1] / "report" / "templates"  # what the report uses too
TYPES = {".css": "text/css", ".js": "text/javascript"}
FILES = {
    path.name: path for folder in (TEMPLATES, STATIC) for path in folder.iterdir() if path.suffix in TYPES
}
MAX_BODY = 2 * MAX_BYTES + 1_000_000
MAX_RESULTS = 50


class Site:
    """The page and the API over one indexed catalogue.

    Args:
        annotations: annotations.csv; it may be missing. It is read for each request, so that several people can
            annotate.
        system: whose products are shown, as of `product_system`. name: of the person who annotates; "" for none.
    """

    def __init__(
        self,
        index: SystemIndex,
        queue: PairQueue,
        annotations: Path,
        token: str,
        system: str | None = None,
        name: str = "",
        state: str | None = None,
    ) -> None:
        self.index, self.token, self.name, self.state = index, token, name, state
        catalogue = Catalogue(index.listings)
        catalogue.open_all()
        self.pairs = PairRoutes(index, queue, annotations, name)
        self.products = ProductRoutes(catalogue, product_system(system), index.params, annotations, name)
        self.questions = Questions(index)
        self.opened = OpenedFiles([artefacts.IMAGES, *map(artefacts.embedding_path, index.channels)])
        self.decoding = asyncio.Lock()  # a picture of data.max_pixels takes some 500 MB while it is decoded
        environment = Environment(loader=FileSystemLoader([STATIC, TEMPLATES]), autoescape=True)
        self.template = environment.get_template("web.html")

    def warm_up(self) -> None:
        """Load every network, so that the first request does not wait for them."""
        try:
            for name in self.index.encoders.channels:
                self.index.encoders.encoder(name)
            source = self.index.listings.source[0]  # one that match.link: within allows
            answers.search_catalogue(self.index, QueryListing("a", None, "", source=source), 1)
            _ = self.products.content  # so that the first page does not wait either
        except InputError as error:  # requests will get the same error; the review needs no network
            print(f"samesku serve: {error}", file=sys.stderr)

    async def page(self, request: Request) -> Response:
        content = await run_in_threadpool(start_content, self.products)
        body = self.template.render(
            content,
            is_old=self.state is not None and await run_in_threadpool(read_state) != self.state,
            token=self.token,
            has_pictures=self.products.catalogue.has_pictures(),
            listings=len(self.index),
            shops=self.index.listings.allowed.names,  # those that decide which pairs may match
            person=self.name,
            evidence=name_evidence(self.index.params),
        )
        return HTMLResponse(body, headers={"cache-control": "no-store"})

    async def static(self, request: Request) -> Response:
        file = FILES.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        return FileResponse(file, media_type=TYPES[file.suffix], headers={"cache-control": "no-cache"})

    async def picture(self, request: Request) -> Response:
        self.opened.check()
        row, pictures = request.path_params["row"], self.index.pictures
        jpeg = pictures.jpeg(row) if 0 <= row < len(pictures) else None
        if jpeg is None:
            raise HTTPException(404)
        return Response(jpeg, media_type="image/jpeg", headers={"cache-control": "private, max-age=600"})

    async def _read_listings(self, request: Request, count: int) -> list[QueryListing]:
        self.opened.check()
        self.questions.check()  # where too many wait, pictures are not even decoded
        return await read_listings(request, count, self.index.params.data, self.decoding)

    async def match(self, request: Request) -> Response:
        left, right = pair = await self._read_listings(request, 2)
        answer = await self.questions.ask(
            request, pair, lambda: answers.match_listings(self.index, left, right)
        )
        return JSONResponse(answer | {"titles": [left.title, right.title]})

    async def search(self, request: Request) -> Response:
        (query,) = await self._read_listings(request, 1)
        answer = await self.questions.ask(
            request, [query], lambda: answers.search_catalogue(self.index, query, MAX_RESULTS)
        )
        for result in answer["results"]:
            row = self.index.row_of[result["posting_id"]]
            result["row"] = row if result["image"] else None
            result["further"] = further_rows(self.index, row)
        return JSONResponse(answer | {"title": query.title})

    async def ask(self, request: Request) -> Response:
        """A question of a command of this folder, `match` or `search`: the answer that it would give itself."""
        question, k = (request.query_params.get(name, "") for name in ("question", "k"))
        if question not in ("match", "search") or not re.fullmatch("[1-9][0-9]{0,3}", k):
            raise InputError("allowed: question match or search, k from 1 to 9999")
        listings = await self._read_listings(request, 2 if question == "match" else 1)

        def answer() -> dict[str, Any]:
            if question == "match":
                return answers.match_listings(self.index, listings[0], listings[1])
            return answers.search_catalogue(self.index, listings[0], int(k))

        answered = await self.questions.ask(request, listings, answer)
        return JSONResponse({"answer": answered, "titles": [listing.title for listing in listings]})


class RowConvertor(IntegerConvertor):
    """A row in a path. Python refuses to read a number of thousands of digits."""

    regex = "[0-9]{1,9}"


register_url_convertor("row", RowConvertor())


async def _input_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else "an error"
    return JSONResponse({"error": detail}, status)


def build(site: Site, names: Sequence[str], lifespan: Lifespan[Starlette] | None = None) -> Starlette:
    """The application; browsers may call it under these host names, beside those of loopback."""
    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", site.page),
            Route("/static/{name}", site.static),
            Route("/picture/{row:row}", site.picture),
            Route("/api/match", site.match, methods=["POST"]),
            Route("/api/search", site.search, methods=["POST"]),
            Route(ROUTE, site.ask, methods=["POST"]),
            Route("/thumbnail/{row:row}", site.products.thumbnail),
            Route("/api/pair", site.pairs.explain),
            Route("/api/threshold", site.products.threshold),
            Route("/api/cards", site.products.review),
            Route("/api/products", site.products.products),
            Route("/api/annotations", site.products.read, methods=["GET"]),
            Route("/api/annotations", site.products.write, methods=["POST"]),
            Route("/api/review", site.pairs.next, methods=["GET"]),
            Route("/api/review", site.pairs.annotate, methods=["POST"]),
        ],
        middleware=[
            Middleware(Guard, token=site.token, max_body=MAX_BODY),
            Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, *names], www_redirect=False),
        ],
        exception_handlers={InputError: _input_error, HTTPException: _http_error},
    )


def run(
    params: Params,
    *,
    host: str,
    port: int,
    names: Sequence[str],
    system: str | None,
    precision: float,
    person: str = "",
) -> None:
    """Serve until Ctrl-C. Raises InputError if the pipeline has not run, or the address is taken.

    Args:
        system: the one that answers, if it can, and whose pairs and products are shown; None as of `open_index`,
            `open_queue` and `product_system`.
        precision: as of `open_queue`. person: the name that annotations get; "" for none.
    """
    check_name(person)
    state, asked = read_state(), system if system in ASKED_SYSTEMS else None
    index = open_index(params, system=asked)
    index.open_all()
    queue = open_queue(system, precision, params, index.listings)
    read_annotations(artefacts.ANNOTATIONS)  # so that an unreadable file is reported now
    site = Site(index, queue, artefacts.ANNOTATIONS, secrets.token_urlsafe(32), system, person, state)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        way_out = "; --port 0 takes a free port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else ""
        raise InputError(f"cannot listen on {host}:{port} ({error.strerror or error}){way_out}") from None
    shown = f"[{host}]" if ":" in host else host
    port = listening.getsockname()[1]
    print(f"samesku serve: http://{shown}:{port} (Ctrl-C stops it)", flush=True)
    if host not in LOOPBACK:
        print("everyone who can reach this address can use the page and write annotations", file=sys.stderr)
    site.questions.first(site.warm_up)
    is_everywhere = ip_address(listening.getsockname()[0]).is_unspecified

    @asynccontextmanager
    async def announced(_: Starlette) -> AsyncIterator[None]:
        with announce("localhost" if is_everywhere else host, port, site.token, asked, state):
            yield

    application = build(site, [*names, host], announced)
    config = uvicorn.Config(
        application,
        http=TimedProtocol,
        ws="none",  # the guard checks requests of HTTP alone
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[listening])
