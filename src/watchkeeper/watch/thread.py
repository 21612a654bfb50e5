"""One thread that does all the work of a watch, in the order in which it is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_T = TypeVar("_T")


class WorkThread:
    """Parsing holds the interpreter's lock, so a second thread would not help; one thread needs no locks.

    A daemon, unlike the threads of ``concurrent.futures``: whoever ends the program does not wait for a long scan.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    async def do(self, job: Callable[[], _T]) -> _T:
        """The job's result, or what it raises. A job that has begun is not interrupted when its asker is cancelled."""
        return await asyncio.wrap_future(self.submit(job))

    def submit(self, job: Callable[[], _T]) -> Future[_T]:
        future: Future[_T] = Future()
        self._jobs.put((future, job))
        return future

    def end(self, timeout_s: float) -> bool:
        """Ask the thread to end after the present job; whether it did in time."""
        self._jobs.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = job()
            except BaseException as error:  # noqa: BLE001 - whoever asked gets it
                future.set_exception(error)
            else:
                future.set_result(result)
