"""The guardian of one job: starts it, watches its limits, and ends everything that it started, whatever happens.

A process of its own, standard library only, because it has to outlive a killed Watchkeeper. It holds the reading end
of a pipe from it: when that closes, all is ended. Nothing it started can leave it: it adopts orphans (Linux), and where
it is killed itself, its warden does.

Told on standard input: a frame (four bytes of length, JSON), then single bytes; ``c`` cancels. Says on standard output:
a frame, then the job's output.
"""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import struct
import sys
import time
from contextlib import suppress
from typing import Any, Self

from watchkeeper.sandbox.guardian import kernel, warden
from watchkeeper.sandbox.guardian.ending import MOST, end_all, reap
from watchkeeper.sandbox.guardian.output import Kept
from watchkeeper.sandbox.guardian.processes import LINUX, Seen, find_descendants, list_processes, measure_shared
from watchkeeper.sandbox.guardian.removal import remove_folder
from watchkeeper.sandbox.guardian.start import start

LOOK_S = 0.05 if LINUX else 0.5
"""How often the tree of processes is looked at; ``ps`` costs more."""


def main() -> None:
    """Guard one job, as told on standard input."""
    if hasattr(signal, "SIGTTOU"):
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)  # it ends when its pipe does
    guardian = warden.divide()
    if guardian is None:
        _guard_job()
    else:
        warden.stand_by(guardian)
        remove_folder(sys.argv[2])


def _guard_job() -> None:
    order = _read_order()
    if order is None:  # Watchkeeper was killed before it could say
        remove_folder(sys.argv[2])
        return
    for handle in order["held"]:
        os.set_inheritable(handle, False)
    try:
        with _Guard(order) as guard:
            guard.watch()
        _answer(guard)
    finally:
        for handle in order["held"]:
            with suppress(OSError):
                os.close(handle)
        remove_folder(order["temporary"])


class _Guard:
    """One job from its start until nothing of it is left; leaving the block ends it."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._limits = order["limits"]
        self.kept = Kept(self._limits["output_bytes"])
        self.ending: str | None = None
        self.detail = ""
        self.status: int | None = None
        self.peak = 0
        self.cpu_s = 0.0
        self._known: dict[int, str] = {}
        self._report = b""
        self._is_owned = warden.find_owner(order["parent"])
        kernel.become_reaper()
        self._output, output = os.pipe()
        self._reports, reports = os.pipe()
        self._wakeup, wakeup = os.pipe()
        for handle in (self._output, self._wakeup, wakeup):
            os.set_blocking(handle, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._began = time.monotonic()
        self._leader = start(order, output, reports)
        os.close(output)
        os.close(reports)
        self._is_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end_all((self._leader,), self._note_end, self._wait_child, self._strays)
        self._drain()
        self.wall_s = time.monotonic() - self._began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_s = max(self.cpu_s, used.ru_utime + used.ru_stime)

    def watch(self) -> None:
        """Blocks until the leader has ended or a limit is reached; says which in ``ending``."""
        with selectors.DefaultSelector() as selector:
            for handle in (0, self._output, self._reports, self._wakeup):
                selector.register(handle, selectors.EVENT_READ)
            next_look = 0.0
            while self.ending is None and not self._is_over:
                for key, _ in selector.select(max(0.0, min(next_look - time.monotonic(), LOOK_S))):
                    self._hear(selector, key.fd)
                now = time.monotonic()
                if now >= next_look and self.ending is None:
                    self._look()
                    next_look = now + LOOK_S

    def _hear(self, selector: selectors.BaseSelector, handle: int) -> None:
        match handle:
            case 0:
                told = os.read(0, 1)
                self.ending = "cancelled" if told == b"c" else "abandoned"
            case self._output:
                if not self._take_output():
                    selector.unregister(handle)
            case self._reports:
                text = os.read(handle, 4096)
                self._report += text
                if not text:
                    selector.unregister(handle)
            case _:
                os.read(handle, 4096)
                reap(self._note_end)

    def _take_output(self) -> bool:
        try:
            chunk = os.read(self._output, 1 << 16)
        except BlockingIOError:
            return True
        self.kept.add(chunk)
        if self.kept.total > self._limits["flood_bytes"]:
            self.ending = "too-much-output"
            self.detail = f"it printed more than {self._limits['flood_bytes']} bytes"
        return bool(chunk)

    def _look(self) -> None:
        """Compare the tree of processes with the limits."""
        wall = self._limits["wall_s"]
        if not self._is_owned():
            self.ending = "abandoned"
            return
        if time.monotonic() - self._began > wall:
            self.ending, self.detail = "timed-out", f"it ran longer than {wall:g} s"
            return
        seen = self._find()
        memory = sum(process.memory for process in seen)
        if self._limits["memory_mb"] is not None and memory > self._limits["memory_mb"] << 20 and LINUX:
            memory = measure_shared(process.pid for process in seen)  # forked workers share most of theirs
        self.peak = max(self.peak, memory)
        self.cpu_s = max(self.cpu_s, sum(process.cpu_s for process in seen))
        self._judge(len(seen), memory)

    def _judge(self, count: int, memory: int) -> None:
        limits = self._limits
        if limits["memory_mb"] is not None and memory > limits["memory_mb"] << 20:
            self.ending = "out-of-memory"
            self.detail = f"it used {memory >> 20} MB, {limits['memory_mb']} MB are allowed"
        elif limits["processes"] is not None and count > limits["processes"]:
            self.ending = "too-many-processes"
            self.detail = f"it ran {count} processes or more at once, {limits['processes']} are allowed"
        elif limits["cpu_s"] is not None and self.cpu_s > limits["cpu_s"]:
            self.ending = "timed-out"
            self.detail = f"it used more than {limits['cpu_s']:g} s of processor time"

    def _find(self) -> list[Seen]:
        """The job's live processes; those that build the wall are not its own."""
        most = (self._limits["processes"] or MOST) + 8  # a fork bomb is not counted to its end
        seen = [process for process in find_descendants(os.getpid(), most) if process.is_alive]
        if not LINUX:
            self._known.update((process.pid, process.start) for process in seen)
        wall = {self._leader} if self._order["wall_processes"] else set()
        for _ in range(self._order["wall_processes"] - 1):
            wall |= {process.pid for process in seen if process.parent in wall}
        return [process for process in seen if process.pid not in wall]

    def _note_end(self, pid: int, status: int) -> None:
        if pid == self._leader:
            self._is_over = True
            self.status = status

    def _wait_child(self) -> None:
        """The kernel needs a moment to end a process; SIGCHLD ends the wait early."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._wakeup, selectors.EVENT_READ)
            if selector.select(0.005):
                os.read(self._wakeup, 4096)

    def _strays(self) -> set[int]:
        """Where orphans are not adopted (macOS): those that were seen as ours once and still are the same."""
        if LINUX:
            return set()
        table = list_processes()
        return {pid for pid, start in self._known.items() if pid in table and table[pid].start == start}

    def _drain(self) -> None:
        """What was printed last. Nobody is left to write, so that this ends."""
        for handle, take in ((self._output, self.kept.add), (self._reports, self._add_report)):
            os.set_blocking(handle, False)
            with suppress(BlockingIOError):
                while chunk := os.read(handle, 1 << 16):
                    take(chunk)

    def _add_report(self, text: bytes) -> None:
        self._report += text

    def conclude(self) -> dict[str, Any]:
        """The outcome, once all is over."""
        error, began = "", self._order["wall"] != "bubblewrap"
        for line in self._report.decode("utf-8", "replace").splitlines():
            kind, _, words = line.partition(" ")
            if kind == "error":
                error = words
            elif kind == "status":
                self.status = int(words)
            elif '"exit-code"' in line:
                began = True
        code: int | None = None
        if self.ending is None:
            code = os.waitstatus_to_exitcode(self.status) if self.status is not None else None
            if not began and code is not None and code >= 0:
                error = self.kept.render().decode("utf-8", "replace").strip() or "bubblewrap did not start it"
            if self._order["wall"] == "bubblewrap" and code is not None and code > 128:
                code = 128 - code  # it says signals as a shell does
            self._explain(code, error)
        if self.ending == "abandoned":
            self.ending, self.detail = "killed", "its warden was killed"
        return {
            "ending": self.ending,
            "exit_code": code if self.ending == "exited" else None,
            "detail": self.detail,
            "printed": self.kept.total,
            "wall_s": self.wall_s,
            "cpu_s": self.cpu_s,
            "peak_mb": self.peak / (1 << 20),
        }

    def _explain(self, code: int | None, error: str) -> None:
        if error:
            self.ending, self.detail = "could-not-start", error
        elif code is None:
            self.ending, self.detail = "killed", "its first process was killed from outside"
        elif code == -signal.SIGXCPU:
            self.ending, self.detail = "timed-out", f"it used more than {self._limits['cpu_s']:g} s of processor time"
        elif code == -signal.SIGKILL:
            self.ending, self.detail = "killed", "it was killed with signal 9"
        else:
            self.ending = "exited"


def _read_order() -> dict[str, Any] | None:
    header = _read_exactly(4)
    body = _read_exactly(struct.unpack(">I", header)[0]) if header else None
    return json.loads(body) if body else None


def _read_exactly(size: int) -> bytes | None:
    """From the handle itself: a buffer would swallow what comes after."""
    found = b""
    while len(found) < size:
        chunk = os.read(0, size - len(found))
        if not chunk:
            return None
        found += chunk
    return found


def _answer(guard: _Guard) -> None:
    conclusion = json.dumps(guard.conclude()).encode()
    with suppress(BrokenPipeError):  # Watchkeeper is gone
        sys.stdout.buffer.write(struct.pack(">I", len(conclusion)) + conclusion + guard.kept.render())
        sys.stdout.buffer.flush()
