"""What a person does in the morning, in a real browser: on a phone and a laptop, with scripts and without."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: the pages were NOT looked at in a browser")
from browsing import open_page
from playwright.sync_api import expect
from webscene import CONFLICT, HELD_BRANCH

from watchkeeper.app import now
from watchkeeper.controlroom.judging import Role
from watchkeeper.model.attention import MatterAcknowledged, MessageAsked, PersonActed, Urgency
from watchkeeper.model.events import WatchStopped
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.landing import EntryHeld, EntryId

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route
    from roomserver import Served

pytestmark = pytest.mark.xdist_group("chromium")
HELD = EntryId(f"{HELD_BRANCH}/1")


@pytest.mark.parametrize("size", ["phone", "laptop"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_conflict_is_found_its_proof_read_a_change_held_and_the_matter_acknowledged(
    browser: Browser, room: Served, size: str, scripts: bool
) -> None:
    with open_page(browser, room, size, java_script_enabled=scripts) as page:
        page.get_by_role("region", name="Conflicts").get_by_role("link", name=re.compile("update_stage_field")).click()

        expect(page).to_have_url(re.compile(f"/conflicts/{CONFLICT}"))
        expect(page.locator("#proof")).to_contain_text("2 UPDATEs of one row from two connections")
        sides = page.locator(".side")
        expect(sides).to_have_count(2)
        expect(sides.first).to_contain_text("mirror.write")
        expect(sides.last).to_contain_text("content.update")

        page.get_by_role("button", name="Hold claude-1").click()
        expect(page.get_by_role("status")).to_contain_text(f"{HELD} waits for a person")
        expect(page.get_by_role("button", name="Release claude-1")).to_be_visible()

        page.get_by_role("button", name="Acknowledge until it gets worse").click()
        expect(page.get_by_role("status")).to_contain_text("acknowledged until it gets worse")

        page.goto(f"{room.url}/")
        expect(page.locator("#needs")).not_to_contain_text("update_stage_field")

    recorded = [each.event for each in room.log.read(None)]
    held = [each for each in recorded if isinstance(each, EntryHeld) and each.id == HELD]
    assert [each.by for each in held] == ["operator"]
    assert any(isinstance(each, MatterAcknowledged) for each in recorded)
    acts = [each for each in recorded if isinstance(each, PersonActed) and each.what in ("hold", "ack")]
    assert [(each.what, each.via, each.allowed) for each in acts] == [("hold", "web", True), ("ack", "web", True)]


def test_a_viewer_sees_everything_and_no_button_that_acts(browser: Browser, room: Served) -> None:
    with open_page(browser, room, role=Role.VIEWER) as page:
        page.goto(f"{room.url}/conflicts/{CONFLICT}")
        expect(page.locator("#proof")).to_contain_text("2 UPDATEs")
        expect(page.locator('form[action^="/act/"]')).to_have_count(0)


def test_the_keys_lead_to_the_conflict_and_act_on_the_chosen_rows(browser: Browser, room: Served) -> None:
    with open_page(browser, room) as page:
        page.keyboard.press("g")
        page.keyboard.press("c")
        expect(page).to_have_url(f"{room.url}/conflicts")
        page.wait_for_load_state()  # keys are heard when the page's script has run
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{room.url}/conflicts/{CONFLICT}")

        page.goto(f"{room.url}/queue")
        page.keyboard.press("j")
        expect(page.locator("#keys [data-needs='h']")).not_to_have_class("not")
        page.keyboard.press("x")
        page.keyboard.press("j")
        page.keyboard.press("x")
        page.keyboard.press("h")
        expect(page.get_by_role("status")).to_contain_text("waits for a person")

        page.keyboard.press("Control+k")
        page.keyboard.type(CONFLICT)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{room.url}/conflicts/{CONFLICT}")
        page.wait_for_load_state()
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#help")).to_be_hidden()
    held = {each.event.id for each in room.log.read(None) if isinstance(each.event, EntryHeld)}
    assert {HELD, EntryId("stage-status/1")} <= held


def test_the_footer_says_what_a_key_does_to_the_chosen_row(browser: Browser, room: Served) -> None:
    with open_page(browser, room) as page:
        page.keyboard.press("j")
        expect(page.locator("#keys [data-needs='a']")).to_have_text("a acknowledge")

        page.goto(f"{room.url}/decisions")
        page.keyboard.press("j")
        expect(page.locator("#keys [data-needs='a']")).to_have_text("a accept")
        page.keyboard.press("a")
        expect(page.get_by_role("status")).to_contain_text("accepted")


def test_what_happens_appears_by_itself_and_the_number_of_needs_is_announced(browser: Browser, room: Served) -> None:
    with open_page(browser, room) as page:
        expect(page.locator("#live")).to_have_attribute("data-state", re.compile("live|stale"))
        page.mouse.move(5, 5)
        expect(page.locator("[aria-live]")).to_have_count(1)
        before = page.locator("#needs-number").inner_text()

        room.log.append(FLEET, [MessageAsked("key-2", Urgency.URGENT, "The disk is full", "", "claude-2")], now())

        expect(page.locator("#needs")).to_contain_text("The disk is full")
        expect(page.locator("#needs-number")).not_to_have_text(before)


def test_a_page_goes_live_however_late_its_scripts_come(browser: Browser, room: Served) -> None:
    with open_page(browser, room) as page:
        for name in ("htmx", "hx-sse", "watchkeeper"):

            def come_late(route: Route) -> None:
                time.sleep(0.4)
                route.continue_()

            page.route(f"**/{name}*.js", come_late)
            page.goto(f"{room.url}/queue")
            expect(page.locator("#live")).to_have_attribute("data-state", re.compile("live|stale"))
            page.unroute(f"**/{name}*.js")


def test_a_page_whose_stream_never_comes_does_not_pass_for_current(browser: Browser, room: Served) -> None:
    with open_page(browser, room) as page:
        page.route(re.compile(r"/live\?"), lambda _: None)
        page.goto(f"{room.url}/queue")
        expect(page.locator("#live-words")).to_contain_text("nothing heard for")
        expect(page.locator("#live")).to_have_attribute("data-state", "stale")


def test_nothing_moves_under_the_pointer_and_a_pause_holds_everything(browser: Browser, room: Served) -> None:
    with open_page(browser, room) as page:
        expect(page.locator("#live")).to_have_attribute("data-state", re.compile("live|stale"))
        first = page.locator("#needs > li").first
        first.hover()
        words = first.inner_text()

        room.log.append(FLEET, [MessageAsked("key-3", Urgency.URGENT, "First of all", "", "claude-2")], now())

        expect(page.locator("#needs")).to_have_attribute("data-waiting", "1")
        assert page.locator("#needs > li").first.inner_text() == words
        page.mouse.move(5, 5)
        expect(page.locator("#needs")).to_contain_text("First of all")

        page.get_by_role("button", name="Pause").click()
        number = page.locator("#needs-number").inner_text()
        room.log.append(FLEET, [MessageAsked("key-4", Urgency.URGENT, "While it paused", "", "claude-2")], now())
        expect(page.locator("#live")).to_contain_text("1 waiting")
        assert page.locator("#needs-number").inner_text() == number
        page.get_by_role("button", name="Go on").click()
        page.mouse.move(5, 5)
        expect(page.locator("#needs")).to_contain_text("While it paused")


def test_the_badge_says_that_nobody_watches_and_that_the_server_is_gone(browser: Browser, room: Served) -> None:
    shop = room.scene.source("shop").project
    with open_page(browser, room) as page:
        expect(page.locator("#live-words")).to_contain_text("does not answer")  # no daemon was started for the scene
        room.log.append(shop, [WatchStopped()], now())
        expect(page.locator("#live-words")).to_contain_text("the watch over shop was stopped", timeout=15_000)

        page.context.set_offline(offline=True)
        page.evaluate("document.querySelector('#stream').remove()")  # as if the connection had died in silence
        expect(page.locator("#live-words")).to_contain_text("nothing heard for")
        expect(page.locator("#live")).to_have_attribute("data-state", "stale")


def test_over_ten_thousand_events_the_page_leads_to_older_ones(browser: Browser, room: Served) -> None:
    """How fast is measured by benchmarks/web_soak.py."""
    shop = room.scene.source("shop").project
    for batch in range(20):
        asked = [MessageAsked(f"k-{batch}-{n}", Urgency.FYI, f"note {n}", "", "x", is_over=True) for n in range(500)]
        room.log.append(shop, asked, Millis(now()))
    room.room.reader.look()
    with open_page(browser, room) as page:
        page.goto(f"{room.url}/events")
        expect(page.locator("[data-region=events] > li")).to_have_count(200)
        page.get_by_role("link", name="Older").click()
        expect(page).to_have_url(re.compile(r"around=\d+"))
        expect(page.locator("[data-region=events] > li")).to_have_count(200)
