"""Rollover over virtual weeks: whatever is killed and however long nobody looked, each day has one log."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dayworld import ZONE, DayWorld
from watchkeeper.desk.closing import FLEET_FOLDER, worklog_path, write_whole
from watchkeeper.fleet.machine import find_zone
from watchkeeper.model.events import Event
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.review import DayClosed, RolloverFailed, WorkLog
from watchkeeper.record.log import Log
from watchkeeper.review.rollover import check_worklog
from watchkeeper.review.worklog_text import render_worklog

HOUR = 3_600_000
BEGIN = int(dt.datetime(2026, 3, 25, 12, tzinfo=dt.UTC).timestamp() * 1000)  # clocks are put forward on the 29th
ZONES = {"berlin": ZONE, "tokyo": "Asia/Tokyo", "new-york": "America/New_York"}

steps = st.lists(
    st.one_of(
        st.tuples(st.just("sleep"), st.integers(1, 30)),
        st.tuples(st.just("file"), st.sampled_from(tuple(ZONES))),
        st.tuples(st.just("close"), st.sampled_from(tuple(ZONES))),
        st.tuples(st.just("land"), st.sampled_from(tuple(ZONES))),
        st.tuples(st.just("look"), st.just(0)),
        st.tuples(st.just("kill"), st.integers(1, 8)),
    ),
    max_size=40,
)


class Killed(BaseException):
    """The process is gone: nothing that would be done afterwards is."""


def test_a_day_is_killed_nowhere(tmp_path: Path) -> None:
    """The invariants of the property below on a plain week, so that its failure is easily read."""
    play(tmp_path, [("file", "berlin"), ("sleep", 20), ("look", 0), ("land", "tokyo"), ("sleep", 30), ("look", 0)])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_each_day_has_one_log_however_often_its_writer_is_killed(told: list[tuple[str, int | str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play(Path(folder), told)


def play(home: Path, told: list[tuple[str, int | str]]) -> None:
    world = DayWorld(home, BEGIN, ZONES)
    issues: dict[str, list[str]] = {name: [] for name in ZONES}
    for name in ZONES:
        issues[name].append(world.file(name))
    for what, value in told:
        step(world, issues, what, value)
    world.clock.at += 40 * HOUR
    for _ in range(3):  # what a kill left unsaid is tried again later
        world.clock.at += HOUR
        world.look()
    audit(world)


def step(world: DayWorld, issues: dict[str, list[str]], what: str, value: int | str) -> None:
    match what, value:
        case "sleep", int(hours):
            world.clock.at += hours * HOUR
        case "file", str(name):
            issues[name].append(world.file(name))
        case "close", str(name) if issues[name]:
            world.close(name, issues[name].pop())  # type: ignore[arg-type]
        case "land", str(name):
            world.land(name)
        case "look", _:
            world.look()
        case "kill", int(after):
            kill(world, after)


def kill(world: DayWorld, after: int) -> None:
    """A process that is gone right before its ``after``-th step that outlives it."""
    left = [after]

    def live() -> None:
        left[0] -= 1
        if left[0] <= 0:
            raise Killed

    def write(path: Path, text: str) -> None:
        live()
        write_whole(path, text)

    with world.opened() as log:
        closer = world.closer(_Mortal(log, live), write)  # type: ignore[arg-type]
        try:
            closer.look()
        except Killed:
            return


class _Mortal:
    """A record whose process may be gone before it appends."""

    def __init__(self, log: Log, live: object) -> None:
        self._log, self._live = log, live

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def append(self, project: ProjectId, events: list[Event], at: Millis) -> object:
        self._live()  # type: ignore[operator]
        return self._log.append(project, events, at)

    def append_if(
        self, project: ProjectId, events: list[Event], at: Millis, *, kinds: tuple[str, ...], last: Seq
    ) -> object:
        self._live()  # type: ignore[operator]
        return self._log.append_if(project, events, at, kinds=kinds, last=last)


def audit(world: DayWorld) -> None:
    """What has to hold of the whole record and of all files, whatever happened."""
    with world.opened() as log:
        events = list(log.read(None))
    logs: dict[ProjectId, list[WorkLog]] = {}
    for each in events:
        if isinstance(each.event, DayClosed):
            logs.setdefault(each.project, []).append(each.event.log)
        assert not isinstance(each.event, RolloverFailed)
    for source in world.scope.projects:
        own = logs[source.project]
        assert [each.day for each in own] == sorted({each.day for each in own})
        zone = find_zone(ZONES[source.name], {})
        for log_ in own:
            assert check_worklog(log_) == ""
            assert dt.datetime.fromtimestamp(log_.begin / 1000, zone).strftime("%H:%M") == "04:00"
            path = worklog_path(world.home, source.name, log_.day)
            assert path.read_text() == render_worklog(log_, zone)
        landed = Counter(claim.text for log_ in own for claim in log_.shipped)
        assert all(count == 1 for count in landed.values())
        wanted = [
            each for each in events if each.project == source.project and type(each.event).__name__ == "TargetMoved"
        ]
        assert sum(each.at < own[-1].end for each in wanted) == landed.total()
        closed = [
            each for each in events if each.project == source.project and type(each.event).__name__ == "IssueClosed"
        ]
        assert sum(each.at < own[-1].end for each in closed) == sum(len(log_.completed) for log_ in own)
    whole = logs.get(FLEET, [])
    assert [each.day for each in whole] == sorted({each.day for each in whole})
    shared = set.intersection(*({each.day for each in logs[source.project]} for source in world.scope.projects))
    assert shared <= {each.day for each in whole}
    for log_ in whole:
        assert worklog_path(world.home, FLEET_FOLDER, log_.day).read_text() == render_worklog(log_, world.scope.zone)
