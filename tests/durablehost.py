"""A process of the tests' own that runs workflows, is told what to do line by line, and may be killed at any moment.

Run as a program: ``durablehost.py STORE HOST EFFECTS [WORD...]``. What its steps do is appended to the file EFFECTS.
With the word ``fleet`` it takes part with others: HOST is its name, and its token is what it calls itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from watchkeeper.durable.dbos_engine import DbosEngine, open_file_engine, open_url_engine
from watchkeeper.durable.hosts import Timing, View
from watchkeeper.durable.membership import BEATS, Membership
from watchkeeper.durable.port import Body, Schedule, Steps, Work, WorkId, WorkStanding
from watchkeeper.durable.pulse import Pulse
from watchkeeper.durable.thishost import find_this_host, is_running, sleepless_clock
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.record.log import Log
from watchkeeper.record.store import open_url_store

DEADLINE_S = 60.0
FENCED = 7
QUICK = Timing(beat_ms=200, lease_ms=3_000, lost_after_ms=5_000)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def wait_until(condition: Callable[[], Any], what: str) -> Any:
    """What ``condition`` gives as soon as that is true."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"after {DEADLINE_S:.0f} s still not: {what}"
        time.sleep(0.01)
    return found


class Effects:
    """What was done in the world, in order: lines of words."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, *words: str) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, (" ".join(words) + "\n").encode())
        os.close(handle)

    def lines(self) -> list[tuple[str, ...]]:
        return [tuple(line.split()) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def steps_of(self, work: str) -> list[str]:
        return [line[1] for line in self.lines() if line[0] == work]

    @property
    def gate(self) -> Path:
        """While it is missing, steps that were told to wait do."""
        return self.path.with_suffix(".gate")


def bodies(effects: Effects, host: str, *, is_changed: bool) -> dict[str, Body]:
    """``six``: six steps; its argument is its name, and the step that waits for the gate ("" for none)."""

    def six(steps: Steps, argument: str) -> str:
        name, _, waits_in = argument.partition(" ")
        if is_changed:
            effects.add(name, "changed", host)
        total = 0
        for number in range(6):
            total += int(steps.step(f"step {number}", lambda number=number: act(name, number, waits_in)))
        return str(total)

    def act(name: str, number: int, waits_in: str) -> str:
        effects.add(name, str(number), host)
        if str(number) == waits_in:
            wait_until(effects.gate.exists, "the gate is open")
        return str(number)

    def sleeper(steps: Steps, argument: str) -> str:
        until = steps.step("choose", lambda: str(now_ms() + int(argument)))
        effects.add("sleeper", "sleeps", str(now_ms()))
        steps.sleep_until(Millis(int(until)))
        return steps.step("wake", lambda: (effects.add("sleeper", "wakes", str(now_ms())), until)[1])

    def fails(steps: Steps, argument: str) -> str:
        steps.step("break", lambda: str(1 // int(argument)))
        return "not broken"

    def ticks(steps: Steps, due: str) -> str:
        return steps.step("note", lambda: (effects.add("tick", due, host), "")[1])

    return {"six": six, "sleeper": sleeper, "fails": fails, "ticks": ticks}


def open_engine(store: str, host: str, may_act: Callable[[], bool] = lambda: True, **options: Any) -> DbosEngine:
    """On a PostgreSQL address, or in a folder."""
    if store.startswith("postgresql:"):
        return open_url_engine(store, host=host, may_act=may_act, **options)
    return open_file_engine(Path(store), **options)


class Member:
    """This process as a host among others. Declared lost, it ends with ``FENCED``."""

    def __init__(self, store: str, name: str, timing: Timing) -> None:
        log = Log(open_url_store(store))
        me = find_this_host(name)
        clocks: dict[str, Any] = {"clock": sleepless_clock, "now": lambda: Millis(time.time_ns() // 1_000_000)}
        beats = log.shelf(FLEET, BEATS)
        self.membership = Membership(log, beats, me, is_running=is_running, timing=timing, **clocks)
        self.pulse = Pulse(self.membership, timing, on_fenced=self.end)
        self.engine: DbosEngine | None = None
        self.pulse.start()

    def end(self) -> None:
        if self.engine is not None:
            self.engine.close(patience_s=0)
        os._exit(FENCED)


class Child:
    """The program, seen from a test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, verb: str, *values: object) -> Any:
        """What the program answers; an error of its own is raised with its slug."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([verb, *values]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the program ended: {self.process.poll()}"
        kind, value = json.loads(answer)
        if kind == "error":
            raise WatchkeeperError(value, slug=value, hint="")
        return value

    def enqueue(self, work: Work) -> str:
        return str(self.ask("enqueue", msgspec.to_builtins(work)))

    def standing(self, work: str) -> WorkStanding:
        (found,) = msgspec.convert(self.ask("list", [work]), tuple[WorkStanding, ...])
        return found

    def view(self) -> View:
        return msgspec.convert(self.ask("view"), View)

    def wait_for(self, work: str, condition: str) -> WorkStanding:
        wait_until(lambda: self.standing(work).condition == condition, f"{work} is {condition}")
        return self.standing(work)

    def kill(self) -> None:
        """As the kernel would: at once, nothing is cleaned up."""
        self.process.kill()
        self.process.wait(timeout=10)


@contextmanager
def running(store: str, host: str, effects: Effects, *words: str) -> Iterator[Child]:
    """The program, launched; killed at the end."""
    command = [sys.executable, __file__, store, host, str(effects.path), *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        child = Child(process)
        try:
            assert child.ask("ready") == "ready"
            yield child
        finally:
            child.kill()


def answer(engine: DbosEngine, verb: str, values: Sequence[Any]) -> Any:
    match verb:
        case "enqueue":
            return engine.enqueue(msgspec.convert(values[0], Work))
        case "list":
            return engine.list_work(ids=[WorkId(each) for each in values[0]] if values else None)
        case "cancel":
            return engine.cancel(WorkId(values[0]))
        case "resume":
            return engine.resume(WorkId(values[0]), held_by=values[1])
        case "close":
            return engine.close(patience_s=values[0])
        case _:
            return "ready"


def main(store: str, host: str, effects: str, *words: str) -> None:
    schedules = [Schedule("each-second", "* * * * * *", "ticks")] if "ticking" in words else []
    at_once = 1 if "one" in words else 16
    forgets = {"kept_days": 0.0} if "forgetful" in words else {}
    timing = Timing() if "patient" in words else QUICK
    member = Member(store, host, timing) if "fleet" in words else None
    host = member.membership.me.token if member is not None else host
    may_act = member.membership.may_act if member is not None else lambda: True
    engine = open_engine(store, host, may_act, at_once=at_once, version="2" if "newer" in words else "1", **forgets)
    engine.start(bodies(Effects(Path(effects)), host, is_changed="changed" in words), schedules)
    if member is not None:
        member.engine = engine
        member.pulse.relieve_with(engine)
    for line in sys.stdin:
        verb, *values = json.loads(line)
        try:
            if verb == "view" and member is not None:
                reply = ["answer", msgspec.to_builtins(member.pulse.view)]
            elif verb == "leave" and member is not None:
                engine.close()
                member.pulse.stop()
                reply = ["answer", "left"]
            else:
                reply = ["answer", msgspec.to_builtins(answer(engine, verb, values))]
        except WatchkeeperError as error:
            reply = ["error", error.slug]
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
