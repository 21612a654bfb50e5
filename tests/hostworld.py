"""A fleet's hosts in one process and in time that is made up: each has a clock of its own, and may stop anywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from watchkeeper.durable.hosts import Timing, View, look
from watchkeeper.durable.membership import Beats, Facts, Membership
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.hosts import Host, HostToken
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.record.codec import kind_of

TIMING = Timing(beat_ms=1_000, lease_ms=5_000, lost_after_ms=10_000)


class Memory:
    """Facts and counters without a database; tests/contract/test_membership.py holds it to what the record does."""

    def __init__(self) -> None:
        self.events: list[Recorded] = []
        self.beats: dict[str, bytes] = {}

    def read(
        self, project: ProjectId | None, *, after: Seq = Seq(0), kinds: Collection[str] = ()
    ) -> tuple[Recorded, ...]:
        return tuple(
            each
            for each in self.events
            if each.project == project and each.seq > after and (not kinds or kind_of(each.event) in kinds)
        )

    def append_if(
        self, project: ProjectId, events: Sequence[Event], at: Millis, *, kinds: Collection[str], last: Seq
    ) -> tuple[Recorded, ...] | None:
        if max((each.seq for each in self.read(project, kinds=kinds)), default=0) != last:
            return None
        recorded = tuple(Recorded(Seq(len(self.events) + n), at, project, each) for n, each in enumerate(events, 1))
        self.events += recorded
        return recorded


class MemoryBeats:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def read(self) -> dict[str, bytes]:
        return dict(self._memory.beats)

    def put(self, values: Mapping[str, bytes | None]) -> None:
        for name, value in values.items():
            if value is None:
                self._memory.beats.pop(name, None)
            else:
                self._memory.beats[name] = value


@dataclass
class World:
    """What is the same for all: the record, and the time that really goes by. ``dead``: processes that were killed."""

    facts: Facts
    beats: Beats
    time: int = 0
    dead: set[HostToken] = field(default_factory=set)

    def member(self, token: str, *, offset: int = 0, pace: float = 1.0) -> Membership:
        """A host named by the first part of its token; its clock goes at its own pace, and is set to anything."""
        name = token.partition("/")[0]
        return Membership(
            self.facts,
            self.beats,
            Host(HostToken(token), name, 1, Millis(0), f"boot of {name}"),
            clock=lambda: offset + int(self.time * pace),
            now=lambda: Millis(self.time),
            is_running=lambda host: host.token not in self.dead,
            timing=TIMING,
        )


def memory_world() -> World:
    memory = Memory()
    return World(memory, MemoryBeats(memory))


def view_now(member: Membership) -> View:
    """What it thinks now of what it knows, without looking."""
    return look(member._state, member.me.token, member._noticed, member._clock(), TIMING)


def endless(member: Membership) -> Iterator[None]:
    """Its beats, one access to the record at a time."""
    while not member.is_fenced:
        yield from member.rounds()
        yield
