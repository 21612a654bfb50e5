"""Two hosts on one PostgreSQL record work off many issues; one is killed in the middle, and the other goes on with all.

    python benchmarks/fleet_hosts.py [--issues 200] [--minutes 12]

Real daemons, agents' processes, git and landing into one remote; the agents are scripts that write a file. Counted are
claims and agents' runs of each issue, and timed is how long after the kill the dead host's work went on. A run that is
cut off by ``--minutes`` says how far it came. Writes ``benchmarks/results/fleet_hosts.json``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from figures import record_figures

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres
from twohosts import World, world
from watchkeeper.model.fleet import EngagementNudged, EngagementSealed, Issue, IssueFiled, IssueId, IssueState, Push
from watchkeeper.model.fleet_state import FleetState
from watchkeeper.model.hosts import FLEET, HOST_KINDS, HostLost, shared_project
from watchkeeper.model.ids import Millis
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_url_store

KILL_AT = 0.3
"""The share of issues that are worked off when one host is killed."""


def file_issues(made: World, count: int) -> None:
    """As a tracker would: all at once."""
    issues = [
        IssueFiled(Issue(IssueId(f"shop#{number}"), f"make file {number}", labels=("ready-for-dev",)))
        for number in range(1, count + 1)
    ]
    with Log(open_url_store(made.store)) as log:
        log.append(shared_project("shop"), issues, now())


def now() -> Millis:
    """The time of the record."""
    return Millis(time.time_ns() // 1_000_000)


def worked_off(state: FleetState) -> int:
    """Issues whose change is done, landed or on its way."""
    done = {each.engagement.issue for each in state.engagements.values() if each.effect is not None and each.is_over}
    return len(done | {each.issue.id for each in state.issues.values() if each.state is IssueState.CLOSED})


def wait_for(made: World, count: int, until: float) -> FleetState:
    """The state once so many issues are worked off, or the time is over."""
    while worked_off(state := made.state()) < count and time.monotonic() < until:
        time.sleep(1.0)
    return state


def run(made: World, count: int, minutes: float) -> dict[str, float]:
    """The day; figures of it."""
    for host in made.hosts.values():
        host.up()
    made.wait("both hosts are up", lambda: all(host.is_up for host in made.hosts.values()))
    file_issues(made, count)
    began, until = time.monotonic(), time.monotonic() + minutes * 60
    wait_for(made, round(count * KILL_AT), until)
    held = {e.engagement.id for e in made.state().live() if e.host == "ada"}
    killed, killed_ms = time.monotonic(), now()
    made.hosts["ada"].kill()
    state = wait_for(made, count, until)
    passed = time.monotonic() - began
    if worked_off(state) < count:
        print(f"cut off after {passed:.0f} s:\n{made.told()}", file=sys.stderr)
    return figures(made, state, held, killed_ms) | {
        "issues": count, "worked_off": worked_off(state), "seconds": round(passed, 1),
        "killed_after_s": round(killed - began, 1), "worked_off_a_minute": round(60 * worked_off(state) / passed, 1),
    }  # fmt: skip


def figures(made: World, state: FleetState, held: set[str], killed_ms: int) -> dict[str, float]:
    """What the record and the agents themselves tell."""
    events = made.events()
    claims = Counter(e.event.engagement.issue for e in events if isinstance(e.event, EngagementSealed))
    sealed = Counter(e.event.engagement.host for e in events if isinstance(e.event, EngagementSealed))
    runs = Counter(number for number, _ in made.runs())
    taken = [
        e.at - killed_ms
        for e in events
        if isinstance(e.event, EngagementNudged) and e.event.what is Push.TAKEN and e.at > killed_ms
    ]
    with Log(open_url_store(made.store)) as log:
        lost = [e.at - killed_ms for e in log.read(FLEET, kinds=HOST_KINDS) if isinstance(e.event, HostLost)]
    return {
        "landed": sum(each.state is IssueState.CLOSED for each in state.issues.values()),
        "claimed_by_ada": sealed["ada"],
        "claimed_by_bob": sealed["bob"],
        "claimed_twice": sum(count > 1 for count in claims.values()),
        "agents_started_again_after_the_kill": sum(count - 1 for count in runs.values()),
        "held_by_the_killed": len(held),
        "taken_over": len(taken),
        "declared_lost_after_s": round(min(lost, default=0) / 1000, 1),
        "first_taken_over_after_s": round(min(taken, default=0) / 1000, 1),
        "last_taken_over_after_s": round(max(taken, default=0) / 1000, 1),
    }


def main() -> None:
    """Run, print, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--issues", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=12.0)
    given = parser.parse_args()
    programs = postgres.find_programs()
    if programs is None:
        sys.exit("PostgreSQL is not installed: nothing was measured")
    with tempfile.TemporaryDirectory(prefix="wk-hosts-") as folder, postgres.running_server(programs) as server:
        store = f"postgresql://test@/{postgres.create_database(server)}?host={server}"
        root = Path(folder)
        hosts = {name: f"hub = '{root / name / 'home' / 'inbox'}'\nconcurrency = 4" for name in ("ada", "bob")}
        with world(root, store, hosts, concurrency=8) as made:
            found = run(made, given.issues, given.minutes)
    for name, value in found.items():
        print(f"{name.replace('_', ' '):40} {value:g}")
    record_figures("fleet_hosts", found)


if __name__ == "__main__":
    main()
