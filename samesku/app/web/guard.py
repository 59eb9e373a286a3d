"""The check of every request: who may call, from where, and how much they may send."""

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "x-samesku-token"  # noqa: S105  (a header's name)
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


class TooLarge(Exception):
    """A body above the limit."""


class Guard:
    """Refuses requests that a page of another site could send, limits the size of a body, adds HEADERS.

    A request that changes or costs something must carry the token of this server's page. Another site cannot
    read that page. It cannot send the header either: the browser would ask this server first, which never
    allows it.
    """

    def __init__(self, app: ASGIApp, token: str, max_body: int) -> None:
        self.app, self.token, self.max_body = app, token, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if refusal := self._refusal(scope):
            status, reason = refusal
            await JSONResponse({"error": reason}, status)(scope, receive, sending)
            return
        read = 0

        async def receiving() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.max_body:
                raise TooLarge
            return message

        try:
            await self.app(scope, receiving, sending)
        except TooLarge:
            if not started:
                await JSONResponse({"error": self._too_large()}, 413)(scope, receive, sending)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Status and reason if the head of the request is refused, else None."""
        headers = Headers(scope=scope)
        if scope["method"] in ("GET", "HEAD"):
            return None
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            return 403, "the request comes from another site"
        if not secrets.compare_digest(headers.get(TOKEN, "").encode(), self.token.encode()):
            return 403, "the page is from an earlier start of samesku serve; reload it"
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.max_body:
            return 413, self._too_large()
        return None

    def _too_large(self) -> str:
        return f"more than {self.max_body // 1_000_000} MB were sent"
