"""One catalogue with everything that can be wrong in it, from `sample` to submission.csv."""

import csv
import io
import os
import struct
import zipfile
import zlib

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from samesku import artefacts
from samesku.catalogue import quarantine as q
from samesku.catalogue.images import PackedImages
from samesku.catalogue.reader import id_fault
from samesku.errors import InputError
from samesku.params import read_params
from stages import embed_zero_shot, evaluate, fuse, index, sample
from tests.conftest import ROOT


def picture(seed, kind="JPEG", mode="RGB", size=(60, 40), **options):
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode != "RGB":
        image = image.quantize(16) if mode == "P" else image.convert(mode)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def rotated(seed):
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(seed, exif=exif)


def animated(seed):
    other = Image.open(io.BytesIO(picture(seed + 1000)))
    return picture(seed, "GIF", save_all=True, append_images=[other])


def png_header(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))


#: What a picture's file holds -> the reason of its quarantine, "" where it is read.
FILES = {
    "whole.jpg": (picture(1), ""),
    "truncated.jpg": (picture(2)[:600], q.IMAGE_DAMAGED),
    "zero bytes.jpg": (b"", q.IMAGE_EMPTY),
    "png in truth.jpg": (picture(3, "PNG"), ""),
    "16 bit.png": (picture(4, "PNG", "I;16"), ""),
    "cmyk.jpg": (picture(5, mode="CMYK"), ""),
    "palette.png": (picture(6, "PNG", "P"), ""),
    "animated.gif": (animated(7), ""),
    "rotated.jpg": (rotated(8), ""),
    "huge.png": (picture(9, "PNG", size=(1200, 1000)), q.IMAGE_PIXELS),
    "bomb.png": (png_header(60_000, 60_000), q.IMAGE_PIXELS),
    "text.jpg": (b"nothing to see here", q.IMAGE_NONE),
    "html.jpg": (b"<!doctype html><script>alert(1)</script>", q.IMAGE_NONE),
    "svg.jpg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', q.IMAGE_NONE),
    "postscript.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%EndComments\n(%stdin) (r) file\n", q.IMAGE_NONE),
    "it's a name.jpg": (picture(10), ""),
    'quote".jpg': (picture(11), ""),
    "two\nlines.jpg": (picture(12), ""),
    "商品 ★.jpg": (picture(13), ""),
    "=1+1.jpg": (picture(14), ""),
}
#: Names that are not a file of the folder -> the reason.
NAMES = {
    "gone.jpg": q.IMAGE_MISSING,
    "../listings.csv": q.IMAGE_OUTSIDE,
    "deep/../../listings.csv": q.IMAGE_OUTSIDE,
    "/etc/hostname": q.IMAGE_OUTSIDE,
    "nul\0.jpg": q.IMAGE_NAME,
    "link.jpg": q.IMAGE_LINK,
    "": q.IMAGE_UNNAMED,
}
#: Titles -> what of them is kept.
TITLES = {
    "a comma, and a \"quote\"": 'a comma, and a "quote"',
    "embedded\r\nnewline": "embedded newline",
    "nul\0byte": "nulbyte",
    "=HYPERLINK(\"http://evil\")": '=HYPERLINK("http://evil")',
    "حقيبة \u202etxt.exe\u202c": "حقيبة txt.exe",
    "zero\u200bwidth\ufeff": "zerowidth",
    "x" * 10_000: "x" * 10_000,
    r"\xe2\x98\x85 Mug": "★ Mug",
}  # fmt: skip
#: posting_ids -> the reason.
IDS = {
    "": q.ID_EMPTY,
    "a b": q.ID_UNSAFE,
    "a,b": q.ID_UNSAFE,
    "a;=1+1": q.ID_UNSAFE,
    "a\nb": q.ID_UNSAFE,
    "=cmd|' /C calc'!A0": q.ID_UNSAFE,
    "=1+1": q.ID_FORMULA,
    "@SUM(A1)": q.ID_FORMULA,
    "＋1": q.ID_FORMULA,
}


def rows():
    """(posting_id, title, image) of every case, and what is expected: by id, reasons, title, picture."""
    found, expected = [], {}
    names = {name: reason for name, (_, reason) in FILES.items()} | NAMES
    for number, (name, reason) in enumerate(names.items()):
        own = f"picture{number:02}"
        found.append((own, f"title of {own}", name))
        expected[own] = ([reason] if reason else [], f"title of {own}", not reason)
    for number, (title, kept) in enumerate(TITLES.items()):
        own = f"title{number:02}"
        found.append((own, title, "whole.jpg"))
        expected[own] = ([], kept, True)
    found += [(own, "a title", "whole.jpg") for own in IDS]
    found += [("same", "equal", "whole.jpg")] * 2 + [("twice", "one", ""), ("twice", "two", "whole.jpg")]
    expected["same"] = ([q.ID_REPEATED], "equal", True)
    return found, expected


def written(kind, folder):
    """The catalogue as a folder or a .zip; links, which stand for no picture, in both."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", delimiter=";")
    writer.writerow(["posting_id", "title", "image", "other"])
    writer.writerows([*row, "more"] for row in rows()[0])
    table = (
        b"\xef\xbb\xbf" + text.getvalue().encode() + b"latin;caf\xe9 cr\xe8me;whole.jpg;more\r\nshort;row\r\n"
    )
    if kind == "zip":
        with zipfile.ZipFile(folder / "shop.zip", "w") as archive:
            archive.writestr("listings.csv", table)
            for name, (data, _) in FILES.items():
                archive.writestr(f"images/{name}", data)
            link = zipfile.ZipInfo("images/link.jpg")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/hostname")
        return folder / "shop.zip"
    images = folder / "shop/images"
    images.mkdir(parents=True)
    (folder / "shop/listings.csv").write_bytes(table)
    for name, (data, _) in FILES.items():
        (images / name).write_bytes(data)
    os.symlink("/etc/hostname", images / "link.jpg")
    return folder / "shop"


@pytest.fixture(params=["zip", "folder"])
def done(request, tmp_path, monkeypatch):
    """The catalogue, run through every stage that needs no network and no label."""
    monkeypatch.chdir(tmp_path)
    params = read_params(ROOT / "params.yaml")
    params["data"] |= {
        "source": str(written(request.param, tmp_path)), "n_listings": None, "image_size": 32,
        "max_pixels": 1_000_000, "max_quarantined": 1.0,
    }  # fmt: skip
    params["fusion"] = {"alpha": 0.5, "image": {"phash": 1.0}, "title": {"tfidf": 1.0}}
    params["decision"]["value"] = 0.7
    params["machine"] |= {"workers": 0}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    sample.main()
    for channel in ("phash", "tfidf"):
        embed_zero_shot.main(channel)
    for stage in (fuse, index, evaluate):
        stage.main()
    return request.param


def test_every_fault_is_told_and_costs_what_it_must_alone(done, report):
    _, expected = rows()
    expected["latin"] = ([q.TITLE_BYTES], "caf crme", True)
    with artefacts.QUARANTINE.open(encoding="utf-8", newline="") as file:
        entries = list(csv.DictReader(file))
    listings = {row["posting_id"]: row for row in pq.read_table(artefacts.LISTINGS).to_pylist()}
    assert set(listings) == set(expected)
    for own, (reasons, title, has_image) in expected.items():
        assert [e["reason"] for e in entries if e["posting_id"] == own] == reasons, own
        assert (listings[own]["title"], listings[own]["has_image"]) == (title, has_image), own
    others = sorted(e["reason"] for e in entries if e["posting_id"] not in expected)
    assert others == sorted([*IDS.values(), q.ID_CONFLICT, q.ID_CONFLICT, q.ROW_CELLS])
    turned = PackedImages(artefacts.IMAGES)[sorted(expected).index("picture08")]
    assert turned.size == (32, 48)  # as EXIF says, upright
    if done == "zip":
        return
    names = {name: reason for name, (_, reason) in FILES.items()} | NAMES
    for name, reason in names.items():
        shown = f"`{name.encode('unicode_escape').decode()}`" if name.isascii() else f"`{name}`"
        said = f"quarantine: «{reason}»" if reason else "read"
        report("input", f"picture {shown}", said, "that picture" if reason else "none")
    for title in TITLES:
        report("input", f"title {title.encode('unicode_escape').decode()[:40]!r}", "kept in one normal form")
    for own, reason in IDS.items():
        report("input", f"posting_id {own!r}", f"quarantine: «{reason}»", "that row")
    report("input", "a posting_id on two rows that agree", f"quarantine: «{q.ID_REPEATED}»")
    report("input", "a posting_id on two rows that differ", f"quarantine: «{q.ID_CONFLICT}»", "both rows")
    report(
        "input", "table with BOM, CRLF, semicolons, newlines in cells, a Latin-1 cell, a short row", "read"
    )


def test_the_submission_cannot_be_broken_or_run(done):
    """Each row is an id and ids; nothing in it begins like a formula, whatever the delimiter is taken for."""
    text = (artefacts.PREDICTIONS / "samesku/submission.csv").read_text("utf-8")
    found = list(csv.reader(io.StringIO(text)))
    assert found[0] == ["posting_id", "matches"]
    listed = set(pq.read_table(artefacts.LISTINGS)["posting_id"].to_pylist())
    assert {row[0] for row in found[1:]} == listed | {"twice"}  # every readable id
    for row in found[1:]:
        own, matches = row
        assert matches.split(" ")[0] == own
        assert set(matches.split(" ")) <= listed | {own}
        assert all(id_fault(one) is None for one in matches.split(" "))
    for line in (text + artefacts.QUARANTINE.read_text("utf-8")).splitlines():
        cells = [cell.strip('"') for delimiter in ",;" for cell in line.split(delimiter)]
        assert not any(cell.startswith(tuple(q.FORMULA)) for cell in cells), line


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (b"posting_id,title,title\na,b,c\n", "has the column 'title' twice"),
        (b"id,title\na,b\n", "has no column posting_id"),
        (b"posting_id,price\na,1\n", "has no column title, image or image_phash"),
        (b"posting_id,title\n", "has a header and no rows"),
        (b"", "has no column posting_id"),
        (os.urandom(5000), "data.csv"),
    ],
    ids=["a column twice", "no id", "no modality", "no rows", "nothing", "noise"],
)
def test_a_table_that_cannot_be_used_is_one_sentence(tmp_path, monkeypatch, table, sentence, report, request):
    monkeypatch.chdir(tmp_path)
    params = read_params(ROOT / "params.yaml")
    (tmp_path / "shop/images").mkdir(parents=True)
    (tmp_path / "shop/listings.csv").write_bytes(table)
    params["data"] |= {"source": str(tmp_path / "shop"), "n_listings": None}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), "utf-8")
    with pytest.raises(InputError, match=sentence) as caught:
        sample.main()
    assert "\n" not in str(caught.value)
    report("input", f"table: {request.node.callspec.id}", "refused in one sentence")
