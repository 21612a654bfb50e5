"""The desk's loops: what fails of one ends no other, is told once for each reason, and is begun again."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from dayworld import ZONE, DayWorld
from watchkeeper.controlroom.picture import Reader
from watchkeeper.desk import service
from watchkeeper.desk.closing import Closer
from watchkeeper.desk.measuring import Measurer
from watchkeeper.desk.service import LOCK, Desk, Parts, find_desk, keep_statistics, make_desk, read_statistics
from watchkeeper.desk.surveyor import Surveyor
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.review import WatchMeasured
from watchkeeper.record.lock import ProcessLock
from watchkeeper.watch.measures import Latency

NOON = 1_774_436_400_000


class Failing:
    """A loop that fails, each time for the reason that is next."""

    def __init__(self, *reasons: str) -> None:
        self.reasons, self.runs = list(reasons), 0

    async def run(self) -> None:
        self.runs += 1
        if self.reasons:
            raise WatchkeeperError(self.reasons.pop(0), slug="desk-test", hint="")
        await asyncio.Event().wait()


@pytest.fixture
def world(tmp_path: Path) -> DayWorld:
    return DayWorld(tmp_path, NOON, {"shop": ZONE})


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(service, "_MOST_PAUSE_S", 0.002)


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 what is waited for is no event of ours
            await asyncio.sleep(0.005)


def test_a_loop_that_fails_is_begun_again_and_its_reasons_are_told_once_each(world: DayWorld) -> None:
    said: list[str] = []
    failing = Failing("the disk is full", "the disk is full", "the disk is away")

    async def live(desk: Desk) -> None:
        running = asyncio.create_task(desk.run())
        await until(lambda: failing.runs == 4 and desk.statistics.closing.closed == 2)
        assert find_desk(world.scope) == os.getpid()
        assert desk.statistics.troubles["telling"].reason == ""
        assert desk.statistics.troubles["telling"].count == 3
        desk.stop()
        await running

    world.land("shop")
    world.clock.at += 40 * 3_600_000
    with world.opened() as log:
        reader = Reader(log, world.scope, world.clock)
        surveyor, closer = Surveyor(reader, world.clock), Closer(reader, {}, world.clock)
        desk = Desk(Parts(reader, surveyor, closer, {"telling": failing}), world.clock, 7, said.append)
        asyncio.run(live(desk))

    assert [each for each in said if each.startswith("telling")] == [
        "telling: the disk is full", "telling: the disk is away",
    ]  # fmt: skip
    assert find_desk(world.scope) == 0


def test_a_second_desk_is_refused(world: DayWorld) -> None:
    lock = ProcessLock(world.home / LOCK)
    assert lock.acquire()
    with world.opened() as log:
        desk = make_desk(Reader(log, world.scope, world.clock), {}, world.clock, 7, print)
        with pytest.raises(WatchkeeperError) as refused:
            asyncio.run(desk.run())
    lock.release()

    assert refused.value.slug == "desk-runs-already"


def test_what_it_noted_of_itself_is_read_again_and_other_versions_notes_are_not(world: DayWorld) -> None:
    with world.opened() as log:
        desk = make_desk(Reader(log, world.scope, world.clock), {}, world.clock, 7, print)
        assert read_statistics(log) is None
        keep_statistics(log, desk.statistics)
        assert read_statistics(log) == desk.statistics
        log.shelf(service.FLEET, "desk").put({"statistics": b'{"pid": "seven"}'})
        assert read_statistics(log) is None


def test_how_fast_a_watch_is_is_recorded_when_it_has_seen_more(world: DayWorld) -> None:
    told = [None, Latency(0), Latency(3, 40.04, 0, 90.06), Latency(3, 40.04, 0, 90.06), Latency(5, 50.0, 0, 99.0)]
    with world.opened() as log:
        measurer = Measurer(Reader(log, world.scope, world.clock), world.clock, lambda _source: told.pop(0))
        for _ in range(5):
            measurer.look()
        found = [each.event for each in log.read(world.project("shop"))]

    assert found == [WatchMeasured(3, 40.0, 90.1), WatchMeasured(5, 50.0, 99.0)]
