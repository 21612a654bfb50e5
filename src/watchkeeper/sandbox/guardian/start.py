"""Start a job's command in a new process, behind the wall that was asked for."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from typing import Any, NoReturn

from watchkeeper.sandbox.guardian import kernel, namespaces
from watchkeeper.sandbox.guardian.processes import LINUX

Order = dict[str, Any]
"""What the guardian was told, as it came through the pipe; ``watchkeeper.sandbox.run`` writes it."""


def start(order: Order, output: int, status: int) -> int:
    """Fork; gives the new process's id. ``output`` takes what the job prints, ``status`` lines of report.

    A line is ``error WORDS`` where the command could not be started, or ``status N`` with its wait status where the
    new process is not the command's own.
    """
    guardian = os.getpid()
    pid = os.fork()
    if pid:
        return pid

    def report(line: str) -> None:
        os.write(status, f"{line}\n".encode("utf-8", "backslashreplace"))

    try:
        os.setsid()
        _connect(output)
        if order["wall"] == "namespaces":
            namespaces.enter(
                order["places"],
                private_network=order["private_network"],
                inside=lambda: _become(order, report),
                report=report,
            )
        if order["wall"] == "bubblewrap":
            os.set_inheritable(status, True)
            order["command"][1:1] = ["--json-status-fd", str(status)]
        kernel.die_with_parent(guardian)
        _become(order, report)
    except OSError as error:
        report(f"error {error}")
    finally:
        os._exit(127)


def _connect(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def _become(order: Order, report: Callable[[str], None]) -> NoReturn:
    """The command, with its limits; its folder is looked up behind the wall."""
    try:
        if os.getsid(0) != os.getpid():
            os.setsid()
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _limit(order["limits"])
        os.chdir(order["folder"])
        os.execve(order["command"][0], order["command"], order["environment"])
    except OSError as error:
        report(f"error {error}")
    finally:
        os._exit(127)


def _limit(limits: dict[str, Any]) -> None:
    """What the kernel itself can hold; the guardian watches the rest.

    Not RLIMIT_AS: node and the JVM reserve far more addresses than they use, and would not start.
    """
    _set(resource.RLIMIT_CORE, 0)
    if limits["file_mb"] is not None:
        _set(resource.RLIMIT_FSIZE, limits["file_mb"] << 20)
    if limits["cpu_s"] is not None:
        _set(resource.RLIMIT_CPU, int(limits["cpu_s"]) + 2)
    if limits["tasks"] is not None:
        _set(resource.RLIMIT_NPROC, limits["tasks"])
    if LINUX:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # where memory runs out between two looks, the kernel ends the job and nothing else


def _set(what: int, value: int) -> None:
    hard = resource.getrlimit(what)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (value, value))
