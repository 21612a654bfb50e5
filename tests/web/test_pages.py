"""Every page: it opens, axe finds nothing wrong with it, it fits a phone, and says what it has to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from webscene import CONFLICT, FINDING, STANDARD

from watchkeeper.controlroom.judging import Role
from watchkeeper.web.sitemap import PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from roomserver import Served

pytestmark = pytest.mark.xdist_group("chromium")


def addresses(room: Served) -> list[str]:
    """One of every page, also of those with a filter."""
    incident = next(iter(room.room.reader.look().projects["shop"].incidents.incidents))
    landed = room.scene.commits["landed"]
    return [
        "/", "/matters", "/matters?show=all", "/more", "/fleet", "/fleet?show=all", "/projects/shop",
        "/projects/newsroom", "/engagements/e-0000a101", "/engagements/e-0000a102", "/engagements/e-0000a101/diff",
        "/conflicts", "/conflicts?show=all", "/conflicts?q=nothing-fits", f"/conflicts/{CONFLICT}", "/queue",
        "/queue/stage-status%2F1", "/queue/login%2F1", "/queue/currency%2F1", "/incidents", "/incidents?show=all",
        f"/incidents/{incident}", "/brief", "/changes", "/changes?show=all", f"/changes/{landed}", "/decisions",
        "/decisions?show=all", "/log", "/log/shop/2026-11-25", "/log/fleet/2026-11-25", "/numbers", "/rules", "/events",
        "/settings", "/doctor", "/scouts", "/findings", "/findings?show=all", f"/findings/{FINDING.id}", "/standards",
        f"/standards/{STANDARD.id}",
    ]  # fmt: skip


def test_every_page_of_the_map_is_looked_at(room: Served) -> None:
    shapes = [re.compile(re.sub(r"{[^}]*}", "[^?]+", each.path) + r"(\?.*)?") for each in PAGES]
    for shape in shapes:
        assert any(shape.fullmatch(each) for each in addresses(room)), shape.pattern


def test_every_page_opens_for_an_operator_and_for_a_viewer(room: Served) -> None:
    for role in Role:
        with room.client(role) as client:
            for each in addresses(room):
                answer = client.get(each)
                assert answer.status_code == 200, f"{each}: {answer.text[:500]}"
                assert ("/act/" in answer.text) is False or role is Role.OPERATOR


def test_axe_finds_no_violation_and_no_page_is_wider_than_a_phone(browser: Browser, room: Served) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe is not installed: accessibility was NOT checked")
    from axe_playwright_python.sync_playwright import Axe
    from browsing import open_page

    found: list[str] = []
    for size, scheme in (("phone", "light"), ("laptop", "dark")):
        with open_page(browser, room, size, color_scheme=scheme, bypass_csp=True) as page:
            for each in addresses(room):
                page.goto(f"{room.url}{each}")
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                found += [f"{size} {each}: {wide} px too wide"] if wide > 0 else []
                for violation in Axe().run(page).response["violations"]:
                    nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:2])
                    found.append(f"{size} {each}: {violation['id']}: {nodes}")
    assert found == []


def test_what_is_not_there_is_a_page_that_says_so(room: Served) -> None:
    with room.client() as client:
        for each in (
            "/conflicts/c-00000000",
            "/findings/f-000000000000",
            "/standards/std-none",
            "/projects/none",
            "/queue/none%2F1",
            "/changes/abc",
            "/log/shop/1999-01-01",
        ):
            answer = client.get(each)
            assert answer.status_code == 404, each
            assert "There is no" in answer.text


def test_a_list_says_why_it_is_empty_and_a_number_that_is_none_is_the_first_page(room: Served) -> None:
    with room.client() as client:
        assert "Nothing fits the filter" in client.get("/conflicts?q=nothing-fits").text
        assert client.get("/conflicts?page=-1").status_code == client.get("/events?around=x").status_code == 200


def test_an_act_without_what_it_needs_does_nothing_and_says_so(room: Served) -> None:
    with room.client() as client:
        page = client.get(f"/conflicts/{CONFLICT}").text
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        assert csrf is not None
        form = {"csrf": csrf[1], "next": "/conflicts", "project": "shop", "on": CONFLICT, "reason": " "}
        before = room.log.last_seq()
        answer = client.post("/act/dismiss", data=form, follow_redirects=True)
        assert "nothing was done" in answer.text
        assert room.log.last_seq() == before
        assert "nothing was done" not in client.get(str(answer.url.raw_path, "ascii")).text  # said once


def test_settings_show_where_each_comes_from_and_no_secret(room: Served) -> None:
    with room.client() as client:
        page = client.get("/settings").text
    assert "fleet.concurrency" in page
    assert "fleet.toml" in page
    assert all(token not in page for token in room.tokens.values())
