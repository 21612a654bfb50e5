"""A real agent as a scout, and as the refuter of what it reported: sealed, with one file as the answer."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitrepo import GitRepo
from homes import codex_environment, goose_environment
from scripted_model import ScriptedModel, Step
from watchkeeper.app import find_place, now, open_log
from watchkeeper.engagements.sealing import Input
from watchkeeper.fleet.config import AgentEntry
from watchkeeper.model.fleet import EngagementId, EngagementSpent
from watchkeeper.model.scouting import LookState
from watchkeeper.record.log import Log
from watchkeeper.scoutdeck.hands import make_hands
from watchkeeper.scoutdeck.place import Subject, open_subject
from watchkeeper.scoutdeck.scouting import Report, Wanted, scout

API = """import os

import requests


def drop(name):
    os.system(f"rm -r uploads/{name}")


def load(url):
    return requests.get(
        url,
        timeout=5,
    )
"""
CONFIG = """refuter = "{agent}"
[dimensions.security]
agent = "{agent}"
checks = ["documents"]
"""
REPORT = {
    "looked_at": ["api.py"],
    "findings": [
        {
            "path": "api.py", "line": 7, "quote": 'os.system(f"rm -r uploads/{name}")', "severity": 4,
            "claim": "A name that comes from outside becomes part of a command", "evidence": "drop() quotes nothing",
            "disprove": "name is checked before", "confidence": 0.9,
        },
        {
            "path": "api.py", "line": 11, "quote": "return requests.get(", "severity": 2, "confidence": 0.6,
            "claim": "The request has no timeout and may wait for ever", "evidence": "grep", "disprove": "a timeout",
        },
        {
            "path": "api.py", "line": 10, "quote": "def load(url):", "severity": 3, "confidence": 0.6,
            "claim": "The connection of each response stays open, and in the end there are none left",
            "evidence": "nothing closes it", "disprove": "it is closed",
        },
    ],
}  # fmt: skip


class Room:
    """A project, an agent of its fleet, and a scripted model that it asks."""

    def __init__(self, subject: Subject, log: Log, agent: AgentEntry, environ: dict[str, str]) -> None:
        self.subject, self.log, self.agent, self.environ = subject, log, agent, environ

    def scout(self) -> Report:
        wanted = Wanted(dimensions=("security",))
        cancel = threading.Event()
        hands = make_hands(self.subject, self.environ, now, cancel, [self.agent])
        report = scout(self.subject, wanted, hands, cancel)
        assert report is not None
        return report


@pytest.fixture(params=["codex", "goose"])
def room(request: pytest.FixtureRequest, git_repo: GitRepo, model: ScriptedModel, tmp_path: Path) -> Iterator[Room]:
    name: str = request.param
    program: Path = request.getfixturevalue(name)
    git_repo.commit("api", {"api.py": API, "README.md": "# Shop\n", ".scout.toml": CONFIG.format(agent=name)})
    if name == "codex":
        given = codex_environment(tmp_path / "agent", model.base_url("agent"))
        config = Path(given["CODEX_HOME"], "config.toml")
        config.write_text(f'approval_policy = "never"\nsandbox_mode = "danger-full-access"\n{config.read_text()}')
        agent = AgentEntry(name, (str(program), "app-server"), "codex", env=tuple(given))
    else:
        given = goose_environment(tmp_path / "agent", model.base_url("agent"))
        agent = AgentEntry(name, (str(program), "acp"), "acp", env=tuple(given))
    environ = {**os.environ, **given}
    place = find_place(git_repo.path, os.environ)
    with open_log(place.home) as log, open_subject(place, log, "shop") as subject:
        yield Room(subject, log, agent, environ)


def writes(name: str, content: object) -> Step:
    text = json.dumps(content)
    return Step("I write.", [("bash", {"command": f"cat > {name} <<'END'\n{text}\nEND"})])


READS = Step("I read.", [("bash", {"command": "cat api.py"})])
DONE = Step("Done.")


def test_what_a_scout_reports_is_confirmed_or_refuted_by_another_and_only_the_one_is_filed(
    room: Room, model: ScriptedModel
) -> None:
    model.script(
        "agent",
        READS, writes("FINDINGS.json", REPORT), DONE,
        writes("VERDICT.json", {"holds": True, "reason": "line 7 quotes nothing"}), DONE,
        writes("VERDICT.json", {"holds": False, "reason": "get() reads and closes it"}), DONE,
    )  # fmt: skip

    report = room.scout()

    look = report.run.looks["security"]
    assert look.state is LookState.FOUND, look.reason
    grave, leak, timeout = sorted(look.findings, key=lambda each: -each.severity)
    said = {each.id: each for each in report.tried if each.by.startswith("e-")}
    assert (said[grave.id].holds, said[leak.id].holds) == (True, False)
    assert said[leak.id].reason == "get() reads and closes it"
    assert [each.findings for each in report.filed] == [(grave.id,)]
    assert report.state.findings[leak.id].refuted is not None

    assert timeout.id not in said, "no agent is asked what a rule of ours settles"
    by_code = report.state.findings[timeout.id].refuted
    assert by_code is not None
    assert "read the whole expression" in by_code.reason

    first, second = (model.request_of_step("agent", step).text for step in (0, 3))
    assert "What others could do with it" in first
    assert "A name that comes from outside" in second
    assert "drop() quotes nothing" not in second, "a refuter is not told why it was believed"


def test_what_an_agent_was_asked_is_sealed_and_what_it_used_is_recorded(room: Room, model: ScriptedModel) -> None:
    model.script("agent", READS, writes("FINDINGS.json", {"looked_at": ["api.py"], "findings": []}), DONE)

    report = room.scout()

    assert report.run.looks["security"].state is LookState.CLEAN
    hub = room.subject.hub
    seals = [name for name in hub.pins("engagements") if name.endswith("/seal")]
    (identity,) = (EngagementId(name.split("/")[1]) for name in seals)
    sealed = hub.objects.read(hub.objects.find_entry(hub.pins("engagements")[seals[0]], "00-question").sha)  # type: ignore[union-attr]
    assert sealed is not None
    given = Input("question", "scout-scans-project", sealed.decode())
    assert "How to disprove" in given.text
    (spent,) = (each.event for each in room.log.read(None) if isinstance(each.event, EngagementSpent))
    assert (spent.id, spent.spend.tokens > 0) == (identity, True)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([READS, DONE], "wrote no FINDINGS.json"),
        ([READS, writes("FINDINGS.json", [1, 2]), DONE], "cannot be read"),
        ([writes("FINDINGS.json", {"looked_at": [], "findings": []}), DONE], "read no file"),
        (
            [
                READS,
                Step("I mend it.", [("bash", {"command": "echo '# mended' >> api.py"})]),
                writes("FINDINGS.json", {"looked_at": ["api.py"], "findings": []}),
                DONE,
            ],
            "changed api.py",
        ),
    ],
)
def test_an_agent_that_did_not_look_or_did_more_is_never_clean(
    room: Room, model: ScriptedModel, steps: list[Step], said: str
) -> None:
    model.script("agent", *steps)

    report = room.scout()

    look = report.run.looks["security"]
    assert look.state is LookState.COULD_NOT_LOOK
    assert said in look.reason
    assert report.blind_filed == 1
    assert room.subject.text(room.subject.tip(), "api.py") == API, "the project is as it was"
