"""The pages in a real browser; the fixture `page` fails a test on any console error or request."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.fixtures import two_system_predictions
from tests.fixtures.accessibility import serious_violations
from tests.fixtures.report_pages import choose, count, open_queries


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
        "75 listings of 25 products. All have a picture, a title and a label."
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


@pytest.mark.parametrize("width", [1280, 390])
def test_no_part_has_a_serious_fault_of_access(page, pages, width):
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


def test_motion_print_focus_and_right_to_left(page, pages):
    open_queries(page, pages["seven"])
    card = page.locator("article.query .card").first
    assert card.evaluate("card => getComputedStyle(card).transitionDuration") == "0.12s, 0.12s"
    page.emulate_media(reduced_motion="reduce")
    assert card.evaluate("card => getComputedStyle(card).transitionDuration") == "0s"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    direction = "title => { title.textContent = 'حقيبة 24'; return getComputedStyle(title).direction; }"
    assert card.locator(".title").evaluate(direction) == "rtl"
    page.emulate_media(media="print")
    expect(page.locator(".page-header")).to_be_hidden()
    expect(card).to_be_visible()


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
