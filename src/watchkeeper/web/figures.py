"""The numbers over time of some projects, as the pages draw them and the API gives them."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.controlroom.picture import ProjectPicture, Reader
from watchkeeper.fleet.hours import parse_clock
from watchkeeper.model.ids import Millis
from watchkeeper.review.calendar import Boundary
from watchkeeper.review.numbers import Chart, count_numbers

DAYS = ("7", "30", "90")
"""How many days can be asked for."""
_DAY_MS = 86_400_000
_BEGINS = 240
"""Minutes after midnight: where nothing says when a day begins, at four in the morning."""


def count_days(reader: Reader, projects: Iterable[ProjectPicture], days: int, now: Millis) -> tuple[Chart, ...]:
    """All charts of the last ``days`` days, today's included; none without a project. Raises WatchkeeperError."""
    sources = dict.fromkeys(each for it in projects for each in (it.source.project, it.source.shared))
    if not sources:
        return ()
    config = reader.scope.config
    begins = parse_clock(config.fleet.day_begins) if config is not None else None
    boundary = Boundary(_BEGINS if begins is None else begins, reader.scope.zone)
    events = sorted((each for source in sources for each in reader.log.read(source)), key=lambda each: each.seq)
    return count_numbers(events, boundary, Millis(now - (days - 1) * _DAY_MS), now)
