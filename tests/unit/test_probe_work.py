"""One thread of work: what is stale ends, unless nothing would ever be done then."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from watchkeeper.probes.work import Job, Worker

WAIT_S = 20
"""Never waited for: a thread that does not come is a failed test."""


class Bench:
    """A worker, and jobs that run until they are let go or cancelled."""

    def __init__(self) -> None:
        self.ended: SimpleQueue[tuple[str, bool]] = SimpleQueue()
        self.worker = Worker("test", lambda *_: None)

    def job(self, name: str, key: str = "pair") -> Held:
        return Held(self, name, key)

    def next_ended(self) -> tuple[str, bool]:
        """The name of the job that ended next, and whether it was cancelled."""
        return self.ended.get(timeout=WAIT_S)


class Held(Job):
    def __init__(self, bench: Bench, name: str, key: str) -> None:
        super().__init__(key, (0,), self._hold)
        self._bench, self._name = bench, name
        self._begun = threading.Event()
        self._let_go = threading.Event()

    def wait_begun(self) -> None:
        assert self._begun.wait(WAIT_S)

    def finish(self) -> None:
        self._let_go.set()

    def _hold(self, cancel: threading.Event) -> None:
        self._begun.set()
        while not cancel.is_set() and not self._let_go.wait(0.01):
            pass
        self._bench.ended.put((self._name, cancel.is_set()))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.worker.close()


def begun(bench: Bench, name: str) -> Held:
    job = bench.job(name)
    bench.worker.put(job)
    job.wait_begun()
    return job


@pytest.mark.parametrize("renew", ["put", "supersede"])
def test_a_newer_job_about_the_same_ends_the_one_that_runs(bench: Bench, renew: str) -> None:
    begun(bench, "old")
    new = bench.job("new")

    if renew == "supersede":
        bench.worker.supersede("pair")
    bench.worker.put(new)

    assert bench.next_ended() == ("old", True)
    new.wait_begun()


def test_of_jobs_that_are_ended_by_newer_ones_every_second_finishes(bench: Bench) -> None:
    begun(bench, "first")
    second = begun(bench, "second")
    bench.worker.put(bench.job("third"))
    fourth = bench.job("fourth")
    bench.worker.put(fourth)
    second.finish()
    fourth.wait_begun()
    bench.worker.put(bench.job("fifth"))

    assert [bench.next_ended() for _ in range(3)] == [("first", True), ("second", False), ("fourth", True)]


def test_a_job_that_is_spared_takes_the_place_of_none_that_waits(bench: Bench) -> None:
    begun(bench, "first")
    second = begun(bench, "second")

    bench.worker.supersede("pair")
    second.finish()

    assert [bench.next_ended(), bench.next_ended()] == [("first", True), ("second", False)]
    third = begun(bench, "third")
    third.finish()
    assert bench.next_ended() == ("third", False)


def test_a_job_about_something_else_is_no_reason_to_end_one(bench: Bench) -> None:
    old = begun(bench, "old")

    other = bench.job("other", key="other pair")
    bench.worker.put(other)
    old.finish()

    assert bench.next_ended() == ("old", False)
    other.wait_begun()


def test_what_nobody_wants_to_know_ends_also_where_it_would_be_spared(bench: Bench) -> None:
    begun(bench, "old")
    begun(bench, "newer")
    bench.worker.put(bench.job("waiting"))

    bench.worker.cancel("pair")
    last = begun(bench, "last")
    last.finish()

    assert [bench.next_ended() for _ in range(3)] == [("old", True), ("newer", True), ("last", False)]
