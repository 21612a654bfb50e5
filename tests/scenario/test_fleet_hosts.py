"""Two hosts on one record: who works on what, and what becomes of it when one of them dies."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from twohosts import World, world
from watchkeeper.model.fleet import EngagementSealed, IssueState

pytestmark = pytest.mark.xdist_group("postgresql")


def file_issues(made: World, host: str, numbers: range) -> None:
    for number in numbers:
        made.hosts[host].run("issue", "new", f"make file {number}", "--label", "ready-for-dev")


def all_closed(made: World) -> bool:
    issues = made.state().issues.values()
    return bool(issues) and all(each.state is IssueState.CLOSED for each in issues)


def landed(made: World) -> set[str]:
    shown = subprocess.run(
        ["git", "ls-tree", "--name-only", "main"], cwd=made.origin, check=True, capture_output=True, text=True
    )
    return {name for name in shown.stdout.split() if name.startswith("done")}


def test_two_hosts_work_off_one_projects_issues_and_none_is_dispatched_twice(tmp_path: Path, new_database: str) -> None:
    with world(tmp_path, new_database, {"ada": "concurrency = 2", "bob": "concurrency = 2"}) as made:
        made.hosts["ada"].up()
        made.wait("ada has noted which project its clone is", lambda: any(made.hosts["ada"].home.rglob("shared")))
        made.hosts["bob"].up()
        made.wait("bob, too", lambda: any(made.hosts["bob"].home.rglob("shared")))
        file_issues(made, "ada", range(3))
        file_issues(made, "bob", range(3, 6))

        made.wait("every issue is closed", lambda: all_closed(made), 180)

        sealed = [each.event.engagement for each in made.events() if isinstance(each.event, EngagementSealed)]
        assert max(Counter(each.issue for each in sealed).values()) == 1, "no issue was dispatched twice"
        assert {each.host for each in sealed} == {"ada", "bob"}, "both worked"
        assert max(Counter(number for number, _ in made.runs()).values()) == 1, "no agent ran twice"
        assert landed(made) == {f"done{number}.py" for number in range(6)}
