"""Drives a queue until it is told to end: looks at the log and the branch, and is woken when a run ends."""

from __future__ import annotations

import threading
from collections.abc import Callable

from watchkeeper.landing.book import Book
from watchkeeper.landing.driver import Driver, SettingsChangedError
from watchkeeper.landing.policy import Policy
from watchkeeper.landing.ports import Gate, Workshop
from watchkeeper.model.errors import UsageError
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.model.landing import LandingEvent, TargetMoved
from watchkeeper.record.lock import ProcessLock

_LOOK_S = 0.5


def begin_before(book: Book, workshop: Workshop, since: Sha | None) -> None:
    """Let the queue take the branch as it was at ``since`` for good, so that what came after it is tested.

    Without ``since``: where the queue knows the branch, from there; else from the commit below its tip. Raises
    UsageError where there is no such commit in the branch, WatchkeeperError.
    """
    book.refresh()
    tip = workshop.tip()
    if tip is None:
        raise UsageError("There is no target branch", slug="no-target", hint="make a first commit")
    if since is None and book.queue.tip is not None:
        return
    start = workshop.below(tip.commit) if since is None else since
    if start is None:
        return
    if workshop.adopted(start, tip.commit) is None:
        raise UsageError(
            f"{start[:10]} is not in the target branch",
            slug="nothing-to-land",
            hint="give a commit of it: git log --first-parent",
        )
    book.tell(TargetMoved(None, start, workshop.tree_of(start)))


class QueueService:
    """One process's part in a project's queue: it drives it where no other does, and follows it where one does."""

    def __init__(
        self,
        book: Book,
        workshop: Workshop,
        gate: Gate,
        policy: Policy,
        lock: ProcessLock,
        *,
        clock: Callable[[], Millis],
        on_event: Callable[[LandingEvent], None] = lambda _event: None,
        is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_current = is_current
        self._book = book
        self._workshop = workshop
        self._gate = gate
        self._policy = policy
        self._lock = lock
        self._clock = clock
        self._on_event = on_event
        self._awake = threading.Event()

    def run(self, is_done: Callable[[], bool], *, may_drive: bool = True) -> None:
        """Until ``is_done``, which is asked after everything that happens and twice a second.

        Whoever holds the lock drives; where its holder ends, another one goes on. Raises WatchkeeperError where the log
        cannot be used, SettingsChangedError where the configuration is another one now.
        """
        while not is_done():
            if may_drive and self._lock.acquire():
                self._drive(is_done)
                return
            self._book.refresh()
            for event in self._book.take_news():
                self._on_event(event)
            self._sleep()

    def wake(self) -> None:
        """Look now."""
        self._awake.set()

    def _drive(self, is_done: Callable[[], bool]) -> None:
        driver = Driver(
            self._book,
            self._workshop,
            self._gate,
            self._policy,
            self._clock,
            on_ended=self.wake,
            on_event=self._on_event,
            is_current=self._is_current,
        )
        try:
            driver.recover()
            while not is_done():
                if not self._is_current():
                    raise SettingsChangedError
                if not driver.step():
                    self._sleep()
        finally:
            driver.close()

    def _sleep(self) -> None:
        self._awake.wait(_LOOK_S)
        self._awake.clear()
