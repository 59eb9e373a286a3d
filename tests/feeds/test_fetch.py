"""Fetching from a server with faults: what comes back, what does not and why, and how often it was asked."""

import gzip
import threading
from dataclasses import replace
from email.utils import formatdate

import aiohttp
import pytest

from samesku.feeds.fetch import Fetched, _retry_after, fetch_pictures
from tests.feeds.conftest import LIMITS, answer, in_turn, picture


def fetch(tmp_path, *urls, **limits):
    """{url: what became of it}."""
    results = {}

    def report(url, done):
        assert url not in results
        results[url] = done

    fetch_pictures(urls, tmp_path, replace(LIMITS, **limits), report)
    return results


def fetch_one(tmp_path, url, **limits):
    return fetch(tmp_path, url, **limits)[url]


def failed(reason, status=None):
    return Fetched("", f"image: {reason}", status)


@pytest.mark.parametrize(
    ("kind", "extension"),
    [
        ("JPEG", ".jpg"),
        ("PNG", ".png"),
        ("WEBP", ".webp"),
        ("GIF", ".gif"),
        ("BMP", ".bmp"),
        ("TIFF", ".tif"),
    ],
)
def test_a_file_has_the_bytes_of_the_server_and_the_extension_of_its_real_type(
    server, tmp_path, kind, extension
):
    data = picture(1, kind)
    done = fetch_one(tmp_path, server.serve("/a.php?x=1", data, kind="text/plain"))
    assert done.status == 200
    assert done.reason == ""
    assert done.file.endswith(extension)
    assert (tmp_path / done.file).read_bytes() == data
    assert [file.name for file in tmp_path.iterdir()] == [done.file]


def test_the_name_follows_from_the_url_alone(server, tmp_path):
    url = server.serve("/a.jpg")
    other = server.serve("/b.jpg", picture(0))
    first, second = fetch(tmp_path / "1", url, other), fetch(tmp_path / "2", url)
    assert first[url].file == second[url].file != first[other].file


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_what_may_be_gone_the_next_time_is_tried_again(server, tmp_path, status):
    server.routes["/a"] = in_turn(answer(status), answer(status), answer(200, picture()))
    assert fetch_one(tmp_path, f"{server.url}/a").file
    assert server.asked["/a"] == 3


def test_after_the_last_try_the_last_status_is_kept(server, tmp_path):
    server.routes["/a"] = answer(503)
    assert fetch_one(tmp_path, f"{server.url}/a") == failed("HTTP status 503", 503)
    assert server.asked["/a"] == LIMITS.tries


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204])
def test_what_stays_as_it_is_is_asked_once(server, tmp_path, status):
    server.routes["/a"] = answer(status)
    assert fetch_one(tmp_path, f"{server.url}/a") == failed(f"HTTP status {status}", status)
    assert server.asked["/a"] == 1


def test_a_server_that_asks_to_wait_too_long_is_not_asked_again(server, tmp_path):
    server.routes["/a"] = in_turn(answer(429, Retry_After="3600"), answer(200, picture()))
    assert fetch_one(tmp_path, f"{server.url}/a", longest_wait=30) == failed("HTTP status 429", 429)
    assert server.asked["/a"] == 1


def test_a_short_wait_that_a_server_asks_for_is_kept(server, tmp_path, monkeypatch):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    monkeypatch.setattr("samesku.feeds.fetch.asyncio.sleep", sleep)
    server.routes["/a"] = in_turn(answer(503, Retry_After="7"), answer(200, picture()))
    assert fetch_one(tmp_path, f"{server.url}/a").file
    assert waits[0] == 7.0


def test_how_long_to_wait_is_given_in_seconds_or_as_a_date():
    assert _retry_after("120") == 120.0
    assert _retry_after("") is None
    assert _retry_after("soon") is None
    assert _retry_after("-5") is None
    assert _retry_after("9" * 400) == float("inf")
    assert _retry_after("Mon, 01 Jan 99999999999999999999 00:00:00 GMT") is None
    assert _retry_after("Mon, 01 Jan 2026 00:00:00 +99999999999999") is None
    assert _retry_after(formatdate(0, usegmt=True)) == 0.0  # long past


def test_a_server_that_does_not_answer_is_left_after_the_time_limit(server, tmp_path):
    server.routes["/never"] = lambda *_: server.stop.wait(60)
    done = fetch_one(tmp_path, f"{server.url}/never", read_timeout=0.1, tries=2)
    assert done == failed("the server did not answer in time")
    assert server.asked["/never"] == 2


def test_a_server_that_sends_byte_by_byte_is_left_after_the_total_time(server, tmp_path):
    def drip(handler, _):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not server.stop.wait(0.02):
            handler.wfile.write(b"x")

    server.routes["/drip"] = drip
    done = fetch_one(tmp_path, f"{server.url}/drip", total_timeout=0.3, tries=1)
    assert done == failed("the server did not answer in time")


def test_a_truncated_body_is_tried_again_and_never_kept(server, tmp_path):
    data = picture()
    cut = answer(200, data[:100], length=len(data))
    server.routes["/cut"] = cut
    server.routes["/once"] = in_turn(cut, answer(200, data))
    results = fetch(tmp_path, f"{server.url}/cut", f"{server.url}/once")
    assert results[f"{server.url}/cut"] == failed("the connection broke")
    assert server.asked["/cut"] == LIMITS.tries
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [data]


def test_a_picture_that_was_cut_before_it_was_served_is_no_picture(server, tmp_path):
    done = fetch_one(tmp_path, server.serve("/half.jpg", picture()[:600]))
    assert done == failed("truncated or damaged", 200)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<!DOCTYPE html><html>Not found</html>", "a web page in place of a picture"),
        (b"\n <html><body>", "a web page in place of a picture"),
        (b"%PDF-1.4", "not a picture of a known format"),
        (b"", "an empty file"),
    ],
)
def test_what_is_no_picture_is_not_kept_whatever_its_type_says(server, tmp_path, body, reason):
    assert fetch_one(tmp_path, server.serve("/a.jpg", body, kind="image/jpeg")) == failed(reason, 200)
    assert not list(tmp_path.iterdir())


def test_a_redirect_is_followed(server, tmp_path):
    server.routes["/old"] = answer(301, Location="/new")
    server.routes["/new"] = answer(302, Location=server.serve("/a.jpg"))
    assert fetch_one(tmp_path, f"{server.url}/old").file


def test_a_redirect_loop_ends(server, tmp_path):
    server.routes["/a"] = answer(302, Location="/b")
    server.routes["/b"] = answer(302, Location="/a")
    assert fetch_one(tmp_path, f"{server.url}/a", max_redirects=5) == failed("more than 5 redirects", 302)
    assert server.asked["/a"] + server.asked["/b"] == 6


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/a.jpg", "gopher://127.0.0.1/"])
def test_a_redirect_to_another_protocol_is_not_followed(server, tmp_path, place):
    server.routes["/a"] = answer(302, Location=place)
    assert fetch_one(tmp_path, f"{server.url}/a") == failed("not an http or https address")


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://x/a.jpg",
        "data:image/gif;base64,R0lGODlh",
        "a.jpg",
        "/images/a.jpg",
        "//host/a.jpg",
        "http://",
    ],
)
def test_other_addresses_than_http_are_not_fetched(tmp_path, url):
    assert fetch_one(tmp_path, url).reason == "image: not an http or https address"


@pytest.mark.parametrize(
    "url", ["http://[::1", "http://a:port/", "http://xn--a/", "http://" + "a" * 70 + ".example/\udc80"]
)
def test_broken_addresses_are_no_error(tmp_path, url):
    assert fetch_one(tmp_path, url, tries=1).file == ""


def test_a_file_above_the_limit_is_not_read_to_its_end(server, tmp_path):
    def endless(handler, _):
        handler.send_response(200)
        handler.end_headers()  # no length: it ends with the connection
        handler.close_connection = True
        while not server.stop.is_set():
            handler.wfile.write(b"\xff" * 10_000)

    server.routes["/endless"] = endless
    announced = picture(kind="BMP", size=(200, 100))  # 60 KB
    urls = [server.serve("/announced", announced), f"{server.url}/endless"]
    results = fetch(tmp_path, *urls, max_bytes=50_000)
    assert results == dict.fromkeys(urls, failed("a file above 0.05 MB", 200))


def test_a_file_that_unpacks_above_the_limit_is_not_read_to_its_end(server, tmp_path):
    server.routes["/bomb"] = answer(200, gzip.compress(b"\0" * 30_000_000), Content_Encoding="gzip")
    assert fetch_one(tmp_path, f"{server.url}/bomb") == failed("a file above 0.1 MB", 200)


def test_private_addresses_are_refused_and_not_even_connected_to(server, tmp_path):
    urls = [server.serve("/a.jpg"), server.url.replace("127.0.0.1", "localhost") + "/a.jpg"]
    for done in fetch(tmp_path, *urls, allow_private=False).values():
        assert done == failed("a private address, which --allow-private allows")
    assert not server.asked


def test_a_redirect_to_a_private_address_is_refused(server, tmp_path, monkeypatch):
    """The first server counts as public, as one on the internet would; where it leads to does not."""
    server.routes["/a"] = answer(302, Location=f"http://127.0.0.2:{server.http.server_port}/secret")
    server.routes["/secret"] = answer(200, picture())
    monkeypatch.setattr("samesku.feeds.addresses.is_public", lambda address: address == "127.0.0.1")
    done = fetch_one(tmp_path, f"{server.url}/a", allow_private=False)
    assert done == failed("a private address, which --allow-private allows")
    assert server.asked == {"/a": 1}


def test_a_name_that_resolves_to_a_private_address_is_refused(server, tmp_path, monkeypatch):
    async def resolve(self, host, port=0, family=0):
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": 2, "proto": 0, "flags": 0}]

    monkeypatch.setattr(aiohttp.DefaultResolver, "resolve", resolve)
    server.serve("/a.jpg")
    url = f"http://shop.example:{server.http.server_port}/a.jpg"
    assert fetch_one(tmp_path, url).file  # so that the refusal is that of the address
    asked = server.asked["/a.jpg"]
    done = fetch_one(tmp_path, url, allow_private=False)
    assert done == failed("a private address, which --allow-private allows")
    assert server.asked["/a.jpg"] == asked == 1


def test_a_host_that_is_silent_many_times_is_left_alone(tmp_path, server):
    port = server.http.server_port
    server.http.server_close()  # nobody listens any more
    urls = [f"http://127.0.0.1:{port}/{i}.jpg" for i in range(10)]
    results = fetch(tmp_path, *urls, jobs=1, tries=1, max_silent=3)
    reasons = [results[url].reason for url in urls]
    assert reasons[:3] == ["image: no connection to the server"] * 3
    assert reasons[3:] == ["image: not tried, since its server did not answer many times in a row"] * 7


def test_no_more_pictures_at_a_time_than_jobs(server, tmp_path):
    lock, now, most = threading.Lock(), [0], [0]
    both = threading.Barrier(3)

    def count(handler, _):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        both.wait(20)  # until three are asked for at once
        with lock:
            now[0] -= 1
        answer(200, picture())(handler, 0)

    urls = []
    for i in range(9):
        server.routes[f"/{i}"] = count
        urls.append(f"{server.url}/{i}")
    results = fetch(tmp_path, *urls, jobs=3)
    assert all(done.file for done in results.values())
    assert most == [3]


def test_a_full_disk_ends_it_with_its_error(server, tmp_path, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        fetch(tmp_path, *(server.serve(f"/{i}.jpg") for i in range(6)))
