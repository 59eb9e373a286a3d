"""Every reader of foreign input: twice the input takes twice the time, and a bounded multiple of it in memory."""

import io
import tempfile
import time
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook
from PIL import Image

from samesku.annotations.file import find_contradicting_chains, parse_annotations
from samesku.catalogue.attributes import read_attributes
from samesku.catalogue.open_source import open_source
from samesku.catalogue.picture import shrink_picture
from samesku.catalogue.quarantine import Fault, Quarantine
from samesku.catalogue.reader import ATTRIBUTES, read_table
from samesku.catalogue.title_tokens import conflict_places, read_items
from samesku.catalogue.titles import normalise_title
from samesku.errors import InputError
from samesku.feeds.feed import open_feed
from samesku.feeds.merchant_xml import read_names
from samesku.params.file import read_params
from samesku.params.profile import apply_profile
from samesku.reading import read_array

pytestmark = pytest.mark.long
RATIO = 2.5  # of times; what is quadratic has 4
MEMORY = 150  # bytes for each byte of input, and 20 MB: a short row becomes Python objects


def titles(*parts):
    """A title of some length, of these parts over and over."""
    return lambda n: "".join(parts) * (n // sum(map(len, parts)))


def or_refused(read, *arguments):
    """What a reader returns; None where it refuses."""
    try:
        return read(*arguments)
    except (InputError, Fault):
        return None


def read_catalogue(data):
    return or_refused(read_table, data, Quarantine())


def from_file(read):
    """A reader of files as one of bytes."""

    def read_bytes(data):
        with tempfile.NamedTemporaryFile(suffix=".zip") as file:
            file.write(data)
            file.flush()
            return or_refused(read, Path(file.name))

    return read_bytes


def read_pictures(path):
    source = open_source(path, "listings.csv", "images")
    return [or_refused(source.picture, name) for name in ("0/x.jpg", "0/X.JPEG", "x.jpg", "gone.jpg")]


def read_answers(data):
    return find_contradicting_chains(parse_annotations(data, "annotations.csv"))


def compare_items(title):
    return conflict_places(read_items(title), read_items(title.translate(str.maketrans("1a", "2b"))))


def fold_attributes(text):
    return read_attributes({name: [text, "b"] for name in ATTRIBUTES}, ["t", "u"])


def marks(n):
    return "a" + "\u0301" * (n // 2) + "\u0316" * (n // 2)


def table(row, head=b"posting_id,title,image\n"):
    return lambda n: head + b"".join(row % (i, i) for i in range(n // len(row % (0, 0))))


def png(n):
    out = io.BytesIO()
    Image.effect_noise((4000, n // 4000), 50).save(out, "PNG", compress_level=1)
    return out.getvalue()


def yaml(n):
    return b"data:\n" + b"".join(b"  k%d: %d\n" % (i, i) for i in range(n // 12))


def merges(n):
    lines = (b"a%d: &a%d {<<: *a%d, k%d: 1}\n" % (i, i, i - 1, i) for i in range(1, n // 30))
    return b"a0: &a0 {k: 1}\n" + b"".join(lines)


def archive(n):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for i in range(n // 250):
            file.writestr(f"images/{i}/x.jpg", "x")
    return out.getvalue()


def members(n):
    """An archive whose table lies behind many other files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for i in range(n // 150):
            file.writestr(f"{i}.txt", "")
        file.writestr("listings.csv", "posting_id,title\na,Mug\n")
    return out.getvalue()


def read_member(path):
    return read_catalogue(open_source(path, "listings.csv", None).table())


def read_feed(path):
    return sum(len(row.pictures) for row in open_feed(path, {}).rows())


def excel(n):
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(["posting_id", "title"])
    for i in range(n // 60):
        sheet.append([f"p{i}", f"{i:08d} {i * 7919 % 1000003} Mug"])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet(n):
    ids = [f"p{i}" for i in range(n // 20)]
    out = io.BytesIO()
    pq.write_table(pa.table({"posting_id": ids, "title": [f"Mug {name}" for name in ids]}), out)
    return out.getvalue()


def tsv(cell):
    """A feed of one row for each 40 bytes, or of one cell."""
    head = b"id\ttitle\timage link\n"
    return lambda n: head + (table(cell, b"")(n) if b"%d" in cell else b"a\tMug\t" + cell * (n // len(cell)))


def set_entry(text):
    """What init and profile do to params.yaml, with an entry of this text."""
    return apply_profile(text, "index:\n  k: 7\n")


def npy(n):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (" + b"1," * (n // 2) + b")}\n"
    return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header


def annotations(*lines):
    """Annotations of some length: these lines over and over, with numbers that count up."""

    def make(n):
        numbers = range(n // sum(map(len, lines)))
        rows = (line % {b"i": i, b"j": i + 1, b"k": i + 2} for line in lines for i in numbers)
        return b"left,right,annotation,time\n" + b"".join(rows)

    return make


CASES = {
    "title: marks out of order": (marks, normalise_title, 100_000),
    "title: escapes within escapes": (lambda n: "\\u005c" + "u005c" * (n // 5), normalise_title, 25_000),
    "title: entities within entities": (lambda n: "&" + "amp;" * (n // 4), normalise_title, 25_000),
    "title: bytes": (titles("\\xe2\\x98\\x85"), normalise_title, 100_000),
    "numbers of a title": (titles("1 "), compare_items, 20_000),
    "codes of a title": (lambda n: " ".join(f"a{'b' * (i % 50)}1{i}" for i in range(n // 30)), compare_items, 30_000),
    "dimensions of a title": (titles("1x"), compare_items, 20_000),
    "quantities of a title": (titles("1 lb 1 g "), compare_items, 20_000),
    "quotes of a title that are never closed": (titles(" “"), compare_items, 50_000),
    "attributes: marks out of order": (marks, fold_attributes, 50_000),
    "CSV: a quote closed and the next one opened": (table(b'p%d,Screen 12","%d.jpg\n'), read_catalogue, 100_000),
    "CSV: a quote never closed": (table(b'p%d,"Screen %d\n'), read_catalogue, 100_000),
    "CSV: doubled quotes": (table(b'p%d,"""""""%d"""""",\n'), read_catalogue, 100_000),
    "CSV: one long cell": (lambda n: b'posting_id,title\na,"' + b'""' * (n // 2) + b'"\n', read_catalogue, 2_000_000),
    "CSV: rows of one id": (lambda n: b"posting_id,title\n" + b"a,b\n" * (n // 4), read_catalogue, 100_000),
    "CSV: pictures of one id": (table(b"a,b,%d%d.jpg\n"), read_catalogue, 100_000),
    "JSON Lines": (table(b'{"posting_id":"%d","title":"%d"}\n', b""), read_catalogue, 100_000),
    "JSON Lines: deep": (lambda n: b'{"posting_id":' + b"[" * n + b"\n", read_catalogue, 4_000_000),
    "Excel": (excel, read_catalogue, 100_000),
    "Parquet": (parquet, read_catalogue, 1_000_000),
    "hashes": (table(b"p%d,%016x\n", b"posting_id,image_phash\n"), read_catalogue, 200_000),
    "hashes that are none": (
        lambda n: b"posting_id,title,image_phash\na,b," + b"0" * n,
        read_catalogue,
        2_000_000,
    ),
    "pictures of a listing": (
        lambda n: b"posting_id,title,image\na,b," + b"|".join(b"%d.jpg" % i for i in range(n // 9)),
        read_catalogue,
        200_000,
    ),
    "annotations": (annotations(b"a%(i)d,b,same,t\n"), read_answers, 200_000),
    "annotations: a chain": (
        annotations(b"a%(i)d,a%(j)d,same,t\n", b"a%(i)d,a%(k)d,different,t\n"),
        read_answers,
        400_000,
    ),
    "params": (yaml, from_file(read_params), 40_000),
    "params: deep": (lambda n: b"a: " + b"[" * n + b"]" * n, from_file(read_params), 1_000_000),
    "params: aliases that merge": (merges, from_file(read_params), 200_000),
    "params: an entry that is changed": (
        lambda n: "index:\n  k: 50\n" + "".join(f"# {i}\nk{i}:\n  a: {i}\n" for i in range(n // 25)),
        set_entry,
        40_000,
    ),
    "a feed of TSV": (tsv(b"p%d\tMug\thttps://a.example/%d.jpg\n"), from_file(read_feed), 200_000),
    "a feed of TSV: URLs of a cell": (tsv(b"https://a.example/b.jpg,"), from_file(read_feed), 200_000),
    "a feed of TSV: signs between URLs": (tsv(b", "), from_file(read_feed), 30_000),
    "a feed of TSV: a list that is deep": (tsv(b"["), from_file(read_feed), 2_000_000),
    "a feed: rows": (
        lambda n: b"<rss>"
        + b"".join(
            b"<item><id>%d</id><title>Mug</title><link>https://a.example/%d.jpg</link></item>" % (i, i)
            for i in range(n // 80)
        )
        + b"</rss>",
        from_file(read_feed),
        400_000,
    ),
    "a feed: pictures of an item": (
        lambda n: b"<rss><item><id>1</id><title>Mug</title>"
        + b"<additional_image_link>https://a.example/b.jpg</additional_image_link>" * (n // 70)
        + b"</item></rss>",
        from_file(read_feed),
        400_000,
    ),
    "a feed": (
        lambda n: b"<rss>" + b"<item><id>1</id><title>Mug</title></item>" * (n // 40) + b"</rss>",
        from_file(read_names),
        1_000_000,
    ),
    "a feed: deep": (
        lambda n: b"<rss><item>" + b"<a>" * (n // 7) + b"</a>" * (n // 7) + b"</item></rss>",
        from_file(read_names),
        2_000_000,
    ),
    "a feed: a comment that goes on": (
        lambda n: b"<rss><!--" + b"x" * n + b"--><item/></rss>",
        from_file(read_names),
        20_000_000,
    ),
    "a feed: attributes": (
        lambda n: b"<rss><item " + b" ".join(b"a%d='x'" % i for i in range(n // 11)) + b"/></rss>",
        from_file(read_names),
        12_000_000,
    ),
    "an archive of many pictures": (archive, from_file(read_pictures), 2_000_000),
    "an archive of many files": (members, from_file(read_member), 2_000_000),
    "an array's header": (npy, from_file(read_array), 1_000_000),
    "a picture": (png, lambda data: shrink_picture(data, image_size=256, max_pixels=100_000_000), 4_000_000),
}  # fmt: skip


def seconds(read, content):
    times = []
    for _ in range(3):
        start = time.process_time()
        read(content)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("name", CASES)
def test_twice_the_input_takes_twice_the_time(name, report):
    make, read, size = CASES[name]
    ratios = []
    while len(ratios) < 3 and (not ratios or min(ratios) > RATIO):  # another process may have disturbed
        once, twice = (seconds(read, make(n)) for n in (size, 2 * size))
        ratios.append(twice / max(once, 0.005))
    assert min(ratios) <= RATIO, ratios
    content = make(size)
    tracemalloc.start()
    read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= MEMORY * len(content) + 20_000_000
    report(
        "doubling",
        f"{name}, {size:,} and {2 * size:,}",
        "at most 2.5 times the time; memory bounded by the size",
    )
