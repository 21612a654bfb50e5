"""When a project's day begins, as the fleet's file says: for whoever closes days, and whoever shows them."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.controlroom.scope import ProjectSource, Scope
from watchkeeper.fleet.hours import parse_clock
from watchkeeper.fleet.machine import find_zone
from watchkeeper.review.calendar import Boundary

_DEFAULT_BEGIN = 4 * 60


def boundary_of(scope: Scope, source: ProjectSource | None, environ: Mapping[str, str]) -> Boundary:
    """The boundary of a project; None: of the fleet. Without a fleet: four in the morning of the system's zone."""
    if scope.config is None:
        return Boundary(_DEFAULT_BEGIN, scope.zone)
    if source is None or source.entry is None:
        return Boundary(_minute(scope.config.fleet.day_begins), scope.zone)
    zone = scope.config.time_zone_of(source.entry)
    begins = _minute(scope.config.day_begins_of(source.entry))
    return Boundary(begins, find_zone(zone, environ) if zone else scope.zone)


def _minute(text: str) -> int:
    minute = parse_clock(text)
    return _DEFAULT_BEGIN if minute is None else minute
