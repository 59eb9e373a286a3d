"""A page in the machine's own chromium, without a window; tests that ask for one are skipped where none is.

Nothing is downloaded: Playwright drives the `chromium` (or Chrome) that PATH has. A page may only reach files
and this machine; whatever it asks of another host is refused and counts as a fault, as do console errors.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
#: Where a page may go: into itself, to files, and to a server on this machine.
HERE = re.compile(r"(data|blob|about|file):|(https?|wss?)://(127\.0\.0\.1|localhost|\[::1\])[:/]")


@pytest.fixture(scope="module")  # no longer: while it is open, no other test of the process can run asyncio
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(NAMES)} is on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture
def faults() -> list[str]:
    """What went wrong in `page` so far; a test that provokes a fault looks at it and clears the list."""
    return []


@pytest.fixture
def page(chromium: Browser, faults: list[str]) -> Iterator[Page]:
    """A fresh page of 1280 × 800; the test fails where `faults` is not empty at its end."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    context.set_default_timeout(10_000)

    def guard(route: Route) -> None:
        if HERE.match(route.request.url):
            route.continue_()
        else:
            faults.append(f"asks for {route.request.url}")
            route.abort()

    context.route("**/*", guard)
    opened = context.new_page()
    opened.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    yield opened
    context.close()
    assert not faults
