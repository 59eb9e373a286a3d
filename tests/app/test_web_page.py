"""The page of samesku serve in a real browser, started by the real command."""

import contextlib
import os
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from samesku import artefacts
from tests.app.test_web import write_pairs
from tests.conftest import ROOT
from tests.fixtures import small_shop

pytestmark = pytest.mark.slow
NASTY = "<img src=x onerror=alert(1)> oil 250 ml"


@contextlib.contextmanager
def serving(folder):
    """`samesku serve` in `folder` on a free port; its address."""
    code = "from samesku.app.cli import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", "0"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield re.search(r"http://\S+", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def address(shop_copy):
    write_pairs(shop_copy)
    with serving(shop_copy) as url:
        yield url


def test_compare_search_and_review(page, address, shop_copy, tmp_path):
    page.set_default_timeout(60_000)  # the first request waits for the networks
    expect.set_options(timeout=60_000)
    pictures = [shop_copy / f"shop/images/p00{letter}.png" for letter in "ab"]
    page.goto(address)

    # compare: two pictures, two titles; titles stay text
    for i, picture in enumerate(pictures):
        page.set_input_files(f"#compare .listing-input >> nth={i} >> input", picture)
        page.fill(f"#compare .listing-input >> nth={i} >> textarea", (NASTY, "oil 500 ml")[i])
    page.click("#compare .primary")
    answer = page.locator("#compare .answer")
    expect(answer.locator("strong")).to_have_text(re.compile("[Ss]ame product"))
    expect(answer.locator(".channels > span:first-child")).to_have_text("pxk_image")
    expect(answer.locator(".chip")).to_have_text("250 ml ≠ 500 ml")
    expect(answer.locator(".side .title").first).to_have_text(NASTY)
    expect(answer.locator("mark")).to_have_text(["250 ml", "500 ml"])
    loaded = "images => images.every(image => image.naturalWidth > 0)"
    assert answer.locator("img").evaluate_all(loaded)
    page.screenshot(path=tmp_path / "compare.png")

    # an empty listing is an error without a request
    page.click("#compare >> text=Clear")
    page.click("#compare .primary")
    expect(answer.locator(".error")).to_have_text("Give each of the two listings a picture or a title.")

    # search by a picture and a title
    page.click("nav >> text=Search")
    page.set_input_files("#search input", pictures[0])
    page.fill("#search textarea", small_shop.rows()[0]["title"])
    page.press("#search textarea", "Enter")
    card = page.locator("#search .card").first
    expect(card.locator(".id")).to_have_text("p00a")
    expect(card.locator(".score")).to_have_text("1.0000")
    card.locator("img").evaluate("image => image.decode()")

    # review by keys; the file has the annotations
    page.click("nav >> text=Review")
    progress = page.locator("#review .progress")
    expect(progress).to_have_text("0 of 3 pairs")
    page.keyboard.press("s")
    expect(progress).to_have_text("1 of 3 pairs")
    page.keyboard.press("d")
    expect(progress).to_have_text("2 of 3 pairs")
    page.keyboard.press("b")  # back to the second, and another annotation
    expect(page.locator("#review .tag")).to_have_text("your annotation: different")
    page.keyboard.press("k")
    expect(page.locator("#review .side .id")).to_have_text(["p03a", "p04a"])
    expect(page.locator("#review .side .no-picture")).to_have_text("no picture")
    page.keyboard.press("s")
    expect(page.locator("#review .answer")).to_have_text("Every pair of the queue has an annotation.")
    lines = [line.rsplit(",", 1)[0] for line in (shop_copy / artefacts.ANNOTATIONS).read_text().splitlines()]
    assert lines == ["left,right,annotation", "p00a,p00b,same", "p01a,p02a,skip", "p03a,p04a,same"]

    # a phone: nothing is wider than its screen
    page.set_viewport_size({"width": 390, "height": 844})
    for part in ("compare", "search", "review"):
        page.click(f'nav >> a[href="#{part}"]')
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, part


def test_a_file_that_is_no_picture_is_an_error(page, address, shop_copy, faults):
    page.set_default_timeout(60_000)
    page.goto(f"{address}/#search")
    page.set_input_files("#search input", shop_copy / "params.yaml")
    page.click("#search .primary")
    expect(page.locator("#search .error")).to_have_text("picture 1: not a picture of a known format")
    assert all("400" in fault for fault in faults)
    faults.clear()
