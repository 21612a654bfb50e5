"""A real browser for tests: the system's Chromium, driven; loudly skipped where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from roomserver import Served

from watchkeeper.controlroom.judging import Role

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE_MS = 20_000
"""How long a page may take to show something: much, as a machine on which other tests run is slow at times."""
SIZES = {"phone": (360, 740), "laptop": (1280, 800)}


def find_chromium() -> str | None:
    """``WATCHKEEPER_TEST_CHROMIUM``, or the first that is on PATH."""
    named = os.environ.get("WATCHKEEPER_TEST_CHROMIUM")
    return named or next((found for each in NAMES if (found := shutil.which(each))), None)


def require_chromium() -> str:
    """Skips loudly where none is installed."""
    found = find_chromium()
    if found is None:
        pytest.skip("Chromium is not installed: the pages were NOT looked at in a browser (apt install chromium)")
    return found


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser of its own, closed at the end."""
    pytest.importorskip("playwright", reason="playwright is not installed: the pages were NOT looked at in a browser")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=require_chromium(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(
    browser: Browser, served: Served, size: str = "laptop", role: Role = Role.OPERATOR, **more: Any
) -> Iterator[Page]:
    """A page of a browser that has logged in. What its console says wrong fails the test."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, **more)
    wrong: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(served.url) else None)
    page.goto(f"{served.url}/login")
    page.fill("#token", served.tokens[role])
    page.click("main button")
    page.wait_for_url(f"{served.url}/")
    try:
        yield page
    finally:
        context.close()
    assert wrong == []
