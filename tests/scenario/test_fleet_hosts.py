"""Two hosts on one record: who works on what, and what becomes of it when one of them dies."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path

import psutil
import pytest

from gitrepo import GitRepo
from twohosts import World, world
from watchkeeper.model.fleet import (
    EngagementHeard,
    EngagementSealed,
    EngagementSnapped,
    EngagementWarned,
    IssueState,
    Stage,
)

pytestmark = [pytest.mark.xdist_group("postgresql"), pytest.mark.timeout(400)]


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
    with world(tmp_path, new_database, {"ada": "concurrency = 1", "bob": "concurrency = 1"}) as made:
        made.hosts["ada"].up()
        made.wait("ada has noted which project its clone is", lambda: made.hosts["ada"].is_up)
        made.hosts["bob"].up()
        made.wait("bob, too", lambda: made.hosts["bob"].is_up)
        file_issues(made, "ada", range(2))
        file_issues(made, "bob", range(2, 4))

        made.wait("every issue is closed", lambda: all_closed(made), 180)

        sealed = [each.event.engagement for each in made.events() if isinstance(each.event, EngagementSealed)]
        assert max(Counter(each.issue for each in sealed).values()) == 1, "no issue was dispatched twice"
        assert {each.host for each in sealed} == {"ada", "bob"}, "both worked"
        assert max(Counter(number for number, _ in made.runs()).values()) == 1, "no agent ran twice"
        assert landed(made) == {f"done{number}.py" for number in range(4)}


def hubs(root: Path) -> dict[str, str]:
    """Each host's inbox, by which the other reaches it."""
    return {name: f"hub = '{root / name / 'home' / 'inbox'}'\nconcurrency = 2" for name in ("ada", "bob")}


def snapshots(made: World) -> list[str]:
    return [each.event.commit for each in made.events() if isinstance(each.event, EngagementSnapped)]


def cut_off(made: World) -> str:
    """An engagement of ada's that is in the middle, with its work pinned; bob is up, and has nothing to do."""
    made.shut("ada")
    made.hosts["ada"].up()
    made.wait("ada has noted which project its clone is", lambda: made.hosts["ada"].is_up)
    file_issues(made, "ada", range(1))
    made.wait("its agent is at work", lambda: made.runs() == [("0", "ada")])
    made.hosts["bob"].up()
    made.wait("bob has an inbox", lambda: made.hosts["bob"].is_up)
    made.wait("all of its work is pinned", lambda: bool(snapshots(made)), 120)
    (identity,) = made.state().engagements
    inbox = GitRepo(made.hosts["bob"].home / "inbox" / "shop.git")
    made.wait("and has reached bob", lambda: snapshots(made)[-1] in inbox.git("for-each-ref", "--format=%(objectname)"))
    return identity


def test_a_killed_hosts_engagement_goes_on_elsewhere_from_its_last_snapshot(tmp_path: Path, new_database: str) -> None:
    with world(tmp_path, new_database, hubs(tmp_path)) as made:
        identity = cut_off(made)

        made.hosts["ada"].kill()
        made.wait("bob has done it", lambda: all_closed(made), 120)

        (standing,) = made.state().engagements.values()
        assert standing.engagement.id == identity, "the engagement was taken over, not begun again"
        assert standing.takeovers == 1
        assert made.runs() == [("0", "ada"), ("0", "bob")]
        (issue,) = made.state().issues.values()
        (said,) = (each.text for each in issue.comments)
        assert "ada is gone; bob goes on with" in said
        assert "the last that was pinned; at most its last" in said
        assert landed(made) == {"done0.py"}
        hub = next((made.hosts["bob"].home / "projects").glob("*/hub.git"))
        assert (hub / "refs" / "watchkeeper" / "received" / "engagements" / identity / "1").exists()
        clone = made.hosts["bob"].clone / ".git" / "refs"
        assert not (clone / "watchkeeper").exists(), "nothing is written to the user's clone"


def test_a_host_that_stood_still_ends_its_agents_when_it_comes_back(tmp_path: Path, new_database: str) -> None:
    with world(tmp_path, new_database, hubs(tmp_path)) as made:
        cut_off(made)
        agent = int(made.tally.read_text().split()[2])

        made.hosts["ada"].signal(signal.SIGSTOP)
        made.wait("bob has done it", lambda: all_closed(made), 120)
        assert psutil.pid_exists(agent), "nobody could end it yet"
        made.hosts["ada"].signal(signal.SIGCONT)

        process = made.hosts["ada"].process
        assert process is not None
        assert process.wait(timeout=60) != 0
        assert not psutil.pid_exists(agent), "its agent was ended"
        assert "was declared lost" in made.hosts["ada"].said()
        (standing,) = made.state().engagements.values()
        assert standing.by.startswith("bob/") or not standing.by, "it recorded nothing about what bob has"
        assert landed(made) == {"done0.py"}


def test_a_pair_on_two_hosts_is_found_and_proved_on_one(tmp_path: Path, new_database: str) -> None:
    tables = {name: body.replace("concurrency = 2", "concurrency = 1") for name, body in hubs(tmp_path).items()}
    with world(tmp_path, new_database, tables) as made:
        for name, host in made.hosts.items():
            made.shut(name)
            host.up()
        made.wait("both are up", lambda: all(host.is_up for host in made.hosts.values()))
        for what in ("rename", "use"):
            made.hosts["ada"].run("issue", "new", f"make file {what}", "--label", "ready-for-dev")

        def conflicts(host: str) -> list[dict[str, object]]:
            found: list[dict[str, object]] = json.loads(made.hosts[host].run("conflicts", "--json"))["conflicts"]
            return found

        made.wait("each host works on one of them", lambda: {where for _, where in made.runs()} == {"ada", "bob"})
        made.wait("ada proves the pair", lambda: "proved" in json.dumps(conflicts("ada")), 240)

        assert len(conflicts("ada")) == 1
        assert "there/e-" in json.dumps(conflicts("ada")), "one side is the other host's"
        assert conflicts("bob") == [], "it is recorded once"

        made.wait("bob is to tell", lambda: any(isinstance(e.event, EngagementWarned) for e in made.events()))
        made.open("bob")
        made.wait("bob's agent is told at the end of its turn", lambda: "bob: Watchkeeper: " in made.heard())
        assert "blocking conflict" in made.heard()
        assert "Details: on ada: watchkeeper conflicts c-" in made.heard()
        made.wait("it is recorded", lambda: any(isinstance(e.event, EngagementHeard) for e in made.events()))
        assert made.heard().count("bob: Watchkeeper: ") == 1


def test_what_a_killed_host_had_done_and_could_not_send_is_not_taken_for_empty(
    tmp_path: Path, new_database: str
) -> None:
    """It was done and pinned, there alone: the worktree that is made of nothing here is no result of it."""
    with world(tmp_path, new_database, hubs(tmp_path)) as made:
        file = made.hosts["ada"].home.parent / "fleet.toml"
        file.write_text(file.read_text().replace("-c pass", "-c 'import time; time.sleep(600)'"))
        made.shut("ada")
        made.hosts["ada"].up()
        made.wait("ada is up", lambda: made.hosts["ada"].is_up)
        file_issues(made, "ada", range(1))
        made.wait("its agent is at work", lambda: made.runs() == [("0", "ada")])
        made.hosts["bob"].up()
        made.wait("bob is up", lambda: made.hosts["bob"].is_up)
        inbox = GitRepo(made.hosts["bob"].home / "inbox" / "shop.git")
        (identity,) = made.state().engagements
        made.wait("what it was given has arrived", lambda: identity in inbox.git("for-each-ref"))
        said = len(made.hosts["ada"].said())
        inbox.git("config", "receive.maxInputSize", "1")  # a hook would do nothing: an inbox runs none
        before = len(snapshots(made))

        made.open("ada")
        made.wait("its work is pinned", lambda: len(snapshots(made)) > before)
        made.wait("it is checked", lambda: made.state().engagements[identity].stage is Stage.CHECKING)
        made.wait("bob's inbox refused it", lambda: "bob does not get" in made.hosts["ada"].said()[said:])
        made.hosts["ada"].kill()
        made.wait("bob has done it", lambda: all_closed(made), 120)

        assert made.state().engagements[identity].fault is None
        assert made.runs() == [("0", "ada"), ("0", "bob")]
        assert landed(made) == {"done0.py"}
