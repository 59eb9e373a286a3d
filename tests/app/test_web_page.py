"""The page of samesku serve in a real browser; a server by the real command for the tests that annotate nothing."""

import re
import shutil

import pytest
from playwright.sync_api import expect

from samesku import artefacts
from tests.app.test_web import write_pairs
from tests.fixtures import small_shop
from tests.fixtures.accessibility import serious_violations
from tests.fixtures.serving import serving, serving_here

pytestmark = pytest.mark.slow
NASTY = "<img src=x onerror=alert(1)> oil 250 ml"


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    """A shop with three pairs to annotate."""
    copy = shutil.copytree(built, tmp_path_factory.mktemp("served") / "shop")
    write_pairs(copy)
    return copy


@pytest.fixture(scope="module")
def address(folder):
    """A server for the tests that annotate nothing."""
    with serving(folder) as url:
        yield url


@pytest.fixture
def address_of_copy(shop_copy, page):
    """A server for a test that annotates."""
    write_pairs(shop_copy)
    with serving_here(page) as url:
        yield url


def test_compare_search_and_review(page, address_of_copy, shop_copy, tmp_path):
    page.set_default_timeout(60_000)  # the first request waits for the networks
    expect.set_options(timeout=60_000)
    pictures = [shop_copy / f"shop/images/p00{letter}.png" for letter in "ab"]
    page.goto(f"{address_of_copy}/#compare")

    # compare: two pictures, two titles; titles stay text
    for i, picture in enumerate(pictures):
        page.set_input_files(f"#compare .listing-input >> nth={i} >> input", picture)
        page.fill(f"#compare .listing-input >> nth={i} >> textarea", (NASTY, "oil 500 ml")[i])
    page.click("#compare .primary")
    answer = page.locator("#compare .answer")
    expect(answer.locator("strong")).to_have_text(re.compile("[Ss]ame product"))
    expect(answer.locator(".why-label").first).to_have_text(re.compile("Picture|Exact picture|Words|Meaning"))
    assert "pxk_image" not in answer.inner_text()
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
    page.click("nav >> text=Pairs")
    progress = page.locator("#pairs .progress")
    expect(progress).to_have_text("0 of 3 pairs")
    page.keyboard.press("s")
    expect(progress).to_have_text("1 of 3 pairs")
    page.keyboard.press("d")
    expect(progress).to_have_text("2 of 3 pairs")
    page.keyboard.press("b")  # back to the second, and another annotation
    expect(page.locator("#pairs .tag")).to_have_text("your annotation: different")
    page.keyboard.press("k")
    expect(page.locator("#pairs .side .id")).to_have_text(["p03a", "p04a"])
    expect(page.locator("#pairs .side .no-picture")).to_have_text("no picture")
    page.keyboard.press("s")
    expect(page.locator("#pairs .answer")).to_have_text("Every pair of the queue has an annotation.")
    lines = [line.rsplit(",", 1)[0] for line in (shop_copy / artefacts.ANNOTATIONS).read_text().splitlines()]
    assert lines == ["left,right,annotation", "p00a,p00b,same", "p01a,p02a,skip", "p03a,p04a,same"]

    # a phone: nothing is wider than its screen
    page.set_viewport_size({"width": 390, "height": 844})
    for part in ("products", "review", "pairs", "compare", "search"):
        page.click(f'nav >> a[href="#{part}"]')
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, part


def test_a_file_that_is_no_picture_is_refused_at_once(page, address, folder):
    page.goto(f"{address}/#search")
    page.set_input_files("#search input[type=file]", folder / "params.yaml")
    expect(page.locator("#search .input-error")).to_contain_text(
        "params.yaml is no picture that can be shown"
    )
    page.set_input_files("#search input[type=file]", folder / "shop/images/p00a.png")
    expect(page.locator("#search .input-error")).to_be_hidden()


def test_the_start_page_leads_to_three_things_and_a_result_to_its_product(page, address):
    page.set_default_timeout(60_000)
    page.goto(address)
    expect(page.locator("#start .lead")).to_contain_text(
        "40 listings of 16 products. All have a label; 37 have a picture; 38 have a title."
    )
    assert [link.get_attribute("href") for link in page.locator(".three a").all()] == [
        "#review",
        "#products",
        "#search",
    ]
    page.click(".three >> text=Ask about a listing")
    page.fill("#search textarea", small_shop.rows()[0]["title"])
    page.press("#search textarea", "Enter")
    card = page.locator("#search .card").first
    posting_id = card.locator(".id").inner_text()
    card.locator("summary").click()
    assert card.locator(".why-value.why-total").inner_text()
    assert serious_violations(page) == []
    card.locator("text=Open its product").click()
    expect(page.locator("#products .count")).to_contain_text("1 product of")
    expect(page.locator(".products-note")).to_contain_text(
        "The next run obeys it: dvc exp run -S data.annotations=data/annotations.csv."
    )
    ids = page.locator(".product .product-listing .id").all_inner_texts()
    assert posting_id in ids
    assert page.locator("#products input[type=search]").input_value() == f'"{posting_id}"'
    page.fill("#products input[type=search]", f'"{posting_id[:-1]}"')  # no whole word
    expect(page.locator("#products .count")).to_have_text("No product passes these filters.")


def test_a_moved_threshold_shows_its_command(page, address):
    page.goto(f"{address}/#threshold")
    code = page.locator(".adopt code")
    expect(code).to_have_text(re.compile(r"dvc exp run -S decision\.value=0\.\d+"))
    before = code.inner_text()
    page.locator("#threshold input[type=range]").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(code).not_to_have_text(before)
    expect(page.locator(".above .pair-card")).to_have_count(4)
    assert re.search(r"number of matches \(100% is [\d,]+\)", page.inner_text(".threshold-chart .legend"))
    page.click("text=Back to the present threshold")
    expect(code).to_have_text(before)


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_has_a_serious_fault_of_access(page, address, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(address)
    links = page.locator(".page-header nav")
    expect(links).to_have_attribute(
        "data-more", "right" if width < 700 else ""
    )  # a fade says that it scrolls
    for part in ("start", "products", "review", "pairs", "threshold", "search", "compare"):
        page.evaluate("(part) => { location.hash = part; }", part)
        expect(page.locator(f"#{part} h1")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, part
        assert serious_violations(page) == [], part
    expect(links).to_have_attribute("data-more", "left" if width < 700 else "")  # the last link is shown
