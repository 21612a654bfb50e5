"""A fleet's record over days, without agents: events at times that a test sets, and whoever closes the days."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from watchkeeper.app import Place, open_log
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import ProjectSource, Scope
from watchkeeper.desk.closing import Closer
from watchkeeper.fleet.config import FleetConfig, FleetSection, ProjectEntry
from watchkeeper.fleet.machine import find_zone
from watchkeeper.model.events import Event
from watchkeeper.model.fleet import Closing, Issue, IssueClosed, IssueFiled, IssueId
from watchkeeper.model.ids import ChangeId, Millis, ProjectId, Sha
from watchkeeper.model.landing import Entry, EntryId, TargetMoved
from watchkeeper.record.config import load_settings
from watchkeeper.record.log import Log
from watchkeeper.repos.repository import Repository

ZONE = "Europe/Berlin"


class Clock:
    """A time that tests set."""

    def __init__(self, at: int) -> None:
        self.at = at

    def __call__(self) -> Millis:
        return Millis(self.at)


class DayWorld:
    """A fleet with projects that are nowhere, a state folder, and a clock."""

    def __init__(self, home: Path, at: int, zones: Mapping[str, str]) -> None:
        """``zones`` are the projects, and in which zone each one's day begins."""
        self.home, self.clock = home, Clock(at)
        entries = tuple(ProjectEntry(name, home / name, time_zone=zone) for name, zone in zones.items())
        self.config = FleetConfig(home / "fleet.toml", fleet=FleetSection(time_zone=ZONE), projects=entries)
        sources = tuple(ProjectSource(each.name, _place(home, each.name), each) for each in entries)
        self.scope = Scope(sources, home, find_zone(ZONE, {}), self.config)
        self._count = 0

    @contextmanager
    def opened(self) -> Iterator[Log]:
        with open_log(self.home, {"WATCHKEEPER_HOME": str(self.home)}) as log:
            yield log

    def project(self, name: str) -> ProjectId:
        found = self.scope.find(name)
        assert found is not None
        return found.project

    def tell(self, name: str, events: Sequence[Event], at: int | None = None) -> None:
        """Record what happened in a project."""
        with self.opened() as log:
            log.append(self.project(name), events, Millis(self.clock.at if at is None else at))

    def file(self, name: str) -> IssueId:
        self._count += 1
        issue = IssueId(f"{name}#{self._count}")
        self.tell(name, [IssueFiled(Issue(issue, f"Do {self._count}", filed_at=self.clock()))])
        return issue

    def close(self, name: str, issue: IssueId) -> None:
        self.tell(name, [IssueClosed(issue, Closing.LANDED)])

    def land(self, name: str) -> None:
        """A commit comes to the branch past the queue."""
        self._count += 1
        sha, old = Sha(f"{self._count:040x}"), Sha(f"{self._count - 1:040x}")
        entry = Entry(
            EntryId(f"past-{sha[-10:]}/1"), ChangeId(f"past-{sha[-10:]}"), sha, old, title=f"Work {self._count}",
            is_picked=True,
        )  # fmt: skip
        self.tell(name, [TargetMoved(old, sha, sha, (entry,))])

    def closer(self, log: Log, write: Callable[[Path, str], None] | None = None) -> Closer:
        """A process that was just started."""
        return Closer(Reader(log, self.scope, self.clock), os.environ, self.clock, write=write)

    def look(self) -> None:
        """A new process looks once, and ends."""
        with self.opened() as log:
            self.closer(log).look()


def _place(home: Path, name: str) -> Place:
    folder = home / name
    repository = Repository(ProjectId(name.ljust(16, "0")), folder)
    return Place(repository, load_settings([], {}), home)
