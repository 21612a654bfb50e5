"""Matters that are made by tests, and a record in which they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from watchkeeper.app import open_log
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import Matter, MatterKind, Urgency, matter_fingerprint
from watchkeeper.model.ids import Millis
from watchkeeper.notify.policy import ChannelRule, Policy

MINUTE, HOUR, DAY = 60_000, 3_600_000, 24 * 3_600_000
NOON = 12 * HOUR + 100 * DAY
"""A quiet-free time of the clock that ``Fixed`` shows."""


class Fixed(NamedTuple):
    """A clock in UTC: quiet from one hour to another, a brief at an hour."""

    quiet_from: int = 22
    quiet_to: int = 7
    brief: int | None = 8

    def is_quiet(self, at: Millis) -> bool:
        hour = at % DAY / HOUR
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= hour < self.quiet_to
        return hour >= self.quiet_from or hour < self.quiet_to

    def quiet_end(self, at: Millis) -> Millis | None:
        end = at // DAY * DAY + self.quiet_to * HOUR
        return Millis(end if end > at else end + DAY)

    def brief_before(self, at: Millis) -> Millis | None:
        if self.brief is None:
            return None
        today = at // DAY * DAY + self.brief * HOUR
        return Millis(today if today <= at else today - DAY)

    def brief_after(self, at: Millis) -> Millis | None:
        before = self.brief_before(at)
        return Millis(before + DAY) if before is not None else None


ALWAYS = Fixed(0, 0, None)


def matter(about: str, urgency: Urgency = Urgency.URGENT, since: int = NOON, **more: Any) -> Matter:
    """A matter of a project ``api``."""
    kind = more.pop("kind", MatterKind.INCIDENT)
    project = more.pop("project", "api")
    title = more.pop("title", f"{about} stands still")
    fingerprint = matter_fingerprint(kind, project, about)
    return Matter(fingerprint, kind, urgency, title, project=project, about=about, since=Millis(since), **more)


def policy(*channels: ChannelRule, **more: Any) -> Policy:
    return Policy(channels or (ChannelRule("discord"),), **more)


@contextmanager
def open_reader(home: Path, clock: Any) -> Iterator[Reader]:
    """A reader of a fleet without projects."""
    with open_log(home) as log:
        yield Reader(log, Scope((), home, dt.UTC), clock)
