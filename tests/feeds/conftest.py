"""A server on this machine with faults, and limits so small that no test waits long."""

import io
import threading
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from samesku.feeds.fetch import FetchLimits

#: allow_private, since the server is on this machine.
LIMITS = FetchLimits(
    jobs=4, tries=3, connect_timeout=30, read_timeout=30, total_timeout=60, first_wait=0.01, allow_private=True,
    max_bytes=100_000,
)  # fmt: skip


def picture(seed=0, kind="JPEG", size=(40, 30)):
    """The bytes of a picture of noise."""
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


class Server:
    """Answers each path as `routes` says: a function of the handler and of how often the path was asked before."""

    def __init__(self):
        self.routes = {}
        self.asked = Counter()
        self.stop = threading.Event()  # ends answers that never come
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(handler):
                with lock:
                    before = self.asked[handler.path]
                    self.asked[handler.path] += 1
                try:
                    self.routes.get(handler.path, answer(404))(handler, before)
                except (BrokenPipeError, ConnectionResetError):
                    handler.close_connection = True

            def handle(handler):
                with suppress(ConnectionResetError):
                    BaseHTTPRequestHandler.handle(handler)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def serve(self, path, data=None, kind="image/jpeg"):
        """Serve a picture at a path; its URL."""
        self.routes[path] = answer(200, picture(len(self.routes)) if data is None else data, kind)
        return self.url + path


def answer(status, body=b"", kind="image/jpeg", length=None, **headers):
    """A route with one answer; `length` is what it says of the body, if that is not so."""

    def route(handler, _):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
        if length not in (None, len(body)):
            handler.close_connection = True

    return route


def in_turn(*routes):
    """A route that answers by one after the other, then by the last."""
    return lambda handler, before: routes[min(before, len(routes) - 1)](handler, before)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.stop.set()
    server.http.shutdown()
    server.http.server_close()
    thread.join()
