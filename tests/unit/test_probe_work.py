"""One thread of work: what is stale ends, unless it has run so long that something would never be done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from watchkeeper.probes.work import Job, Worker

WAIT_S = 20
"""Never waited for: a thread that does not come is a failed test."""


class Bench:
    """A worker whose clock stands still, and jobs that run until they are let go or cancelled."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ended: SimpleQueue[tuple[str, bool]] = SimpleQueue()
        self.worker = Worker("test", lambda *_: None, clock=lambda: self.now)

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


Put = Callable[[Bench, Job], None]


@pytest.mark.parametrize(
    "put",
    [
        lambda bench, job: bench.worker.put(job),
        lambda bench, job: bench.worker.put(job, patience_s=5.1),
    ],
)
def test_a_newer_job_about_the_same_ends_one_that_has_not_run_long(bench: Bench, put: Put) -> None:
    begun(bench, "old")
    bench.now += 5

    new = bench.job("new")
    put(bench, new)

    assert bench.next_ended() == ("old", True)
    new.wait_begun()


def test_a_job_that_has_run_long_finishes_and_the_newest_comes_next(bench: Bench) -> None:
    old = begun(bench, "old")
    bench.now += 5

    bench.worker.put(bench.job("newer"), patience_s=5)
    newest = bench.job("newest")
    bench.worker.put(newest, patience_s=5)
    old.finish()

    assert bench.next_ended() == ("old", False)
    newest.wait_begun()
    newest.finish()
    assert bench.next_ended() == ("newest", False)


def test_how_long_a_job_has_run_counts_from_its_own_begin(bench: Bench) -> None:
    old = begun(bench, "old")
    bench.now += 50
    old.finish()
    assert bench.next_ended() == ("old", False)
    begun(bench, "second")

    bench.worker.put(bench.job("third"), patience_s=5)

    assert bench.next_ended() == ("second", True)


def test_a_job_about_something_else_is_no_reason_to_end_one(bench: Bench) -> None:
    old = begun(bench, "old")

    other = bench.job("other", key="other pair")
    bench.worker.put(other)
    old.finish()

    assert bench.next_ended() == ("old", False)
    other.wait_begun()


def test_what_nobody_wants_to_know_ends_however_long_it_has_run(bench: Bench) -> None:
    begun(bench, "old")
    bench.now += 1_000
    waiting = bench.job("waiting")
    bench.worker.put(waiting, patience_s=5)

    bench.worker.cancel("pair")
    last = begun(bench, "last")
    last.finish()

    assert [bench.next_ended(), bench.next_ended()] == [("old", True), ("last", False)]
