"""Taking part: a host's counter is raised, others are watched, and what follows is recorded by compare-and-swap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from watchkeeper.durable.hosts import Seen, Timing, View, decide, look, observe
from watchkeeper.durable.port import Condition, Engine, WorkId
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.hosts import (
    FLEET,
    HOST_KINDS,
    Host,
    HostJoined,
    HostLeft,
    HostLost,
    HostsState,
    HostToken,
    fold_hosts,
)
from watchkeeper.model.ids import Millis, ProjectId, Seq

BEATS = "beats"
"""The shelf, of the project ``FLEET``, that the counters are on."""

_TRIES = 200


class Facts(Protocol):
    """The event log, as ``record.log.Log`` is one."""

    def read(
        self, project: ProjectId | None, *, after: Seq = ..., kinds: Collection[str] = ...
    ) -> Iterable[Recorded]: ...

    def append_if(
        self, project: ProjectId, events: Sequence[Event], at: Millis, *, kinds: Collection[str], last: Seq
    ) -> tuple[Recorded, ...] | None: ...


class Beats(Protocol):
    """The counters of all hosts, as ``record.shelf.Shelf`` keeps them: only ever the newest."""

    def read(self) -> dict[str, bytes]: ...

    def put(self, values: Mapping[str, bytes | None]) -> None: ...


class Membership:
    """This host's part. ``join`` once, then ``beat`` every ``timing.beat_ms`` from one thread, at last ``leave``.

    ``clock`` is in milliseconds since anything, goes on while the machine sleeps, and is never compared with another
    host's; ``now`` is the time that events are recorded with. ``is_running`` says of a process of this very start of
    this machine whether it exists.
    """

    def __init__(
        self,
        facts: Facts,
        beats: Beats,
        me: Host,
        *,
        clock: Callable[[], int],
        now: Callable[[], Millis],
        is_running: Callable[[Host], bool],
        timing: Timing,
    ) -> None:
        self.me = me
        self._facts, self._beats, self._timing = facts, beats, timing
        self._clock, self._now, self._is_running = clock, now, is_running
        self._state, self._seen, self._noticed = HostsState(), dict[HostToken, Seen](), dict[Seq, int]()
        self._count, self._looked = 0, clock()
        self._sure_until: int | None = None
        self._fenced = threading.Event()

    @property
    def is_fenced(self) -> bool:
        """It was declared lost, or has left: nothing of it may go on, and it cannot take part again."""
        return self._fenced.is_set()

    def may_act(self) -> bool:
        """It is sure that what it drives is left alone by others. From any thread; asks nobody."""
        until = self._sure_until
        return not self._fenced.is_set() and until is not None and self._clock() < until

    def known(self) -> tuple[HostToken, ...]:
        """All runs of hosts that ever took part, as of the last look."""
        return tuple(self._state.hosts)

    def join(self) -> View:
        """Take part. Runs of before under this name, whose process is seen to be gone, are declared lost at once.

        Raises WatchkeeperError where the record cannot be used.
        """
        self._raise_counter()
        for _ in range(_TRIES):
            self._catch_up()
            gone = [HostLost(each.token, self.me.token, True, "it was started anew") for each in self._predecessors()]
            if self._record([HostJoined(self.me), *gone]):
                return self.beat()
        raise WatchkeeperError(
            f"{self.me.name} could not join the fleet: others were always faster",
            slug="hosts-contended",
            hint="watchkeeper doctor",
            facts={"host": self.me.token},
        )

    def beat(self) -> View:
        """Say that this host lives, see who else does, and record what follows. Harmless when called more often.

        Raises WatchkeeperError where the record cannot be reached: then it is not sure of itself for long.
        """
        for _ in self.rounds():
            pass
        return look(self._state, self.me.token, self._noticed, self._clock(), self._timing)

    def rounds(self) -> Iterator[None]:
        """The same, one access to the record at a time: between any two of them anything may happen elsewhere."""
        began = self._clock()
        self._raise_counter()
        yield
        self._catch_up()
        if self.me.token in self._state.hosts and not self._state.is_live(self.me.token):
            self._fenced.set()
            return
        self._sure_until = began + self._timing.lease_ms
        yield
        beats = {HostToken(name): _number(value) for name, value in self._beats.read().items()}
        looked, self._looked = self._looked, self._clock()
        if self._looked - looked > self._timing.lease_ms:
            self._seen = {}  # it saw nobody, as when the record was away: that others stood still is not known
        live = [host.token for host in self._state.live()]
        self._seen = observe(self._seen, beats, live, self._looked)
        yield
        wanted = decide(self._state, self._seen, self.me.token, self._looked, self._timing)
        if wanted and self._record(wanted):
            lost = [each.host for each in wanted if isinstance(each, HostLost)]
            self._beats.put(dict.fromkeys(lost))

    def leave(self) -> None:
        """Take part no more. What it drove must not be going on. Idempotent."""
        for _ in range(_TRIES):
            self._catch_up()
            if not self._state.is_live(self.me.token) or self._record([HostLeft(self.me.token)]):
                break
        self._fenced.set()
        self._beats.put({self.me.token: None})

    def _raise_counter(self) -> None:
        self._count += 1
        self._beats.put({self.me.token: b"%d" % self._count})

    def _catch_up(self) -> None:
        fresh = tuple(self._facts.read(FLEET, after=self._state.seq, kinds=HOST_KINDS))
        moment = self._clock()
        self._noticed |= {each.seq: moment for each in fresh}
        self._state = fold_hosts(fresh, self._state)

    def _record(self, events: Sequence[Event]) -> bool:
        recorded = self._facts.append_if(FLEET, events, self._now(), kinds=HOST_KINDS, last=self._state.seq)
        if recorded is None:
            return False
        moment = self._clock()
        self._noticed |= {each.seq: moment for each in recorded}
        self._state = fold_hosts(recorded, self._state)
        return True

    def _predecessors(self) -> Iterator[Host]:
        for host in self._state.live():
            if host.name == self.me.name and host.boot == self.me.boot and not self._is_running(host):
                yield host


def relieve(engine: Engine, view: View) -> tuple[WorkId, ...]:
    """As the leader, put the work of hosts that are gone into the queue again, and give what was put there.

    Harmless when done twice, or by one that leads no more: it takes work only from hosts that are gone for certain,
    and only what they had when asked. So it waits for no earlier leader, as what is done once in the fleet has to.
    """
    if view.leader != view.me:
        return ()
    orphans = [
        each for each in engine.list_work() if each.condition is Condition.RUNNING and HostToken(each.host) in view.gone
    ]
    return tuple(each.work.id for each in orphans if engine.resume(each.work.id, held_by=each.host))


def _number(value: bytes) -> int:
    return int(value) if value.isdigit() else 0
