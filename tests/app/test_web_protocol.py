"""The connections of samesku serve, over a socket: requests that break off, and what is no HTTP."""

import json
import logging
import socket
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from samesku.app.web.guard import TOKEN, Guard, TimedProtocol

SECRET = "secret"  # noqa: S105


async def read_all(request):
    return JSONResponse({"bytes": len(await request.body())})


@pytest.fixture
def port():
    """Of a server behind the guard that answers with the number of bytes it was sent."""
    application = Starlette(
        routes=[Route("/api/bytes", read_all, methods=["POST"])],
        middleware=[Middleware(Guard, token=SECRET, max_body=1_000_000)],
    )
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, http=TimedProtocol, ws="none", log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(30)
    listening.close()


def head(token=SECRET, body="transfer-encoding: chunked"):
    return f"POST /api/bytes HTTP/1.1\r\nhost: 127.0.0.1\r\n{TOKEN}: {token}\r\n{body}\r\n\r\n".encode()


def send(port, *parts):
    """What the server answers to these parts, sent one after another, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        answer = b""
        for part in parts:
            connection.sendall(part)
            time.sleep(0.1)
        while block := connection.recv(65_536):
            answer += block
    return answer


def assert_no_traceback(caplog, capfd):
    assert not [record for record in caplog.records if record.levelno > logging.WARNING]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([b"\x16\x03\x01\r\n\r\n"], 400),
        ([head() + b"zz\r\n"], 400),
        ([head(), b"zz\r\n"], 400),
        ([head("wrong") + b"zz\r\n"], 400),
        ([head("wrong"), b"zz\r\n"], 403),
        ([head(body="content-length: 1\r\ncontent-length: 2") + b"a"], 400),
    ],
)
def test_what_is_no_http_has_one_answer_in_json(port, caplog, capfd, parts, status):
    answer = send(port, *parts)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1
    start, end = answer.index(b"{"), answer.rindex(b"}") + 1
    assert json.loads(answer[start:end])["error"]
    assert_no_traceback(caplog, capfd)


@pytest.mark.parametrize("body", ["transfer-encoding: chunked", "content-length: 9000"])
def test_an_upload_that_breaks_off_leaves_the_server_as_it_was(port, caplog, capfd, body):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head(body=body) + b"ff\r\nabc")
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(head(body="content-length: 3") + b"abc")
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert_no_traceback(caplog, capfd)
