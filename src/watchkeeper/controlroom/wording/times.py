"""Moments in words: for people, and for programs. Pure but for the host's time zone."""

from __future__ import annotations

import datetime as dt

from watchkeeper.model.ids import Millis

_STEPS = ((60, 1, "s"), (3600, 60, "min"), (2 * 86400, 3600, "h"), (float("inf"), 86400, "d"))


def render_ago(at: Millis, now: Millis) -> str:
    """``4 min ago``; what lies ahead (clocks differ) is ``just now``."""
    seconds = (now - at) // 1000
    if seconds < 5:
        return "just now"
    limit = next(step for step in _STEPS if seconds < step[0])
    return f"{seconds // limit[1]} {limit[2]} ago"


def render_moment(at: Millis) -> str:
    """The local date and time."""
    try:
        return dt.datetime.fromtimestamp(at / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"


def render_moment_iso(at: Millis) -> str:
    """The moment in UTC, for programs."""
    try:
        moment = dt.datetime.fromtimestamp(at / 1000, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
