"""The browser fixture itself: it must not overlook a fault of a page."""

from pathlib import Path

from playwright.sync_api import Page


def test_a_page_that_only_needs_itself_has_no_fault(page: Page, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<!doctype html><link rel=icon href=data:,><p>Here")
    page.goto((tmp_path / "a.html").as_uri())
    assert page.inner_text("p") == "Here"


def test_console_errors_thrown_errors_and_other_hosts_are_faults(page: Page, faults: list[str]) -> None:
    page.set_content("<script>console.error('logged')</script><script>throw Error('thrown')</script>")
    page.evaluate("fetch('https://example.org/x').catch(() => {})")
    messages = "\n".join(faults)
    assert "logged" in messages
    assert "thrown" in messages
    assert "requests https://example.org/x" in messages
    faults.clear()
