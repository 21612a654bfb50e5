"""Matters that are made by tests, and a record in which they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from watchkeeper.app import open_log
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import Scope
from watchkeeper.model.attention import (
    Matter,
    MatterKind,
    MessageIntended,
    MessageSent,
    Urgency,
    matter_fingerprint,
)
from watchkeeper.model.attention_state import AttentionState, fold_attention
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis, Seq
from watchkeeper.notify.messages import Message
from watchkeeper.notify.planning import Plan, plan
from watchkeeper.notify.policy import ChannelRule, Hours, Policy

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


class World:
    """What is true, what was told, and the clock."""

    def __init__(self, rules: Policy | None = None, hours: Hours = ALWAYS) -> None:
        self.rules = rules or policy()
        self.hours = hours
        self.now = Millis(NOON)
        self.matters: list[Matter] = []
        self.state = AttentionState()
        self.sent: list[Message] = []
        self._numbers = count(1)

    def record(self, *events: Event) -> None:
        recorded = [Recorded(Seq(next(self._numbers)), self.now, FLEET, each) for each in events]
        self.state = fold_attention(recorded, self.state)

    def plan(self) -> Plan:
        return plan(self.matters, self.state, self.rules, self.hours, self.now)

    def intend(self, message: Message) -> None:
        self.record(
            MessageIntended(
                message.token, message.channel, message.what, tuple(each.fingerprint for each in message.entries),
                message.digest, 0, message.reference, message.entries, message.may_repeat, message.is_more,
            )
        )  # fmt: skip

    def tell(self) -> list[Message]:
        """Send all that is planned now, as the loop does: plan anew after each."""
        found: list[Message] = []
        for _ in range(100):
            messages = self.plan().messages
            if not messages:
                break
            message = messages[0]
            self.intend(message)
            can_edit = next(each for each in self.rules.channels if each.name == message.channel).can_edit
            self.record(MessageSent(message.token, (message.reference or message.token) if can_edit else ""))
            found.append(message)
        else:
            raise AssertionError("it never ends")
        self.sent += found
        return found

    def after(self, millis: int) -> list[Message]:
        self.now = Millis(self.now + millis)
        return self.tell()

    def reasons(self, about: Matter) -> list[str]:
        return [each.reason for each in self.plan().hushed if each.fingerprint == about.fingerprint]


@contextmanager
def open_reader(home: Path, clock: Any) -> Iterator[Reader]:
    """A reader of a fleet without projects."""
    with open_log(home) as log:
        yield Reader(log, Scope((), home, dt.UTC), clock)
