"""A catalogue at a URL is read, and refused, as one on this machine."""

import importlib
import pickle
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from samesku.catalogue import quarantine as q
from samesku.catalogue import url_source
from samesku.catalogue.folder_source import FolderSource
from samesku.catalogue.open_source import open_source
from samesku.catalogue.source import Source
from samesku.catalogue.url_source import UrlFolder
from samesku.catalogue.zip_source import ZipSource
from samesku.errors import InputError

ODD_NAMES = ["a b.jpg", "it's.jpg", "two\nlines.jpg", "商品.jpg", "sub.d.jpg", "[x]*.jpg"]
MEMORY = fsspec.filesystem("memory")


def opened(url: str, csv: str = "listings.csv", images: str | None = "images") -> Source:
    return open_source(url, csv, images)


@pytest.fixture
def url(write: Callable[..., Path]) -> Iterator[str]:
    """A catalogue in memory, as a .zip and as a folder in turn."""
    here = write("posting_id,title\n", {"a.jpg": b"A", "empty.jpg": b"", **dict.fromkeys(ODD_NAMES, b"odd")})
    for path in [here] if here.is_file() else [path for path in here.rglob("*") if path.is_file()]:
        MEMORY.pipe(f"/shop/{path.relative_to(here.parent)}", path.read_bytes())
    yield f"memory://shop/{here.name}"
    MEMORY.rm("/shop", recursive=True)


def test_table_and_pictures_are_read_there(url: str) -> None:
    source = pickle.loads(pickle.dumps(opened(url)))  # noqa: S301
    assert source.everywhere
    assert source.table() == b"posting_id,title\n"
    assert source.picture("./a.jpg") == b"A"
    assert [source.picture(name) for name in ODD_NAMES] == [b"odd"] * len(ODD_NAMES)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("b.jpg", q.IMAGE_MISSING),
        ("empty.jpg", q.IMAGE_EMPTY),
        ("../listings.csv", q.IMAGE_OUTSIDE),
        ("x/../../listings.csv", q.IMAGE_OUTSIDE),
        ("/shop/a.jpg", q.IMAGE_OUTSIDE),
        ("memory://shop/catalogue/listings.csv", q.IMAGE_MISSING),
        ("x::memory://shop/catalogue/listings.csv", q.IMAGE_MISSING),
        (".", q.IMAGE_NAME),
        ("a\0.jpg", q.IMAGE_NAME),
        ("caf\udce9.jpg", q.IMAGE_NAME),
    ],
)
def test_names_that_lead_nowhere(url: str, name: str, reason: str) -> None:
    with pytest.raises(q.Fault) as fault:
        opened(url).picture(name)
    assert fault.value.reason == reason


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("%2e%2e/listings.csv", q.IMAGE_OUTSIDE),
        ("x/%252e%252E/..%2Flistings.csv", q.IMAGE_OUTSIDE),
        ("%2E%2E%5clistings.csv", q.IMAGE_OUTSIDE),
        ("%" + "25" * 20 + "2e.jpg", q.IMAGE_NAME),
    ],
)
def test_names_that_climb_once_a_server_has_decoded_them(name: str, reason: str) -> None:
    with pytest.raises(q.Fault) as fault:
        UrlFolder("memory://shop", "listings.csv", "images").read_picture(name)
    assert fault.value.reason == reason


class Redirecting(BaseHTTPRequestHandler):
    """Redirects /moved within the host and /elsewhere to another name of it; everything else is a table."""

    def do_GET(self) -> None:
        port = self.server.server_port  # type: ignore[attr-defined]
        targets = {"/moved": "/shop", "/elsewhere": f"http://localhost:{port}/shop"}
        target = targets.get(self.path.removesuffix("/listings.csv"))
        self.send_response(302 if target else 200)
        if target:
            self.send_header("Location", f"{target}/listings.csv")
        self.send_header("Content-Length", "0" if target else "17")
        self.end_headers()
        if self.command == "GET" and not target:
            self.wfile.write(b"posting_id,title\n")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


def test_a_redirect_to_another_host_is_refused() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Redirecting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        assert UrlFolder(f"{address}/moved", "listings.csv", None).table() == b"posting_id,title\n"
        with pytest.raises(InputError, match=r"127\.0\.0\.1 redirects to localhost; allowed: the host of"):
            UrlFolder(f"{address}/elsewhere", "listings.csv", None).table()
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"^data\.source: memory://shop/nowhere does not exist"):
        opened("memory://shop/nowhere")
    with pytest.raises(InputError, match=r"^data\.images: memory://shop/catalogue\S* has no folder pictures"):
        opened(url, images="pictures")
    with pytest.raises(InputError, match=r"train\.csv"):
        opened(url, csv="train.csv").table()
    with pytest.raises(
        InputError, match=r"^data\.source: nope://x cannot be read \(Protocol not known: nope\)"
    ):
        opened("nope://x")
    MEMORY.pipe("/shop/broken.zip", b"PK\x03\x04 no more")
    with pytest.raises(InputError, match=r"is no readable \.zip"):
        opened("memory://shop/broken.zip")


def test_a_protocol_whose_package_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str, *rest: str) -> object:
        if name == "gcsfs":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(InputError, match=r"^data\.source: gs://b/x cannot be read \(.*install gcsfs[^\n]*$"):
        opened("gs://b/x")


def test_a_store_that_is_gone_is_no_fault_of_a_picture(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = opened(url)

    def gone(*_: object, **__: object) -> None:
        raise OSError("connection reset")

    if isinstance(source, ZipSource):
        monkeypatch.setattr(source.zip.fp.file, "read", gone, raising=False)  # type: ignore[union-attr]
    else:
        monkeypatch.setattr(type(MEMORY), "info", gone)
    sentence = rf"^data\.source: {url} cannot be read \(connection reset\)"
    with pytest.raises(InputError, match=sentence):
        source.picture("a.jpg")


def test_a_name_that_the_store_cannot_have_is_a_fault(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source, real = opened(url), type(MEMORY).info

    def info(self: object, path: str, **more: object) -> object:
        if len(path) > 1024:
            raise OSError("key too long")
        return real(self, path, **more)

    monkeypatch.setattr(type(MEMORY), "info", info)
    with pytest.raises(q.Fault) as fault:
        source.picture("x" * 2000)
    assert fault.value.reason in (q.IMAGE_UNREADABLE, q.IMAGE_MISSING)


def test_a_file_url_is_a_path(write: Callable[..., Path]) -> None:
    path = write("posting_id\n", {"a.jpg": b"A"})
    source = opened(f"file://{path}")
    assert type(source) in (FolderSource, ZipSource)
    assert source.picture("a.jpg") == b"A"
    assert not source.everywhere


def test_a_remote_archive_is_read_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the whole of it: its directory, and of each picture asked for the place where it lies."""
    monkeypatch.setattr(url_source, "BLOCK", 1000)
    with zipfile.ZipFile(tmp_path / "large.zip", "w") as archive:
        for i in range(100):
            archive.writestr(f"images/{i}.jpg", bytes([i]) * 5000)
    content = (tmp_path / "large.zip").read_bytes()
    fetched: list[int] = []

    class Store(fsspec.AbstractFileSystem):
        protocol = "counted"

        def info(self, path: str, **_: object) -> dict:
            return {"name": path, "size": len(content), "type": "file"}

        def _open(self, path: str, mode: str = "rb", **more: object) -> object:
            return File(self, path, mode, **more)

    class File(fsspec.spec.AbstractBufferedFile):
        def _fetch_range(self, start: int, end: int) -> bytes:
            fetched.append(end - start)
            return content[start:end]

    fsspec.register_implementation("counted", Store, clobber=True)
    source = opened("counted://x/large.zip")
    assert source.picture("42.jpg") == bytes([42]) * 5000
    assert sum(fetched) < len(content) / 10
