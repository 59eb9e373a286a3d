"""A `samesku serve` of this folder answers `samesku match` and `search` at once: it has the networks in memory.

The server says where it listens in a file that git ignores and only its owner can read. A command asks it where all
that decides an answer is as it was when the server started; else, and after any error, the command answers itself.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from samesku import artefacts

FILE = artefacts.PROVENANCE / "serve.json"
TOKEN = "x-samesku-token"  # noqa: S105  (a header's name)
ROUTE = "/api/ask"
#: Seconds until the connection is there, and until an answer is. A command alone needs about ten.
CONNECT_SECONDS, ANSWER_SECONDS = 1.0, 20.0
PARAMS, PACKAGE = Path("params.yaml"), Path(__file__).parents[1]
#: Folders and files that decide an answer, beside params.yaml and the code.
INPUTS = (
    artefacts.SAMPLE, artefacts.EMBEDDINGS, artefacts.MODELS, artefacts.TUNED, artefacts.NEIGHBOURS,
    artefacts.METRICS, artefacts.LINKS,
)  # fmt: skip


def read_state() -> str:
    """16 hex digits that change with every file that decides an answer: its path, size and time of change."""
    files = [PARAMS, *PACKAGE.rglob("*.py"), *(path for folder in INPUTS for path in folder.rglob("*"))]
    stats = [(str(path), path.stat()) for path in sorted(files) if path.is_file()]
    return artefacts.fingerprint([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats], [])


@contextmanager
def announce(host: str, port: int, token: str, system: str | None, state: str) -> Iterator[None]:
    """Let commands of this folder ask the server, until the block ends.

    Where the file cannot be written, in a folder that is read-only say, the server goes on without it.

    Args:
        system: the one that the server was asked to use; None: by default. state: of `read_state`, before the server
            opened any file.
    """
    content = {"host": host, "port": port, "token": token, "system": system, "state": state}
    partial = FILE.with_name(f".{FILE.name}.{secrets.token_hex(4)}")
    try:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file)
        os.replace(partial, FILE)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        print(
            f"samesku serve: {FILE} cannot be written ({error.strerror}); commands do not ask this server",
            flush=True,
        )
    try:
        yield
    finally:
        if _read_file().get("token") == token:  # not that of a later server
            with suppress(OSError):
                FILE.unlink(missing_ok=True)


def ask_server(
    question: str,
    titles: Sequence[str],
    pictures: Sequence[bytes | None],
    system: str | None,
    source: str = "",
    attributes: Mapping[str, str] | None = None,
    k: int = 1,
) -> dict[str, Any] | None:
    """What the server of this folder answers: `answer`, of `match_listings` or `search_catalogue`, and `titles`.

    None where there is no server, or it cannot answer; the titles are those of the listings, normalised.

    Args:
        question: match or search. titles, pictures: of each listing; "" and None for none.
        source, attributes, k: of a search.
    """
    server = _read_file()
    if not server or server.get("system") != system or server.get("state") != read_state():
        return None
    fields = {"source1": source, "attributes1": json.dumps(attributes or {})}
    fields |= {f"title{number}": title for number, title in enumerate(titles, 1)}
    boundary = secrets.token_hex(16)
    headers = {TOKEN: server["token"], "content-type": f"multipart/form-data; boundary={boundary}"}
    try:
        body = _encode_form(fields, dict(enumerate(pictures, 1)), boundary)
        connection = HTTPConnection(server["host"], server["port"], timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.settimeout(ANSWER_SECONDS)
        connection.request("POST", f"{ROUTE}?question={question}&k={k}", body, headers)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, HTTPException, ValueError, KeyError, TypeError):  # the last two: a damaged file
        return None
    return answer if response.status == 200 else None


def _read_file() -> dict[str, Any]:
    """What `announce` wrote; {} without it."""
    with suppress(OSError, ValueError):
        content = json.loads(FILE.read_text("utf-8"))
        if isinstance(content, dict):
            return content
    return {}


def _encode_form(fields: Mapping[str, str], files: Mapping[int, bytes | None], boundary: str) -> bytes:
    """A body of multipart/form-data (RFC 7578), with the files that there are as image1, image2."""
    parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
    parts += [
        (f'name="image{number}"; filename="picture"', content)
        for number, content in files.items()
        if content is not None
    ]
    lines = [
        line
        for head, content in parts
        for line in (
            f"--{boundary}".encode(),
            f"content-disposition: form-data; {head}".encode(),
            b"",
            content,
        )
    ]
    return b"\r\n".join([*lines, f"--{boundary}--".encode(), b""])
