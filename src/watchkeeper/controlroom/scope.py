"""Which projects a page, a message or a brief speaks of: the fleet's, or the one repository where it was asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from watchkeeper.app import Place, find_log, find_place, open_log
from watchkeeper.fleet.config import FleetConfig, ProjectEntry, watch_flags
from watchkeeper.fleet.machine import find_zone
from watchkeeper.fleet.reading import find_fleet_file
from watchkeeper.fleetplace import find_fleet, open_fleet_log
from watchkeeper.model.errors import NotARepositoryError, WatchkeeperError
from watchkeeper.model.ids import ProjectId
from watchkeeper.record.log import Log
from watchkeeper.tracking import find_name, read_fleet


class ProjectSource(NamedTuple):
    """One project: its name, where it is, and what the fleet's file says of it (None: there is no such file).

    ``project`` is under what its watch, queue, incidents and review are recorded; ``shared`` its issues and
    engagements: another only where several hosts share the record.
    """

    name: str
    place: Place
    entry: ProjectEntry | None = None

    @property
    def project(self) -> ProjectId:
        return self.place.project

    @property
    def shared(self) -> ProjectId:
        return self.place.shared


class Scope(NamedTuple):
    """All projects that are looked at, and for each other one why it cannot be.

    ``config`` is None where there is no fleet. ``home`` is the state folder, ``zone`` that of days and quiet hours.
    """

    projects: tuple[ProjectSource, ...]
    home: Path
    zone: dt.tzinfo
    config: FleetConfig | None = None
    problems: Mapping[str, WatchkeeperError] = {}

    def find(self, name: str) -> ProjectSource | None:
        """The project of that name; None where there is none."""
        return next((each for each in self.projects if each.name == name), None)


def find_scope(file: Path | None, folder: Path, environ: Mapping[str, str]) -> Scope:
    """The fleet of ``file``, or the one whose file is here or above, or the user's own; else the repository here.

    Raises NotARepositoryError where there is neither; UsageError for a file with a mistake.
    """
    if find_fleet_file(folder, environ, file) is None:
        place = find_place(folder, environ)
        name = find_name(place, read_fleet(place))
        return Scope((ProjectSource(name, place),), place.home, find_zone("", environ))
    fleet = find_fleet(file, folder, environ)
    problems = dict(fleet.roster.problems)
    found = []
    for member in fleet.roster.members:
        try:
            place = find_place(member.entry.path, environ, watch_flags(member.entry))
        except WatchkeeperError as error:
            problems[member.entry.name] = error
            continue
        place = msgspec.structs.replace(place, home=fleet.home, fleet_id=member.shared)
        found.append(ProjectSource(member.entry.name, place, member.entry))
    zone = find_zone(fleet.config.fleet.time_zone, environ)
    return Scope(tuple(found), fleet.home, zone, fleet.config, problems)


@contextmanager
def open_scope_log(scope: Scope, environ: Mapping[str, str]) -> Iterator[Log]:
    """The record of all projects of the scope, made where it is missing. Raises WatchkeeperError."""
    if scope.config is not None and scope.config.is_shared:
        from watchkeeper.fleet.roster import Roster
        from watchkeeper.fleetplace import FleetPlace

        with open_fleet_log(FleetPlace(scope.config, Roster((), {}), scope.home), creates=True) as shared:
            assert shared is not None
            yield shared
        return
    with open_log(scope.home, environ) as log:
        yield log


def require_project(scope: Scope, name: str) -> ProjectSource:
    """Raises NotARepositoryError (``unknown-project``) for one that is not in the scope."""
    found = scope.find(name)
    if found is None:
        names = ", ".join(each.name for each in scope.projects)
        raise NotARepositoryError(
            f"There is no project {name!r} here",
            slug="unknown-project",
            hint=f"use one of: {names}",
            facts={"project": name},
        )
    return found


def has_record(scope: Scope, environ: Mapping[str, str]) -> bool:
    """Whether anything was ever recorded. Creates nothing."""
    if scope.config is not None and scope.config.is_shared:
        return True
    log = find_log(scope.home, environ)
    if log is None:
        return False
    log.close()
    return True
