"""A guardian between us and a program: unseen while both live, and thorough when either is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psutil
import pytest

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.sandbox.guarding import guard_command

PATIENCE_S = 30.0
FAMILY = (
    "import subprocess, sys, time\n"
    "sleep = [sys.executable, '-c', 'import time; time.sleep(600)']\n"
    "away = subprocess.Popen(sleep, start_new_session=True)\n"
    "near = subprocess.Popen(sleep)\n"
    "print(away.pid, near.pid, flush=True)\n"
)
OWNER = (
    "import os, subprocess, sys, time\n"
    "from watchkeeper.sandbox.guarding import guard_command\n"
    "subprocess.Popen(guard_command((sys.executable, '-c', sys.argv[1]), os.environ))\n"
    "time.sleep(600)\n"
)


@contextmanager
def guarded(code: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        guard_command((sys.executable, "-c", code), os.environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    assert process.stdout is not None
    return [psutil.Process(int(pid)) for pid in process.stdout.readline().split()]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        Event().wait(0.01)


def are_gone(family: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)


def test_a_program_has_the_streams_to_itself_and_sees_the_end_of_its_input() -> None:
    with guarded("import sys; print(sys.stdin.read()[::-1])") as process:
        assert process.communicate(b"abc", timeout=PATIENCE_S)[0] == b"cba\n"
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("code", "ended"),
    [("import sys; sys.exit(7)", 7), ("import os; os.kill(os.getpid(), 15)", -15), ("import os; os.abort()", -6)],
)
def test_it_ends_as_its_program_did(code: str, ended: int) -> None:
    with guarded(code) as process:
        assert process.wait(PATIENCE_S) == ended


def test_asked_to_end_it_asks_the_program() -> None:
    code = "import signal, sys; signal.signal(15, lambda *_: sys.exit(9)); print(flush=True); signal.pause()"
    with guarded(code) as process:
        said(process)
        process.send_signal(signal.SIGTERM)

        assert process.wait(PATIENCE_S) == 9


def test_what_a_program_leaves_is_ended_with_it_also_what_left_its_session() -> None:
    with guarded(FAMILY) as process:
        family = said(process)
        process.wait(PATIENCE_S)

    assert len(family) == 2
    assert are_gone(family)


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux alone")
def test_when_its_owner_is_killed_nothing_is_left() -> None:
    source = str(Path(__file__).parents[2] / "src")
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, FAMILY + "time.sleep(600)"],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source},
    )
    try:
        family = said(owner)
        whole = psutil.Process(owner.pid).children(recursive=True)
    finally:
        owner.kill()
        owner.wait()

    assert set(family) < set(whole)
    until(lambda: are_gone(whole))
    owner.communicate()


def test_a_program_that_is_not_there_is_named_before_anything_is_started() -> None:
    with pytest.raises(WatchkeeperError, match="no-such-agent") as refused:
        guard_command(("no-such-agent", "--acp"), {"PATH": "/bin"})

    assert refused.value.slug == "agent-not-started"
    with pytest.raises(WatchkeeperError):
        guard_command((), {})
