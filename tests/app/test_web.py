"""The routes of samesku serve: answers, the review queue and its file, and which requests are refused."""

import asyncio
import errno
import json
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from samesku import artefacts
from samesku.annotations.file import parse_annotations
from samesku.app.catalogue_index import CatalogueIndex
from samesku.app.running_server import read_state
from samesku.app.web import forms, guard, pair_routes, server
from samesku.app.web.product_routes import product_system
from samesku.app.web.review_queue import ReviewQueue, SampleQueue, open_queue
from samesku.app.web.server import Site
from samesku.catalogue.images import open_writer, read_thumbnails
from samesku.catalogue.listings import read_listings
from samesku.errors import InputError
from samesku.params import load_params

PAIRS = [("p00a", "p00b", 0.9), ("p01a", "p02a", 0.5), ("p03a", "p04a", 0.3), ("gone", "p00a", 0.2)]


def write_pairs(folder):
    path = folder / "data/predictions/rerank/review.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    left, right, probability = zip(*PAIRS, strict=True)
    pq.write_table(
        pa.table({"left": left, "right": right, "probability": np.array(probability, np.float32)}), path
    )
    return path


@pytest.fixture
def site(shop_copy):
    index = CatalogueIndex(load_params())
    return Site(index, ReviewQueue(write_pairs(shop_copy), index.row_of), artefacts.ANNOTATIONS, "secret")


@pytest.fixture
def client(site):
    with TestClient(
        server.build(site, []), base_url="http://127.0.0.1:8000", headers={guard.TOKEN: "secret"}
    ) as opened:
        yield opened


def test_the_page_says_that_the_pipeline_has_run_since_the_server_started(site, client):
    sentence = "since this server started. Stop the server and start it again"
    site.state = read_state()
    assert sentence not in client.get("/").text
    (artefacts.METRICS / "samesku.json").touch()
    assert sentence in client.get("/").text


def test_two_listings_are_compared(client, shop_copy):
    files = {
        f"image{n}": (shop_copy / f"shop/images/p00{letter}.png").read_bytes()
        for n, letter in ((1, "a"), (2, "b"))
    }
    answer = client.post("/api/match", files=files, data={"title1": "oil <b> 250 ml", "title2": "oil 500 ml"})
    assert answer.status_code == 200
    content = answer.json()
    assert content["titles"] == ["oil <b> 250 ml", "oil 500 ml"]
    assert set(content["channels"]) == {"pxk_image", "cnn", "phash", "sbert", "tfidf"}
    assert content["same"] == (content["score"] >= content["threshold"])
    assert len(content["conflicts"]) == 1


def test_the_catalogue_is_searched_and_its_pictures_are_shown(client):
    answer = client.post("/api/search", data={"title1": "tea best 250 ml seri 1"}).json()
    assert answer["results"][0]["posting_id"] == "p01a"
    picture = client.get(f"/picture/{answer['results'][0]['row']}")
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8")
    for path in ("/picture/100000", "/static/server.py", "/static/..%2fserver.py", "/nothing"):
        assert client.get(path).status_code == 404, path


@pytest.mark.parametrize(
    ("files", "data", "sentence"),
    [
        ({"image1": b"<html>"}, {}, "picture 1: not a picture of a known format"),
        ({"image1": b""}, {}, "picture 1: an empty file"),
        (
            {},
            {"title1": "  "},
            "the listing has neither a title nor a picture; allowed: one of them, or both",
        ),
        ({}, {"image1": "text"}, "picture 1 is no file"),
        ({}, {"title1": "a" * 100_001}, "title 1 is no text of at most 100,000 characters"),
    ],
)
def test_bad_input_is_one_sentence(client, files, data, sentence):
    answer = client.post("/api/search", files=files or None, data=data)
    assert answer.status_code == 400
    assert answer.json() == {"error": sentence}


def test_a_picture_above_max_pixels_is_refused(client, site, shop_copy):
    rules = site.index.params.data.model_copy(update={"max_pixels": 1000})
    site.index.params = site.index.params.model_copy(update={"data": rules})
    files = {"image1": (shop_copy / "shop/images/p00a.png").read_bytes()}
    answer = client.post("/api/search", files=files)
    assert answer.json() == {"error": "picture 1: more pixels than data.max_pixels"}


def test_which_requests_are_refused(client, site):
    """Foreign host names (DNS rebinding), foreign sites, pages without the token."""
    assert client.get("/", headers={"host": "evil.example:8000"}).status_code == 400
    for name in ("localhost:8000", "[::1]:8000", "127.0.0.1"):
        assert client.get("/", headers={"host": name}).status_code == 200, name
    body = json.dumps({"position": 0, "annotation": "same"})
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {guard.TOKEN: ""},
        {guard.TOKEN: "guessed"},
    ):
        assert client.post("/api/review", content=body, headers=headers).status_code == 403, headers
    assert client.options("/api/review", headers={"origin": "http://evil.example"}).status_code == 403
    assert not artefacts.ANNOTATIONS.is_file()
    assert client.post("/api/review", content=body, headers={"origin": "http://127.0.0.1:8000"}).is_success
    answer = client.get("/")
    assert "access-control-allow-origin" not in answer.headers
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_body_above_the_limit_is_refused_by_its_head_or_while_it_comes(site, monkeypatch):
    monkeypatch.setattr(server, "MAX_BODY", 2_000_000)
    with TestClient(
        server.build(site, []), base_url="http://127.0.0.1:8000", headers={guard.TOKEN: "secret"}
    ) as client:
        large = client.post("/api/search", files={"image1": b"x" * 3_000_000})
        assert large.status_code == 413
        assert large.json() == {"error": "more than 2 MB were sent"}
        chunks = (b"x" * 100_000 for _ in range(30))  # without a length
        assert client.post("/api/review", content=chunks).status_code == 413


def test_annotations_are_saved_one_line_for_each_pair_and_the_last_wins(client):
    first = client.get("/api/review").json()
    assert (first["position"], first["total"], first["done"]) == (
        0,
        3,
        0,
    )  # the pair of a listing that is gone is out
    assert [listing["posting_id"] for listing in first["listings"]] == ["p00a", "p00b"]
    following = client.post("/api/review", json={"position": 0, "annotation": "same"}).json()
    assert (following["position"], following["done"]) == (1, 1)
    client.post("/api/review", json={"position": 1, "annotation": "skip"})
    client.post("/api/review", json={"position": 0, "annotation": "different"})
    again = client.get("/api/review?position=0").json()
    assert again["annotation"] == "different"
    lines = artefacts.ANNOTATIONS.read_text().splitlines()
    assert lines[0] == "left,right,annotation,time"
    assert [line.rsplit(",", 1)[0] for line in lines[1:]] == ["p00a,p00b,different", "p01a,p02a,skip"]
    assert client.get("/api/review").json()["position"] == 2
    assert client.post("/api/review", json={"position": 2, "annotation": "same"}).json()["position"] is None
    assert client.post("/api/review", json={"position": 1, "annotation": None}).json()["annotation"] is None
    assert "p01a" not in artefacts.ANNOTATIONS.read_text()


def is_sentence(answer):
    content = answer.json()
    is_json = answer.headers["content-type"] == "application/json"
    return is_json and set(content) == {"error"} and len(content["error"]) > 0


def test_every_odd_request_is_answered_by_a_sentence(client, capsys):
    form = b'--XX\r\nContent-Disposition: form-data; name="title1"\r\n\r\noil\r\n--XX--\r\n'
    kind, charset = "multipart/form-data", "; boundary=XX; charset=undefined"
    deep = b'{"position":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    answers = {
        "digits": (400, client.get("/api/review?position=%C2%B2")),
        "a word": (400, client.get("/api/review?position=x")),
        "deep JSON": (400, client.post("/api/review", content=deep)),
        "true": (400, client.post("/api/review", json={"position": True, "annotation": "skip"})),
        "half a surrogate": (
            400,
            client.post("/api/review", content=b'{"position":0,"annotation":"\\ud800"}'),
        ),
        "origin": (403, client.post("/api/review", json={}, headers={"origin": "http://["})),
        "length": (413, client.post("/api/review", content=b"{}", headers={"content-length": b"\xb2"})),
        "charset": (400, client.post("/api/search", content=form, headers={"content-type": kind + charset})),
        "no boundary": (400, client.post("/api/search", content=form, headers={"content-type": kind})),
        "method": (405, client.delete("/api/review")),
        "nothing there": (404, client.get("/nothing")),
        "a picture of many digits": (404, client.get("/picture/" + "9" * 5_000)),
        "a thumbnail of many digits": (404, client.get("/thumbnail/" + "9" * 5_000)),
        "a range behind the end": (416, client.get("/static/web.js", headers={"range": "bytes=9999999-"})),
        "host": (400, client.get("/", headers={"host": "evil.example"})),
    }
    for name, (status, answer) in answers.items():
        assert (name, answer.status_code, is_sentence(answer)) == (name, status, True)
    assert "Traceback" not in capsys.readouterr().err
    assert not artefacts.ANNOTATIONS.is_file()


def test_a_full_disk_is_a_sentence(client, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "data/annotations.csv")

    monkeypatch.setattr(pair_routes, "write_annotation", full)
    answer = client.post("/api/review", json={"position": 0, "annotation": "same"})
    assert answer.status_code == 507
    assert answer.json() == {"error": "data/annotations.csv: No space left on device; nothing was changed"}
    assert "Traceback" not in capsys.readouterr().err


def test_more_requests_than_the_limit_are_asked_to_come_again(client, monkeypatch):
    monkeypatch.setattr(guard, "MAX_REQUESTS", 0)
    answer = client.get("/api/review")
    assert (answer.status_code, answer.headers["retry-after"], is_sentence(answer)) == (503, "1", True)
    assert client.get("/").status_code == 200


def run_guard(messages, monkeypatch, seconds=5.0):
    """What the guard answers to a request whose body comes by these messages, and then not at all."""

    async def app(scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        raise ClientDisconnect

    async def receive():
        if messages:
            return messages.pop(0)
        await asyncio.sleep(60)

    sent = []

    async def send(message):
        sent.append(message)

    monkeypatch.setattr(guard, "BODY_SECONDS", seconds)
    headers = [(guard.TOKEN.encode(), b"secret"), (b"content-type", b"multipart/form-data")]
    scope = {"type": "http", "method": "POST", "path": "/api/search", "headers": headers}
    asyncio.run(guard.Guard(app, "secret", 1_000)(scope, receive, send))
    return sent


def test_a_half_sent_request_ends(monkeypatch):
    start, body = run_guard([{"type": "http.request", "body": b"a", "more_body": True}], monkeypatch, 0.1)
    assert start["status"] == 408
    assert json.loads(body["body"]) == {"error": "the request was not sent within 0.1 seconds"}


def test_an_upload_that_is_given_up_is_not_answered(monkeypatch, capsys):
    assert run_guard([{"type": "http.request", "body": b"a", "more_body": False}], monkeypatch) == []
    assert capsys.readouterr().err == ""


def test_pictures_and_titles_are_those_of_one_run(site, client, shop_copy):
    """A stage replaces the catalogue beside an open page: here all rows are of the last listing."""
    site.index.open_all()
    before = [client.get(f"/picture/{row}").content for row in range(3)]
    thumbnails = read_thumbnails(artefacts.THUMBNAILS)[:3]
    title = site.index.listings.title[0]
    listings = pq.read_table(artefacts.LISTINGS)
    artefacts.write_table(artefacts.LISTINGS, listings.take([len(listings) - 1] * len(listings)))
    with artefacts.replace_out(artefacts.IMAGES) as partial, open_writer(partial) as writer:
        for _ in range(len(listings)):
            writer.append(before[1])
    artefacts.THUMBNAILS.unlink()
    assert [client.get(f"/picture/{row}").content for row in range(3)] == before
    assert [client.get(f"/thumbnail/{row}").content for row in range(3)] == thumbnails
    assert site.index.listings.title[0] == title
    answer = client.post("/api/search", data={"title1": "oil"})  # its encoders are of the new run
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("the pipeline has run since this catalogue was opened")


def test_files_that_are_written_into_while_they_are_served_are_refused(client):
    """As cp does it; a stage replaces them."""
    assert client.get("/picture/0").status_code == 200
    for path in (artefacts.embedding_path("cnn"), artefacts.IMAGES):
        whole = path.read_bytes()
        os.truncate(path, 100)
        for answer in (client.get("/picture/0"), client.post("/api/search", data={"title1": "oil"})):
            assert answer.status_code == 409
            assert answer.json()["error"] == (
                f"{path} was written into while it is served; start `samesku serve` again"
            )
        replaced = path.with_name("replaced")
        replaced.write_bytes(whole)
        replaced.replace(path)
    assert client.get("/picture/9999").status_code == 404


def test_pictures_are_decoded_one_after_another(client, shop_copy, monkeypatch):
    running, most = 0, 0
    lock = threading.Lock()

    def read(*arguments, **options):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        raise InputError("no picture")

    monkeypatch.setattr(forms, "read_query_listing", read)
    files = {"image1": (shop_copy / "shop/images/p00a.png").read_bytes()}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post("/api/search", files=files), range(8)))
    assert [answer.status_code for answer in answers] == [400] * 8
    assert most == 1


@pytest.mark.parametrize(
    "body",
    [
        {"position": 9, "annotation": "same"},
        {"position": 0, "annotation": "maybe"},
        {"position": "0", "annotation": "same"},
        [],
        3,
    ],
)
def test_an_unknown_annotation_changes_nothing(client, body):
    assert client.post("/api/review", json=body).status_code == 400
    assert not artefacts.ANNOTATIONS.is_file()


def test_annotations_that_another_person_wrote_stay(client, shop_copy):
    artefacts.ANNOTATIONS.write_text("left,right,annotation,time\nx,y,same,2026-01-01T00:00:00Z\n")
    client.post("/api/review", json={"position": 0, "annotation": "same"})
    annotations = parse_annotations(artefacts.ANNOTATIONS.read_bytes(), "annotations.csv")
    assert annotations["x", "y"] == ("same", "2026-01-01T00:00:00Z", "")
    assert annotations["p00a", "p00b"].answer == "same"
    assert "One pair is annotated. Run the pipeline with it:" in client.get("/").text
    artefacts.ANNOTATIONS.write_text("something else\n")
    answer = client.post("/api/review", json={"position": 1, "annotation": "same"})
    assert answer.json() == {
        "error": "data/annotations.csv must begin with the line left,right,annotation,time; "
        "save it as CSV in UTF-8 with commas"
    }
    assert artefacts.ANNOTATIONS.read_text() == "something else\n"


def test_without_uncertain_pairs_a_sample_of_the_main_systems_pairs_is_asked(shop_copy, capsys):
    params, listings = load_params(), read_listings(artefacts.LISTINGS)
    queue = open_queue(None, 0.9, params, listings)  # rerank has not run
    assert isinstance(queue, SampleQueue)
    test = set(listings.posting_id[listings.split == "test"])
    asked = {queue.pair(position) for position in range(len(queue))}
    assert len(asked) == len(queue) > 100
    assert not any(test & set(pair) for pair in asked)  # their labels choose nothing
    assert capsys.readouterr().err == ""
    write_pairs(shop_copy)
    assert isinstance(open_queue(None, 0.9, params, listings), ReviewQueue)
    assert capsys.readouterr().err == (
        "samesku serve: 1 pairs of data/predictions/rerank/review.parquet are not asked, since a listing is not in the "
        "sample; `dvc repro rerank` makes it anew\n"
    )
    assert isinstance(open_queue("samesku", 0.9, params, listings), SampleQueue)
    with pytest.raises(InputError, match=r"data/predictions/nothing/matches\.parquet is missing"):
        open_queue("nothing", 0.9, params, listings)


def test_products_of_another_sample_are_not_shown(reranked_copy):
    assert product_system(None) == "rerank"
    path = artefacts.PREDICTIONS / "rerank/metrics.json"
    artefacts.write_json(path, artefacts.read_json(path) | {"sample": "of another one"})
    assert product_system(None) == "samesku"
    assert product_system("rerank") == "rerank"


def test_sampled_pairs_are_annotated_until_the_threshold_is_settled(shop_copy):
    index = CatalogueIndex(load_params())
    queue = open_queue("samesku", 0.9, index.params, index.listings)
    site = Site(index, queue, artefacts.ANNOTATIONS, "secret")
    product = dict(zip(index.listings.posting_id, index.listings.product, strict=True))
    with TestClient(
        server.build(site, []), base_url="http://127.0.0.1:8000", headers={guard.TOKEN: "secret"}
    ) as client:
        pair = client.get("/api/review").json()
        assert pair["done"] == 0
        assert pair["total"] == pair["sample"]["needed"] > 10
        assert pair["sample"]["estimate"] is None
        assert "probability" not in pair
        shown = []
        while pair["position"] is not None and pair["sample"]["needed"]:
            assert pair["annotation"] is None
            left, right = (listing["posting_id"] for listing in pair["listings"])
            shown.append({left, right})
            answer = "same" if product[left] == product[right] else "different"
            pair = client.post(
                "/api/review", json={"position": pair["position"], "annotation": answer}
            ).json()
            assert pair["done"] == len(shown)
        assert len({frozenset(pair) for pair in shown}) == len(shown)
        estimate = pair["sample"]["estimate"]
        low, high = estimate["precision_interval"]
        assert 0 <= low <= estimate["precision"] <= high <= 1
    lines = artefacts.ANNOTATIONS.read_text().splitlines()
    assert lines[0] == "left,right,annotation,time"
    assert len(lines) == 1 + len(shown)
