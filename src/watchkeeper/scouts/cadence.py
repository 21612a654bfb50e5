"""When a dimension is looked along again: less often where nothing is found, at once where it is another. Pure."""

from __future__ import annotations

from watchkeeper.model.ids import Millis
from watchkeeper.model.scouting_state import LookStanding

EMPTY = 3
"""So many looks in a row without anything new double the time to the next."""

MOST_DOUBLINGS = 4
_HOUR_MS = 3_600_000


def hours_between(empty: int, cadence_hours: float) -> float:
    """The time to the next look after ``empty`` looks that found nothing new."""
    return cadence_hours * float(2 ** min(MOST_DOUBLINGS, empty // EMPTY))


def next_look(last: LookStanding | None, cadence_hours: float) -> Millis:
    """The moment from which it is due; the beginning of time where nobody has looked yet."""
    if last is None:
        return Millis(0)
    return Millis(last.at + int(hours_between(last.empty, cadence_hours) * _HOUR_MS))
