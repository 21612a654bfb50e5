"""What a person wants to be told of, by which channel and when. Values; no secret is among them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from watchkeeper.model.attention import Matter, MatterKind, Urgency
from watchkeeper.model.ids import Millis

FLEET_PROJECT = "fleet"
"""What a channel's ``projects`` call matters of no project."""

TOLD: tuple[Urgency, ...] = (Urgency.TODAY, Urgency.SCHEDULED, Urgency.NAG, Urgency.URGENT)
"""Whatever is ever sent."""


class ChannelKind(StrEnum):
    DISCORD = "discord"  # a webhook: its messages can be edited; whether a lost answer hid a success cannot be asked
    BOT = "discord-bot"  # a bot in a room: as a webhook, and a second delivery is refused, and can be looked for
    APPRISE = "apprise"  # whatever Apprise speaks to: a message cannot be changed


class ChannelRule(msgspec.Struct, frozen=True):
    """One way to a person: what it takes, and what it can do. ``projects`` empty: all."""

    name: str
    kind: ChannelKind = ChannelKind.DISCORD
    urgencies: tuple[Urgency, ...] = TOLD
    projects: tuple[str, ...] = ()

    @property
    def can_edit(self) -> bool:
        return self.kind is not ChannelKind.APPRISE

    @property
    def can_tell(self) -> bool:
        """Whether it can say what became of a message whose answer was lost."""
        return self.kind is ChannelKind.BOT

    def takes(self, project: str, urgency: Urgency) -> bool:
        """Whether a matter of this urgency belongs here."""
        return urgency in self.urgencies and (not self.projects or (project or FLEET_PROJECT) in self.projects)

    @property
    def takes_brief(self) -> bool:
        return self.takes("", Urgency.TODAY)


class Policy(msgspec.Struct, frozen=True):
    """How people are told. Times are milliseconds; ``budget`` is messages an hour and channel, edits not counted.

    ``demoted`` are kinds that were too often not worth telling: they are told as one urgency less.
    """

    channels: tuple[ChannelRule, ...] = ()
    wakes: tuple[MatterKind, ...] = ()  # what may be told in quiet hours, where it is urgent
    today_at_once: bool = False
    settle_ms: int = 60_000  # what is over before that is not told
    wait_ms: int = 30_000  # for so long others may join a message; and between two edits of one
    interval_ms: int = 300_000  # between two messages of one project
    again_ms: int = 3_600_000  # what comes back sooner than that is only shown in its message
    nag_ms: int = 4 * 3_600_000
    budget: int = 12
    demoted: frozenset[MatterKind] = frozenset()

    def urgency_of(self, matter: Matter) -> Urgency:
        """As what it is told."""
        return DEMOTED.get(matter.urgency, matter.urgency) if matter.kind in self.demoted else matter.urgency


DEMOTED: Mapping[Urgency, Urgency] = {Urgency.URGENT: Urgency.NAG, Urgency.NAG: Urgency.TODAY}
"""One less. Nothing is demoted out of the brief."""


class Hours(Protocol):
    """The reader's clock on the wall. Pure."""

    def is_quiet(self, at: Millis) -> bool:
        """Whether only what may wake him is told."""
        ...

    def quiet_end(self, at: Millis) -> Millis | None:
        """When quiet hours that hold at ``at`` end; None: never."""
        ...

    def brief_before(self, at: Millis) -> Millis | None:
        """The newest time of a brief that is not after ``at``; None: there are no briefs."""
        ...

    def brief_after(self, at: Millis) -> Millis | None:
        """The first time of a brief that is after ``at``; None: there are no briefs."""
        ...
