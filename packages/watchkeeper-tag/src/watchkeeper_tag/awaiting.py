"""Who waits until another thread or task has ended: no server sees it, and the process's own stacks prove it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import CodeType, FrameType
from typing import Any, NamedTuple

_MOST_FRAMES = 60
_MOST_STEPS = 64
_FUTURES = "concurrent/futures/_base.py"
_POOL_THREAD = "concurrent/futures/thread.py"


class Worker(NamedTuple):
    """Who does something: a thread (its identity in Python), and the task of it, if it is one's."""

    thread: int
    task: asyncio.Task[Any] | None = None


def may_wait(worker: Worker, frames: Mapping[int, FrameType]) -> bool:
    """Whether it stands in a call that waits for somebody, as far as its own stack shows: cheaper than all of them."""
    if worker.task is not None and getattr(worker.task, "_fut_waiter", None) is not None:
        return True
    return any(_is_waiting_call(each.f_code) for each in _walk(frames.get(worker.thread)))


class Waits:
    """Who waits for whom among the threads and tasks of this process at this moment. Never raises.

    Seen are ``Future.result``, ``wait``, ``Thread.join``, an executor's end, and what asyncio awaits: tasks, groups,
    ``gather``, ``wait_for``, ``to_thread``, ``run_coroutine_threadsafe``. Not seen: queues, events, conditions.
    """

    def __init__(self, frames: Mapping[int, FrameType] | None = None) -> None:
        self._want: dict[int, list[int]] = {}  # a future's address: the threads that stand in its result()
        self._join: dict[int, list[int]] = {}
        self._run: dict[int, list[Any]] = {}
        for thread, frame in (sys._current_frames() if frames is None else frames).items():  # noqa: SLF001
            for each in _walk(frame):
                self._note(thread, each)

    def waits_for(self, one: Worker, other: Worker) -> bool:
        """``one`` goes on only when ``other`` is done, or somebody who waits for it."""
        try:
            return any(is_found(one, each) for each in self.find_awaiting(other))
        except Exception:  # noqa: BLE001 - the insides of asyncio may be others one day
            return False

    def find_awaiting(self, worker: Worker) -> list[Worker]:
        """Everybody who waits for it, directly or through others."""
        seen: list[Worker] = []
        todo = [worker]
        while todo and len(seen) < _MOST_STEPS:
            found = [each for each in self._directly(todo.pop(0)) if each not in seen]
            seen += found
            todo += found
        return seen

    def _note(self, thread: int, frame: FrameType) -> None:
        name, path = frame.f_code.co_name, frame.f_code.co_filename
        if path.endswith(_FUTURES) and name in ("result", "exception"):
            self._want.setdefault(id(frame.f_locals.get("self")), []).append(thread)
        elif path.endswith(_FUTURES) and name in ("wait", "as_completed"):
            for future in frame.f_locals.get("fs") or ():
                self._want.setdefault(id(future), []).append(thread)
        elif path.endswith("threading.py") and name == "join":
            joined = getattr(frame.f_locals.get("self"), "ident", None)
            if joined is not None:
                self._join.setdefault(joined, []).append(thread)
        elif path.endswith(_POOL_THREAD) and name == "run":
            future = getattr(frame.f_locals.get("self"), "future", None)
            if future is not None:
                self._run.setdefault(thread, []).append(future)

    def _directly(self, worker: Worker) -> list[Worker]:
        if worker.task is not None:
            return self._behind([worker.task])
        threads = [Worker(each) for each in self._join.get(worker.thread, ())]
        return threads + self._behind(self._run.get(worker.thread, ()))

    def _behind(self, futures: Iterable[Any]) -> list[Worker]:
        found: list[Worker] = []
        for future in futures:
            reached = [future, *_reached(future)]
            found += [Worker(thread) for each in reached for thread in self._want.get(id(each), ())]
            loops = {each.get_loop() for each in reached if isinstance(each, asyncio.Future)}
            for task in (task for loop in loops for task in asyncio.all_tasks(loop)):
                waiter = getattr(task, "_fut_waiter", None)
                if waiter is not None and any(waiter is each for each in reached):
                    found.append(Worker(0, task))
        return found


def _reached(future: Any) -> list[Any]:
    """Futures that are told when this one is done: what its callbacks have in their hands."""
    callbacks = getattr(future, "_done_callbacks", None) or getattr(future, "_callbacks", None) or ()
    found: list[Any] = []
    for each in callbacks:
        callback = each[0] if isinstance(each, tuple) else each
        found += [cell.cell_contents for cell in getattr(callback, "__closure__", None) or () if _is_full(cell)]
        found += getattr(callback, "args", ())
        group = getattr(callback, "__self__", None)
        found += [getattr(group, "_on_completed_fut", None)]
    return [each for each in found if hasattr(each, "add_done_callback")]


def _is_waiting_call(code: CodeType) -> bool:
    path = code.co_filename
    if path.endswith(_FUTURES):
        return code.co_name in ("result", "exception", "wait", "as_completed")
    return code.co_name == "join" and path.endswith("threading.py")


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def is_found(one: Worker, found: Worker) -> bool:
    """Whether ``found``, of those that ``find_awaiting`` gives, is this one."""
    if found.task is not None:
        return one.task is found.task
    if one.task is None:
        return one.thread == found.thread
    # A task that stands in a call which blocks its whole thread is the one at work there.
    return one.thread == found.thread and asyncio.current_task(one.task.get_loop()) is one.task


def _walk(frame: FrameType | None) -> Iterator[FrameType]:
    for _ in range(_MOST_FRAMES):
        if frame is None:
            return
        yield frame
        frame = frame.f_back
