"""One thread that does one piece of work after the other, the most urgent first; what is stale is cancelled."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Hashable

MOST_SAVED_S = 10.0
"""Unused budget is kept for so many seconds of work: after a quiet night the first proof need not wait, and no burst
goes far beyond the share."""

Run = Callable[[threading.Event], None]
"""The work; it ends early when the event is set."""


class Job:
    """A piece of work about ``key``; jobs of a smaller ``order`` come first."""

    def __init__(self, key: Hashable, order: tuple[int, ...], run: Run) -> None:
        self.key = key
        self.run = run
        self.cancel = threading.Event()
        self._order = order

    def __lt__(self, other: Job) -> bool:
        return self._order < other._order


class Budget:
    """Lets work begin while it has not taken more than its share of time. ``share`` in processors. Thread-safe."""

    def __init__(self, share: float, now: float) -> None:
        self._share = share
        self._left_s = MOST_SAVED_S * share
        self._at = now
        self._guard = threading.Lock()

    def wait_s(self, now: float) -> float:
        """How long to wait before the next piece of work."""
        with self._guard:
            self._fill(now)
            if self._left_s > 0:
                return 0.0
            return (-self._left_s + 0.05) / self._share if self._share > 0 else float("inf")

    def spend(self, seconds: float, now: float) -> None:
        """So long a piece of work has run, be it one that waited for its turn or not."""
        with self._guard:
            self._fill(now)
            self._left_s -= seconds

    def _fill(self, now: float) -> None:
        self._left_s = min(self._left_s + (now - self._at) * self._share, MOST_SAVED_S * self._share)
        self._at = now


class Worker:
    """Started by its first job, ended by ``close``. A job that raises is its own affair: ``failed`` is told."""

    def __init__(
        self,
        name: str,
        failed: Callable[[Hashable, Exception], None],
        budget: Budget | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``clock`` gives seconds."""
        self._clock = clock
        self._name = name
        self._failed = failed
        self._budget = budget
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._current: Job | None = None
        self._cut: set[Hashable] = set()
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, job: Job) -> None:
        """Take up a job; it takes the place of one about the same key, as with ``supersede``."""
        with self._changed:
            self._supersede(job.key)
            if self._closed:
                return
            heapq.heappush(self._waiting, job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def supersede(self, key: Hashable) -> None:
        """What waits or runs about ``key`` is of the past; a newer job will come.

        Where the last one that ran about ``key`` was ended so, the one that runs now is left to finish: else what comes
        faster than a job takes would leave nothing ever done.
        """
        with self._changed:
            self._supersede(key)

    def cancel(self, key: Hashable) -> None:
        """Nobody wants to know of ``key`` any more."""
        with self._changed:
            self._forget(key)
            self._cut.discard(key)
            if self._current is not None and self._current.key == key:
                self._current.cancel.set()

    def close(self) -> None:
        """Cancel everything and wait for the end of what runs, ten seconds at most."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            if self._current is not None:
                self._current.cancel.set()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def _forget(self, key: Hashable) -> None:
        self._waiting = [job for job in self._waiting if job.key != key]
        heapq.heapify(self._waiting)

    def _supersede(self, key: Hashable) -> None:
        self._forget(key)
        current = self._current
        if current is not None and current.key == key and key not in self._cut and not current.cancel.is_set():
            current.cancel.set()
            self._cut.add(key)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            started = self._clock()
            try:
                job.run(job.cancel)
            except Exception as error:  # noqa: BLE001 - one job's fault must not end the thread
                self._failed(job.key, error)
            now = self._clock()
            with self._changed:
                self._current = None
                if not job.cancel.is_set():
                    self._cut.discard(job.key)
                if self._budget is not None:
                    self._budget.spend(now - started, now)

    def _next(self) -> Job | None:
        """The job to run, when there is one and the budget allows it; None at the end."""
        with self._changed:
            while not self._closed:
                wait = self._budget.wait_s(self._clock()) if self._waiting and self._budget is not None else None
                if self._waiting and not wait:
                    self._current = heapq.heappop(self._waiting)
                    return self._current
                self._changed.wait(None if wait == float("inf") else wait)
            return None
