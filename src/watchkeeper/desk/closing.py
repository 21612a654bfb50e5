"""Closes days: writes each project's work log when its day is over, then the fleet's; missed ones once each.

The log is written as a file first, read again, and then recorded: what is recorded as closed was seen to be written.
Killed anywhere between, the next one writes the same text again. Nothing is stopped for it, and no session is asked.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import ProjectSource, Scope, require_project
from watchkeeper.fleet.hours import parse_clock
from watchkeeper.fleet.machine import find_zone
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.review import Day, DayClosed, RolloverFailed, WorkLog
from watchkeeper.record.home import make_home
from watchkeeper.record.log import Log
from watchkeeper.review.calendar import Boundary, Span, find_day, find_open_days
from watchkeeper.review.dayfold import DayFolder
from watchkeeper.review.rollover import check_worklog, make_synthesis, make_worklog
from watchkeeper.review.surveying import find_unsurveyed
from watchkeeper.review.worklog_text import render_worklog

LOOK_S = 20.0
FOLDER = "worklogs"
FLEET_FOLDER = "_fleet"
_GRACE_MS = 60_000
"""So long after a day's end it is closed: hosts' clocks differ, and what ended with it is still being recorded."""
_SURVEYS_MS = 15 * 60_000
"""So long what landed in the day and was not looked at yet keeps its log waiting."""
_LATE_MS = 3_600_000
_NO_LONGER_MS = 6 * 3_600_000
"""So long the fleet waits for a project whose log cannot be written; then it says that it has none."""
_AGAIN_MS = (60_000, 300_000, 900_000)
_KINDS = ("day-closed",)
_DEFAULT_BEGIN = 4 * 60
_REPAIRED = 60


class ClosingStatistics(msgspec.Struct, frozen=True):
    """What was done since the start."""

    closed: int = 0
    late: int = 0
    failed: int = 0
    rewritten: int = 0  # files that were gone, written again from the record
    overtaken: int = 0  # somebody else closed the day first


class Closer:
    """Owned by one task; what reads and writes is done in a thread."""

    def __init__(
        self,
        reader: Reader,
        environ: Mapping[str, str],
        clock: Callable[[], Millis],
        pause_s: float = LOOK_S,
        write: Callable[[Path, str], None] | None = None,
    ) -> None:
        """``write`` puts a text into a file, whole or not at all."""
        self._reader, self._environ, self._clock, self._pause_s = reader, environ, clock, pause_s
        self._write = write or write_whole
        self._again: dict[str, tuple[int, Millis]] = {}
        self._is_repaired = False
        self._statistics = ClosingStatistics()

    @property
    def statistics(self) -> ClosingStatistics:
        """As of now."""
        return self._statistics

    async def run(self) -> None:
        """Until cancelled. Raises WatchkeeperError where the record cannot be read or written."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(self._pause_s)

    def look(self) -> None:
        """Close all days that are over. Blocks. What fails of one project keeps no other back. Raises
        WatchkeeperError where the record cannot be read or written.
        """
        scope = self._reader.scope
        for source in scope.projects:
            self._look_at_project(source)
        if scope.config is not None:
            self._close_fleet(scope)
        if not self._is_repaired:
            self._repair(scope)
            self._is_repaired = True

    # -- projects ------------------------------------------------------------------------------------------------------

    def _look_at_project(self, source: ProjectSource) -> None:
        now = self._clock()
        if self._must_wait(source.name, now):
            return
        picture = self._reader.look().projects[source.name]
        boundary = boundary_of(self._reader.scope, source, self._environ)
        first_at = _first_at(self._reader.log, source)
        spans = find_open_days(picture.review.days, first_at, Millis(now - _GRACE_MS), boundary)
        if not spans or self._waits_for_surveys(source, spans[-1], now):
            return
        folder: DayFolder | None = None
        for span in spans:
            try:
                folder = folder or DayFolder(source, _events_of(self._reader.log, source), now)
                log = make_worklog(folder.fold(span), span, boundary.name)
                self._close(source.project, source.name, log, boundary.zone)
            except Exception as error:  # noqa: BLE001 - also a fault of our own is a day without a log, and is said
                self._fail(source.project, source.name, span.day, error)
                return
        self._again.pop(source.name, None)

    def _waits_for_surveys(self, source: ProjectSource, newest: Span, now: Millis) -> bool:
        if now > newest.end + _SURVEYS_MS:
            return False
        return any(each.at < newest.end for each in find_unsurveyed(self._reader.look().projects[source.name]))

    # -- the fleet -----------------------------------------------------------------------------------------------------

    def _close_fleet(self, scope: Scope) -> None:
        """Every day that all projects have closed, and the fleet has not; the oldest first."""
        if self._must_wait(FLEET_FOLDER, self._clock()):
            return
        picture = self._reader.look()
        closed = {name: _closed_days(self._reader.log, each.source) for name, each in picture.projects.items()}
        last = max(picture.fleet_review.days, default=Day(""))
        days = sorted({day for each in closed.values() for day in each if day > last})
        zone = scope.zone
        for day in days:
            logs = [each[day] for each in closed.values() if day in each]
            behind = {name for name, each in closed.items() if self._is_behind(scope, name, each, day)}
            failed = {name: why for name in behind if (why := picture.projects[name].review.failed.get(day))}
            is_old = self._clock() > max(log.end for log, _, _ in logs) + _NO_LONGER_MS
            if behind - failed.keys() or (failed and not is_old):
                return  # one is still to come
            absent = {name: error.message for name, error in scope.problems.items()} | failed
            absent |= {
                name: "nothing was recorded of it yet"
                for name, each in closed.items()
                if name not in behind and not each
            }
            try:
                self._close(FLEET, FLEET_FOLDER, make_synthesis(logs, day, absent), zone)
            except Exception as error:  # noqa: BLE001 - as for a project
                self._fail(FLEET, FLEET_FOLDER, day, error)
                return
        self._again.pop(FLEET_FOLDER, None)

    def _is_behind(self, scope: Scope, name: str, closed: Collection[Day], day: Day) -> bool:
        """Whether a project has yet to close ``day``: not one of which nothing was recorded by then."""
        if closed:
            return max(closed) < day
        source = require_project(scope, name)
        first_at = _first_at(self._reader.log, source)
        return first_at is not None and find_day(first_at, boundary_of(scope, source, self._environ)) <= day

    # -- one day -------------------------------------------------------------------------------------------------------

    def _close(self, project: ProjectId, name: str, log: WorkLog, zone: dt.tzinfo) -> None:
        """Write the log, see that it is there, record it. Raises WatchkeeperError, OSError, ValueError."""
        reason = check_worklog(log)
        if reason:
            raise _says_nothing(log, reason)
        text = render_worklog(log, zone)
        path = worklog_path(self._reader.scope.home, name, log.day)
        self._write(path, text)
        if path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            raise _says_nothing(log, f"{path} was written, and does not say it")
        now = self._clock()
        is_late = now > log.end + _LATE_MS
        if not self._append_once(project, log.day, DayClosed(log, is_late)):
            self._count(overtaken=self._statistics.overtaken + 1)
            return
        self._count(closed=self._statistics.closed + 1, late=self._statistics.late + is_late)

    def _append_once(self, project: ProjectId, day: Day, event: Event) -> bool:
        """Record that a day is closed, unless it is. False: it is."""
        log = self._reader.log
        while True:
            newest = log.latest(project, limit=1, kinds=_KINDS)
            if log.latest(project, limit=1, kinds=_KINDS, subject=day):
                return False
            last = newest[-1].seq if newest else Seq(0)
            if log.append_if(project, [event], self._clock(), kinds=_KINDS, last=last) is not None:
                return True

    def _fail(self, project: ProjectId, name: str, day: Day, error: Exception) -> None:
        """Record that a day has no log yet, once for each reason; it is tried again after a while."""
        reason = error.message if isinstance(error, WatchkeeperError) else f"{type(error).__name__}: {error}"
        picture = self._reader.look()
        known = picture.fleet_review if project == FLEET else picture.projects[name].review
        if known.failed.get(day) != reason:
            self._reader.log.append(project, [RolloverFailed(day, reason[:1_000])], self._clock())
        count = self._again.get(name, (0, Millis(0)))[0]
        pause = _AGAIN_MS[min(count, len(_AGAIN_MS) - 1)]
        self._again[name] = (count + 1, Millis(self._clock() + pause))
        self._count(failed=self._statistics.failed + 1)

    def _must_wait(self, name: str, now: Millis) -> bool:
        return name in self._again and now < self._again[name][1]

    # -- files that are gone -------------------------------------------------------------------------------------------

    def _repair(self, scope: Scope) -> None:
        """Write the files again that the record has and the folder has not: the newest sixty of each."""
        picture = self._reader.look()
        known = [(each.source.name, each.review.days, each.source) for each in picture.projects.values()]
        for name, days, source in known:
            zone = boundary_of(scope, source, self._environ).zone
            self._rewrite(scope.home, name, days, zone)
        if scope.config is not None:
            self._rewrite(scope.home, FLEET_FOLDER, picture.fleet_review.days, scope.zone)

    def _rewrite(self, home: Path, name: str, days: Mapping[Day, WorkLog], zone: dt.tzinfo) -> None:
        for day in sorted(days)[-_REPAIRED:]:
            path = worklog_path(home, name, day)
            if not path.exists():
                with suppress(OSError, ValueError):  # the record has it; tried again with the next start
                    self._write(path, render_worklog(days[day], zone))
                    self._count(rewritten=self._statistics.rewritten + 1)

    def _count(self, **changed: int) -> None:
        self._statistics = msgspec.structs.replace(self._statistics, **changed)


def boundary_of(scope: Scope, source: ProjectSource, environ: Mapping[str, str]) -> Boundary:
    """When a project's day begins: as the fleet's file says, else at four in the morning of the system's zone."""
    if scope.config is None or source.entry is None:
        return Boundary(_DEFAULT_BEGIN, scope.zone)
    begins = parse_clock(scope.config.day_begins_of(source.entry))
    zone = scope.config.time_zone_of(source.entry)
    return Boundary(_DEFAULT_BEGIN if begins is None else begins, find_zone(zone, environ) if zone else scope.zone)


def worklog_path(home: Path, name: str, day: Day) -> Path:
    """Where the log of a project's day is, as markdown; ``_fleet`` has those of the whole."""
    safe = re.sub(r"[^\w.-]|^\.+", "_", name)[:100] or "_"
    return home / FOLDER / safe / f"{day}.md"


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is either as it was or whole, also when the machine fails. Raises OSError."""
    make_home(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _events_of(log: Log, source: ProjectSource) -> Sequence[Recorded]:
    events = list(log.read(source.project))
    if source.shared != source.project:
        events = sorted([*events, *log.read(source.shared)], key=lambda each: each.seq)
    return events


def _first_at(log: Log, source: ProjectSource) -> Millis | None:
    found = [each.at for project in {source.project, source.shared} for each in log.read(project, limit=1)]
    return min(found, default=None)


def _closed_days(log: Log, source: ProjectSource) -> dict[Day, tuple[WorkLog, ProjectId, Seq]]:
    return {
        each.event.log.day: (each.event.log, source.project, each.seq)
        for each in log.read(source.project, kinds=_KINDS)
        if isinstance(each.event, DayClosed)
    }


def _says_nothing(log: WorkLog, reason: str) -> WatchkeeperError:
    return WatchkeeperError(
        f"The log of {log.project} of {log.day} is none: {reason}",
        slug="worklog-empty",
        hint="watchkeeper worklog --list",
        facts={"project": log.project, "day": log.day},
    )
