"""Tasks and threads told apart by the smallest free number, so that tags repeat and statements stay prepared."""

from __future__ import annotations

import asyncio
import heapq
import threading
import weakref
from collections.abc import Callable
from typing import Any


class Slots:
    """Thread-safe. A slot belongs to one asyncio task or one thread while that lives and holds no transaction."""

    def __init__(self, is_busy: Callable[[int], bool]) -> None:
        """``is_busy`` says whether somebody's transaction is still open in a slot: it is not given away then."""
        self._is_busy = is_busy
        self._lock = threading.Lock()
        self._free: list[int] = []
        self._left: list[int] = []  # of tasks that are over and whose transactions are not
        self._next = 1
        self._of_thread = threading.local()
        self._of_task: weakref.WeakKeyDictionary[asyncio.Task[Any], int] = weakref.WeakKeyDictionary()

    def current(self) -> int:
        """The slot of the running asyncio task, else of the running thread."""
        try:
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        if task is not None:
            slot = self._of_task.get(task)
            return slot if slot is not None else self._of_new_task(task)
        slot = getattr(self._of_thread, "slot", None)
        return slot if slot is not None else self._of_new_thread()

    def _of_new_task(self, task: asyncio.Task[Any]) -> int:
        slot = self._of_task[task] = self._take()
        task.add_done_callback(lambda _: self._give_back(slot))
        return slot

    def _of_new_thread(self) -> int:
        slot = self._of_thread.slot = self._take()
        weakref.finalize(threading.current_thread(), self._give_back, slot).atexit = False
        return slot

    def _take(self) -> int:
        with self._lock:
            still = [each for each in self._left if self._is_busy(each)]
            for each in set(self._left) - set(still):
                heapq.heappush(self._free, each)
            self._left = still
            if self._free:
                return heapq.heappop(self._free)
            self._next += 1
            return self._next - 1

    def _give_back(self, slot: int) -> None:
        with self._lock:
            self._left.append(slot)
