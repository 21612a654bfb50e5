"""Who is who in a process: slots, who waits for whom, and what is kept of their transactions."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from watchkeeper.database.journals import read_answer
from watchkeeper_tag import Tagging
from watchkeeper_tag.answering import answer
from watchkeeper_tag.awaiting import Waits, Worker
from watchkeeper_tag.guard import Claim, Write
from watchkeeper_tag.journal import Journal, Link
from watchkeeper_tag.slots import Slots
from watchkeeper_tag.statements import Lock, read_control
from watchkeeper_tag.where import Site


def in_a_thread(work: Callable[[], object]) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_a_slot_is_given_away_again_when_its_thread_is_over() -> None:
    slots = Slots(lambda _: False)

    assert slots.current() == slots.current() == 1
    assert {in_a_thread(slots.current) for _ in range(20)} <= {2, 3}


def test_a_slot_with_an_open_transaction_is_not_given_away() -> None:
    slots = Slots(lambda slot: slot == 1)
    first = in_a_thread(slots.current)

    assert first == 1
    assert 1 not in {in_a_thread(slots.current) for _ in range(5)}


def test_tasks_have_slots_of_their_own_also_those_that_a_task_starts() -> None:
    slots = Slots(lambda _: False)

    async def child() -> int:
        await asyncio.sleep(0)
        return slots.current()

    async def parent() -> list[int]:
        return [slots.current(), *await asyncio.gather(child(), child())]

    assert len(set(asyncio.run(parent()))) == 3
    assert set(asyncio.run(parent())) <= {1, 2, 3, 4}


class Worlds:
    """Somebody at work, and whether the one who started him waits for him at that moment."""

    def __init__(self) -> None:
        self.is_at_work, self.may_end = threading.Event(), threading.Event()
        self.worker = Worker(0)

    def work(self) -> None:
        self.worker = Worker(threading.get_ident())
        self.is_at_work.set()
        self.may_end.wait(10)


def until(condition: Callable[[], bool]) -> None:
    gone = threading.Event()
    for _ in range(2000):
        if condition():
            return
        gone.wait(0.005)
    pytest.fail("it never was so")


WAITED = {
    "result": lambda pool, world: pool.submit(world.work).result(),
    "wait": lambda pool, world: wait([pool.submit(world.work)]),
    "join": lambda _, world: [(t := threading.Thread(target=world.work)).start(), t.join()],
    "run": lambda _, world: asyncio.run(asyncio.to_thread(world.work)),
}


@pytest.mark.parametrize("how", WAITED)
def test_a_thread_that_waits_for_another_is_seen_and_a_stranger_is_not(how: str) -> None:
    world = Worlds()
    with ThreadPoolExecutor(1) as pool:
        waiting = threading.Thread(target=WAITED[how], args=(pool, world))
        waiting.start()
        assert world.is_at_work.wait(10)
        waiter = Worker(waiting.ident or 0)
        if how != "run":  # there a task waits, and its loop's thread for nobody
            until(lambda: Waits().waits_for(waiter, world.worker))
        assert not Waits().waits_for(Worker(threading.get_ident()), world.worker)
        assert not Waits().waits_for(world.worker, waiter)
        world.may_end.set()
        waiting.join()


async def alone(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def task(work: Callable[[], Awaitable[None]]) -> None:
    await asyncio.ensure_future(work())


async def gathered(work: Callable[[], Awaitable[None]]) -> None:
    await asyncio.gather(asyncio.sleep(0), work())


async def limited(work: Callable[[], Awaitable[None]]) -> None:
    await asyncio.wait_for(work(), 10)


async def grouped(work: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(alone(work))


async def nested(work: Callable[[], Awaitable[None]]) -> None:
    await gathered(lambda: limited(work))


@pytest.mark.parametrize("how", [task, gathered, limited, grouped, nested])
def test_a_task_that_awaits_another_is_seen_and_its_neighbour_is_not(
    how: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
) -> None:
    async def main() -> tuple[bool, bool, bool]:
        found: list[tuple[bool, bool, bool]] = []
        neighbour = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)

        async def work() -> None:
            await asyncio.sleep(0)
            me = Worker(threading.get_ident(), asyncio.current_task())
            waiter, stranger = (Worker(threading.get_ident(), each) for each in (parent, neighbour))
            waits = Waits()
            found.append((waits.waits_for(waiter, me), waits.waits_for(stranger, me), waits.waits_for(me, waiter)))

        async def run() -> None:
            await how(work)

        parent = asyncio.create_task(run())
        await parent
        neighbour.cancel()
        return found[0]

    assert asyncio.run(main()) == (True, False, False)


def test_a_task_that_awaits_a_thread_is_seen() -> None:
    async def main() -> bool:
        world = Worlds()
        parent = asyncio.create_task(asyncio.to_thread(world.work))
        assert await asyncio.to_thread(world.is_at_work.wait, 10)
        found = Waits(sys._current_frames()).waits_for(Worker(threading.get_ident(), parent), world.worker)
        world.may_end.set()
        await parent
        return found

    assert asyncio.run(main())


def write(number: int) -> Write:
    return Write(Claim("content", Lock.UPDATE), Site("a.py", number, "f"), "", 1, "UPDATE")


def open_link() -> Link:
    return Link(1, "x", lambda: True)


def test_a_long_transaction_keeps_its_first_and_its_last_writes() -> None:
    link = open_link()

    for number in range(5000):
        link.keep([write(number)], [f"t{number}"])

    assert len(link.held) <= 200
    assert len(link.reads) <= 100
    assert (link.held[0].site.line, link.held[-1].site.line) == (0, 4999)


def test_a_savepoint_gives_back_what_was_taken_since_and_stays_until_it_is_released() -> None:
    link = open_link()
    for text in ("SAVEPOINT a", "write 1", 'savepoint "B"', "write 2", "ROLLBACK TO SAVEPOINT a", "write 3"):
        control = read_control(text)
        if control is None:
            link.keep([write(int(text[-1]))], [])
        else:
            link.move(*control)
    assert [each.site.line for each in link.held] == [3]

    link.move("rollback to", "a")
    assert link.held == []
    link.move("release", "a")
    link.keep([write(4)], [])
    link.move("rollback to", "a")
    assert [each.site.line for each in link.held] == [4]


@pytest.mark.parametrize("text", ["COMMIT", "rollback;", "END", "/* x */ ROLLBACK WORK", "abort"])
def test_what_ends_a_transaction_is_known(text: str) -> None:
    link = open_link()
    link.keep([write(1)], ["t"])
    control = read_control(text)
    assert control is not None

    link.move(*control)

    assert not link.is_busy


def test_events_are_few_and_the_same_is_told_once() -> None:
    journal = Journal()
    for number in range(1000):
        journal.tell("busy", "x", backend=0, sites=[f"a.py:{number % 300}"], symbol="f", table="t")

    assert len(journal.events) == 200
    assert len({str(each["sites"]) for each in journal.events}) == 200


def test_the_answer_fits_into_what_the_watch_reads_however_much_was_written() -> None:
    told = Tagging("/app", "feed", publish=False)
    owners = [Owner() for _ in range(100)]
    for number, owner in enumerate(owners):
        link = Link(number + 1, "x", lambda: True)
        link.keep([write(line)._replace(statement="U" * 500) for line in range(200)], [])
        told.journal.add(owner, link)

    line = answer(told, b'{"v":1,"ask":"state"}')

    assert len(line) < 1 << 20
    entries = read_answer(line, os.getpid()).entries
    assert len(entries) == 100
    assert [each.site for each in entries[0].writes[:: len(entries[0].writes) - 1]] == ["a.py:0", "a.py:199"]


class Owner:
    """Somebody's connection."""
