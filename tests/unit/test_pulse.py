"""A host's heart: what it does when the record is away, when it is fenced, and while it leads."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from hostworld import MemoryBeats, World, memory_world
from watchkeeper.durable.hosts import Timing
from watchkeeper.durable.port import Body, Condition, Schedule, Work, WorkId, WorkStanding
from watchkeeper.durable.pulse import Pulse
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.hosts import FLEET, HostLost, HostToken, fold_hosts
from watchkeeper.model.ids import Millis

SHORT = Timing(beat_ms=1, lease_ms=5_000, lost_after_ms=10_000)


class Flaky(MemoryBeats):
    """Counters of a record that is away while it is told to be."""

    def __init__(self, inner: MemoryBeats) -> None:
        super().__init__(inner._memory)
        self.is_away = False
        self.asked = queue.Queue[bool]()

    def put(self, values: Mapping[str, bytes | None]) -> None:
        self.asked.put(self.is_away)
        if self.is_away:
            raise WatchkeeperError("it is away", slug="record-unreachable", hint="")
        super().put(values)


class Held:
    """An engine of which only who has what counts."""

    def __init__(self, held: dict[str, str]) -> None:
        self.held = held

    def list_work(self, *, ids: Collection[WorkId] | None = None) -> tuple[WorkStanding, ...]:
        return tuple(
            WorkStanding(Work(WorkId(name), "six"), Condition.RUNNING if host else Condition.QUEUED, host)
            for name, host in self.held.items()
            if ids is None or name in ids
        )

    def resume(self, id: WorkId, *, held_by: str = "") -> bool:  # noqa: A002 the port's word
        if self.held[id] != held_by:
            return False
        self.held[id] = ""
        return True

    def start(self, bodies: Mapping[str, Body], schedules: Sequence[Schedule] = ()) -> None: ...

    def enqueue(self, work: Work) -> WorkId:
        raise NotImplementedError

    def cancel(self, id: WorkId) -> None: ...  # noqa: A002 the port's word

    def close(self, *, patience_s: float = 5.0) -> None: ...


def pulse_of(
    world: World, token: str, told: Callable[[object], object], fenced: Callable[[], None] = lambda: None
) -> Pulse:
    return Pulse(world.member(token), SHORT, on_fenced=fenced, on_relieved=told, on_trouble=told)


def test_a_record_that_is_away_is_told_once_and_the_heart_goes_on() -> None:
    world, told = memory_world(), queue.Queue[object]()
    assert isinstance(world.beats, MemoryBeats)
    world.beats = flaky = Flaky(world.beats)
    pulse = pulse_of(world, "a/1", told.put)
    pulse.start()

    flaky.is_away = True
    assert told.get(timeout=30) == "it is away"
    for _ in range(5):
        while not flaky.asked.get(timeout=30):
            pass
    flaky.is_away = False
    while flaky.asked.get(timeout=30):
        pass
    pulse.stop()

    assert told.empty()
    assert world.beats.read() == {}


def test_a_host_that_was_declared_lost_is_told_once_and_its_heart_stands_still() -> None:
    world, fenced = memory_world(), threading.Event()
    pulse = pulse_of(world, "a/1", print, fenced.set)
    pulse.start()
    last = fold_hosts(world.facts.read(FLEET)).seq
    lost = [HostLost(HostToken("a/1"), HostToken("b/1"))]
    assert world.facts.append_if(FLEET, lost, Millis(0), kinds=("host-joined", "leader-chosen"), last=last)

    assert fenced.wait(timeout=30)
    pulse._thread.join(timeout=30)
    assert not pulse._thread.is_alive()
    assert not pulse.view.is_member
    pulse.stop()


def test_the_leader_relieves_hosts_that_are_gone_and_no_others() -> None:
    world, told = memory_world(), queue.Queue[object]()
    world.member("a/1").join()
    world.member("b/1").join()
    world.dead.add(HostToken("a/1"))
    engine = Held({"orphan": "a/1", "waits": "", "hers": "b/1", "mine": "a/2", "unknown": "never/1"})
    pulse = pulse_of(world, "a/2", told.put)
    pulse.start()
    pulse.relieve_with(engine)

    assert told.get(timeout=30) == ("orphan",)
    pulse.stop()
    assert told.empty()
    assert engine.held == {"orphan": "", "waits": "", "hers": "b/1", "mine": "a/2", "unknown": "never/1"}


def test_who_follows_relieves_nobody() -> None:
    world, told = memory_world(), queue.Queue[object]()
    leader = world.member("a/1")
    leader.join()
    world.member("gone/1").join()
    world.dead.add(HostToken("gone/1"))
    world.member("gone/2").join()
    engine, beaten = Held({"orphan": "gone/1"}), Flaky(MemoryBeats(world.beats._memory))  # type: ignore[attr-defined]
    world.beats = beaten
    follower = pulse_of(world, "b/1", told.put)
    follower.start()
    follower.relieve_with(engine)
    for _ in range(10):
        beaten.asked.get(timeout=30)
    follower.stop()

    assert told.empty()
    assert engine.held == {"orphan": "gone/1"}
