"""The verbs about what runs and what stood still: what they record, print and end with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest

from gitrepo import GitRepo
from watchkeeper.app import find_place, now, open_log
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.main import run
from watchkeeper.model.events import Event
from watchkeeper.model.ids import ConflictId, Millis, Sha
from watchkeeper.model.incidents import (
    Attribution,
    Edge,
    EndReason,
    Incident,
    IncidentEnded,
    IncidentId,
    IncidentKind,
    IncidentOpened,
    Origin,
    Party,
    Role,
    Tier,
)

STAGES = "engine/stages.py"
TEXT = "def update_stage_field(content):\n    content.stage = 1\n    second_connection()\n    return content\n"


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Watchkeeper = Callable[..., Said]


@pytest.fixture
def watchkeeper(capsys: pytest.CaptureFixture[str]) -> Watchkeeper:
    def say(*argv: str | Path) -> Said:
        code = run([str(each) for each in argv])
        return Said(code, *capsys.readouterr())

    return say


@pytest.fixture
def repo(git_repo: GitRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> GitRepo:
    monkeypatch.setenv("WATCHKEEPER_HOME", str(tmp_path / "home"))
    git_repo.commit("stages", {STAGES: TEXT})
    monkeypatch.chdir(git_repo.path)
    return git_repo


def record(repo: GitRepo, *events: Event) -> None:
    place = find_place(repo.path, os.environ)
    with open_log(place.home) as log:
        log.append(place.project, list(events), now())


def incident(repo: GitRepo, name: str = "i-1a2b3c4d", **changes: Any) -> Incident:
    commit = Sha(repo.head)
    sides = [
        Origin(STAGES, line, "update_stage_field", code, commit, commit, "stages", "Ada", f"agent-{issue}", issue)
        for line, code, issue in ((2, "content.stage = 1", "101"), (3, "second_connection()", "102"))
    ]
    parties = tuple(
        Party(n, role, "idle in transaction", "SELECT 1", "web\x1b[2J", attribution=Attribution(Tier.TAG, (each,), "x"))
        for n, (role, each) in enumerate(zip((Role.HOLDER, Role.WAITER), sides, strict=True), start=1)
    )
    given: dict[str, Any] = {
        "summary": "both hold content", "since": Millis(now() - 5_000), "seen": Millis(now()), "parties": parties,
        "edges": (Edge(2, 1),), "relation": "content", "advice": ("use one connection",), "missed": ("tables",),
    }  # fmt: skip
    return Incident(IncidentId(name), name, IncidentKind.SELF_DEADLOCK, "shop", **{**given, **changes})


def test_a_deployment_is_recorded_and_listed(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    assert watchkeeper("deployed").out.startswith("nobody has said which commit runs where")

    said = watchkeeper("deployed", "HEAD", "--env", "production")
    listed = watchkeeper("deployed", "--json").document["deployed"]

    assert said.code == Exit.NOTHING
    assert said.out.startswith(f"{repo.head[:12]} runs in production")
    assert [(each["environment"], each["revision"]) for each in listed] == [("production", repo.head)]
    assert "production: " in watchkeeper("deployed").out


def test_a_branch_means_what_it_is_now_and_not_what_it_becomes(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    then = repo.head
    watchkeeper("deployed", "main", "--env", "production")
    repo.commit("later", {STAGES: f"# more\n{TEXT}"})

    assert watchkeeper("deployed", "--json").document["deployed"][0]["revision"] == then


def test_an_unknown_commit_is_an_error_that_says_what_to_do(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    said = watchkeeper("deployed", "0123456789abcdef0123456789abcdef01234567", "--env", "production", "--json")
    named = watchkeeper("deployed", "mian", "--env", "production", "--json")

    assert (said.code, said.document["error"]["slug"]) == (Exit.USAGE, "unknown-deployment")
    assert "git fetch" in said.document["error"]["hint"]
    assert (named.document["error"]["slug"], named.document["error"]["hint"]) == (
        "unknown-revision", "did you mean main?",
    )  # fmt: skip
    assert watchkeeper("deployed", "--json").document["deployed"] == []


@pytest.mark.parametrize(
    "words", [("deployed", "HEAD"), ("deployed", "--env", "x"), ("deployed", "HEAD", "--env", "a b")]
)
def test_half_a_deployment_is_a_usage_error(repo: GitRepo, watchkeeper: Watchkeeper, words: tuple[str, ...]) -> None:
    assert watchkeeper(*words).code == Exit.USAGE


def test_open_incidents_are_listed_and_those_that_are_over_are_counted(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    record(repo, IncidentOpened(incident(repo)), IncidentOpened(incident(repo, "i-99999999")),
           IncidentEnded(IncidentId("i-99999999"), EndReason.RESOLVED, 1_500))  # fmt: skip

    said = watchkeeper("incidents")
    every = watchkeeper("incidents", "--all", "--json")

    assert said.code == Exit.FOUND
    assert "self-deadlock i-1a2b3c4d in shop" in said.out
    assert "i-99999999" not in said.out
    assert "open incidents: 1 (1 over: --all lists them)" in said.out
    assert said.out.endswith("next: watchkeeper incident i-1a2b3c4d\n")
    assert [(each["id"], each["is_open"]) for each in every.document["incidents"]] == [
        ("i-1a2b3c4d", True), ("i-99999999", False),
    ]  # fmt: skip


def test_without_an_incident_nothing_is_found(repo: GitRepo, watchkeeper: Watchkeeper) -> None:
    said = watchkeeper("incidents")

    assert (said.code, said.out.splitlines()[0]) == (Exit.NOTHING, "open incidents: 0")


def test_one_incident_shows_both_lines_as_they_run_and_not_as_they_are_now(
    repo: GitRepo, watchkeeper: Watchkeeper
) -> None:
    record(repo, IncidentOpened(incident(repo, conflict=ConflictId("c-12345678"))))
    repo.commit("all moves", {STAGES: "# one\n# two\n"})

    said = watchkeeper("incident", "1a2b")

    assert said.code == Exit.FOUND
    assert ">     2      content.stage = 1" in said.out
    assert ">     3      second_connection()" in said.out
    assert "      4      return content" in said.out
    assert f"{repo.git('rev-parse', 'HEAD~1')[:10]} by agent-101 for issue 101: stages" in said.out
    assert "missed by: tables" in said.out
    assert "conflict c-12345678, proved at run time" in said.out
    assert said.out.endswith("next: watchkeeper conflicts c-12345678\n")
    assert "\x1b" not in said.out


def test_an_incident_is_drawn_and_told_to_programs(repo: GitRepo, watchkeeper: Watchkeeper, tmp_path: Path) -> None:
    record(repo, IncidentOpened(incident(repo)), IncidentEnded(IncidentId("i-1a2b3c4d"), EndReason.BROKEN, 2_000, "x"))
    picture = tmp_path / "graph.svg"

    said = watchkeeper("incident", "i-1a2b3c4d", "--svg", picture, "--json")

    assert said.code == Exit.NOTHING
    found = said.document["incident"]
    assert (found["ended"], found["lasted_ms"], found["occurrences"]) == ("broken", 2_000, 1)
    assert [each["at"] for each in found["code"]] == [f"{STAGES}:2", f"{STAGES}:3"]
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")


def test_mistyped_ids_and_places_that_cannot_be_written_are_errors(
    repo: GitRepo, watchkeeper: Watchkeeper, tmp_path: Path
) -> None:
    record(repo, IncidentOpened(incident(repo)), IncidentOpened(incident(repo, "i-1a2b9999")))

    slugs = [
        watchkeeper("incident", *words, "--json").document["error"]["slug"]
        for words in (("i-77",), ("i-1a2b",), ("i-1a2b3c4d", "--svg", str(tmp_path / "no" / "x.svg")))
    ]
    assert slugs == ["unknown-incident", "ambiguous-incident", "picture-not-written"]


def test_the_command_of_the_configuration_says_what_runs_where_nobody_does(
    repo: GitRepo, watchkeeper: Watchkeeper
) -> None:
    from watchkeeper.blaming.asking import AskedCommand

    place = find_place(repo.path, os.environ)
    told = AskedCommand(place, f"echo running; echo {repo.head[:12]}")
    fails, lies = AskedCommand(place, "exit 3"), AskedCommand(place, "echo 0123456789ab")

    assert (told(), fails(), lies(), AskedCommand(place, "")()) == (repo.head, None, None, None)
