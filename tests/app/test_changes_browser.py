"""The page of `samesku diff --report` in a real browser."""

import numpy as np
import pytest
from playwright.sync_api import expect
from typer.testing import CliRunner

from samesku import artefacts
from samesku.app.cli import app
from tests.fixtures import two_system_predictions
from tests.fixtures.accessibility import serious_violations


def write_groups(folder, groups):
    """Groups of ids -> groups.parquet."""
    pairs = [(name, number) for number, names in enumerate(groups) for name in names]
    folder.mkdir(parents=True)
    numbers = np.array([number for _, number in pairs], "int32")
    artefacts.write_table(
        folder / "groups.parquet", {"posting_id": [name for name, _ in pairs], "group": numbers}
    )


@pytest.fixture
def report(tmp_path, monkeypatch):
    """The address of the page: a1, a2 and b1, b2 merge; c1 leaves d1; z9 is gone."""
    monkeypatch.chdir(tmp_path)
    two_system_predictions.write_shop(tmp_path)
    write_groups(tmp_path / "before", [["a1", "a2"], ["b1", "b2"], ["c1", "d1"], ["a3"], ["z9"]])
    write_groups(tmp_path / "after", [["a1", "a2", "b1", "b2"], ["c1"], ["d1"], ["a3"]])
    done = CliRunner().invoke(app, ["diff", "before", "after", "--report", "changes.html"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("1 merged, 1 left, 1 removed; changes.csv; file://")
    return (tmp_path / "changes.html").as_uri()


def test_changes_are_shown_with_pictures_filtered_and_searched(page, report):
    page.goto(report)
    expect(page.locator(".lead")).to_have_text(
        "1 product is made of several, 1 listing left its product, 1 listing is gone. "
        "1 of the 4 products have the same listings as before."
    )
    expect(page.locator(".change")).to_have_count(3)
    page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    merged = page.locator('.change[data-kind="merged"] .change-sides > div')
    assert [side.locator(".change-product").count() for side in merged.all()] == [2, 1]
    assert merged.nth(1).locator(".id").all_inner_texts() == ["a1", "a2", "b1", "b2"]
    left = page.locator('.change[data-kind="left"]')
    assert set(left.locator(".changed .id").all_inner_texts()) == {"d1"}
    assert left.locator(".change-product > p").all_inner_texts() == [
        "Product c1, 2 listings",
        "Product d1, 1 listing",
    ]
    page.click('.view[data-kind="removed"]')
    expect(page.locator("#changes .count")).to_have_text("1–1 of 1 changes")
    expect(page.locator(".change .title")).to_have_text("no longer in the catalogue")
    page.click('.view[data-kind=""]')
    page.keyboard.press("/")
    page.keyboard.type("tas a13")
    expect(page.locator(".change h2")).to_have_text("1 product is made of several")
    page.fill("input[name=words]", "nothing like it")
    expect(page.locator("#changes .count")).to_have_text("No change passes these filters.")
    assert page.evaluate("window.hacked") is None  # a title is text


@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_has_no_serious_fault_of_access(page, report, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(report)
    expect(page.locator(".change").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious_violations(page) == []
