"""The same in a real browser: nothing that was planted runs, and another site's page neither acts nor reads."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accessworld import Served, plant, real_room, served
from watchkeeper.controlroom.judging import Role
from watchkeeper.web.app import make_app
from watchkeeper.web.sitemap import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HARM = (
    "<script>zqxj(1)</script>\"><img src=x onerror=zqxj(1)>'><svg/onload=zqxj(1)></title></textarea>"
    "<iframe srcdoc='<script>parent.zqxj(1)</script>'></iframe>"
    "<a href=javascript:zqxj(1) autofocus onfocus=zqxj(1)>x</a>"
)


@pytest.fixture
def poisoned(tmp_path: Path) -> Iterator[Served]:
    with served(
        tmp_path, events=plant(HARM, "'><img/src=x/onerror=zqxj(1)>"), make_app=make_app, make_room=real_room
    ) as room:
        yield room


def log_in(page: Page, room: Served) -> list[str]:
    """Logs in, and gives a list to which whatever goes wrong from then on is added."""
    wrong: list[str] = []
    page.add_init_script("window.zqxj = () => { window.ran = true; }")
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(room.url) else None)
    page.goto(f"{room.url}/login")
    page.fill("#token", room.tokens[Role.OPERATOR])
    page.click("main button")
    page.wait_for_url(f"{room.url}/")
    return wrong


def test_nothing_that_others_wrote_runs(browser: Browser, poisoned: Served) -> None:
    context = browser.new_context()
    page = context.new_page()
    wrong = log_in(page, poisoned)
    for each in PAGES:
        if "{" in each.path:
            continue
        page.goto(f"{poisoned.url}{each.path}")
        assert page.evaluate("window.ran") is None, each.path
        assert page.evaluate("document.cookie") == "", each.path
        assert page.locator("iframe, img[src='x'], svg[onload]").count() == 0, each.path
        assert wrong == [], each.path
    context.close()


@pytest.fixture
def other_site(poisoned: Served) -> Iterator[str]:
    """A page of another site: it links, and posts by itself."""
    body = f"""<!doctype html><a id=go href="{poisoned.url}/fleet">look</a>
    <form id=f method=post action="{poisoned.url}/act/ack"><input name=on value={"ab" * 32}></form>"""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


def test_another_sites_page_leads_to_ours_and_does_not_act(browser: Browser, poisoned: Served, other_site: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    log_in(page, poisoned)
    page.goto(other_site)
    page.click("#go")
    page.wait_for_url(f"{poisoned.url}/fleet")
    page.wait_for_selector("nav")  # logged in, although a strict cookie was held back at first

    page.goto(other_site)
    with page.expect_navigation():
        page.evaluate("document.getElementById('f').submit()")
    assert "web-wrong-origin" in page.content() or "/login" in page.url or "web-not-logged-in" in page.content()
    read = "fetch(arguments_, {credentials: 'include'}).then(() => 'read', () => 'refused')"
    page.goto(other_site)
    assert page.evaluate(read.replace("arguments_", f"'{poisoned.url}/api/v1/fleet'")) == "refused"
    assert not any(each.what == "ack" for each in poisoned.acts())
    context.close()
