"""The products in a real browser: in the report, and in the page of samesku serve."""

import contextlib
import csv
import io

import openpyxl
import pytest
from playwright.sync_api import expect

from samesku import artefacts
from samesku.annotations.file import parse_annotations, read_annotations
from samesku.app.report_page import write_report
from tests.fixtures import two_system_predictions
from tests.fixtures.accessibility import serious_violations
from tests.fixtures.serving import serving, serving_here

pytestmark = pytest.mark.slow
#: Counts what a person presses in the page.
COUNT_KEYS = """window.pressed = { keydown: 0, pointerdown: 0 };
for (const name of ["keydown", "pointerdown"]) addEventListener(name, () => { pressed[name] += 1; }, true);"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The address of a report of 60 listings in 20 products of two or three; p0 is whole."""
    folder = tmp_path_factory.mktemp("shop")
    rows, matches = two_system_predictions.many_listings(20)
    with contextlib.chdir(folder):
        two_system_predictions.write_shop(folder, rows=rows, matches=matches)
        write_report("halves", folder / "report.html", 100)
    return f"{(folder / 'report.html').as_uri()}#products"


def products(page):
    """Name of a product -> titles of its listings, of the products that are in the page."""
    return {
        product.get_attribute("data-name"): product.locator(".select .title").all_inner_texts()
        for product in page.locator(".product").all()
    }


def downloaded(page, selector):
    with page.expect_download() as download:
        page.click(selector)
    return download.value.path().read_bytes()


def test_products_are_searched_and_filtered(page, report):
    page.goto(report)
    expect(page.locator("#products .count")).to_contain_text("products of")
    heights = page.locator(".product *").evaluate_all(
        "all => all.filter((part) => !part.matches('.title, .id, .track'))"
        ".filter((part) => getComputedStyle(part).overflowY === 'hidden')"
        ".map((part) => [part.className || part.tagName, part.scrollHeight - part.clientHeight])"
    )
    assert [part for part in heights if part[1] > 1] == []  # nothing of a product is cropped
    page.keyboard.press("/")
    page.keyboard.type("nomor7 ")
    expect(page.locator(".product").first).to_be_visible()
    expect(page.locator("#products .count")).to_have_text("1 product of 2 listings")
    page.fill("#products [name=words]", "")
    page.select_option("#products [name=size]", "3–5")
    expect(page.locator("#products .count")).to_have_text("4 products of 12 listings")
    page.select_option("#products [name=doubt]", "decided")
    expect(page.locator("#products .count")).to_have_text("No product passes these filters.")


def test_a_listing_is_removed_by_key_undone_and_put_back(page, report):
    page.goto(report)
    page.keyboard.press("j")
    first = page.locator(".product").first
    expect(first.locator(".select").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(first.locator(".removed")).to_have_count(1)
    expect(first.locator(".select")).to_have_count(2)
    annotations = parse_annotations(downloaded(page, "[data-action=annotations]"), "annotations.csv")
    assert sorted(annotation.answer for annotation in annotations.values()) == ["different", "different"]
    page.keyboard.press("u")
    expect(first.locator(".select")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.locator("text=Put back").first.click()
    expect(page.locator(".removed")).to_have_count(0)
    assert not parse_annotations(downloaded(page, "[data-action=annotations]"), "annotations.csv")


def test_a_product_is_split_and_two_are_merged(page, report):
    page.goto(report)
    page.keyboard.press("j")
    page.keyboard.press(" ")
    page.keyboard.press("s")  # the first listing is a product of its own: alone, it is shown as removed
    expect(page.locator(".product").first.locator(".removed")).to_have_count(1)
    page.keyboard.press("u")
    before = products(page)
    numbers = list(before)[:2]
    page.keyboard.press("m")
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(page.locator("#products .message")).to_have_text(f"Merged products {numbers[0]} and {numbers[1]}.")
    merged = products(page)
    assert sorted(merged[numbers[0]]) == sorted(before[numbers[0]] + before[numbers[1]])
    assert numbers[1] not in merged
    annotations = parse_annotations(downloaded(page, "[data-action=annotations]"), "annotations.csv")
    assert [annotation.answer for annotation in annotations.values()] == ["same"] * 5  # six listings, a star


def test_the_shown_products_are_taken_away_as_csv_and_excel(page, report):
    page.goto(report)
    page.select_option("#products [name=size]", "3–5")
    page.keyboard.press("Escape")
    page.click("#products h2")
    page.keyboard.press("j")
    page.keyboard.press("x")
    text = downloaded(page, "[data-action=csv]").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 12
    assert [row["decision"] for row in rows].count("remove") == 1
    book = openpyxl.load_workbook(io.BytesIO(downloaded(page, "[data-action=excel]")))
    sheet = [[cell.value for cell in row] for row in book["products"].rows]
    assert sheet[0] == ["group", "posting_id", "decision", "title", "source", "price", "score", "state"]
    assert [row[1] for row in sheet[1:]] == [row["posting_id"] for row in rows]
    assert isinstance(sheet[1][6], float)


def test_a_long_product_makes_its_later_cards_when_they_are_reached(page, tmp_path):
    rows = {f"id{i:02}": ("p", "test", f"title {i}") for i in range(30)}
    pairs = [(a, b) for a in rows for b in rows if a != b]
    with contextlib.chdir(tmp_path):
        two_system_predictions.write_shop(tmp_path, rows, pairs)
        write_report("halves", tmp_path / "long.html", 30)
    page.goto(f"{(tmp_path / 'long.html').as_uri()}#products")
    cards = page.locator(".product-listing")
    expect(cards.first).to_be_visible()
    assert cards.count() < 12
    width = page.locator(".product-listings").evaluate("(strip) => strip.scrollWidth")
    page.keyboard.press("j")
    for _ in range(29):
        page.keyboard.press("ArrowRight")
    expect(cards).to_have_count(30)
    expect(page.locator(".select").last).to_be_focused()
    assert page.locator(".product-listings").evaluate("(strip) => strip.scrollWidth") == width
    page.reload()
    expect(cards.first).to_be_visible()
    page.locator(".product-listings").evaluate("(strip) => strip.scrollBy(100, 0)")
    expect(cards).to_have_count(30)


def test_ten_thousand_products_keep_few_in_the_page(page, report):
    """The list makes only the rows near the window, wherever it is scrolled to."""
    page.goto(report)
    page.evaluate("""() => {
      const n = 10000;
      const content = JSON.parse(document.getElementById('product-data').textContent);
      const source = { ...content, groups: Array.from({ length: n }, (_, i) => [[2 * i, 2 * i + 1], [.9, .9]]),
        listing: (i) => ({ id: `id${i}`, title: `title ${i}`, split: 'test' }), thumbnail: () => null,
        read: async () => [], write: async () => [] };
      const old = document.getElementById('products');
      const place = old.cloneNode(true);
      old.replaceWith(place);
      place.querySelector('.product-list').style.height = '';
      window.many = new ProductPage(place, source);
      return window.many.start();
    }""")
    expect(page.locator("#products .count")).to_have_text("10,000 products of 20,000 listings")
    for share in (0, 0.5, 1):
        page.evaluate("(share) => scrollTo(0, share * document.body.scrollHeight)", share)
        page.wait_for_timeout(100)
        assert 0 < page.locator(".product").count() < 60
    names = page.locator(".product").evaluate_all("all => all.map((product) => product.dataset.name)")
    assert "10000" in names


@pytest.mark.parametrize("width", [1280, 390])
def test_the_products_have_no_serious_fault_of_access(page, report, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(report)
    expect(page.locator(".product").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert serious_violations(page) == []


def test_decisions_of_the_served_page_are_in_the_file_with_a_name(page, shop_copy):
    with serving_here(page, "Ada") as address:
        page.goto(f"{address}/#products")
        first = page.locator(".product").first
        expect(first.locator("img").first).to_be_visible()
        n = first.locator(".select").count()
        page.keyboard.press("j")
        page.keyboard.press("c")
        expect(first.locator("text=confirmed")).to_be_visible()
        annotations = read_annotations(shop_copy / artefacts.ANNOTATIONS)
        assert [(a.answer, a.name) for a in annotations.values()] == [("same", "Ada")] * (n - 1)
        page.keyboard.press("x")  # another product after all: this answer takes the place of the first
        expect(first.locator(".removed")).to_have_count(1)
        page.keyboard.press("u")
        expect(first.locator("text=confirmed")).to_be_visible()
        page.keyboard.press("u")
        expect(first.locator("text=confirmed")).to_have_count(0)
        assert not read_annotations(shop_copy / artefacts.ANNOTATIONS)
        page.keyboard.press("x")
        expect(first.locator(".removed")).to_have_count(1)
        page.reload()
        expect(page.locator(".removed")).to_have_count(1)
        assert serious_violations(page) == []


def test_groups_are_reviewed_by_keys_with_two_at_most_for_an_answer(page, shop_copy):
    """A group by one key, a group with a listing of another product by two; all of it can be undone."""
    path = shop_copy / artefacts.ANNOTATIONS
    with serving_here(page, "Ada") as address:
        page.add_init_script(COUNT_KEYS)
        page.goto(f"{address}/#review")
        page.select_option("#review [name=kind]", "groups")
        progress = page.locator("#review .progress")
        expect(progress).to_contain_text("0 of ")
        total = int(progress.inner_text().split()[2])
        expect(page.locator(".review-card h2")).to_have_text("Are these 4 listings the same product?")
        expect(page.locator(".review-card .conflicts")).to_contain_text("250 ml ≠ 500 ml")
        page.keyboard.press("4")
        expect(page.locator(".review-listing.marked")).to_have_count(1)
        page.keyboard.press("s")
        expect(progress).to_have_text(f"1 of {total} cards")
        answers = [annotation.answer for annotation in read_annotations(path).values()]
        assert sorted(answers) == ["different"] * 3 + ["same"] * 2
        for done in (2, 3):
            page.keyboard.press("s")
            expect(progress).to_have_text(f"{done} of {total} cards")
        page.keyboard.press("d")
        expect(progress).to_have_text(f"4 of {total} cards")
        keys, clicks = page.evaluate("[pressed.keydown, pressed.pointerdown]")
        assert keys <= 2 * 4
        assert clicks == 0
        for done in (3, 2, 1, 0):
            page.keyboard.press("u")
            expect(progress).to_have_text(f"{done} of {total} cards")
        assert not read_annotations(path)
        page.select_option("#review [name=kind]", "pairs")
        expect(page.locator(".review-card h2")).to_have_text("Are these two groups the same product?")
        assert serious_violations(page) == []
        page.select_option("#review [name=kind]", "")
        page.select_option("#review [name=order]", "random")
        expect(progress).to_contain_text("until the precision of the groups is known to ±3%")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert serious_violations(page) == []


def test_every_listing_of_a_large_group_is_marked_by_one_key_or_by_the_arrows(page, shop_copy):
    """A group of 35 listings, of which the last is another product: two keys answer it."""
    path = shop_copy / artefacts.ANNOTATIONS
    card = [list(range(35)), [], 1, 0.5, [], 0]
    page.add_init_script(COUNT_KEYS)
    page.route("**/api/cards", lambda route: route.fulfill(json={"cards": [card]}))
    with serving_here(page) as address:
        page.goto(f"{address}/#review")
        listings = page.locator(".review-listing")
        expect(listings).to_have_count(35)
        assert len(set(listings.locator("kbd").all_inner_texts())) == 35
        page.keyboard.press("E")  # ⇧E
        expect(listings.nth(32)).to_have_class("review-listing marked")
        page.keyboard.press("E")
        page.keyboard.press("w")
        expect(listings.nth(11)).to_have_class("review-listing marked")
        page.keyboard.press("ArrowRight")
        expect(listings.nth(12)).to_be_focused()
        page.keyboard.press("Space")
        expect(listings.nth(12)).to_have_class("review-listing marked")
        for key in ("Space", "ArrowDown", "ArrowUp"):
            page.keyboard.press(key)
        expect(listings.nth(12)).to_be_focused()
        page.keyboard.press("w")
        expect(page.locator(".review-listing.marked")).to_have_count(0)
        assert serious_violations(page) == []
        page.evaluate("pressed.keydown = 0")
        page.keyboard.press("T")
        page.keyboard.press("s")
        expect(page.locator("#review .progress")).to_have_text("1 of 1 card")
        assert page.evaluate("pressed.keydown") == 2
        answers = [annotation.answer for annotation in read_annotations(path).values()]
        assert (answers.count("different"), answers.count("same")) == (34, 33)


def test_two_people_at_once_lose_no_annotation(page, shop_copy):
    """Both pages are open before either answers; the file has the answers of both, with their names."""
    with serving_here(page, "Ada") as first, serving(shop_copy, "--as", "Bo") as second:
        other = page.context.new_page()
        for opened, address in ((page, first), (other, second)):
            opened.goto(f"{address}/#products")
            expect(opened.locator(".product").first).to_be_visible()
        for opened, steps in ((page, 1), (other, 2)):
            for _ in range(steps):
                opened.keyboard.press("j")
            opened.keyboard.press("c")
            expect(opened.locator("text=confirmed").first).to_be_visible()
    annotations = read_annotations(shop_copy / artefacts.ANNOTATIONS)
    assert {annotation.name for annotation in annotations.values()} == {"Ada", "Bo"}
