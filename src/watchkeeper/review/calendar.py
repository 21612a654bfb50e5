"""Which days of a project are over and have no log yet. Pure: the time is an argument, the zone a rule.

A day ends where the next one begins, and each begins where the one before ended, also when the zone or the hour was
configured anew in between: no moment is in two days or in none. A day that has no length (a date that a zone left out)
has no log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from watchkeeper.fleet.hours import Moment, find_boundary, find_date
from watchkeeper.model.ids import Millis
from watchkeeper.model.review import Day, WorkLog

MOST_DAYS = 31
"""So many missed days are caught up; of what lies before that the first of them says so."""
_MOST_COUNTED = 400


class Boundary(NamedTuple):
    """When a project's day begins: minutes after midnight on the clock of a zone."""

    minute: int
    zone: dt.tzinfo

    @property
    def name(self) -> str:
        """The zone, for people."""
        return str(getattr(self.zone, "key", None) or self.zone)


class Span(NamedTuple):
    """One day that is over, from ``begin`` to before ``end``. ``left_out`` days before it never get a log."""

    day: Day
    begin: Millis
    end: Millis
    left_out: int = 0


def find_open_days(
    logs: Mapping[Day, WorkLog], first_at: Millis | None, now: Millis, boundary: Boundary
) -> tuple[Span, ...]:
    """The days that are over at ``now`` and have no log, the oldest first, at most 31.

    ``first_at`` is when the project's record begins; None: there is none, and so no day.
    """
    last = logs[max(logs)] if logs else None
    if first_at is None and last is None:
        return ()
    date, begin = _start(last, first_at, now, boundary)
    spans = []
    while (end := find_boundary(date + dt.timedelta(days=1), boundary.minute, boundary.zone)) <= now:
        if end > begin:
            spans.append(Span(Day(date.isoformat()), begin, end))
            begin = end
        date += dt.timedelta(days=1)
    left_out = len(spans) - MOST_DAYS
    if left_out <= 0:
        return tuple(spans)
    return (spans[left_out]._replace(left_out=left_out), *spans[left_out + 1 :])


def find_day(at: Millis, boundary: Boundary) -> Day:
    """The day in which a moment lies."""
    return Day(find_date(Moment(at, boundary.zone), boundary.minute).isoformat())


def _start(last: WorkLog | None, first_at: Millis | None, now: Millis, boundary: Boundary) -> tuple[dt.date, Millis]:
    """The first day without a log, and when it begins."""
    if last is not None:
        return dt.date.fromisoformat(last.day) + dt.timedelta(days=1), last.end
    assert first_at is not None
    # A clock that was wrong for one event must not make decades of days.
    oldest = find_date(Moment(now, boundary.zone), boundary.minute) - dt.timedelta(days=_MOST_COUNTED)
    date = max(find_date(Moment(first_at, boundary.zone), boundary.minute), oldest)
    return date, find_boundary(date, boundary.minute, boundary.zone)
