"""The queries of a report in a real browser; the fixture `page` fails a test on any console error or request."""

import base64
import contextlib
from pathlib import Path

import pytest
from playwright.sync_api import expect

from samesku import artefacts
from samesku.app.report import template
from samesku.app.report_page import write_report
from samesku.catalogue.images import read_thumbnails
from tests.fixtures import two_system_predictions
from tests.fixtures.report_pages import PRODUCTS, choose, open_queries


def test_the_legend_leaves_out_channels_without_weight(page, pages, tmp_path):
    text = Path(pages["seven"].removeprefix("file://")).read_text("utf-8")
    (tmp_path / "weights.html").write_text(text.replace('"weight":0.5', '"weight":0.0', 1), "utf-8")
    for address, names in (
        (pages["seven"], ["Picture50%", "Meaning of the title50%"]),
        ((tmp_path / "weights.html").as_uri(), ["Meaning of the title50%"]),
    ):
        page.goto(f"{address}#gallery")
        assert page.locator("#legend .legend-entry").all_text_contents() == names


@pytest.mark.parametrize(("name", "n"), [("many", 10), ("compare", 4)])
def test_queries_with_few_matches_share_a_line(page, pages, name, n):
    """Each query of the page has one to three cards: no line of queries leaves a third of the page empty."""
    open_queries(page, pages[name])
    expect(page.locator("article.query")).to_have_count(n)
    lines = {}
    for block in page.locator("article.query").all():
        box = block.bounding_box()
        lines.setdefault(round(box["y"]), []).append(box["width"])
        last = block.locator(".card").last.bounding_box()
        assert box["x"] + box["width"] - last["x"] - last["width"] < box["width"] / 3
    width = page.locator("#queries").bounding_box()["width"]
    assert max(len(line) for line in lines.values()) > 1
    assert all(sum(line) > width * 2 / 3 for line in list(lines.values())[:-1])


def test_the_last_bar_of_a_waterfall_is_the_score(page, pages):
    """Also where a step is too small for a bar of its own."""
    page.goto(pages["seven"])
    script = """() => [...waterfall([["cnn", 0.577], ["phash", -0.004]]).querySelectorAll(".why-value")]
        .map((value) => value.textContent)"""
    values = page.evaluate(script)
    assert values == ["+0.58", "0.57"]


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
