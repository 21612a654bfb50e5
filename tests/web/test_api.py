"""The API gives the same facts and acts as the pages, to programs that have a token, and says what it does."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from accessworld import Served, parsed, plant, served, texts
from watchkeeper.controlroom.actions import Actions
from watchkeeper.controlroom.deciding import Deciding
from watchkeeper.controlroom.judging import Role
from watchkeeper.controlroom.scouting import Scouting
from watchkeeper.model.attention import MatterAcknowledged
from watchkeeper.model.events import WatchStopped
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.model.redaction import MARK
from watchkeeper.web.api.openapi import PREFIX, describe
from watchkeeper.web.api.routes import OPERATIONS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    key = "ghp_" + "Zq3xW7vB9nM2kL5jH8gF1dS4aP6oI0uY"
    with served(tmp_path_factory.mktemp("api"), events=plant(f" {key}", "")) as running:
        yield running


def path_of(operation: Any, room: Served) -> str:
    """The operation's path, about things that are there."""
    state = room.room.reader.look().projects[room.name]
    known = {
        "project": room.name,
        "conflict": next(iter(state.standing.conflicts)),
        "incident": next(iter(state.incidents.incidents)),
        "decision": next(iter(state.review.decisions)),
        "commit": next(iter(state.review.changes)),
        "engagement": next(iter(state.fleet.engagements)),
        "finding": next(iter(state.scouting.findings)),
        "standard": next(iter(room.room.reader.look().standards.standards)),
        "contradiction": next(iter(room.room.reader.look().standards.contradictions)),
    }
    path = re.sub(r"\{(\w+)\}", lambda found: str(known[found[1]]), operation.path)
    return f"{PREFIX}{path}" + (f"?id={quote(next(iter(state.fleet.issues)))}" if operation.name == "issue" else "")


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.method == "GET"], ids=lambda each: each.name)
def test_what_is_read_is_as_described_and_without_secrets(room: Served, operation: Any) -> None:
    document = describe(OPERATIONS)
    with room.program(Role.VIEWER) as client:
        answer = client.get(path_of(operation, room), params={"all": "true"} if _has_all(operation) else None)

    assert answer.status_code == 200, answer.text
    described = document["paths"][PREFIX + operation.path]["get"]["responses"]["200"]
    schema = described["content"]["application/json"]["schema"] | {"components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(parsed(answer))
    assert "Zq3xW7vB9nM2" not in answer.text


def _has_all(operation: Any) -> bool:
    return any(each.name == "all" for each in operation.parameters)


def test_secrets_were_there_to_be_hidden(room: Served) -> None:
    with room.program() as client:
        answers = [
            client.get(path_of(each, room)) for each in OPERATIONS if each.name in {"conflict", "events", "issue"}
        ]

    assert all(MARK in answer.text for answer in answers)


def test_every_act_of_a_person_can_be_done_by_a_program() -> None:
    acts = {"hold_entry", "halt_queue", "resume_queue", "dismiss_conflict", "overrule_issue", "review_change"}
    acts |= {"release_entry", "withdraw_entry", "bounce_entry", "jump_entry", "acknowledge", "snooze", "find_wrong"}
    acts |= {"accept_decision", "question", "revert", "revert_change", "judge_finding", "move_standard", "answer"}
    public = {
        name
        for kind in (Actions, Deciding, Scouting)
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }

    assert public == acts
    assert len([each for each in OPERATIONS if each.method == "POST"]) == len(acts)


def test_every_operation_is_documented_and_nothing_else() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    told = set(re.findall(r"^\| `(GET|POST) (/\S*)` \|", page, re.MULTILINE))

    assert told == {(each.method, each.path) for each in OPERATIONS} | {("GET", "/openapi.json")}


def test_an_unchanged_view_is_not_sent_again(room: Served) -> None:
    with room.program() as client:
        first = client.get(f"{PREFIX}/projects")
        again = client.get(f"{PREFIX}/projects", headers={"if-none-match": first.headers["etag"]})
        room.log.append(room.project, [WatchStopped()], Millis(1))
        after = client.get(f"{PREFIX}/projects", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert after.status_code == 200
    assert after.headers["etag"] != first.headers["etag"]


def test_events_are_read_on_from_a_number_until_there_are_no_more(room: Served) -> None:
    found, after = [], 0
    with room.program() as client:
        while True:
            page = parsed(client.get(f"{PREFIX}/events", params={"after": after, "limit": 7}))
            found += [each["seq"] for each in page["items"]]
            if page["after"] == page["last"]:
                break
            assert page["after"] > after
            after = page["after"]

    assert found == [each.seq for each in room.log.read(None) if each.seq <= found[-1]]


def test_who_waits_for_an_event_gets_it_when_it_comes(room: Served) -> None:
    with room.program() as client:
        last = parsed(client.get(f"{PREFIX}/events", params={"after": 0, "limit": 1}))["last"]
        timer = threading.Timer(0.5, lambda: room.log.append(room.project, [WatchStopped()], Millis(2)))
        timer.start()
        page = parsed(client.get(f"{PREFIX}/events", params={"after": last, "wait": 20}))
        timer.join()

    assert [each["event"]["type"] for each in page["items"]] == ["watch-stopped"]


def test_an_act_is_done_recorded_and_a_viewer_is_refused(room: Served) -> None:
    body = {"fingerprint": "cd" * 32, "weight": 4}
    with room.program() as operator, room.program(Role.VIEWER) as viewer:
        refused = viewer.post(f"{PREFIX}/matters/acknowledge", json=body)
        before = [each for each in room.log.read(FLEET) if isinstance(each.event, MatterAcknowledged)]
        done = operator.post(f"{PREFIX}/matters/acknowledge", json=body)
    after = [each.event for each in room.log.read(FLEET) if isinstance(each.event, MatterAcknowledged)]

    assert (refused.status_code, parsed(refused)["slug"]) == (403, "not-allowed")
    assert done.status_code == 200
    assert parsed(done)["changed"]
    assert len(after) == len(before) + 1
    assert after[-1] == MatterAcknowledged("cd" * 32, 4, "operator")
    tried = [(each.what, each.who, each.via, each.allowed) for each in room.acts()]
    assert ("refused", "viewer", "api", False) in tried
    assert ("ack", "operator", "api", True) in tried


_JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "more", "status", "slug"),
    [
        ("/nowhere", {}, 404, "api-no-such-path"),
        ("/projects/nothing", {}, 404, "not-there"),
        ("/projects/nothing/conflicts/c-1", {}, 404, "not-there"),
        ("/projects?limit=501", {}, 400, "api-bad-parameter"),
        ("/projects?limit=-1", {}, 400, "api-bad-parameter"),
        ("/projects?limit=1&limit=2", {}, 400, "api-bad-parameter"),
        ("/projects?limits=1", {}, 400, "api-bad-parameter"),
        ("/matters?all=yes", {}, 400, "api-bad-parameter"),
        ("/matters/acknowledge", {"json": {"fingerprint": "x"}}, 400, "api-bad-body"),
        ("/matters/acknowledge", {"json": {"fingerprint": "ab" * 32, "more": 1}}, 400, "api-bad-body"),
        ("/matters/acknowledge", {"json": {"fingerprint": "ab" * 32, "weight": -1}}, 400, "api-bad-body"),
        ("/matters/acknowledge", {"content": b"\xff"}, 415, "api-no-json"),
        ("/matters/acknowledge", {"content": b"[" * 9_999, "headers": _JSON}, 400, "api-bad-body"),
        ("/matters", {"json": {}}, 405, "web-bad-method"),
        ("/projects/nothing/queue/hold", {"json": {"entry": "a", "reason": "b"}}, 404, "not-there"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_a_slug_and_a_hint(
    room: Served, path: str, more: dict[str, Any], status: int, slug: str
) -> None:
    with room.program() as client:
        answer = client.request("POST" if more else "GET", PREFIX + path, **more)

    assert (answer.status_code, parsed(answer)["slug"]) == (status, slug)
    assert all(parsed(answer)[key] for key in ("message", "hint"))
    assert answer.headers["content-type"] == "application/json"


def test_nothing_of_the_api_is_said_to_who_has_no_token(room: Served) -> None:
    with room.client() as client:
        for operation in OPERATIONS:
            answer = client.request(operation.method, path_of(operation, room))
            assert (answer.status_code, parsed(answer)["slug"]) == (401, "web-not-logged-in"), operation.name
        assert client.get(f"{PREFIX}/openapi.json").status_code == 401
        assert not set(texts(parsed(answer))) & {room.name}
