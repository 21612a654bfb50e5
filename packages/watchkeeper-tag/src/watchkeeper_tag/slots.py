"""Tasks and threads told apart by the smallest free number, so that tags repeat and statements stay prepared."""

from __future__ import annotations

import asyncio
import heapq
import threading
import weakref
from asyncio.events import _get_running_loop
from collections import deque
from collections.abc import Callable
from typing import Any


class Slots:
    """Thread-safe. A slot belongs to one asyncio task or one thread while that lives and holds no transaction.

    It is not inherited: a task that another one starts, or a thread that it hands work to, has a slot of its own.
    """

    def __init__(self, is_busy: Callable[[int], bool]) -> None:
        """``is_busy`` says whether somebody's transaction is still open in a slot: it is not given away then."""
        self._is_busy = is_busy
        self.start_anew()

    def start_anew(self) -> None:
        """Nobody has a slot: so it is in a child after a fork, whatever the parent's threads were doing."""
        self._lock = threading.Lock()
        self._free: list[int] = []
        # Slots of tasks and threads that are over. Finalizers add to it, which may run in the middle of anything, also
        # of what holds the lock: they take none.
        self._left: deque[int] = deque()
        self._next = 1
        self._of_thread = threading.local()
        self._of_task: weakref.WeakKeyDictionary[asyncio.Task[Any], int] = weakref.WeakKeyDictionary()

    def current(self) -> int:
        """The slot of the running asyncio task, else of the running thread."""
        if _get_running_loop() is not None:  # asking for the current task outside of a loop raises, which takes longer
            task = asyncio.current_task()
            if task is not None:
                slot = self._of_task.get(task)
                return slot if slot is not None else self._of_new_task(task)
        try:
            found: int = self._of_thread.slot
        except AttributeError:
            return self._of_new_thread()
        return found

    def thread(self) -> int:
        """The number that the system has for the running thread."""
        try:
            found: int = self._of_thread.native
        except AttributeError:
            found = self._of_thread.native = threading.get_native_id()
        return found

    def find_task(self, slot: int) -> asyncio.Task[Any] | None:
        """The task that has this slot; None: a thread has it, or nobody."""
        return next((task for task, its in list(self._of_task.items()) if its == slot), None)

    def _of_new_task(self, task: asyncio.Task[Any]) -> int:
        slot = self._of_task[task] = self._take()
        left = self._left
        task.add_done_callback(lambda _: left.append(slot))
        return slot

    def _of_new_thread(self) -> int:
        slot = self._of_thread.slot = self._take()
        weakref.finalize(threading.current_thread(), self._left.append, slot).atexit = False
        return slot

    def _take(self) -> int:
        with self._lock:
            for _ in range(len(self._left)):
                slot = self._left.popleft()
                if self._is_busy(slot):
                    self._left.append(slot)
                else:
                    heapq.heappush(self._free, slot)
            if self._free:
                return heapq.heappop(self._free)
            self._next += 1
            return self._next - 1
