"""The hosts that share a fleet, and who of them leads: facts, and the fold that says who is there now. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, NewType, get_args

import msgspec

from watchkeeper.model.ids import Millis, ProjectId, Seq

if TYPE_CHECKING:
    from watchkeeper.model.events import Recorded

HostToken = NewType("HostToken", str)
"""One run of a fleet on one host: ``<name>/<8 hex digits>``. A host that is started again has another."""

FLEET = ProjectId("fleet")
"""The project of what is recorded about no project: digests of paths never look like it."""


def shared_project(name: str) -> ProjectId:
    """What a project is in a record that several hosts share: it follows from its name in ``fleet.toml`` alone.

    Each host's clone is elsewhere; so what is of one clone (its watch, its queue) is kept under that clone's own id.
    """
    return ProjectId(hashlib.sha256(f"shared:{name.lower()}".encode()).hexdigest()[:16])


def host_of(mark: str) -> str:
    """The name of the host whose process a mark names (``<name>[/<run>]:<pid>:<start>``); ``""`` where it is none."""
    return mark.rpartition(":")[0].rpartition(":")[0].partition("/")[0]


class Host(msgspec.Struct, frozen=True):
    """Who takes part. ``boot`` changes with each start of the machine; ``address`` is where it answers, if it does."""

    token: HostToken
    name: str
    pid: int
    started: Millis  # when the process began, by its host's clock: with ``pid`` and ``boot`` it names the process
    boot: str
    address: str = ""


class HostJoined(msgspec.Struct, frozen=True, tag="host-joined"):
    """A host takes part. It is alive until it leaves or is declared lost."""

    host: Host


class HostLeft(msgspec.Struct, frozen=True, tag="host-left"):
    """It ended in order; nothing that it drove is being driven."""

    host: HostToken


class HostLost(msgspec.Struct, frozen=True, tag="host-lost"):
    """It is declared dead, and must not go on, should it come back. ``is_certain``: its process was seen not to exist;
    else it may be alive for a while and not know."""

    host: HostToken
    by: HostToken
    is_certain: bool = False
    reason: str = ""


class LeaderChosen(msgspec.Struct, frozen=True, tag="leader-chosen"):
    """From here on this host decides for all. ``term`` counts up from 1; what an earlier term decides is void."""

    host: HostToken
    term: int


HostEvent = HostJoined | HostLeft | HostLost | LeaderChosen

HOST_KINDS: tuple[str, ...] = tuple(str(event.__struct_config__.tag) for event in get_args(HostEvent))
"""The tags of the events that say who takes part."""


class Presence(StrEnum):
    """Whether a host takes part."""

    LIVE = "live"
    LEFT = "left"
    LOST = "lost"


class HostStanding(msgspec.Struct, frozen=True):
    """A host as it is now; ``since`` is when it came into its presence."""

    host: Host
    presence: Presence = Presence.LIVE
    since: Millis = Millis(0)
    is_certain: bool = False
    seq: Seq = Seq(0)  # of the event that said so


class HostsState(msgspec.Struct, frozen=True):
    """All hosts that ever took part. ``leader`` is None where the last one left or was lost; ``term`` stays."""

    hosts: Mapping[HostToken, HostStanding] = {}
    leader: HostToken | None = None
    term: int = 0
    seq: Seq = Seq(0)

    def is_live(self, host: HostToken) -> bool:
        """It takes part."""
        known = self.hosts.get(host)
        return known is not None and known.presence is Presence.LIVE

    def live(self) -> tuple[Host, ...]:
        """Those that take part, in the order in which they came."""
        return tuple(each.host for each in self.hosts.values() if each.presence is Presence.LIVE)


def fold_hosts(events: Iterable[Recorded], state: HostsState | None = None) -> HostsState:
    """The state after ``events``, in their order; those up to ``state.seq`` are passed over. Total and idempotent."""
    start = state or HostsState()
    hosts, leader, term, seq = dict(start.hosts), start.leader, start.term, start.seq
    for recorded in events:
        if recorded.seq <= seq:
            continue
        seq, event = recorded.seq, recorded.event
        match event:
            case HostJoined(host):
                hosts.setdefault(host.token, HostStanding(host, since=recorded.at, seq=seq))
            case HostLeft() | HostLost():
                if (known := hosts.get(event.host)) is not None and known.presence is Presence.LIVE:
                    hosts[event.host] = _gone(known, event, recorded.at, seq)
                    leader = None if leader == event.host else leader
            case LeaderChosen():
                known = hosts.get(event.host)
                if event.term > term and known is not None and known.presence is Presence.LIVE:
                    leader, term = event.host, event.term
            case _:
                pass
    return HostsState(hosts, leader, term, seq)


def _gone(known: HostStanding, event: HostLeft | HostLost, at: Millis, seq: Seq) -> HostStanding:
    is_left = isinstance(event, HostLeft)
    return msgspec.structs.replace(
        known,
        presence=Presence.LEFT if is_left else Presence.LOST,
        since=at,
        is_certain=isinstance(event, HostLeft) or event.is_certain,
        seq=seq,
    )
