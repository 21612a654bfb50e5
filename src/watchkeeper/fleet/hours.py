"""Quiet hours and days, by the clock on the wall: right over midnight, and when clocks are put forward or back."""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from watchkeeper.model.ids import Millis

_WINDOW = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]|24):([0-5]\d)")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DAY_MINUTES = 24 * 60


class Window(NamedTuple):
    """Minutes of the day, from the one to before the other; over midnight where the other is not later."""

    begin: int
    end: int

    def holds(self, minute: int) -> bool:
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


class Moment(NamedTuple):
    """Now, and where: the zone says what the clock on the wall shows."""

    at: Millis
    zone: dt.tzinfo

    @property
    def local(self) -> dt.datetime:
        """What the clock on the wall shows."""
        return dt.datetime.fromtimestamp(self.at / 1000, self.zone)


def parse_quiet(text: str) -> tuple[Window, ...] | None:
    """``"22:00-07:00"``, or several with commas; ``""``: never. None where it is none of these.

    A window that ends where it begins is the whole day.
    """
    windows = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        found = _WINDOW.fullmatch(part)
        if found is None:
            return None
        begin, end = (int(found[number]) * 60 + int(found[number + 1]) for number in (1, 3))
        if end > _DAY_MINUTES:
            return None
        windows.append(Window(begin, end))
    return tuple(windows)


def is_quiet(windows: tuple[Window, ...], moment: Moment) -> bool:
    """Whether the clock on the wall shows a quiet minute. An hour that is lived twice is quiet twice."""
    minute = moment.local.hour * 60 + moment.local.minute
    return any(window.holds(minute) for window in windows)


def find_quiet_end(windows: tuple[Window, ...], moment: Moment) -> Millis | None:
    """When it is no longer quiet: the first such minute after now; None: never within eight days, so never."""
    after = sorted(end for end in _turns(windows, moment) if end > moment.at)
    return next((each for each in after if not is_quiet(windows, Moment(each, moment.zone))), None)


def find_day_begin(moment: Moment) -> Millis:
    """When the day of the clock on the wall began: the first moment of its date that there was."""
    return _day_begin(moment, moment.local.date())


def find_next_day(moment: Moment) -> Millis:
    """When the next one begins."""
    return _day_begin(moment, moment.local.date() + dt.timedelta(days=1))


def parse_clock(text: str) -> int | None:
    """``"04:00"`` as minutes after midnight; None where it is no time of the day."""
    found = _CLOCK.fullmatch(text.strip())
    return int(found[1]) * 60 + int(found[2]) if found is not None else None


def find_boundary(date: dt.date, minute: int, zone: dt.tzinfo) -> Millis:
    """When the clock on the wall first shows that minute of ``date``, or jumps over it; never before an earlier one."""
    return min(_instants(dt.datetime.combine(date, dt.time()) + dt.timedelta(minutes=minute), zone))


def find_date(moment: Moment, minute: int) -> dt.date:
    """The date whose day it is, where a day begins at that minute and ends where the next one begins."""
    date = moment.local.date()
    while find_boundary(date, minute, moment.zone) > moment.at:
        date -= dt.timedelta(days=1)
    while find_boundary(date + dt.timedelta(days=1), minute, moment.zone) <= moment.at:
        date += dt.timedelta(days=1)
    return date


def _day_begin(moment: Moment, date: dt.date) -> Millis:
    """Where clocks are put forward at midnight there is no midnight; where they are put back there may be two."""
    return min(_instants(dt.datetime.combine(date, dt.time()), moment.zone))


def _turns(windows: tuple[Window, ...], moment: Moment) -> set[Millis]:
    """Every moment at which a window may end: its end on each day near, and where clocks are put forward or back."""
    first = moment.local.date() - dt.timedelta(days=1)
    found: set[Millis] = set()
    for day in range(10):
        midnight = dt.datetime.combine(first + dt.timedelta(days=day), dt.time())
        found |= _shifts(midnight, moment.zone)
        for window in windows:
            found |= _instants(midnight + dt.timedelta(minutes=window.end), moment.zone)
    return found


def _instants(wall: dt.datetime, zone: dt.tzinfo) -> set[Millis]:
    """When the clock on the wall shows ``wall``: once, twice, or, where the time is left out, when it was jumped."""
    found = {_millis(wall.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)}
    shown = {each for each in found if dt.datetime.fromtimestamp(each / 1000, zone).replace(tzinfo=None) == wall}
    if shown:
        return shown
    low, high = min(found), max(found)
    jump = _find_jump(low, high, zone)
    return {jump}


def _shifts(midnight: dt.datetime, zone: dt.tzinfo) -> set[Millis]:
    """The moment in this day at which the offset changes, where it does: quiet may end by being jumped out of."""
    begin = _millis(midnight.replace(tzinfo=zone))
    end = _millis((midnight + dt.timedelta(days=1)).replace(tzinfo=zone))
    return {_find_jump(begin, end, zone)} if _offset(begin, zone) != _offset(end, zone) else set()


def _find_jump(low: Millis, high: Millis, zone: dt.tzinfo) -> Millis:
    """The first second between the two that has the offset of the later one."""
    wanted, first, last = _offset(high, zone), low // 1000, high // 1000
    while first < last:
        middle = (first + last) // 2
        if _offset(Millis(middle * 1000), zone) == wanted:
            last = middle
        else:
            first = middle + 1
    return Millis(first * 1000)


def _offset(at: Millis, zone: dt.tzinfo) -> dt.timedelta | None:
    return dt.datetime.fromtimestamp(at / 1000, zone).utcoffset()


def _millis(moment: dt.datetime) -> Millis:
    return Millis(round(moment.timestamp() * 1000))
