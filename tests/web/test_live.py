"""Streams: exact, in order, and truthful: what was missed comes once, also over an interruption."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.app import now
from watchkeeper.model.attention import MessageAsked, Urgency
from watchkeeper.model.ids import Seq
from watchkeeper.web.live import View, _Shown
from watchkeeper.web.rendering import Fragment, find_fragments
from watchkeeper.web.sitemap import PAGES

if TYPE_CHECKING:
    from roomserver import Served


class Message(NamedTuple):
    event: str
    id: int
    data: dict[str, Any]


def messages(answer: httpx.Response) -> Iterator[Message]:
    event, identity = "", 0
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "id":
            identity = int(value)
        elif name == "data":
            yield Message(event, identity, json.loads(value))


def say(room: Served, *words: str) -> None:
    """Record notes of a project, which the record's page lists."""
    shop = room.scene.source("shop").project
    room.log.append(shop, [MessageAsked(each, Urgency.FYI, each, "", "x", is_over=True) for each in words], now())


def shown(stream: Iterator[Message], count: int) -> list[tuple[int, str]]:
    """The rows of events that come, until there are so many."""
    found: list[tuple[int, str]] = []
    for message in stream:
        rows = [each for each in message.data.get("rows", ()) if each["region"] == "events"]
        found += [(message.id, each["id"]) for each in reversed(rows)]
        if len(found) >= count:
            return found
    return found


def test_what_was_missed_comes_once_after_an_interruption(room: Served) -> None:
    with room.client() as client:
        client.get("/events")
        after = room.log.last_seq()
        with client.stream("GET", f"/live?at=/events&after={after}") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            stream = messages(answer)
            assert next(stream).event == "pulse"
            say(room, "one")
            (first,) = shown(stream, 1)
        say(room, "two", "three")
        with client.stream("GET", "/live?at=/events&after=0", headers={"last-event-id": str(first[0])}) as answer:
            rest = shown(messages(answer), 2)
    assert first[1] == f"e-{after + 1}"
    assert [name for _, name in rest if name != first[1]] == [f"e-{after + 2}", f"e-{after + 3}"]


def test_a_form_in_a_row_that_comes_live_is_of_the_login_that_reads_it(room: Served) -> None:
    with room.client() as client:
        with client.stream("GET", f"/live?at=/&after={room.log.last_seq()}") as answer:
            stream = messages(answer)
            next(stream)
            shop = room.scene.source("shop").project
            room.log.append(shop, [MessageAsked("k", Urgency.URGENT, "look", "", "x")], now())
            html = next(row["html"] for each in stream for row in each.data.get("rows", ()) if "look" in row["html"])
        csrf = client.get("/").text.split('name="csrf" value="')[1].split('"')[0]
    assert f'value="{csrf}"' in html
    assert "csrf-of-the-viewer" not in html


def test_a_stream_of_no_page_is_refused(room: Served) -> None:
    with room.client() as client:
        assert client.get("/live?at=/nowhere").status_code == 404


def test_a_record_that_cannot_be_read_is_said_by_the_pulse(room: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Seq:
        raise OSError("the disk is gone")

    with room.client() as client, client.stream("GET", f"/live?at=/&after={room.log.last_seq()}") as answer:
        stream = messages(answer)
        assert next(stream).data["stale"] == ""
        monkeypatch.setattr(room.log, "last_seq", broken)
        assert next(each for each in stream if each.data.get("stale")).data["stale"] == "the record cannot be read"
        monkeypatch.undo()
        assert next(each for each in stream if each.event == "pulse" and not each.data["stale"])


def test_moments_alone_are_no_difference_and_words_are() -> None:
    def page(words: str, moment: str) -> str:
        return f'<!--live a in list--><li id="a">{words} <time data-at="1">{moment}</time></li><!--end a-->'

    before, later, other = (find_fragments(page(*each))[0] for each in (("x", "1 s"), ("x", "2 s"), ("y", "1 s")))
    assert before.digest == later.digest != other.digest
    assert (before.id, before.region) == ("a", "list")


PAGE = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3), max_size=6)


@given(st.lists(PAGE, min_size=1, max_size=12), st.data())
def test_whoever_comes_back_with_a_number_has_the_page_of_now(
    renderings: list[dict[str, int]], data: st.DataObject
) -> None:
    """Applying what is sent since any number to what was shown then gives what is shown now."""
    shown = _Shown(View(PAGES[0], "/", {}, {}, may_act=True))
    seen: list[dict[str, int]] = []
    for seq, rendering in enumerate(renderings, start=1):
        shown.take(tuple(Fragment(k, "list", str(v), str(v)) for k, v in rendering.items()), Seq(seq))
        seen.append(dict(rendering))
    at = data.draw(st.integers(1, len(renderings)))

    client = {key: str(value) for key, value in seen[at - 1].items()}
    patch = shown.patch_since(Seq(at))
    decoded = json.loads(patch) if patch is not None else {"rows": [], "gone": []}
    for gone in decoded["gone"]:
        client.pop(gone, None)
    for row in decoded["rows"]:
        client[row["id"]] = row["html"]

    assert client == {key: str(value) for key, value in renderings[-1].items()}
