"""Times as trackers write them."""

from __future__ import annotations

import datetime as dt

from watchkeeper.model.ids import Millis


def parse_moment(text: str) -> Millis | None:
    """The moment that an ISO 8601 text with a zone names; None for anything else."""
    try:
        moment = dt.datetime.fromisoformat(text)
        return Millis(int(moment.timestamp() * 1000)) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def render_moment(at: Millis) -> str:
    """The moment in UTC, to the second, as in ``2026-03-01T14:00:00Z``."""
    return dt.datetime.fromtimestamp(at // 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
