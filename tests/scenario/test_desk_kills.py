"""kill -9 before and after every step of the desk: each change is surveyed once, each day closed once."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from deskkiller import look, look_and_die
from deskscene import open_reader, the_project
from gitrepo import GitRepo
from watchkeeper.app import find_place, now, open_log
from watchkeeper.desk.closing import worklog_path
from watchkeeper.model.agents import SessionId
from watchkeeper.model.events import DecisionRecorded
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.model.landing import Entry, EntryId, TargetMoved
from watchkeeper.model.review import ChangeFoundWrong, ChangeSurveyed, DayClosed, DecisionFound

pytestmark = pytest.mark.timeout(600)
DAY = 86_400_000


def land(repo: GitRepo, name: str, text: str, at: int, message: str = "") -> str:
    """A commit that came past the queue, as the record has it."""
    old = repo.head
    sha = repo.commit(message or name, {f"{name}.py": text})
    place = find_place(repo.path, os.environ)
    entry = Entry(
        EntryId(f"past-the-queue-{sha[:10]}/1"), ChangeId(f"past-the-queue-{sha[:10]}"), Sha(sha), Sha(old), title=name,
        is_picked=True,
    )  # fmt: skip
    with open_log(place.home) as log:
        log.append(place.project, [TargetMoved(Sha(old), Sha(sha), Sha(sha), (entry,))], Millis(at))
    return sha


def test_killed_before_and_after_each_step_everything_is_recorded_once(git_repo: GitRepo) -> None:
    began = now() - 2 * DAY - 3_600_000
    git_repo.commit("base", {"README.md": "# Shop\n"})
    first = land(git_repo, "one", "LIMIT = 1\n\n\ndef one():\n    return LIMIT\n", began)
    land(git_repo, "two", "def two():\n    return 2\n", began + 1_000)
    land(
        git_repo,
        "one",
        "LIMIT = 2\n\n\ndef one():\n    return LIMIT\n",
        began + 2_000,
        f"mend\n\nFixes: {first[:12]}\n",
    )
    place = find_place(git_repo.path, os.environ)
    with open_log(place.home) as log:
        log.append(place.project, [DecisionRecorded(SessionId("codex-1"), "Use a limit", "2")], Millis(began + 3_000))

    home, kept = place.home, place.home.with_name("kept")
    shutil.copytree(home, kept)

    steps = 0
    while True:
        steps += 1
        killed = [kill(git_repo, kept, home, when, steps) for when in ("before", "after")]
        if not any(killed):
            break
    assert steps > 12


def kill(repo: GitRepo, kept: Path, home: Path, when: str, number: int) -> bool:
    """From the beginning: killed at that step, then a whole look. Whether there was such a step."""
    shutil.rmtree(home)
    shutil.copytree(kept, home)
    killed = look_and_die(repo.path, when, number)
    look(repo.path)
    audit(repo, home)
    return killed


def audit(repo: GitRepo, home: Path) -> None:
    place = find_place(repo.path, os.environ)
    with open_log(home) as log:
        events = [each.event for each in log.read(place.project)]
    surveyed = [each for each in events if isinstance(each, ChangeSurveyed)]
    assert Counter(each.title for each in surveyed) == {"one": 2, "two": 1}
    assert len({each.commit for each in surveyed}) == 3
    assert all(each.files for each in surveyed)
    decisions = Counter(each.decision.title for each in events if isinstance(each, DecisionFound))
    assert decisions["Use a limit"] == 1
    assert set(decisions.values()) == {1}
    assert len([each for each in events if isinstance(each, ChangeFoundWrong)]) == 1
    days = Counter(each.log.day for each in events if isinstance(each, DayClosed))
    assert set(days.values()) == {1}
    with open_reader(repo.path) as reader:
        name = the_project(reader).source.name
        shelf = reader.log.shelf(place.project, "survey-tries")
        assert set(shelf.read()) <= {"begin"}
    assert all(worklog_path(home, name, day).exists() for day in days)
