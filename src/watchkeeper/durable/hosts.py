"""Who is dead, and who leads: decided from facts and from counters that stand still. Pure; no clock is compared.

Every host raises a counter of its own, and watches those of the others by its own clock, which may be set to anything
as long as it goes on at about the same pace. Two spans make it safe. A host is *sure* of itself for ``lease_ms`` after
a counter it wrote, and does nothing while it is not. Its counter has to be seen standing still for ``lost_after_ms``
before anybody declares it lost, and what it drove is left alone for another ``lease_ms``: its last counter may have
been written while it was being declared lost, without its knowing. Time in which a host did not look itself, asleep
or because the record was away, is not held against others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from watchkeeper.model.hosts import HostEvent, HostLost, HostsState, HostToken, LeaderChosen, Presence
from watchkeeper.model.ids import Seq

_DRIFT = 1.25  # by how much the clock of one host may be faster than another's


class Timing(msgspec.Struct, frozen=True):
    """How long is waited. ``lost_after_ms`` is the larger, or hosts that are well would be declared lost."""

    beat_ms: int = 1_000
    lease_ms: int = 5_000
    lost_after_ms: int = 10_000


class Seen(msgspec.Struct, frozen=True):
    """A counter, and when it was first seen at that, by the clock of whoever looks."""

    beat: int
    at: int


class View(msgspec.Struct, frozen=True):
    """What a host may think after a look. ``is_member``: it takes part; once it does not, it has to end.

    ``leader`` was chosen; ``leads``: that is this host, and no earlier one may still think so. ``gone`` are the hosts
    whose work may be taken from them: they left, or were declared lost so long ago that they know it, or are stopped.
    One that is not known may have come just now.
    """

    me: HostToken
    is_member: bool = False
    leads: bool = False
    term: int = 0
    leader: HostToken | None = None
    live: frozenset[HostToken] = frozenset()
    gone: frozenset[HostToken] = frozenset()


def observe(
    seen: Mapping[HostToken, Seen], beats: Mapping[HostToken, int], live: Collection[HostToken], now: int
) -> dict[HostToken, Seen]:
    """What is seen of the live hosts now. One whose counter moved, or that is seen first, is seen as of now."""
    found = {}
    for host in live:
        beat, before = beats.get(host, 0), seen.get(host)
        found[host] = before if before is not None and before.beat == beat else Seen(beat, now)
    return found


def decide(
    state: HostsState, seen: Mapping[HostToken, Seen], me: HostToken, now: int, timing: Timing
) -> tuple[HostEvent, ...]:
    """What ``me`` has to record, as far as nobody records anything else first.

    The leader declares lost whose counter stands still; where there is none, or it stands still itself, whoever sees
    that takes its place. A host that takes no part decides nothing.
    """
    if not state.is_live(me):
        return ()
    silent = tuple(
        host.token
        for host in state.live()
        if host.token != me and (last := seen.get(host.token)) and now - last.at >= timing.lost_after_ms
    )
    reason = f"its counter stood still for {timing.lost_after_ms / 1000:g} s"
    if state.leader == me:
        return tuple(HostLost(each, me, reason=reason) for each in silent)
    if state.leader is None:
        return (LeaderChosen(me, state.term + 1),)
    if state.leader in silent:
        return HostLost(state.leader, me, reason=reason), LeaderChosen(me, state.term + 1)
    return ()


def look(state: HostsState, me: HostToken, noticed: Mapping[Seq, int], now: int, timing: Timing) -> View:
    """What ``me`` may think of ``state``. ``noticed`` says when each event was first seen, by this host's clock."""
    live = frozenset(host.token for host in state.live())
    in_doubt = {
        each.host.token
        for each in state.hosts.values()
        if each.presence is Presence.LOST
        and not each.is_certain
        and now - noticed.get(each.seq, now) < timing.lease_ms * _DRIFT
    }
    return View(
        me=me,
        is_member=me in live,
        # A leader that was declared lost may not know yet: until it must, there is none.
        leads=state.leader == me and not in_doubt,
        term=state.term,
        leader=state.leader,
        live=live,
        gone=frozenset(state.hosts.keys() - live - in_doubt),
    )
