"""The check of every request: who may call, from where, and how much they may send."""

import asyncio
import json
import secrets
import time
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

import h11
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from samesku.app.running_server import TOKEN

#: The names of loopback. A page whose host name was made to resolve to this machine (DNS rebinding) sends
#: that name, and is refused.
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


#: Seconds in which the head and the body of a request must have come.
HEAD_SECONDS, BODY_SECONDS = 15, 120
#: Requests to the API that are answered or wait for it. More are asked to come again.
MAX_REQUESTS = 128
RETRY_AFTER = {"retry-after": "1"}  # seconds


class Refused(Exception):
    """A request that cannot be answered.

    Attributes:
        status: of HTTP. headers: of the answer.
    """

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, headers


class Guard:
    """Refuses requests that a page of another site could send, limits their size, time and number, adds HEADERS.

    A request that changes or costs something must carry the token of this server's page. Another site cannot
    read that page. It cannot send the header either: the browser would ask this server first, which never
    allows it.

    Every error is answered by JSON with a sentence. A request that its sender has given up is not answered.

    Args:
        max_body: bytes of a body. max_json: of one that holds no pictures.
    """

    def __init__(self, app: ASGIApp, token: str, max_body: int, max_json: int = 1_000_000) -> None:
        self.app, self.token, self.max_body, self.max_json = app, token, max_body, max_json
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(send)
        is_api = scope["path"].startswith("/api/")
        self.running += is_api
        try:
            self._check(scope)
            if is_api and self.running > MAX_REQUESTS:
                raise Refused(503, "too many requests at once; try again in a second", RETRY_AFTER)
            await self.app(scope, self._limited(scope, receive), answer.send)
        except ClientDisconnect:
            pass
        except Exception as error:
            if answer.started:
                raise
            refused = _as_refused(error)
            response = JSONResponse({"error": str(refused)}, refused.status, refused.headers)
            await response(scope, receive, answer.send)
        finally:
            self.running -= is_api

    def _limit(self, scope: Scope) -> int:
        is_form = Headers(scope=scope).get("content-type", "").startswith("multipart/")
        return self.max_body if is_form else min(self.max_body, self.max_json)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """`receive` within the limits of size and time."""
        limit, read, deadline = self._limit(scope), 0, time.monotonic() + BODY_SECONDS
        complete = False

        async def receiving() -> Message:
            nonlocal read, complete
            if complete:  # what follows is that the client has gone, whenever that may be
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, deadline - time.monotonic()))
            except TimeoutError:
                raise Refused(408, f"the request was not sent within {BODY_SECONDS} seconds") from None
            complete = not message.get("more_body", False)
            read += len(message.get("body", b""))
            if read > limit:
                raise Refused(413, _too_large(limit))
            return message

        return receiving

    def _check(self, scope: Scope) -> None:
        """Raise Refused if the head of the request is."""
        headers = Headers(scope=scope)
        if scope["method"] in ("GET", "HEAD"):
            return
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != headers.get("host"):
            raise Refused(403, "the request comes from another site")
        if not secrets.compare_digest(headers.get(TOKEN, "").encode(), self.token.encode()):
            raise Refused(403, "the page is from an earlier start of samesku serve; reload it")
        length, limit = headers.get("content-length", "0"), self._limit(scope)
        if not (length.isascii() and length.isdigit()) or len(length) > 15 or int(length) > limit:
            raise Refused(413, _too_large(limit))


class _Answer:
    """Sends an answer with HEADERS; one that is an error as text becomes JSON."""

    def __init__(self, send: Send) -> None:
        self._send, self.started = send, False
        self._error: Message | None = None  # the head of an answer that becomes JSON
        self._text = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            if message["status"] >= 400 and headers.get("content-type", "").startswith("text/plain"):
                self._error = message
                return
        elif self._error is not None:
            self._text += message.get("body", b"")
            if message.get("more_body"):
                return
            sentence = self._text.decode("utf-8", "replace") or HTTPStatus(self._error["status"]).phrase
            body = json.dumps({"error": sentence}).encode()
            headers = MutableHeaders(scope=self._error)
            headers["content-type"], headers["content-length"] = "application/json", str(len(body))
            await self._send(self._error)
            message = {"type": "http.response.body", "body": body}
        await self._send(message)


def _as_refused(error: Exception) -> Refused:
    """The answer to a request that failed; an error that should not happen is written to standard error too."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, TimeoutError):  # another process holds the file of annotations
        return Refused(503, "another process is writing the file; try again in a second", RETRY_AFTER)
    if isinstance(error, MemoryError):
        return Refused(503, "this machine has not enough memory for the request", RETRY_AFTER)
    if isinstance(error, OSError):
        about = f"{error.filename}: " if error.filename else ""
        return Refused(507, f"{about}{error.strerror or error}; nothing was changed")
    traceback.print_exception(error)
    return Refused(500, "samesku serve has failed on this request; its output says where")


def _netloc(url: str) -> str | None:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return None


def _too_large(limit: int) -> str:
    return (
        f"more than {limit // 1_000_000} MB were sent"
        if limit >= 1_000_000
        else f"more than {limit:,} bytes were sent"
    )


class TimedProtocol(H11Protocol):
    """HTTP of uvicorn, which waits for the rest of a half-sent head without end; this one closes the connection."""

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head = self.loop.call_later(HEAD_SECONDS, self._close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._head is None:
            self._head = self.loop.call_later(HEAD_SECONDS, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is answered by JSON too; if an answer has begun, the connection is closed without one."""
        if (
            self.cycle is not None and not self.cycle.response_complete
        ):  # the rest of its request will not come
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        body = json.dumps({"error": msg}).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _close(self) -> None:
        self._head = None
        if self.conn.their_state is h11.IDLE and self.conn.our_state is h11.IDLE:
            self.transport.close()
