"""A feed becomes a catalogue folder: what is written, what is refused, and how a second run goes on."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from samesku.app.cli import app
from samesku.catalogue.quarantine import Quarantine
from samesku.catalogue.reader import read_table
from samesku.errors import InputError
from samesku.feeds.feed import open_feed
from samesku.feeds.importing import import_feed
from tests.conftest import ROOT
from tests.feeds.conftest import LIMITS, answer, picture

HEAD = "id\ttitle\timage_link\tadditional_image_link\tbrand\titem_group_id\n"


@pytest.fixture
def feed(tmp_path):
    """feed(row, …) -> the path of a TSV with these rows, each of cells with commas between them."""

    def write(*rows):
        path = tmp_path / "feed.tsv"
        path.write_text(
            HEAD + "".join("\t".join([*row, *[""] * (6 - len(row))]) + "\n" for row in rows), "utf-8"
        )
        return path

    return write


def run(path, out, labels=None, source="", **given):
    return import_feed(open_feed(path, given, labels), out, source, LIMITS)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_of_a_catalogue(feed, server, tmp_path):
    shared, alone, gone = (
        server.serve("/shared.jpg"),
        server.serve("/alone.png", picture(7, "PNG")),
        server.url + "/gone",
    )
    page = server.serve("/page.jpg", b"<html>", kind="text/html")
    path = feed(
        ("1", "Öl, 500 ml", shared, f"{alone},{gone}", "Acme", "g"),
        ("2", "Oil", shared, "", "", "g"),
        ("3", "Soap", page),
        ("4", "Tea"),
        ("a b", "Salt", alone),
        ("5", "", "photo.jpg"),
    )
    out = tmp_path / "out"
    summary = run(path, out, source="My shop").splitlines()
    manifest = {
        entry["url"]: entry for entry in map(json.loads, (out / "manifest.jsonl").read_text().splitlines())
    }
    files = {url: manifest[url]["file"] for url in (shared, alone)}
    assert {file.name for file in (out / "images").iterdir()} == set(files.values())
    assert (out / "images" / files[alone]).read_bytes() == picture(7, "PNG")
    assert [(row["posting_id"], row["title"], row["image"]) for row in rows_of(out / "listings.csv")] == [
        ("1", "Öl, 500 ml", f"{files[shared]}|{files[alone]}"),
        ("2", "Oil", files[shared]),
        ("3", "Soap", ""),
        ("4", "Tea", ""),
        ("5", "", ""),
    ]
    first = rows_of(out / "listings.csv")[0]
    assert list(first) == [
        "posting_id", "title", "image", "source", "brand", "price", "gtin", "mpn", "category", "item_group_id"
    ]  # fmt: skip
    assert (first["source"], first["brand"], first["item_group_id"]) == ("My shop", "Acme", "g")
    assert [tuple(row.values()) for row in rows_of(out / "quarantine.csv")] == [
        ("0", "1", gone, "image: HTTP status 404", "404"),
        ("2", "3", page, "image: a web page in place of a picture", "200"),
        (
            "4",
            "a b",
            "",
            "posting_id: holds a space, comma, semicolon, quote, control character or non-UTF-8 byte; replace it",
            "",
        ),
        ("5", "5", "photo.jpg", "image: not an http or https address", ""),
    ]
    assert server.asked == {"/shared.jpg": 1, "/alone.png": 1, "/gone": 1, "/page.jpg": 1}  # each URL once
    assert summary[0].startswith(
        f"{out}: 5 listings, 2 of them with a picture, 2 pictures, 2 of them fetched now; 4 in quarantine ("
    )
    assert summary[1] == f"next: samesku init {out}/listings.csv --images {out}/images"
    table = read_table((out / "listings.csv").read_bytes(), Quarantine())
    assert [row.posting_id for row in table.rows] == ["1", "2", "3", "4", "5"]
    assert not any(row.label_group for row in table.rows)  # variants of one group are several products


def test_labels_are_a_column_of_the_feed_only_when_a_person_says_so(feed, tmp_path):
    run(feed(("1", "a", "", "", "", "g"), ("2", "b")), tmp_path / "out", labels="item_group_id")
    assert [row["label_group"] for row in rows_of(tmp_path / "out/listings.csv")] == ["g", ""]


def test_a_second_run_fetches_what_is_missing_and_nothing_else(feed, server, tmp_path):
    urls = [server.serve(f"/{i}.jpg") for i in range(4)]
    later = server.url + "/later.jpg"
    path = feed(*((str(i), "t", url) for i, url in enumerate([*urls, later])))
    out = tmp_path / "out"
    run(path, out)
    before = {file.name: file.stat().st_mtime_ns for file in (out / "images").iterdir()}
    lost = next((out / "images").iterdir())
    lost.unlink()
    server.serve("/later.jpg")
    summary = run(path, out)
    assert "5 pictures, 2 of them fetched now\n" in summary
    assert sorted(server.asked.values()) == [1, 1, 1, 2, 2]
    assert server.asked["/later.jpg"] == 2
    after = {file.name: file.stat().st_mtime_ns for file in (out / "images").iterdir()}
    assert {name: after[name] for name in before if name != lost.name} == {
        name: time for name, time in before.items() if name != lost.name
    }
    assert rows_of(out / "quarantine.csv") == []
    listings = (out / "listings.csv").read_bytes()
    run(path, out)
    assert (out / "listings.csv").read_bytes() == listings


def test_a_killed_run_goes_on_where_it_was(feed, server, tmp_path):
    """Of six pictures the server holds back the last two; the run is killed while it waits for them."""
    waiting = threading.Barrier(3)
    hold = [True]

    def held(handler, before):
        if hold[0]:
            handler.send_response(200)
            handler.send_header("Content-Length", "100000")
            handler.end_headers()
            handler.wfile.write(picture()[:500])
            waiting.wait(60)
            server.stop.wait(60)
        else:
            answer(200, picture())(handler, before)

    urls = [server.serve(f"/{i}.jpg") for i in range(4)]
    for name in ("/held1", "/held2"):
        server.routes[name] = held
    path = feed(
        *((str(i), "t", url) for i, url in enumerate([*urls, server.url + "/held1", server.url + "/held2"]))
    )
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "samesku.app",
        "import",
        path,
        "--out",
        out,
        "--allow-private",
        "--jobs",
        "2",
    ]
    killed = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    waiting.wait(120)  # the first four are there by then: two at a time, in the order of the feed
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not (out / "listings.csv").exists()
    with (out / "manifest.jsonl").open("a") as file:
        file.write('{"url": "http://half')  # as a kill in the middle of a line leaves it
    (out / "images/.half.jpg.partial").write_bytes(b"half")
    hold[0] = False
    run(path, out)
    assert server.asked == {**{f"/{i}.jpg": 1 for i in range(4)}, "/held1": 2, "/held2": 2}
    assert all(row["image"] for row in rows_of(out / "listings.csv"))
    assert len(list((out / "images").iterdir())) == 6
    assert len((out / "manifest.jsonl").read_text().splitlines()) == 6


def test_a_folder_that_holds_something_else_is_left_alone(feed, tmp_path):
    path = feed(("1", "t"))
    out = tmp_path / "photos"
    out.mkdir()
    run(path, out)  # an empty one will do
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("mine")
    with pytest.raises(InputError, match=r"--out .*other holds something else; allowed: a new folder"):
        run(path, other)
    assert os.listdir(other) == ["a.txt"]
    with pytest.raises(InputError, match="is a file; allowed: a folder"):
        run(path, other / "a.txt")


def test_cells_are_harmless_in_a_spreadsheet(feed, tmp_path):
    run(feed(("1", "t", "=cmd|x")), tmp_path / "out")
    assert rows_of(tmp_path / "out/quarantine.csv")[0]["url"] == "'=cmd|x"


def test_ends_of_lines_and_halves_of_characters_tear_no_row(tmp_path):
    path = tmp_path / "feed.jsonl"
    rows = [{"id": "1", "title": "a\rb\r\nc"}, {"id": "2", "title": "x\ud800y\ud83d\ude00", "\udfff": "z"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = CliRunner().invoke(app, ["import", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert [row["title"] for row in rows_of(tmp_path / "out/listings.csv")] == ["a\nb\nc", "xy😀"]


def test_a_terminal_without_a_character_shows_its_code(tmp_path):
    path = tmp_path / "feed.csv"
    path.write_text("id,title,größe 大\n1,a,b\n", encoding="utf-8")
    done = CliRunner(charset="iso-8859-1").invoke(app, ["import", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert "not used: größe \\u5927" in done.stdout


def test_the_command(feed, server, tmp_path):
    xml = tmp_path / "feed.xml"
    xml.write_text(
        f"<rss><channel><title>Shop A</title><item><g:id>1</g:id><title>T</title>"
        f"<g:image_link>{server.serve('/1.jpg')}</g:image_link></item></channel></rss>"
    )
    out = tmp_path / "out"
    refused = CliRunner().invoke(app, ["import", str(xml), "--out", str(out), "--channel-title"])
    assert refused.exit_code == 0
    assert "1 × image: a private address, which --allow-private allows" in refused.stdout
    assert not server.asked
    done = CliRunner().invoke(
        app, ["import", str(xml), "--out", str(out), "--channel-title", "--allow-private"]
    )
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "columns: posting_id = id, title, image = image_link"
    (row,) = rows_of(out / "listings.csv")
    assert row["source"] == "Shop A"
    assert row["image"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--source", "a", "--channel-title"], "samesku import: --source and --channel-title are both given"),
        (["--channel-title"], "feed.tsv has no title of its own; name the shop with --source"),
        (["--column", "sku"], "samesku import: --column sku; allowed: one of ours, = and the table's name"),
        (
            ["--column", "colour=brand"],
            "samesku import: there is no column colour to name; allowed: posting_id, ",
        ),
    ],
)
def test_options_that_make_no_sense(feed, tmp_path, options, message):
    done = CliRunner().invoke(
        app, ["import", str(feed(("1", "t"))), "--out", str(tmp_path / "out"), *options]
    )
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()
