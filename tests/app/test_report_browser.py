"""The pages in a real browser; the fixture `page` fails a test on any console error or request."""

import base64
import contextlib
import json
import re

import pytest
from playwright.sync_api import expect

from samesku import artefacts
from samesku.app.report import template
from samesku.app.report.compare import write_comparison
from samesku.app.report_page import report_content, write_report
from samesku.catalogue.images import read_thumbnails
from samesku.params import load_params
from tests.fixtures import two_system_predictions
from tests.fixtures.accessibility import serious_violations

PRODUCTS = 25


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """name -> address of a page; and the gallery of the first page."""
    shops = tmp_path_factory.mktemp("shops")
    made = {}

    def enter_shop(name, **options):
        folder = shops / name
        folder.mkdir()
        two_system_predictions.write_shop(folder, **options)
        return contextlib.chdir(folder)

    rows, matches = two_system_predictions.many_listings(PRODUCTS)
    with enter_shop("many", rows=rows, matches=matches):
        (shops / "many/data/tuned").mkdir()
        write_report("halves", shops / "many.html", 3000)
        made["gallery"] = report_content("halves", load_params(), 1000)["gallery"]
        two_system_predictions.write_system(
            shops / "many", "changed", [*rows], [*matches[3:], ("id001x", "id001z"), ("id002x", "id009x")]
        )
        write_comparison("halves", "changed", [], shops / "compare.html", 1000)
    with enter_shop("seven"):
        two_system_predictions.write_pair_model(shops / "seven")
        write_report("pair_model", shops / "pair_model.html", 3000)
        write_report("halves", shops / "seven.html", 3000)
    with enter_shop("bare", labels=False, pictures=False):
        write_report("halves", shops / "bare.html", 3000)
    return made | {file.stem: file.as_uri() for file in shops.glob("*.html")}


def count(page):
    """How many queries pass the filters, as the page says."""
    return int(re.search(r"(\d+) queries", page.inner_text("#gallery .count"))[1])


def open_queries(page, address):
    """The queries of every split."""
    page.goto(f"{address}#gallery")
    page.select_option('#gallery select[name="split"]', "")


def choose(page, view):
    expect(page.locator("article.query").first).to_be_attached()  # before that, nothing listens
    page.locator(f'.view[data-view="{view}"]').click()


def test_it_opens_with_its_first_page_pictures_and_charts(page, pages):
    page.goto(pages["many"])
    names = page.locator("#systems tbody th").all_inner_texts()
    assert names == ["picture and meaning of the title (halves)", "nothing matched"]
    assert page.locator("#systems tbody tr.current td").all_inner_texts()[1::2][:2] == ["+0.2000", "+0.0500"]
    page.click("nav >> text=Queries")
    expect(page.locator("article.query")).to_have_count(10)
    assert set(page.locator("article.query .facts span:first-of-type").all_inner_texts()) == {"test"}
    assert count(page) == sum(listing[2] == "test" for listing in pages["gallery"]["listings"])
    page.wait_for_function("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    page.click("nav >> text=Charts")
    for plot in page.locator(".plot").all():
        plot.scroll_into_view_if_needed()
        expect(plot.locator("svg")).to_be_visible()
    assert page.locator(".plot").count() == 5


def test_queries_with_few_matches_share_a_line(page, pages):
    """Each query of the page has one to three cards: no line of queries leaves a third of the page empty."""
    open_queries(page, pages["many"])
    expect(page.locator("article.query")).to_have_count(10)
    lines = {}
    for block in page.locator("article.query").all():
        box = block.bounding_box()
        lines.setdefault(round(box["y"]), []).append(box["width"])
        last = block.locator(".card").last.bounding_box()
        assert box["x"] + box["width"] - last["x"] - last["width"] < box["width"] / 3
    width = page.locator("#queries").bounding_box()["width"]
    assert max(len(line) for line in lines.values()) > 1
    assert all(sum(line) > width * 2 / 3 for line in list(lines.values())[:-1])


def test_the_pictures_of_a_large_report_are_in_parts(page, pages, tmp_path):
    n = template.PICTURES_PER_PART // 3 + 2
    rows, matches = two_system_predictions.many_listings(n)
    with contextlib.chdir(tmp_path):
        two_system_predictions.write_shop(tmp_path, rows, matches)
        write_report("halves", tmp_path / "large.html", 3000)
    page.goto((tmp_path / "large.html").as_uri())
    assert page.locator("script[id^=picture-data]").count() == 2
    sources = page.evaluate("(n) => Array.from({ length: n }, (_, i) => pictureSources(i)[0])", 3 * n)
    thumbnails = read_thumbnails(tmp_path / artefacts.THUMBNAILS)
    order = page.evaluate("gallery.listings.map(([id]) => id)")
    expected = [thumbnails[[*rows].index(name)] for name in order]
    assert [base64.b64decode(source.partition(",")[2]) for source in sources] == expected


def test_filters_filter(page, pages):
    open_queries(page, pages["many"])
    blocks = pages["gallery"]["queries"]
    for view, kind in (("wrong", "different"), ("missed", "missed"), ("correct", None), ("none", None)):
        passing = sum(view in block["views"] for block in blocks)
        assert 0 < passing < len(blocks)
        choose(page, view)
        expect(page.locator("#gallery .count")).to_contain_text(f"of {passing} queries")
        if kind:
            expect(page.locator(f'article.query:has([data-kind="{kind}"])')).to_have_count(10)
        else:
            expect(page.locator('[data-kind="different"]')).to_have_count(0)
    choose(page, "all")
    page.select_option('#gallery select[name="split"]', "val")
    expect(page.locator("#gallery .count")).to_contain_text("of 24 queries")
    assert set(page.locator("article.query .facts span:first-of-type").all_inner_texts()) == {"val"}
    page.select_option('#gallery select[name="sort"]', "worst")
    f1 = [float(text.split()[1]) for text in page.locator(".facts b").all_inner_texts()]
    assert f1 == sorted(f1)
    page.select_option('#gallery select[name="split"]', "")
    assert page.locator('#gallery select[name="group"] option').all_inner_texts() == ["all", "3–5"]


def test_the_search_box_seeks_every_word_in_titles_and_ids(page, pages):
    open_queries(page, pages["many"])
    page.keyboard.press("/")
    page.keyboard.type("NOMOR7 ÿ")
    expect(page.locator(".no-results")).to_be_visible()
    page.locator(".no-results button").click()
    expect(page.locator("#gallery .count")).to_contain_text(f"of {3 * PRODUCTS} queries")
    page.fill("#gallery input[name=words]", "nomor7 BARANG")
    expect(page.locator("article.query")).to_have_count(3)
    assert all("nomor7 " in title for title in page.locator(".query-listing .title").all_inner_texts())
    page.fill("#gallery input[name=words]", "id004y")
    expect(page.locator("article.query")).to_have_count(1)
    page.keyboard.press("ArrowRight")  # moves the cursor, not the page
    page.keyboard.press("Escape")
    expect(page.locator("#gallery .count")).to_contain_text(f"1–10 of {3 * PRODUCTS}")


def test_arrows_turn_the_pages_and_j_and_k_the_queries(page, pages):
    open_queries(page, pages["many"])
    first = page.locator("article.query").first.get_attribute("data-id")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#gallery .count")).to_contain_text("11–20 of")
    assert page.locator("article.query").first.get_attribute("data-id") != first
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#gallery .count")).to_contain_text("71–75 of 75")
    page.locator('.page-buttons button[aria-label="first page"]').first.click()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#gallery .count")).to_contain_text("1–10 of 75")
    ids = [block.get_attribute("data-id") for block in page.locator("article.query").all()]
    for key, i in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.dataset.id") == ids[i]
    choose(page, "wrong")  # a filter that was clicked leaves the arrows to the pages
    page.keyboard.press("ArrowRight")
    expect(page.locator("#gallery .count")).to_contain_text("11–")
    assert page.locator('.view[data-view="wrong"] input').is_checked()


def test_the_address_brings_back_what_was_shown(page, pages):
    open_queries(page, pages["many"])
    choose(page, "missed")
    page.keyboard.press("ArrowRight")
    shown = page.inner_text("#gallery .count")
    page.goto("about:blank")
    page.goto(pages["many"] + "#gallery?view=missed&page=1&split=")
    assert page.inner_text("#gallery .count") == shown
    assert page.locator('.view[data-view="missed"] input').is_checked()
    page.goto("about:blank")
    page.goto(pages["many"] + "#gallery?view=nonsense&page=-9&sort=__proto__&group=x")
    assert page.locator('.view[data-view="all"] input').is_checked()


def test_a_card_opens_its_evidence(page, pages):
    open_queries(page, pages["seven"])
    page.locator("article.query").first.locator(".card").first.click()
    dialog = page.locator("dialog")
    expect(dialog).to_be_visible()
    assert dialog.locator("mark").all_inner_texts() == ["500 ml", "250 ml"]
    assert "500 ml ≠ 250 ml" in dialog.inner_text()
    rows = [row.inner_text().split("\t") for row in dialog.locator("tbody tr").all()]
    assert [row[0] for row in rows] == ["Picture", "Meaning of the title"]
    steps = dialog.locator(".why-label").all_inner_texts()
    assert steps == ["Picture", "Meaning of the title", "Score"]
    adds = sum(float(row[-1]) for row in rows)
    assert f"{adds:.2f}" == f"{float(re.search(r'score ([0-9.]+)', dialog.inner_text())[1]):.2f}"
    page.keyboard.press("ArrowRight")
    expect(dialog.locator(".kind")).to_contain_text("✕ wrong")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_j_and_enter_open_the_first_card_of_a_query(page, pages):
    open_queries(page, pages["seven"])
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_be_visible()


def test_the_overview_says_what_the_catalogue_is_and_what_to_do(page, pages):
    page.goto(pages["many"])
    expect(page.locator(".lead")).to_contain_text(
        "75 listings: all with a picture, all with a title, all have a label"
    )
    expect(page.locator(".lead")).to_contain_text(
        "The matches of picture and meaning of the title (halves) have an F1 of 0.550 (95% interval: 0.600 to 0.800): "
        "the mean over 3 test queries, each searched among all 7 listings."
    )
    expect(page.locator(".lead")).to_contain_text("with nothing matched, it would be 0.500.")
    page.click(".next >> text=test queries have a wrong match")
    expect(page.locator('.view[data-view="wrong"] input')).to_be_checked()
    assert page.locator('#gallery select[name="split"]').input_value() == "test"
    page.go_back()
    page.click("text=Words on this page")
    expect(page.locator(".glossary dt").first).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])  # both sizes, both themes
def test_no_part_has_a_serious_fault_of_access(page, pages, scheme, width):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(pages["many"])
    for part in ("overview", "products", "gallery", "threshold", "charts"):
        page.evaluate("(part) => { location.hash = part; }", part)
        expect(page.locator(f"#{part}")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, part
        assert serious_violations(page) == [], part
    page.goto(pages["compare"])
    assert serious_violations(page) == []


def test_a_hostile_title_is_shown_as_it_is_written(page, pages):
    page.on("dialog", lambda box: pytest.fail(box.message))
    open_queries(page, pages["seven"])
    assert page.locator(".query-listing .title").first.inner_text() == two_system_predictions.HOSTILE
    page.locator(".card").first.click()
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img[src='x']").count() == 0


def test_clerical_review_shows_the_pairs_that_wait_for_a_person(page, pages):
    open_queries(page, pages["pair_model"])
    assert page.locator('[data-kind="review"]').count() == 0
    choose(page, "review")
    expect(page.locator('[data-kind="review"]')).to_have_count(4)
    assert "Picture +1.5" in page.locator(".card").first.inner_text()
    assert "0.30" in page.locator('[data-kind="review"]').first.inner_text()


def test_without_labels_and_pictures_no_match_is_correct_or_wrong(page, pages):
    page.goto(pages["bare"] + "#gallery")  # without labels, no split is chosen
    expect(page.locator("article.query")).to_have_count(7)
    assert page.locator(".view").all_text_contents() == ["all 7", "no match 4"]
    assert page.locator(".card.good, .card.bad, .card.warn").count() == 0
    assert page.locator("img").count() == 0
    assert page.locator(".no-picture").first.inner_text() == "no picture"
    assert page.locator("#systems, #charts").count() == 0
    page.locator(".card").first.click()
    expect(page.locator("dialog")).to_be_visible()


def test_a_comparison_begins_with_a_sentence_and_with_won_beside_lost(page, pages):
    page.goto(pages["compare"])
    sentence = page.locator(".head .lead")
    won, lost = page.locator(".change-box").all()
    tops = [
        part.bounding_box()["y"]
        for part in (sentence, won, lost, page.locator("#queries"), page.locator("table").first)
    ]
    assert tops == sorted(tops)
    assert tops[1] == tops[2]
    lost.get_by_text("correct matches lost").click()
    expect(page.locator('.view[data-view="lost"] input')).to_be_checked()
    expect(page.locator("article.query")).to_have_count(2)


def test_what_changed_is_filtered_by_how(page, pages):
    page.goto(pages["compare"])
    assert page.locator('#gallery select[name="split"]').input_value() == "test"  # it opens where it counts
    page.select_option('#gallery select[name="split"]', "")
    assert count(page) == 4
    assert set(page.locator(".won-and-lost h3").all_inner_texts()) >= {"Won (1)", "Lost (1)"}
    choose(page, "gained")
    expect(page.locator("article.query")).to_have_count(1)
    assert "✓ gained\n– → 0." in page.locator(".card").first.inner_text()
    choose(page, "worse")
    assert "F1 " in page.locator(".facts b").first.inner_text()
    expect(page.locator("article.query")).to_have_count(3)
    page.locator(".card").first.click()
    assert re.search(r"halves –\s*changed -0\.8", page.inner_text("dialog"))


@pytest.mark.parametrize("name", ["many", "pair_model", "compare", "bare"])
def test_a_phone_shows_it_without_scrolling_sideways(page, pages, name):
    page.set_viewport_size({"width": 360, "height": 740})
    open_queries(page, pages[name])
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.locator(".card").first.click()
    box = page.locator("dialog").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360


def test_light_and_dark_by_the_system_and_by_the_switch(page, pages):
    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    def axis():
        page.locator(".plot").first.scroll_into_view_if_needed()
        text = page.locator(".plot").first.locator("svg text").first
        expect(text).to_be_attached()
        return text.get_attribute("fill")

    page.emulate_media(color_scheme="light")
    page.goto(pages["many"] + "#charts")
    light, light_axis = paper(), axis()
    page.emulate_media(color_scheme="dark")
    dark = paper()
    assert json.loads(re.sub(r"rgb\((.*)\)", r"[\1]", light))[0] > 200
    assert json.loads(re.sub(r"rgb\((.*)\)", r"[\1]", dark))[0] < 60
    page.wait_for_function(
        "(before) => document.querySelector('.plot svg text')?.getAttribute('fill') !== before",
        arg=light_axis,
    )
    page.click("#theme")  # light, whatever the system has
    assert paper() == light
    page.click("#theme")
    assert paper() == dark
    page.reload()
    page.emulate_media(color_scheme="light")
    assert paper() == dark  # the choice is remembered
