"""From a hang to the two changes that made it: real git, a real server, a real application."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import postgres
from hangscene import STAGES, THREAD, Scene, origins

pytestmark = pytest.mark.postgresql


@pytest.fixture
def scene(tmp_path: Path, postgresql: str) -> Scene:
    return Scene(tmp_path, postgresql, postgres.create_database(postgresql))


def who(origin: dict[str, Any]) -> tuple[str, str, str]:
    return origin["agent"], origin["issue"], origin["commit"]


@pytest.mark.parametrize("journal", [True, False], ids=["journal", "tags alone"])
def test_both_sides_are_named_with_line_commit_agent_and_issue(scene: Scene, journal: bool) -> None:
    scene.move_on()
    with scene.hanging(journal=journal):
        incident = scene.watched(lambda found: all(each["attribution"]["origins"] for each in found["parties"]))
        assert scene.deadlocks() == 0

    assert incident["kind"] == "self-deadlock"
    holder, waiter = origins(incident, "holder")[0], origins(incident, "waiter")[0]
    assert who(holder) == ("agent-a", "101", scene.commits["agent-a"])
    assert who(waiter) == ("agent-b", "102", scene.commits["agent-b"])
    assert holder["path"] == waiter["path"] == STAGES
    assert holder["code"] == "content.current_stage = value"
    assert {holder["revision"], waiter["revision"]} == {scene.deployed}, "what runs, not what main has by now"
    assert "agent-a" in incident["summary"]
    assert "agent-b" in incident["summary"]


def test_a_write_in_a_thread_that_its_caller_waits_for_is_a_self_deadlock_too(tmp_path: Path, postgresql: str) -> None:
    """The two are two tasks; that one waits for the other shows in its stack, which its process tells."""
    scene = Scene(tmp_path, postgresql, postgres.create_database(postgresql), THREAD)
    with scene.hanging():
        incident = scene.watched()

    assert incident["kind"] == "self-deadlock"
    assert incident["is_certain"]
    assert "a thread or task that it waits for" in [each["what"] for each in incident["edges"]]
    assert who(origins(incident, "holder")[0]) == ("agent-a", "101", scene.commits["agent-a"])


def test_without_tags_code_that_fits_is_found_in_what_was_deployed(scene: Scene) -> None:
    scene.verb("deployed", scene.deployed, "--env", "production")
    scene.move_on()
    with scene.hanging(tagged=False):
        incident = scene.watched(lambda found: all(each["attribution"]["origins"] for each in found["parties"]))

    assert who(origins(incident, "holder")[0]) == ("agent-a", "101", scene.commits["agent-a"])
    assert who(origins(incident, "waiter")[0]) == ("agent-b", "102", scene.commits["agent-b"])


def test_without_tags_and_without_a_revision_nobody_is_blamed_and_it_is_said_why(scene: Scene) -> None:
    with scene.hanging(tagged=False):
        incident = scene.watched()

    for party in incident["parties"]:
        assert party["attribution"]["tier"] == "unattributed"
        assert party["attribution"]["origins"] == []
        assert "watchkeeper deployed REV --env NAME" in party["attribution"]["reason"]


def test_it_is_recorded_and_shown_with_the_code_of_both_sides(scene: Scene, tmp_path: Path) -> None:
    with scene.hanging():
        identity = scene.watched()["id"]
        listed = scene.verb("incidents")
        shown = scene.verb("incident", identity, "--svg", str(tmp_path / "waits.svg"))

    assert f"{identity}  self-deadlock in shop  open since" in listed
    assert "content.current_stage = value" in shown
    assert ">" in shown
    assert "issue 101" in shown
    assert "issue 102" in shown
    assert (tmp_path / "waits.svg").read_text().startswith("<svg")
    (conflict,) = json.loads(scene.verb("conflicts", "--json"))["conflicts"]
    assert (conflict["rule"], conflict["severity"]) == ("run-time", "blocking")
    assert set(conflict["changes"]) == {commit[:10] for commit in scene.commits.values()}


def test_a_revision_that_the_repository_does_not_have_is_refused(scene: Scene) -> None:
    assert scene.verb("deployed", "f" * 40, "--env", "production", codes=frozenset({2})) == ""
    assert "nobody said what runs" in scene.verb("deployed")


def test_the_daemon_watches_the_database_that_the_project_names(scene: Scene) -> None:
    """Nobody starts a watch: the incident is in the record all the same, with both sides."""
    scene.repo.commit("watched", {"watchkeeper.toml": '[database]\ndsn_env = "WATCHKEEPER_DSN"\nname = "shop"\n'})
    scene.verb("up")
    try:
        with scene.hanging():
            scene.wait_for(lambda: "self-deadlock in shop  open since" in scene.verb("incidents"))
            listed = scene.verb("incidents")
    finally:
        scene.verb("down")

    assert "agent-a, issue 101" in listed
    assert "agent-b, issue 102" in listed
