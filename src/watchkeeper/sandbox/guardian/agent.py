"""Stands between Watchkeeper and an agent's program: when either is gone, nothing that the program started is left.

A process of its own, standard library only: it outlives a killed Watchkeeper. The program has the streams, as if
nobody were in between; it is asked to end when the guardian is, and it is killed with it. Told as arguments: the source
folder, Watchkeeper's process, the command.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from watchkeeper.sandbox.guardian import kernel
from watchkeeper.sandbox.guardian.ending import end_all, reap

_LOOK_S = 0.25
_ASKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_NOT_FOUND = 127


def main() -> None:
    """Guard the command that the arguments name, and end as it does."""
    owner, command = int(sys.argv[2]), sys.argv[3:]
    kernel.become_reaper()
    wakeup, waker = os.pipe()
    for handle in (wakeup, waker):
        os.set_blocking(handle, False)
    program = _start(command)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    for number in _ASKED:
        signal.signal(number, lambda number, _frame: _tell(program, number))
    for handle in (0, 1, 2):  # they are the program's: its end is to be seen by whoever reads
        os.dup2(os.open(os.devnull, os.O_RDWR), handle)
    ended: dict[int, int] = {}
    while os.getppid() == owner and program not in ended:
        reap(lambda pid, status: ended.update({pid: status}))
        if program not in ended:
            _rest(wakeup)
    end_all((program,), lambda pid, status: ended.update({pid: status}), lambda: _rest(wakeup, 0.005))
    _end_like(ended.get(program, 0))


def _start(command: list[str]) -> int:
    """In a group of its own, which is ended in one call however fast it forks."""
    guardian = os.getpid()
    pid = os.fork()
    if pid:
        with suppress(OSError):
            os.setpgid(pid, pid)
        return pid
    try:
        os.setpgid(0, 0)
        kernel.die_with_parent(guardian)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode("utf-8", "backslashreplace"))
    finally:
        os._exit(_NOT_FOUND)


def _tell(program: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(-program, number)


def _rest(wakeup: int, seconds: float = _LOOK_S) -> None:
    """Until a child ends, or it is time to look whether Watchkeeper still lives."""
    if select.select([wakeup], [], [], seconds)[0]:
        with suppress(BlockingIOError):
            os.read(wakeup, 4096)


def _end_like(status: int) -> NoReturn:
    """As the program ended: with its code, or by the same signal."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
